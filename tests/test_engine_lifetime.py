"""An engine in any thread and process: opened late, closed early, dropped, forked; no hang."""

import gc
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reelrecs
from reelrecs.cli import run
from reelrecs.engine import Engine
from reelrecs.errors import AddressError, InvalidRequest, ModelError, ReelRecsError
from reelrecs.histories import History
from reelrecs.learning.model_folder import model_path
from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.query import Query
from reelrecs.scorer.local import LocalScorer
from reelrecs.scorer.model import ScoringModel
from tests.models import learned_model_of
from tests.scorer.test_embedded import held, settled
from tests.worlds import random_triples, store_of

STORE = store_of(random_triples(9, users=60), movie_count=65)
MODEL = ScoringModel.fixed(STORE)
USER = STORE.user_ids[0]


@pytest.fixture
def temp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        yield Path(short)


CALLS: list[Callable[[Engine], Any]] = [
    lambda engine: engine.recommend(USER),
    lambda engine: engine.recommend_for(History()),
    lambda engine: engine.similar(1),
    lambda engine: engine.user(USER),
    lambda engine: engine.search("Film"),
    lambda engine: engine.query(USER, 5),
    lambda engine: engine.pipeline,
    lambda engine: engine.model,
]


@pytest.mark.parametrize("scorer", ["local", "embedded", "127.0.0.1:1"])
@pytest.mark.parametrize("asked", [False, True])
def test_a_closed_engine_says_so_in_one_line(temp: Path, scorer: str, asked: bool) -> None:
    engine = Engine(STORE, scorer, model=MODEL)
    if asked and scorer != "127.0.0.1:1":
        engine.recommend(USER)
    engine.close()
    engine.close()
    for call in CALLS:
        with pytest.raises(InvalidRequest, match=r"^the engine is closed: open another$"):
            call(engine)
    assert list(temp.iterdir()) == []


@pytest.mark.parametrize("given", ["1.0", b"10", 1.5, None, True, [1], "x" * 9999, "a\nb\x1b[31m"])
def test_ids_of_another_type_are_refused_in_one_line(given: Any) -> None:
    with Engine(STORE) as engine:
        calls: list[Callable[[], Any]] = [
            lambda: engine.recommend(given),
            lambda: engine.user(given),
            lambda: engine.similar(given),
            lambda: engine.recommend_for(History([given], [4.0])),
        ]
        for call in calls:
            with pytest.raises(
                InvalidRequest, match="ids of this data are whole numbers"
            ) as caught:
                call()
            assert str(caught.value).isprintable()
            assert len(str(caught.value)) < 200


def test_ids_may_be_numpys() -> None:
    with Engine(STORE) as engine:
        expected = engine.recommend(USER).to_dict()
        for kind in (np.uint32, np.int64, np.int16):
            assert engine.recommend(kind(USER)).to_dict() == expected


@pytest.mark.parametrize("limit", ["20", 2.5, None, True, [5]])
def test_limits_of_another_type_are_refused(limit: Any) -> None:
    with Engine(STORE) as engine, pytest.raises(InvalidRequest, match="ask for 1 to 500"):
        engine.recommend(USER, limit)


@pytest.mark.parametrize(
    "history",
    [
        History([1], ["many"]),  # type: ignore[list-item]
        History([1], [[4.0]]),  # type: ignore[list-item]
        History([1], [None]),  # type: ignore[list-item]
        History([1], [4.0], ["today"]),  # type: ignore[list-item]
        History([1], [4.0], [2**80]),
        History([1, 2], [4.0]),
    ],
)
def test_histories_of_another_type_are_refused(history: History) -> None:
    with Engine(STORE) as engine, pytest.raises(InvalidRequest):
        engine.recommend_for(history)


