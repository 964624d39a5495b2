"""A store's file changed in place by another program while an engine uses it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reelrecs.store.build import build_store
from tests.worlds import random_triples, tables_of

Change = Callable[[Path], None]

PROGRAM = """
import os, sys
from pathlib import Path
from reelrecs import config
from reelrecs.engine import Engine
from reelrecs.errors import DataError

config.MAPPED_FROM = int(sys.argv[2])
store = Path(sys.argv[1])
engine = Engine.open(store, models_dir=store.parent / "no-models", profile="fixed")
movies, users = list(engine.store.movie_ids), list(engine.store.user_ids)

def lists():
    alike = [engine.similar(movie).to_dict() for movie in movies]
    return alike, [engine.user(user) for user in users]

before = lists()
print("ready", flush=True)
sys.stdin.readline()
try:
    print("same" if lists() == before else "other lists", flush=True)
except DataError as error:
    print(error, flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store.arrow"
    build_store(path, "store", tables_of(random_triples(5, users=12)))
    return path


def halved(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def emptied(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(0)


def overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"another file")
    other.replace(path)


def removed(path: Path) -> None:
    path.unlink()


def answer(store: Path, how: Change, mapped_from: int) -> tuple[int, str]:
    """Exit code and last line of a program whose store is changed between two requests."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(store), str(mapped_from)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        how(store)
        said, _ = program.communicate("go on\n")
    return program.returncode, said


@pytest.mark.parametrize("how", [halved, emptied, overwritten, replaced, removed])
def test_a_store_in_our_own_memory_answers_as_before(store: Path, how: Change) -> None:
    assert answer(store, how, mapped_from=10**9) == (0, "same\n")


@pytest.mark.parametrize("how", [halved, emptied, overwritten])
def test_a_mapped_store_is_refused_in_one_line(store: Path, how: Change) -> None:
    code, said = answer(store, how, mapped_from=0)
    assert code == 0
    assert said == "the store of store was changed by another program while in use; restart\n"


@pytest.mark.parametrize("how", [replaced, removed])
def test_a_mapped_store_stays_where_only_its_name_goes(store: Path, how: Change) -> None:
    assert answer(store, how, mapped_from=0) == (0, "same\n")
