"""The budget of threads: all work is done once, never by too many, and nothing waits for ever."""

import gc
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.errors import InvalidRequest
from reelrecs.kernels import pool
from reelrecs.kernels.pool import ThreadBudget

R = TypeVar("R")


def within(seconds: float, work: Callable[[], R]) -> R:
    """What the work returns, or a failure in place of waiting for ever."""
    answers: queue.Queue[R] = queue.Queue()
    threading.Thread(target=lambda: answers.put(work()), daemon=True).start()
    return answers.get(timeout=seconds)


def count_rows(budget: ThreadBudget, length: int, chunks_per_thread: int = 3) -> list[int]:
    """How often each row has been visited."""
    seen = np.zeros(length, np.int64)

    def add(start: int, stop: int) -> None:
        seen[start:stop] += 1

    budget.over_ranges(add, length, chunks_per_thread)
    counts: list[int] = seen.tolist()
    return counts


class Crowd:
    """Counts how many threads are inside at once, and who they were."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self.most = 0
        self.threads: set[int] = set()

    def visit(self, *_: object) -> None:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
            self.threads.add(threading.get_ident())
        time.sleep(0.005)
        with self._lock:
            self._inside -= 1


@given(st.integers(0, 50), st.integers(1, 60))
def test_split_covers_every_row_once(length: int, parts: int) -> None:
    ranges = pool.split(length, parts)
    assert [row for start, stop in ranges for row in range(start, stop)] == list(range(length))
    assert all(stop > start for start, stop in ranges)


@given(st.integers(1, 6), st.integers(0, 50), st.integers(1, 5))
def test_over_ranges_visits_every_row_once(count: int, length: int, chunks: int) -> None:
    assert count_rows(ThreadBudget(count), length, chunks) == [1] * length


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_first_of_several_errors_comes_out(count: int) -> None:
    begun = []

    def fail(start: int, stop: int) -> None:
        begun.append(start)
        if start > 0:
            raise ValueError(f"rows {start} to {stop}")

    with pytest.raises(ValueError, match="rows 1 to 2"):
        ThreadBudget(count).over_ranges(fail, 4 * count, 4)
    assert sorted(begun) == list(range(4 * count))


def test_no_threads_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="threads 0: ask for at least 1"):
        ThreadBudget(0)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_at_most_so_many_threads_work_for_a_caller_and_it_is_one_of_them(count: int) -> None:
    budget = ThreadBudget(count)
    for start in (
        lambda crowd: budget.over_ranges(crowd.visit, 40, 10),
        lambda crowd: list(budget.in_order(crowd.visit, range(40))),
    ):
        crowd = Crowd()
        start(crowd)
        assert crowd.most <= count
        assert threading.get_ident() in crowd.threads


@pytest.mark.parametrize("count", [1, 2, 4])
def test_so_many_threads_do_work_at_once(count: int) -> None:
    """Each meets all others in the midst of its work."""
    budget, together = ThreadBudget(count), threading.Barrier(count, timeout=10)
    budget.over_ranges(lambda start, stop: together.wait(), count)
    assert len(list(budget.in_order(lambda _: together.wait(), range(count)))) == count


@pytest.mark.parametrize(("count", "elsewhere"), [(1, False), (2, True)])
def test_async_work_is_done_elsewhere_unless_there_is_one_thread(
    count: int, elsewhere: bool
) -> None:
    done = threading.Event()

    def work(number: int) -> tuple[int, int]:
        done.set()
        return number, threading.get_ident()

    task = ThreadBudget(count).run_async(work, 7)
    assert done.wait(10)
    number, thread = task.result()
    assert task.result() == (number, thread)
    assert number == 7
    assert (thread != threading.get_ident()) == elsewhere


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_of_async_work_comes_out_where_its_result_is_asked_for(count: int) -> None:
    task = ThreadBudget(count).run_async(int, "x")
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            task.result()


def test_work_inside_a_task_is_done_by_its_own_thread() -> None:
    budget = ThreadBudget(3)
    found = []

    def inner(start: int, stop: int) -> None:
        found.append((threading.get_ident(), pool.threads(), stop - start))

    def outer(start: int, stop: int) -> None:
        with ThreadBudget(4).active():  # as an engine does that is asked from inside a task
            pool.over_ranges(inner, 5)
        thread = pool.run_async(threading.get_ident).result()
        (same,) = budget.in_order(lambda _: threading.get_ident(), [0])
        assert thread == same == threading.get_ident()
        assert {one for one, *_ in found[-5:]} >= {thread}

    within(10, lambda: budget.over_ranges(outer, 6, 2))
    assert sum(length for *_, length in found) == 6 * 5
    assert {threads for _, threads, _ in found} == {1}
    assert pool.threads() > 0


def test_nothing_deadlocks_when_all_helpers_wait_for_somebody_who_needs_helpers() -> None:
    """As when blocks of a batch wait for a service in this process that spreads its work too."""
    budget = ThreadBudget(3)
    with ThreadPoolExecutor(2, initializer=budget.adopt) as service:

        def ask(number: int) -> list[int]:
            return service.submit(count_rows, pool.current(), number).result()

        answers = within(20, lambda: list(budget.in_order(ask, range(30))))
    assert answers == [[1] * number for number in range(30)]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_come_in_order_and_few_are_held(count: int) -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    results = ThreadBudget(count).in_order(lambda number: number * number, items())
    for number, result in enumerate(results):
        assert result == number * number
        assert len(taken) <= number + 2 * count - 1
    assert len(taken) == 50


def test_whoever_waits_for_a_helper_works_meanwhile() -> None:
    begun, answered = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 0
        assert begun.wait(10)  # a helper is at work at the first
        yield 1

    def work(item: int) -> bool:
        if item == 0:
            begun.set()
            return answered.wait(10)
        answered.set()
        return True

    assert list(ThreadBudget(2).in_order(work, items())) == [True, True]


def test_what_is_not_begun_when_nobody_asks_any_more_never_is() -> None:
    helped, first, last = threading.Event(), threading.Event(), threading.Event()
    begun = []

    def items() -> Iterator[int]:
        yield 0
        assert helped.wait(10)  # a helper is at work at the first
        yield from range(1, 1000)

    def work(item: int) -> None:
        begun.append(item)
        if threading.current_thread().name.startswith("reelrecs-helper"):
            helped.set()
            assert (first if item == 0 else last).wait(10)
        first.set()

    results = ThreadBudget(2).in_order(work, items())
    next(results)
    next(results)  # now 3 waits for the helper, which is in the midst of 2
    results.close()
    last.set()
    time.sleep(0.05)
    assert len(begun) <= 3


def test_an_error_in_order_comes_at_its_place() -> None:
    results = ThreadBudget(2).in_order(lambda number: 6 // number, [3, 2, 0, 1])
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_an_interrupt_of_the_caller_ends_its_work() -> None:
    going_on, begun = threading.Event(), []

    def work(start: int, stop: int) -> None:
        begun.append(start)
        if threading.current_thread().name.startswith("reelrecs-helper"):
            assert going_on.wait(10)
        else:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ThreadBudget(2).over_ranges(work, 100, 50)
    going_on.set()
    time.sleep(0.05)
    assert len(begun) <= 2


def test_each_thread_has_the_budget_that_is_active_on_it() -> None:
    process = pool.current()
    two, five = ThreadBudget(2), ThreadBudget(5)
    both = threading.Barrier(2, timeout=10)

    def count(budget: ThreadBudget) -> list[int]:
        with budget.active():
            both.wait()
            inside = [pool.threads()]
            with ThreadBudget(3).active():
                inside.append(pool.threads())
            both.wait()
            inside.append(pool.threads())
        assert pool.current() is process
        return inside

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(count, [two, five])) == [[2, 3, 2], [5, 3, 5]]
    assert pool.budget_of(None) is process
    assert pool.budget_of(4).count == 4


def test_budgets_come_and_go_under_load() -> None:
    shared = ThreadBudget(3)
    stop = threading.Event()

    def release() -> None:
        while not stop.is_set():
            shared.release()

    def work(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        for _ in range(60):
            length = int(rng.integers(0, 30))
            own = ThreadBudget(int(rng.integers(1, 5)))
            for budget in (shared, own):
                if count_rows(budget, length) != [1] * length:
                    return False
                if list(budget.in_order(abs, range(length))) != list(range(length)):
                    return False
            own.release()
        return True

    threading.Thread(target=release, daemon=True).start()
    try:
        with ThreadPoolExecutor(6) as threads:
            assert within(60, lambda: all(threads.map(work, range(6))))
    finally:
        stop.set()


def test_work_is_done_where_no_thread_can_be_started() -> None:
    """A stack larger than the address space is a thread that the system refuses."""
    usual = threading.stack_size(1 << 50)
    try:
        budget = ThreadBudget(4)
        assert count_rows(budget, 20) == [1] * 20
        assert budget.run_async(abs, -3).result() == 3
    finally:
        threading.stack_size(usual)
    assert count_rows(budget, 20) == [1] * 20


@pytest.mark.parametrize("released", [True, False])
def test_helpers_end_when_they_are_released_or_forgotten(released: bool) -> None:
    before = set(threading.enumerate())
    budget = ThreadBudget(4)
    assert count_rows(budget, 100) == [1] * 100
    helpers = set(threading.enumerate()) - before
    assert helpers
    if released:
        budget.release()
    else:
        del budget
        gc.collect()
    for helper in helpers:
        helper.join(10)
        assert not helper.is_alive()


FORK = """
import multiprocessing, os, signal, threading, warnings
import numpy as np
from reelrecs.kernels import knn, pool

warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads
indptr = np.arange(0, 401, 4)
movies = np.random.default_rng(1).integers(0, 40, 400).astype(np.int32)
ratings = np.ones(400, np.float32)
rows = knn.SparseRows(indptr, movies, ratings)
order = np.argsort(movies, kind="stable")
by_movie = knn.SparseRows(
    np.searchsorted(movies[order], np.arange(41)), (order // 4).astype(np.int32), ratings
)

def neighbours(_=None):
    found = knn.nearest(rows, np.arange(100, dtype=np.int32), by_movie, np.full(100, 2.0), 5)
    doubled = pool.run_async(lambda: found.users * 2).result()
    nested = np.zeros((100, 5), np.int32)

    def outer(start, stop):
        def inner(first, last):
            nested[start + first : start + last] = doubled[start + first : start + last]
        pool.over_ranges(inner, stop - start)

    pool.over_ranges(outer, 100, 4)
    together = threading.Barrier(pool.threads(), timeout=10)
    pool.over_ranges(lambda start, stop: together.wait(), pool.threads())
    return nested.tolist()

def forked(work):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if work() else 1)
    return os.waitpid(child, 0)[1] == 0

with pool.ThreadBudget(3).active():
    expected = neighbours()
    same = lambda: neighbours() == expected
    print(forked(same))
    print(forked(lambda: same() and forked(same)))
    with pool.ThreadBudget(2).active():
        print(forked(same))
    with multiprocessing.get_context("fork").Pool(2) as workers:
        print(workers.map_async(neighbours, range(4)).get(20) == [expected] * 4)
    print(same())
"""


def test_children_forked_after_use_work_with_helpers_of_their_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.split() == ["True"] * 5, done.stderr
