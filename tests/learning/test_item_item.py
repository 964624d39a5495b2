"""The closed-form models against their objectives."""

import itertools

import numpy as np

from reelrecs import config
from reelrecs.learning import item_item
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


def test_pairs_are_over_popularity_and_half_backwards() -> None:
    count = len(KEPT)
    ordered = np.zeros((count, count))
    for movies in sequences():
        for at, first in enumerate(movies):
            for gap, second in enumerate(movies[at + 1 : at + 1 + config.CO_OCCURRENCE_REACH]):
                ordered[first, second] += config.CO_OCCURRENCE_DECAY**gap
    popularity = np.bincount(PLACES, minlength=count)
    expected = (ordered + 0.5 * ordered.T) / (popularity + 5)[:, None]
    np.testing.assert_allclose(
        item_item.fit_co_occurrence(INDPTR, PLACES, count), expected, rtol=1e-4
    )
