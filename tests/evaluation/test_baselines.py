"""Baselines against their definitions and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from reelrecs.evaluation import baselines
from reelrecs.evaluation.sparse import interactions, keep_largest
from tests.evaluation.asking import everybody
from tests.worlds import random_triples, store_of


@pytest.mark.parametrize(("users", "movies"), [(40, 60), (60, 25)])
def test_ease_is_the_minimum_of_its_objective(users: int, movies: int) -> None:
    store = store_of(random_triples(4, users, movies, most=20))
    x = interactions(store).toarray()
    weights = np.linalg.inv(x.T @ x + 5.0 * np.eye(x.shape[1]))
    weights /= -np.diag(weights)
    np.fill_diagonal(weights, 0.0)
    gradient = x.T @ (x @ weights - x) + 5.0 * weights
    np.fill_diagonal(gradient, 0.0)
    np.testing.assert_allclose(gradient, 0, atol=1e-8)
    got = baselines.Ease(store, 5.0).scores(everybody(store))
    assert np.isneginf(got[:, store.movie_rating_counts == 0]).all()
    rated = store.movie_rating_counts > 0
    np.testing.assert_allclose(got[:, rated], (x @ weights)[:, rated], atol=1e-10)


def test_ease_of_the_most_rated_movies_leaves_the_others_out() -> None:
    store = store_of(random_triples(4))
    got = baselines.Ease(store, 5.0, movies=10).scores(everybody(store))
    ranked = np.flatnonzero(np.isfinite(got[0]))
    assert len(ranked) == 10
    left_out = np.delete(store.movie_rating_counts, ranked)
    assert store.movie_rating_counts[ranked].min() >= left_out.max()


def test_neighbour_baselines_equal_scikit_learn() -> None:
    store = store_of(random_triples(5))
    x = interactions(store).toarray()
    by_item = cosine_similarity(x.T)
    np.fill_diagonal(by_item, 0)
    all_items = baselines.ItemKnn(store, 10**6)
    np.testing.assert_allclose(all_items.scores(everybody(store)), x @ by_item)
    by_user = cosine_similarity(x)
    np.fill_diagonal(by_user, 0)
    all_users = baselines.UserKnn(store, 10**6)
    np.testing.assert_allclose(all_users.scores(everybody(store)), by_user @ x)
    nearest = np.sort(by_user, axis=1)[:, -3:].sum(axis=1)
    three = baselines.UserKnn(store, 3)
    ones = keep_largest(by_user, 3)
    np.testing.assert_allclose(np.asarray(ones.sum(axis=1)).ravel(), nearest)
    np.testing.assert_allclose(three.scores(everybody(store)), ones @ x)
