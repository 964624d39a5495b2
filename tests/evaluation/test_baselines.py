"""Baselines against their definitions and scikit-learn."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.metrics.pairwise import cosine_similarity

from reelrecs.evaluation import baselines, implicit_baselines
from reelrecs.evaluation.sparse import interactions, keep_largest, largest_of_rows
from tests.evaluation.asking import everybody, stranger
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


@pytest.mark.parametrize(("users", "movies"), [(40, 60), (60, 25)])
def test_a_stranger_with_a_history_of_the_store_is_scored_by_it(users: int, movies: int) -> None:
    store = store_of(random_triples(6, users, movies, most=20))
    rated = store.by_user
    for system in (baselines.Ease(store, 5.0), baselines.ItemKnn(store)):
        known = system.scores(everybody(store))
        for user in (0, 7, store.user_count - 1):
            (got,) = system.scores(stranger(rated.movies[rated.row(user)].tolist()))
            np.testing.assert_allclose(got, known[user], atol=1e-9)


def test_a_stranger_may_have_a_neighbour_with_the_very_same_history() -> None:
    store = store_of(random_triples(6))
    rated = store.by_user
    x = interactions(store).toarray()
    system = baselines.UserKnn(store, 10**6)
    (own,) = system.scores(stranger(rated.movies[rated.row(3)].tolist()))
    by_user = cosine_similarity(x)
    np.testing.assert_allclose(own, by_user[3] @ x)
    np.testing.assert_allclose(system.scores(everybody(store))[3], own - x[3])
    assert (system.scores(stranger()) == 0).all()


@pytest.mark.parametrize("k", [1, 4, 100])
def test_sparse_rows_keep_what_dense_rows_keep(k: int) -> None:
    rng = np.random.default_rng(k)
    dense = rng.integers(0, 5, (30, 40)).astype(float)
    own = np.arange(30)
    expected = dense.copy()
    expected[own, 5 + own] = 0.0
    got = largest_of_rows(scipy.sparse.csr_matrix(dense), k, own=5)
    np.testing.assert_array_equal(got.toarray(), keep_largest(expected, k).toarray())


@pytest.mark.skipif(not implicit_baselines.installed(), reason="implicit is not installed")
def test_implicit_scores_strangers_by_their_histories() -> None:
    store = store_of(random_triples(8, users=80, movies=120, most=60))
    even = [row for row, movie in enumerate(store.movie_ids) if movie % 2 == 0]
    odd = [row for row, movie in enumerate(store.movie_ids) if movie % 2]
    for name in ("als", "bpr", "bm25"):
        system = baselines.BASELINES[name](store)
        (likes_even,) = system.scores(stranger(even[:20]))
        (likes_odd,) = system.scores(stranger(odd[:20]))
        nobody = system.scores(stranger())
        assert np.isfinite(nobody).all(), name
        assert not np.allclose(likes_even, likes_odd), name
