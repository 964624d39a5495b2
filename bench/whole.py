"""Cases of the whole engine: everybody's lists, many clients at once, a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from reelrecs.batch import write_lists
from reelrecs.bench.case import Case, many_users
from reelrecs.bench.fixture import Fixture
from reelrecs.bench.load_test import run_load
from reelrecs.config import LEARNED

LIMIT = 10
"""Movies in the lists that are made for many."""

CLIENT_REQUESTS = 400
"""Requests that several clients share in one call."""

SCRIPT = """
import json, sys
from reelrecs import Engine
with Engine.open(sys.argv[1]) as engine:
    engine.recommend(json.loads(sys.argv[2]))
"""
"""What a process does from its first import to its first list."""


def _everybody(fixture: Fixture) -> Callable[[], object]:
    engine, asked = fixture.engine(LEARNED), fixture.many_users
    return lambda: engine.recommend_many(asked, LIMIT)


def _batch(fixture: Fixture) -> Callable[[], object]:
    engine, users = fixture.engine(LEARNED), fixture.many_users
    folder = Path(fixture.running.enter_context(tempfile.TemporaryDirectory()))
    return lambda: write_lists(engine, folder / "lists.parquet", LIMIT, users)


def _clients(fixture: Fixture, count: int) -> Callable[[], object]:
    engine = fixture.engine(LEARNED)
    return lambda: run_load(engine, CLIENT_REQUESTS, count, LIMIT)


def _process(fixture: Fixture) -> Callable[[], object]:
    command = [
        sys.executable,
        "-c",
        SCRIPT,
        str(fixture.dataset.path),
        json.dumps(fixture.users[0]),
    ]
    return lambda: subprocess.run(command, check=True, capture_output=True)


WHOLE_CASES = (
    Case("process: import, open, recommend", _process, rounds=5, warmup=0),
    *(
        Case(
            f"learned: {count} clients",
            lambda f, count=count: _clients(f, count),  # type: ignore[misc]
            "request",
            lambda _: CLIENT_REQUESTS,
            rounds=5,
            warmup=1,
            needs_model=True,
        )
        for count in (2, 8)
    ),
    Case("learned: recommend_many", _everybody, "user", many_users, 3, warmup=1, needs_model=True),
    Case("learned: batch to Parquet", _batch, "user", many_users, 3, warmup=1, needs_model=True),
)
