"""Neighbours and predictions against a slow twin, scikit-learn, and threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelrecs.kernels import knn, pool
from reelrecs.kernels.knn import Neighbours, SparseRows
from tests.worlds import random_triples, store_of, triples


def rows_of(store):
    by_user, by_movie = store.by_user, store.by_movie
    return (
        SparseRows(by_user.indptr, by_user.movies, by_user.ratings),
        SparseRows(by_movie.indptr, by_movie.users, by_movie.ratings),
    )


def dense(rows, columns):
    matrix = np.zeros((len(rows.indptr) - 1, columns))
    for row in range(len(matrix)):
        at = slice(rows.indptr[row], rows.indptr[row + 1])
        matrix[row, rows.indices[at]] = rows.values[at]
    return matrix


def naive_nearest(queries, own_rows, users, k):
    found = []
    for query, own in zip(queries, own_rows, strict=True):
        entries = []
        for row, user in enumerate(users):
            dot = float(query @ user)
            if row != own and dot > 0.0:
                norm = np.sqrt(float(query @ query)) * np.sqrt(float(user @ user))
                entries.append((-dot / norm, row))
        found.append([(row, -negative) for negative, row in sorted(entries)[:k]])
    return found


def naive_predict(neighbours, users, prior, shrinkage, movie):
    weight = total = 0.0
    for user, similarity in neighbours:
        if users[user, movie] > 0.0:
            total += similarity * users[user, movie]
            weight += similarity
    if weight + shrinkage == 0.0:
        return prior[movie]
    return (total + shrinkage * prior[movie]) / (weight + shrinkage)


def listed(neighbours):
    return [
        [(int(user), float(s)) for user, s in zip(users, row, strict=True) if user >= 0]
        for users, row in zip(*neighbours, strict=True)
    ]


@given(triples(), st.integers(1, 14))
def test_nearest_is_the_slow_twin_to_the_last_bit(world, k):
    store = store_of(world, movie_count=17)
    by_user, by_movie = rows_of(store)
    own = np.arange(store.user_count, dtype=np.int32)
    found = knn.nearest(by_user, own, by_movie, store.user_norm, k)
    users = dense(by_user, store.movie_count)
    assert listed(found) == naive_nearest(users, own, users, k)
    assert (found.similarities[found.users < 0] == 0.0).all()


@given(triples(), st.integers(1, 9), st.integers(1, 60))
def test_of_many_ratings_those_of_the_users_last_active_are_looked_at(world, k, most):
    store = store_of(world, movie_count=17)
    by_user, by_movie = rows_of(store)
    own = np.arange(store.user_count, dtype=np.int32)
    latest = knn.Latest(store.user_activity_ranks, most)
    found = listed(knn.nearest(by_user, own, by_movie, store.user_norm, k, latest))
    users = dense(by_user, store.movie_count)
    for user in own.tolist():
        movies = by_user.indices[by_user.indptr[user] : by_user.indptr[user + 1]]
        ratings = int(np.diff(by_movie.indptr)[movies].sum())
        count = store.user_count if ratings <= most else store.user_count * most // ratings
        seen = store.user_activity_ranks >= store.user_count - count
        near = naive_nearest(users[user][None], own[[user]], np.where(seen[:, None], users, 0), k)
        assert found[user] == near[0]


@given(triples(), triples(), st.integers(1, 5))
def test_people_outside_the_data_are_compared_with_everybody(world, others, k):
    store, strangers = store_of(world, 15), store_of(others, 15)
    _, by_movie = rows_of(store)
    queries, _ = rows_of(strangers)
    nobody = np.full(strangers.user_count, -1, np.int32)
    found = knn.nearest(queries, nobody, by_movie, store.user_norm, k)
    users = dense(rows_of(store)[0], 15)
    assert listed(found) == naive_nearest(dense(queries, 15), nobody, users, k)


def test_a_copy_of_oneself_is_the_nearest_and_oneself_never_is():
    store = store_of([(1, 1, 4.0), (1, 2, 3.0), (2, 1, 4.0), (2, 2, 3.0), (3, 1, 1.0)])
    by_user, by_movie = rows_of(store)
    own = np.array([0, 1, 2], np.int32)
    found = knn.nearest(by_user, own, by_movie, store.user_norm, 2)
    assert found.users.tolist() == [[1, 2], [0, 2], [0, 1]]
    assert found.similarities[0].tolist() == [1.0, 0.8]


def test_an_empty_history_has_no_neighbours():
    store = store_of(random_triples(1))
    _, by_movie = rows_of(store)
    empty = SparseRows(np.zeros(2, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    found = knn.nearest(empty, np.array([-1], np.int32), by_movie, store.user_norm, 5)
    assert (found.users == -1).all()
    assert (found.similarities == 0.0).all()


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_nearest_agrees_with_scikit_learn(seed):
    from scipy.sparse import csr_array
    from sklearn.neighbors import NearestNeighbors

    store = store_of(random_triples(seed))
    by_user, by_movie = rows_of(store)
    own = np.arange(store.user_count, dtype=np.int32)
    k = 7
    found = knn.nearest(by_user, own, by_movie, store.user_norm, k)
    matrix = csr_array((by_user.values.astype(np.float64), by_user.indices, by_user.indptr))
    oracle = NearestNeighbors(metric="cosine", algorithm="brute").fit(matrix)
    distances, users = oracle.kneighbors(matrix, n_neighbors=store.user_count)
    for query in own:
        others = users[query] != query
        similarities = 1.0 - distances[query][others]
        at = {int(user): s for user, s in zip(users[query][others], similarities, strict=True)}
        mine = found.users[query][found.users[query] >= 0]
        assert np.allclose([at[int(user)] for user in mine], similarities[: len(mine)], atol=1e-12)
        assert np.allclose(found.similarities[query, : len(mine)], similarities[: len(mine)])
        assert len(mine) == min(k, int((similarities > 1e-12).sum()))


@given(triples(), st.integers(1, 6), st.sampled_from([0.0, 1.0, 3.5]), st.data())
def test_predict_is_the_slow_twin(world, k, shrinkage, data):
    store = store_of(world, 15)
    by_user, by_movie = rows_of(store)
    users = dense(by_user, 15)
    own = np.arange(store.user_count, dtype=np.int32)
    movies = [data.draw(st.lists(st.integers(0, 14), max_size=6)) for _ in own]
    indptr = np.cumsum([0, *map(len, movies)]).astype(np.int64)
    flat = np.array([movie for some in movies for movie in some], np.int32)
    prior = np.linspace(1.0, 5.0, 15)
    found = knn.nearest(by_user, own, by_movie, store.user_norm, k)
    stars = knn.predict(found, by_user, prior, shrinkage, indptr, flat)
    expected = [
        naive_predict(mine, users, prior, shrinkage, movie)
        for mine, some in zip(listed(found), movies, strict=True)
        for movie in some
    ]
    assert stars.tolist() == expected


def test_a_movie_no_neighbour_rated_gets_its_prior_not_a_low_rating():
    store = store_of([(1, 1, 5.0), (2, 1, 5.0), (3, 2, 4.5)], movie_count=3)
    by_user, _ = rows_of(store)
    found = Neighbours(np.array([[1]], np.int32), np.array([[1.0]]))
    prior = np.array([5.0, 4.5, 3.75])
    indptr, movies = np.array([0, 2]), np.array([1, 2], np.int32)
    assert knn.predict(found, by_user, prior, 1.0, indptr, movies).tolist() == [4.5, 3.75]


def test_the_number_of_threads_changes_no_bit():
    store = store_of(random_triples(3, users=90, movies=70))
    by_user, by_movie = rows_of(store)
    own = np.arange(store.user_count, dtype=np.int32)
    movies = np.tile(np.arange(20, dtype=np.int32), store.user_count)
    indptr = np.arange(store.user_count + 1) * 20
    answers = []
    for count in (1, 2, 5):
        with pool.ThreadBudget(count).active():
            found = knn.nearest(by_user, own, by_movie, store.user_norm, 9)
            stars = knn.predict(found, by_user, np.full(70, 3.0), 1.0, indptr, movies)
        answers.append((found.users.tobytes(), found.similarities.tobytes(), stars.tobytes()))
    assert answers[0] == answers[1] == answers[2]


def test_queries_outside_the_data_are_refused():
    store = store_of(random_triples(4))
    by_user, by_movie = rows_of(store)
    norms, nobody = store.user_norm, np.array([-1], np.int32)

    def ask(indptr, movies, own, k=3):
        rows = SparseRows(
            np.array(indptr), np.array(movies, np.int32), np.ones(len(movies), np.float32)
        )
        return knn.nearest(rows, own, by_movie, norms, k)

    for indptr, movies, own, k in (
        ([0, 1], [10**6], nobody, 3),
        ([0, 1], [-1], nobody, 3),
        ([0, 2], [0], nobody, 3),
        ([0, 1], [0], np.array([store.user_count], np.int32), 3),
        ([0, 1], [0], nobody, 0),
        ([0, 1, 1], [0], nobody, 3),
    ):
        with pytest.raises(ValueError, match=r"rows|offsets|queries"):
            ask(indptr, movies, own, k)
    found = ask([0, 1], [0], nobody)
    for indptr, candidate in (([0, 1], 10**6), ([0, 1], -1), ([0, 2], 0), ([0, 1, 1], 0)):
        with pytest.raises(ValueError, match=r"rows|offsets|queries"):
            knn.predict(
                found,
                by_user,
                np.ones(store.movie_count),
                1.0,
                np.array(indptr),
                np.array([candidate], np.int32),
            )
