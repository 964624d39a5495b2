"""Requests of many threads that are run together: each has its own list, error and end."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from reelrecs import config
from reelrecs.constraints import Constraints
from reelrecs.engine import Engine
from reelrecs.errors import NotFound
from reelrecs.histories import History
from reelrecs.joint_runs import JointRuns
from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.runner import Lists


@pytest.fixture(scope="module")
def engine(sample_engine: Engine) -> Iterator[Engine]:
    """By the pretrained ranker."""
    with Engine(sample_engine.store) as engine:
        yield engine


class Gate:
    """Runs of an engine's pipeline, the first of which is held up."""

    def __init__(self, engine: Engine) -> None:
        self.pipeline = engine.pipeline
        self.sizes: list[int] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, queries: Queries) -> Lists:
        self.sizes.append(len(queries))
        if not self.begun.is_set():
            self.begun.set()
            assert self.go_on.wait(60)
        if any(query.limit == 13 for query in queries):
            raise ValueError("thirteen")
        return self.pipeline.run(queries)


def waiting(joint: JointRuns) -> int:
    return len(joint._desk().waiting)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def queries_of(engine: Engine, limits: list[int]) -> list[Query]:
    return [engine.query_of_row(row, limit) for row, limit in enumerate(limits)]


def same(found: Candidates, wanted: Candidates) -> None:
    assert found.movies.tolist() == wanted.movies.tolist()
    assert np.array_equal(found.scores, wanted.scores)
    assert np.array_equal(found.retrieval_scores, wanted.retrieval_scores)
    assert np.array_equal(found.terms.values, wanted.terms.values)


def test_who_comes_meanwhile_is_run_together_and_nobody_hears_of_anothers_error(
    engine: Engine,
) -> None:
    gate = Gate(engine)
    joint = JointRuns(gate)
    queries = queries_of(engine, [5, 7, 13, 20, 1])
    with ThreadPoolExecutor(len(queries)) as threads:
        first = threads.submit(joint.run_one, queries[0])
        assert gate.begun.wait(60)
        others = [threads.submit(joint.run_one, query) for query in queries[1:]]
        until(lambda: waiting(joint) == len(others))
        gate.go_on.set()
        answers = [first, *others]
        for query, answer in zip(queries, answers, strict=True):
            if query.limit == 13:
                with pytest.raises(ValueError, match="thirteen"):
                    answer.result(60)
            else:
                same(answer.result(60)[0], engine.pipeline.run_one(query)[0])
    assert gate.sizes[:2] == [1, 4]
    assert sorted(gate.sizes[2:]) == [1, 1, 1, 1]  # each by itself once the batch has failed
    assert joint.run_one(queries[3])[0].movies.tolist()


def test_batches_are_bounded_and_everybody_gets_a_turn(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "JOINT_QUERIES", 3)
    gate = Gate(engine)
    joint = JointRuns(gate)
    queries = queries_of(engine, [5] * 9)
    with ThreadPoolExecutor(len(queries)) as threads:
        answers = [threads.submit(joint.run_one, query) for query in queries]
        until(lambda: waiting(joint) == 8)
        gate.go_on.set()
        for query, answer in zip(queries, answers, strict=True):
            same(answer.result(60)[0], engine.pipeline.run_one(query)[0])
    assert gate.sizes == [1, 3, 3, 2]


def test_who_is_interrupted_while_waiting_holds_nobody_up(engine: Engine) -> None:
    gate = Gate(engine)
    joint = JointRuns(gate)
    queries = queries_of(engine, [5, 6, 7])

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with ThreadPoolExecutor(2) as threads:
            first = threads.submit(joint.run_one, queries[0])
            assert gate.begun.wait(60)
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(KeyboardInterrupt):
                joint.run_one(queries[1])
            assert waiting(joint) == 0
            third = threads.submit(joint.run_one, queries[2])
            until(lambda: waiting(joint) == 1)
            gate.go_on.set()
            same(third.result(60)[0], engine.pipeline.run_one(queries[2])[0])
            first.result(60)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert gate.sizes == [1, 1]


def test_lists_of_many_callers_are_those_of_one(engine: Engine) -> None:
    """Mixed people, lengths, moments and constraints, explained and not."""
    store, chance = engine.store, random.Random(5)
    late, early = store.latest_timestamp, int(np.median(store.by_user.times))

    def asked() -> tuple[Any, dict[str, Any]]:
        person = chance.choice(list(store.user_ids))
        if chance.random() < 0.3:
            movies = chance.sample(list(store.movie_ids), chance.randrange(4))
            person = History(movies, [4.0] * len(movies))
        return person, {
            "limit": chance.choice([1, 5, 20, 300]),
            "explain": chance.random() < 0.3,
            "as_of": chance.choice([None, late, early]),
            "constraints": chance.choice([None, Constraints(genres=["War"], include_seen=True)]),
        }

    def answer(one: tuple[Any, dict[str, Any]]) -> dict[str, Any]:
        person, options = one
        if isinstance(person, History):
            return engine.recommend_for(person, **options).to_dict()
        return engine.recommend(person, **options).to_dict()

    requests = [asked() for _ in range(60)]
    alone = [answer(one) for one in requests]
    with ThreadPoolExecutor(8) as threads:
        wrong = threads.submit(engine.recommend, -1)
        assert list(threads.map(answer, requests)) == alone
        with pytest.raises(NotFound):
            wrong.result(60)


def test_a_source_may_ask_the_engine_itself(engine: Engine) -> None:
    """Even by a thread of its own, which would wait for the request that waits for it."""

    class Asks:
        name = "asks"

        def find(self, query: Query) -> Candidates:
            if query.limit != 7:
                return Candidates.empty(("asks.another",))
            with ThreadPoolExecutor(1) as other:
                best = other.submit(asking.recommend, 2, limit=1).result(60)[0].movie.movie_id
            row = engine.store.movie_row(best)
            return Candidates(
                np.array([row], np.int32), ("asks.another",), np.ones((1, 1), np.float32)
            )

    with Engine(engine.store, sources=[Asks()]) as asking:
        assert len(asking.recommend(1, limit=7)) == 7


FORKED = """
import os, signal, sys, threading
from reelrecs.engine import Engine
engine = Engine.open()
expected = engine.recommend(1).to_dict()
begun, go_on = threading.Event(), threading.Event()
joint = engine._ready().run_one.__self__
run = joint._run
def held(queries):
    begun.set()
    go_on.wait(60)
    return run(queries)
joint._run = held
other = threading.Thread(target=engine.recommend, args=(2,))
other.start()
begun.wait(60)
joint._run = run
child = os.fork()
if child == 0:
    signal.alarm(30)
    os._exit(0 if engine.recommend(1).to_dict() == expected else 1)
status = os.waitpid(child, 0)[1]
go_on.set()
other.join()
sys.exit(status and f"{status}")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_does_not_wait_for_a_run_of_its_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
