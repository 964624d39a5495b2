"""Tied times: the order is that of a hash, whatever the file, the ids or the threads."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelrecs.datasets.tables import Ratings, Tables
from reelrecs.evaluation import splits, ties
from reelrecs.kernels import pool
from reelrecs.store.build import store_of
from reelrecs.store.store import Store
from reelrecs.store.time_order import pair_hash

PAIRS = st.lists(
    st.tuples(st.integers(1, 8), st.integers(1, 12), st.integers(0, 3)),
    unique_by=lambda row: row[:2],
    min_size=12,
    max_size=60,
)
"""Ratings (user, movie, second) with many ties."""


def made(rows: list[tuple[int, int, int]]) -> Store:
    users, movies, times = (np.array(column) for column in zip(*rows, strict=True))
    stars = np.full(len(rows), 4.0, np.float32)
    ratings = Ratings(
        users.astype(np.uint32), movies.astype(np.uint32), stars, times.astype(np.int64)
    )
    return store_of(Tables(ratings, None), "ties")


def splitmix(user: int, movie: int) -> int:
    """The hash in Python's whole numbers."""
    whole = 2**64 - 1
    mixed = ((user << 32) + movie + 0x9E3779B97F4A7C15) & whole
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & whole
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & whole
    return mixed ^ (mixed >> 31)


@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1)), min_size=1))
def test_the_hash_equals_its_definition(pairs: list[tuple[int, int]]) -> None:
    users, movies = (np.array(column) for column in zip(*pairs, strict=True))
    got = pair_hash(users.astype(np.int64), movies.astype(np.int32))
    assert got.tolist() == [splitmix(user, movie) for user, movie in pairs]


@settings(max_examples=20)
@given(PAIRS)
def test_each_second_of_a_user_is_in_the_order_of_hashes(rows: list[tuple[int, int, int]]) -> None:
    store = made(rows)
    ordered = ties.in_hashed_order(store)
    user_of = {int(user): row for row, user in enumerate(store.user_ids)}
    movie_of = {int(movie): row for row, movie in enumerate(store.movie_ids)}
    expected = sorted(
        (user_of[user], time, splitmix(user_of[user], movie_of[movie]), movie_of[movie])
        for user, movie, time in rows
    )
    assert ordered.by_user.movies.tolist() == [row[3] for row in expected]
    assert ordered.by_user.times.tolist() == [row[1] for row in expected]
    assert ties.in_hashed_order(ordered) is ordered
    assert ordered.movie_rating_counts.tolist() == store.movie_rating_counts.tolist()
    in_time = sorted(expected, key=lambda row: row[1:3])
    order = store.rating_order
    assert store.by_user.movies[order].tolist() == [row[3] for row in in_time]


@settings(max_examples=20)
@given(PAIRS, st.randoms(use_true_random=False))
def test_file_order_and_threads_change_no_cut(
    rows: list[tuple[int, int, int]], shuffle: random.Random
) -> None:
    again = list(rows)
    shuffle.shuffle(again)
    with pool.budget_of(1).active():
        one = splits.last_out(made(rows))
    with pool.budget_of(4).active():
        other = splits.last_out(made(again))
    assert one.train.digest == other.train.digest
    assert one.targets.tolist() == other.targets.tolist()
    assert one.users.tolist() == other.users.tolist()


def test_of_a_sitting_the_last_is_not_the_movie_with_the_largest_id() -> None:
    rows = [(user, movie, 7) for user in range(1, 101) for movie in range(1, 11)]
    split = splits.last_out(made(rows))
    held = np.bincount(split.targets, minlength=10)
    assert held.min() > 0
    assert held[9] < 25
    assert split.targets.mean() == pytest.approx(4.5, abs=1.0)
