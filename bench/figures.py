"""What cases take, and how that compares: with our way beside a peer's, with an earlier run."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reelrecs.bench.case import Case
from reelrecs.bench.fixture import Fixture
from reelrecs.errors import InvalidRequest

Figures = dict[str, Any]
"""One case's, as the JSON has them."""


def measure(case: Case, fixture: Fixture, most: int | None = None) -> Figures:
    """Time the case, `most` calls of it or fewer: percentiles in ms, throughput at the median.

    `cpu_ms` is what all threads of this process took a call, which other work on the machine
    changes less.
    """
    call = case.prepare(fixture)
    rounds = case.rounds if most is None else min(most, case.rounds)
    for _ in range(min(case.warmup, rounds)):
        call()
    seconds = np.empty(rounds)
    cpu = time.process_time()
    for turn in range(rounds):
        start = time.perf_counter()
        call()
        seconds[turn] = time.perf_counter() - start
    cpu = time.process_time() - cpu
    p50, p95, p99 = np.percentile(seconds, [50, 95, 99])
    return {
        "case": case.name,
        "calls": rounds,
        "p50_ms": p50 * 1e3,
        "p95_ms": p95 * 1e3,
        "p99_ms": p99 * 1e3,
        "min_ms": seconds.min() * 1e3,
        "max_ms": seconds.max() * 1e3,
        "cpu_ms": cpu / rounds * 1e3,
        "unit": case.unit,
        "items_per_second": case.items(fixture) / p50,
    }


def add_ratios(figures: Sequence[Figures], cases: Sequence[Case]) -> None:
    """Say of each peer how many times our throughput in the same run is its own."""
    by_name = {figure["case"]: figure for figure in figures}
    for case in cases:
        ours, theirs = by_name.get(case.beside), by_name.get(case.name)
        if ours is not None and theirs is not None:
            theirs["beside"] = case.beside
            theirs["ours_to_theirs"] = ours["items_per_second"] / theirs["items_per_second"]


def read_earlier(path: Path) -> Mapping[str, Any]:
    """What an earlier run printed with --json; raises InvalidRequest."""
    try:
        earlier = json.loads(path.read_bytes())
        {figure["case"]: float(figure["p50_ms"]) for figure in earlier["cases"]}
        dict(earlier["machine"])
    except OSError as error:
        raise InvalidRequest(f"{path}: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidRequest(
            f"{path} is not what `python -m reelrecs.bench --json` prints: write that to a file"
        ) from error
    return earlier  # type: ignore[no-any-return]


def compare(figures: Sequence[Figures], earlier: Mapping[str, Any]) -> None:
    """Say of each case what its median was then, and how many times as fast it is now."""
    before = {figure["case"]: figure["p50_ms"] for figure in earlier["cases"]}
    for figure in figures:
        if figure["case"] in before:
            figure["before_p50_ms"] = before[figure["case"]]
            figure["speedup"] = before[figure["case"]] / figure["p50_ms"]


def differences(machine: Mapping[str, str], earlier: Mapping[str, Any]) -> list[str]:
    """What is not as it was in an earlier run, so that a ratio says little, a line each."""
    return [
        f"{name} then: {earlier['machine'].get(name, 'not said')}"
        for name, value in machine.items()
        if earlier["machine"].get(name) != value
    ]
