"""Threads for calls: all work is done, by no more threads than may be, and idle ones end."""

import threading
import time

import pytest

from reelrecs import config
from reelrecs.scorer.call_threads import CallThreads


def named(name):
    return [one for one in threading.enumerate() if one.name.startswith(f"{name}-")]


def until(true):
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_all_work_is_done_by_no_more_threads_than_may_be():
    adopted, done, at_once, most = [], [], [0], [0]
    lock = threading.Lock()

    def work(number):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.001)
        with lock:
            at_once[0] -= 1
            done.append(number)

    threads = CallThreads(5, "few", lambda: adopted.append(1))
    for future in [threads.submit(work, number) for number in range(200)]:
        future.result(20)
    assert sorted(done) == list(range(200))
    assert most[0] <= 5
    assert len(adopted) <= 5
    threads.shutdown()
    until(lambda: not named("few"))
    with pytest.raises(RuntimeError):
        threads.submit(work, 0)


def test_more_are_there_when_more_is_waited_for_at_once():
    together = threading.Barrier(20)
    threads = CallThreads(20, "many", lambda: None)
    for future in [threads.submit(together.wait, 20) for _ in range(20)]:
        future.result(20)
    threads.shutdown()
    until(lambda: not named("many"))


def test_idle_threads_end_and_others_start(monkeypatch):
    monkeypatch.setattr(config, "THREAD_IDLE_SECONDS", 0.05)
    threads = CallThreads(3, "idle", lambda: None)
    for _ in range(3):
        together = threading.Barrier(3)
        for future in [threads.submit(together.wait, 20) for _ in range(3)]:
            future.result(20)
        until(lambda: len(named("idle")) == 1)  # the one that starts them
    threads.shutdown()
    until(lambda: not named("idle"))


def test_what_was_handed_over_is_done_before_they_end():
    done = []
    threads = CallThreads(1, "last", lambda: None)
    for number in range(20):
        threads.submit(done.append, number)
    threads.shutdown()
    until(lambda: not named("last"))
    assert done == list(range(20))
