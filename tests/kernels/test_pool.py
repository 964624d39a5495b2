"""The thread pool: ranges cover everything once, errors come out."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels import pool


@given(st.integers(0, 50), st.integers(1, 60))
def test_split_covers_every_row_once(length: int, parts: int) -> None:
    ranges = pool.split(length, parts)
    assert [row for start, stop in ranges for row in range(start, stop)] == list(range(length))
    assert all(stop > start for start, stop in ranges)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_over_ranges_runs_every_row_once(threads: int) -> None:
    before = pool.threads()
    pool.set_threads(threads)
    try:
        seen = np.zeros(37, np.int64)

        def add(start: int, stop: int) -> None:
            seen[start:stop] += 1

        pool.over_ranges(add, 37, chunks_per_thread=3)
        assert (seen == 1).all()

        def fails(start: int, stop: int) -> None:
            raise ValueError(f"rows {start} to {stop}")

        with pytest.raises(ValueError, match="rows 0 to"):
            pool.over_ranges(fails, 37)
    finally:
        pool.set_threads(before)


def test_no_threads_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        pool.set_threads(0)


@pytest.mark.parametrize(("threads", "elsewhere"), [(1, False), (2, True)])
def test_beside_is_another_thread_unless_there_are_enough(threads: int, elsewhere: bool) -> None:
    before = pool.threads()
    pool.set_threads(threads)
    try:
        ran = pool.beside(threading.get_ident).result()
        assert (ran != threading.get_ident()) == elsewhere
        with ThreadPoolExecutor(1, initializer=pool.one_of_many) as workers:
            here, there = workers.submit(
                lambda: (threading.get_ident(), pool.beside(threading.get_ident).result())
            ).result()
        assert here == there
    finally:
        pool.set_threads(before)
