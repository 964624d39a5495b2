"""Counts over the last ratings of everybody, against their definition written out."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels import recent_ratings as kernels
from tests.compiled import entry

MOVIES, USERS = 6, 5

_count_windows, _add_likeness = entry(kernels.count_windows), entry(kernels.add_likeness)
_count_before = entry(kernels.count_before)

logs = st.lists(st.tuples(st.integers(0, MOVIES - 1), st.integers(0, USERS - 1)), max_size=40)


def rows(values: list[int]) -> np.ndarray:
    made = np.array(values, np.int32)
    made.flags.writeable = False
    return made


@given(logs, st.integers(-1, USERS - 1), st.sets(st.integers(1, 50), min_size=1), st.integers(0, 9))
def test_windows_reach_back_over_others_ratings(
    log: list[tuple[int, int]], own: int, ends: set[int], alike_window: int
) -> None:
    windows = rows(sorted(ends))
    similarity = np.arange(1, USERS + 1, dtype=np.float32)
    counts = np.zeros((len(windows), MOVIES), np.float32)
    alike = np.zeros(MOVIES, np.float32)
    movies, users = rows([movie for movie, _ in log]), rows([user for _, user in log])
    likeness = kernels.Likeness(2 * similarity, np.full(USERS, 2, np.float32))
    _count_windows(movies, users, own, windows, counts)
    _add_likeness(movies, users, likeness, own, alike_window, alike)
    others = [one for one in reversed(log) if one[1] != own]
    for at, reach in enumerate(windows.tolist()):
        in_window = [movie for movie, _ in others[:reach]]
        assert counts[at].tolist() == [in_window.count(movie) for movie in range(MOVIES)]
    near = others[:alike_window]
    for movie in range(MOVIES):
        assert alike[movie] == sum(user + 1 for one, user in near if one == movie)


@given(st.lists(st.sets(st.integers(0, 30)), min_size=1, max_size=5), st.integers(0, 31))
def test_positions_below_the_end_are_counted(positions: list[set[int]], end: int) -> None:
    indptr = np.cumsum([0, *(len(one) for one in positions)])
    flat = np.array([place for one in positions for place in sorted(one)], np.int64)
    for one, (start, stop) in zip(positions, itertools.pairwise(indptr.tolist()), strict=True):
        assert _count_before(flat, start, stop, end) == sum(place < end for place in one)


@given(st.lists(st.lists(st.integers(0, MOVIES - 1), max_size=12), min_size=1, max_size=6))
def test_ratings_are_told_apart_by_the_length_of_the_history(histories: list[list[int]]) -> None:
    ends = rows([1, 2, 5, 2**31 - 1])
    counts = np.zeros((len(ends), MOVIES), np.int32)
    indptr = np.cumsum([0, *map(len, histories)])
    movies = rows([movie for history in histories for movie in history])
    kernels.count_by_length(indptr, movies, ends, counts)
    expected = np.zeros_like(counts)
    for history in histories:
        for length, movie in enumerate(history):
            expected[sum(length >= end for end in ends[:-1]), movie] += 1
    assert (counts == expected).all()
