"""The closed-form models against their objectives."""

import itertools

import numpy as np
import pytest

from reelrecs import config
from reelrecs.kernels.item_item import Sequences
from reelrecs.kernels.jit import as_readonly_contiguous
from reelrecs.learning import item_item
from tests.learning.test_sparse_rows import dense_of
from tests.worlds import random_triples, store_of

STORE = store_of(random_triples(8, users=60, movies=25, most=24), 30)
KEPT, PLACE = item_item.choose_matrix_movies(STORE.movie_rating_counts)
PLACES = PLACE[STORE.by_user.movies]
INDPTR = STORE.by_user.indptr


def sequences() -> list[np.ndarray]:
    return [PLACES[a:b] for a, b in itertools.pairwise(INDPTR)]


def test_paired_movies_are_the_rated_ones() -> None:
    assert (STORE.movie_rating_counts[KEPT] > 0).all()
    assert (PLACE[KEPT] == np.arange(len(KEPT))).all()
    assert (PLACE >= 0).sum() == len(KEPT) == (STORE.movie_rating_counts > 0).sum()


def test_ease_minimises_its_objective() -> None:
    weights = item_item.fit_ease(INDPTR, PLACES, len(KEPT)).astype(np.float64)
    watched = np.zeros((STORE.user_count, len(KEPT)))
    for user, movies in enumerate(sequences()):
        watched[user, movies] = 1
    gradient = watched.T @ (watched @ weights - watched) + config.EASE_RIDGE * weights
    np.fill_diagonal(gradient, 0)
    assert np.abs(gradient).max() < 1e-3
    assert (np.diag(weights) == 0).all()


def test_step_is_the_ridge_regression_of_the_next_movie() -> None:
    count = len(KEPT)
    histories, following = [], []
    for movies in sequences():
        state = np.zeros(count)
        for at, movie in enumerate(movies):
            state *= config.NEXT_ITEM_DECAY
            state[movie] += 1
            histories.append(state.copy())
            following.append(
                np.eye(count)[movies[at + 1]] if at + 1 < len(movies) else np.zeros(count)
            )
    x, y = np.array(histories), np.array(following)
    popularity = np.bincount(PLACES, minlength=count) + 1.0
    ridge = (
        config.NEXT_ITEM_RIDGE * (popularity / popularity.mean()) ** config.NEXT_ITEM_RIDGE_POWER
    )
    expected = np.linalg.solve(x.T @ x + np.diag(ridge), x.T @ y)
    np.testing.assert_allclose(
        item_item.fit_next_item_ridge(INDPTR, PLACES, count), expected, atol=2e-6
    )


def stored_sequences(held_out: int = 0, first: int = 0) -> Sequences:
    """The store's own, without each user's first and last movies."""
    ends = np.maximum(np.diff(INDPTR) - held_out, 0)
    firsts = np.minimum(first, ends)
    by_user, by_movie = STORE.by_user, STORE.by_movie
    return Sequences(
        *as_readonly_contiguous(
            INDPTR, by_user.movies, firsts, ends, by_movie.indptr, by_movie.users,
            by_movie.positions,
        )
    )  # fmt: skip


def expected_co_occurrence(held_out: int = 0, skipped: int = 0) -> np.ndarray:
    ordered = np.zeros((STORE.movie_count, STORE.movie_count))
    popularity = np.zeros(STORE.movie_count)
    for start, stop in itertools.pairwise(INDPTR):
        movies = STORE.by_user.movies[start : max(start, stop - held_out)][skipped:]
        popularity[movies] += 1
        for at, first in enumerate(movies):
            for gap, second in enumerate(movies[at + 1 : at + 1 + config.CO_OCCURRENCE_REACH]):
                ordered[first, second] += config.CO_OCCURRENCE_DECAY**gap
    backwards, shrinkage = config.CO_OCCURRENCE_BACKWARDS, config.CO_OCCURRENCE_SHRINKAGE
    return (ordered + backwards * ordered.T) / (popularity + shrinkage)[:, None]


@pytest.mark.parametrize(("held_out", "first"), [(0, 0), (2, 0), (0, 3), (2, 1), (100, 2)])
def test_co_occurrence_is_over_popularity_and_in_part_backwards(held_out: int, first: int) -> None:
    found = dense_of(item_item.fit_co_occurrence(stored_sequences(held_out, first), 10**6))
    expected = expected_co_occurrence(held_out, first)
    half_a_code = expected.max(axis=1, keepdims=True) / 127 / 2
    assert (np.abs(found - expected) <= half_a_code * 1.001).all()


@pytest.mark.parametrize("most", [0, 1, 40, 200])
def test_the_strongest_co_occurrences_are_the_same_in_blocks_of_any_size(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = item_item.fit_co_occurrence(stored_sequences(), most)
    assert len(whole.codes) <= most
    monkeypatch.setattr(item_item, "_BLOCK_ENTRIES", 30)
    for part, same in zip(
        whole, item_item.fit_co_occurrence(stored_sequences(), most), strict=True
    ):
        np.testing.assert_array_equal(part, same)
    weakest_kept = np.sort(expected_co_occurrence().reshape(-1))[::-1][:most].min(initial=np.inf)
    assert (dense_of(whole)[expected_co_occurrence() < weakest_kept - 1e-6] == 0).all()