@pytest.mark.parametrize("scorer", ["", "nonsense", "host:0", "local,embedded", "embedded "])
def test_a_scorer_that_makes_no_sense_is_refused_at_once(scorer: str) -> None:
    with pytest.raises(AddressError, match="is no address"):
        Engine(STORE, scorer)
    with pytest.raises(AddressError, match="is no address"):
        Engine.open(scorer=scorer)


def test_the_model_is_read_when_first_needed_and_once(tmp_path: Path) -> None:
    reads: list[int] = []

    def read() -> ScoringModel:
        reads.append(1)
        return MODEL

    with Engine(STORE, model=read) as engine:
        for call in CALLS[2:6]:
            call(engine)
        assert reads == []
        threads = [threading.Thread(target=engine.recommend, args=(USER,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert reads == [1]


def test_a_model_that_cannot_be_read_is_tried_again(tmp_path: Path) -> None:
    with reelrecs.open(models_dir=tmp_path) as engine:
        path = model_path(engine.store, tmp_path)
        path.write_bytes(b"rubbish")
        for _ in range(2):
            with pytest.raises(ModelError, match="run train again"):
                engine.recommend(1)
        path.unlink()
        assert len(engine.recommend(1)) == 20


@pytest.mark.parametrize(
    "command",
    [
        ["search", "--title", "Matrix"],
        ["similar", "--movie-id", "1"],
        ["similar", "--title", "Toy Story"],
        ["user", "--user-id", "1"],
        ["data", "info"],
    ],
)
def test_commands_that_need_no_model_open_none(
    tmp_path: Path, temp: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with reelrecs.open(models_dir=tmp_path) as engine:
        model_path(engine.store, tmp_path).write_bytes(b"of other data, or rubbish")
    assert run(["--models-dir", str(tmp_path), *command]) == 0, capsys.readouterr().err
    assert list(temp.iterdir()) == []
    assert run(["--models-dir", str(tmp_path), "recommend", "--user-id", "1"]) == 5


def test_what_needs_no_grpc_does_not_import_it() -> None:
    code = (
        "import sys\n"
        "from reelrecs.cli import run\n"
        "import reelrecs\n"
        "assert run(['search', '--title', 'Matrix']) == 0\n"
        "assert run(['similar', '--movie-id', '1']) == 0\n"
        "assert run(['recommend', '--user-id', '1', '--scorer', 'local']) == 0\n"
        "assert run(['batch', '--users', sys.argv[1], '--output', sys.argv[2]]) == 0\n"
        "reelrecs.open().recommend(1, explain=True)\n"
        "sys.exit('grpc' in sys.modules)"
    )
    with tempfile.TemporaryDirectory() as folder:
        users = Path(folder) / "users"
        users.write_text("1\n")
        arguments = [str(users), f"{folder}/lists.parquet"]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("scorer", ["local", "embedded"])
def test_thirty_engines_dropped_without_close_leave_nothing(temp: Path, scorer: str) -> None:
    Engine(STORE, scorer, model=MODEL).recommend(USER)
    gc.collect()
    before = settled(held())
    gc.disable()
    try:
        for _ in range(30):
            Engine(STORE, scorer, model=MODEL).recommend(USER)
            assert list(temp.iterdir()) == []
    finally:
        gc.enable()
    files, threads = settled(before)
    assert files <= before[0] + 2
    assert threads <= before[1] + 2


def test_engines_of_remote_scorers_dropped_without_close_leave_no_connection(temp: Path) -> None:
    from reelrecs.scorer.server import start
    from reelrecs.scorer.service import scorer_services

    with start(scorer_services(MODEL), "127.0.0.1:0") as server:
        Engine(STORE, server.address, model=MODEL).recommend(USER)
        gc.collect()
        before = settled(held())
        for _ in range(10):
            Engine(STORE, server.address, model=MODEL).recommend(USER)
        assert settled(before)[0] <= before[0] + 4


@pytest.mark.parametrize("scorer", ["local", "embedded"])
@pytest.mark.parametrize("end", ["close", "drop"])
def test_ended_while_eight_threads_use_it(temp: Path, scorer: str, end: str) -> None:
    engines = [Engine(STORE, scorer, model=MODEL)]
    expected = engines[0].recommend(USER).to_dict()
    errors: list[Exception] = []
    wrong: list[object] = []
    answered = threading.Semaphore(0)

    def ask() -> None:
        try:
            while engines:
                if engines[0].recommend(USER).to_dict() != expected:
                    wrong.append(1)
                answered.release()
        except IndexError:
            pass
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        answered.acquire()
    if end == "close":
        closer = threading.Thread(target=engines[0].close)
        closer.start()
        closer.join(20)
    else:
        engines.clear()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    assert all(isinstance(error, ReelRecsError) for error in errors), errors
    assert len(errors) == (8 if end == "close" else 0)


def test_a_scorer_of_ones_own_is_left_open() -> None:
    class OwnScorer(LocalScorer):
        closed = False

        def close(self) -> None:
            self.closed = True

    own = OwnScorer(MODEL)
    with Engine(STORE, own, model=MODEL) as engine:
        engine.recommend(USER)
    assert not own.closed


def test_a_scorer_needs_nothing_but_score() -> None:
    class Plain:
        def score(self, query: Query, candidates: Candidates) -> Candidates:
            return LocalScorer(MODEL).score(query, candidates)

    with Engine(STORE, Plain(), model=MODEL) as ours, Engine(STORE, model=MODEL) as theirs:
        assert ours.recommend(USER).to_dict() == theirs.recommend(USER).to_dict()


FORKED = """
import os, signal, sys
from reelrecs.engine import Engine
from tests.models import learned_model_of
from tests.test_engine_lifetime import STORE, USER
model = learned_model_of(STORE) if sys.argv[1] == "learned" else None
engine = Engine(STORE, model=model)
expected = engine.recommend(USER, explain=True).to_dict()
for kind in ("inherited", "fresh"):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        mine = engine if kind == "inherited" else Engine(STORE, model=model)
        os._exit(0 if mine.recommend(USER, explain=True).to_dict() == expected else 1)
    if (status := os.waitpid(child, 0)[1]) != 0:
        sys.exit(f"{kind}: {status}")
assert engine.recommend(USER, explain=True).to_dict() == expected
"""


@pytest.mark.parametrize("profile", ["fixed", "learned"])
def test_an_engine_answers_in_a_forked_child(profile: str) -> None:
    """As gunicorn, multiprocessing and data loaders fork; inherited and new, the same lists.

    By the local scorer: gRPC itself promises nothing to a process that forks.
    """
    done = subprocess.run(
        [sys.executable, "-c", FORKED, profile],
        capture_output=True,
        text=True,
        timeout=200,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_fork_while_another_thread_opens_leaves_the_child_able_to() -> None:
    """The lock that the opening thread holds is nobody's in the child."""
    code = """
import os, signal, threading
from reelrecs.engine import Engine
from reelrecs.scorer.model import ScoringModel
from tests.test_engine_lifetime import STORE, USER
inside, go_on = threading.Event(), threading.Event()

def slow():
    if os.getpid() == parent:
        inside.set()
        go_on.wait()
    return ScoringModel.fixed(STORE)

parent = os.getpid()
engine = Engine(STORE, model=slow)
opening = threading.Thread(target=lambda: engine.model)
opening.start()
inside.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    engine.model
    os._exit(0)
status = os.waitpid(child, 0)[1]
go_on.set()
opening.join()
raise SystemExit(status)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


def test_learned_engines_are_dropped_as_well(temp: Path) -> None:
    model = learned_model_of(STORE)
    with Engine(STORE, "embedded", model=model) as engine:
        expected = engine.recommend(USER).to_dict()
    assert Engine(STORE, "embedded", model=model).recommend(USER).to_dict() == expected
    gc.collect()
    assert list(temp.iterdir()) == []
