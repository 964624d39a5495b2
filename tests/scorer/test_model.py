"""The model: batches, neighbours, and what a good score is made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelrecs.errors import ModelError, ScorerError
from reelrecs.kernels.knn import SparseRows
from reelrecs.pipeline.candidates import FeatureMatrix
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.ranker import Ranker
from reelrecs.scorer.user_knn import KnnSettings, QueryUser, UserBatch, UserKnn, stored_user
from tests.scorer.sklearn_knn import SklearnNearest
from tests.worlds import random_triples, store_of, triples

COLUMNS = Ranker.fixed().required_columns


def features(count, seed=0):
    values = np.random.default_rng(seed).random((count, len(COLUMNS)), dtype=np.float32)
    return FeatureMatrix(COLUMNS, values)


def everybody(store):
    return UserBatch.of([stored_user(store, row) for row in range(store.user_count)])


@pytest.fixture(scope="module")
def store():
    return store_of(random_triples(5), movie_count=65)


def test_one_call_for_many_people_is_many_calls_for_one(store):
    model = ScoringModel.fixed(store)
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 9, store.user_count).tolist()
    movies = rng.integers(0, 65, sum(counts)).astype(np.int32)
    matrix = features(len(movies))
    scores, terms = model.score_batch(everybody(store), counts, movies, matrix)
    edges = np.cumsum([0, *counts])
    for row in range(store.user_count):
        at = slice(edges[row], edges[row + 1])
        alone, parts = model.score_batch(
            UserBatch.of([stored_user(store, row)]),
            [counts[row]],
            movies[at],
            FeatureMatrix(COLUMNS, matrix.values[at]),
        )
        assert alone.tobytes() == scores[at].tobytes()
        assert parts.values.tobytes() == terms.values[at].tobytes()


def test_cf_is_the_shrunken_mean_of_the_neighbours_on_the_unit_scale():
    world = store_of([(1, 1, 4.0), (2, 1, 4.0), (2, 2, 5.0), (3, 1, 4.0), (3, 2, 1.0), (4, 3, 2.0)])
    knn = UserKnn(world, KnnSettings(k=2, shrinkage=1.0))
    users = UserBatch.of([stored_user(world, 0)])
    near, far = 4.0 / np.hypot(4, 5), 4.0 / np.hypot(4, 1)
    stars = (near * 5.0 + far * 1.0 + 1.0 * 3.0) / (near + far + 1.0)
    scores = knn.scores(users, np.array([0, 2]), np.array([1, 2], np.int32))
    assert scores.tolist() == pytest.approx([(stars - 1.0) / 4.0, (2.0 - 1.0) / 4.0])


def test_no_neighbour_means_the_movies_own_mean_and_no_rating_the_datas():
    world = store_of([(1, 1, 5.0), (2, 2, 4.0), (2, 3, 1.0)], movie_count=4)
    knn = UserKnn(world, KnnSettings())
    stranger = UserBatch.of([QueryUser(-1, np.zeros(0, np.int32), np.zeros(0, np.float32))])
    scores = knn.scores(stranger, np.array([0, 4]), np.arange(4, dtype=np.int32))
    mean = (10.0 / 3.0 - 1.0) / 4.0
    assert scores.tolist() == pytest.approx([1.0, 0.75, 0.0, mean])


def test_distinct_evidence_gives_distinct_scores(store):
    matrix = features(60)
    scores, _ = ScoringModel.fixed(store).score_batch(
        UserBatch.of([stored_user(store, 0)]), [60], np.arange(60, dtype=np.int32), matrix
    )
    assert len(set(scores.tolist())) == 60
    assert scores.max() < 1.0


def test_a_collaborative_count_is_refused_not_clamped(store):
    matrix = features(2)
    matrix.column("collaborative_score")[1] = 37.0
    with pytest.raises(ScorerError, match="column collaborative_score must be on"):
        ScoringModel.fixed(store).score_batch(
            UserBatch.of([stored_user(store, 0)]), [2], np.array([0, 1], np.int32), matrix
        )


def test_a_blend_without_cf_looks_for_no_neighbours(store):
    ranker = Ranker(
        "plain", ("a",), ("a",), ("identity",), np.zeros(1), np.ones(1), np.array([2.0])
    )
    model = ScoringModel(store, ranker, KnnSettings())
    nobody_could = UserBatch.of(
        [QueryUser(-1, np.array([10**6], np.int32), np.ones(1, np.float32))]
    )
    matrix = FeatureMatrix(("a",), np.array([[4.0]], np.float32))
    scores, _ = model.score_batch(nobody_could, [1], np.zeros(1, np.int32), matrix)
    assert scores.tolist() == [8.0]


@pytest.mark.parametrize(("counts", "movies", "rows"), [([3], 2, 2), ([2], 2, 3), ([1, 1], 2, 2)])
def test_counts_that_disagree_are_refused(store, counts, movies, rows):
    with pytest.raises(ScorerError, match="make them agree"):
        ScoringModel.fixed(store).score_batch(
            UserBatch.of([stored_user(store, 0)]),
            counts,
            np.zeros(movies, np.int32),
            features(rows),
        )


def sklearn_neighbours(store, users, k):
    by_user = SparseRows(store.by_user.indptr, store.by_user.movies, store.by_user.ratings)
    return SklearnNearest(by_user, store.movie_count).nearest(users.histories, users.rows, k)


@settings(max_examples=20)
@given(triples(), triples(), st.integers(1, 14))
def test_scikit_learn_finds_the_same_neighbours(world, others, k):
    store, strangers = store_of(world, 15), store_of(others, 15)
    by_user = strangers.by_user
    outside = [
        QueryUser(-1, by_user.movies[start:stop], by_user.ratings[start:stop])
        for start, stop in zip(by_user.indptr[:-1], by_user.indptr[1:], strict=True)
    ]
    inside = [stored_user(store, row) for row in range(store.user_count)]
    users = UserBatch.of(
        [*inside, *outside, QueryUser(-1, by_user.movies[:0], by_user.ratings[:0])]
    )
    kernel = UserKnn(store, KnnSettings(k=k)).neighbours(users)
    sklearn = sklearn_neighbours(store, users, k)
    assert np.array_equal(kernel.users, sklearn.users)
    assert np.array_equal(kernel.similarities, sklearn.similarities)


def test_scikit_learn_is_asked_again_when_many_users_tie_at_the_edge():
    world = store_of([(user, 1, 4.0) for user in range(300)])
    users = UserBatch.of([stored_user(world, row) for row in (0, 1, 299)])
    found = sklearn_neighbours(world, users, 3)
    assert found.users.tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 2]]


@pytest.mark.parametrize(
    "bad", [{"k": 0}, {"k": 2.5}, {"k": 10**9}, {"shrinkage": -1.0}, {"shrinkage": float("nan")}]
)
def test_settings_that_cannot_be_are_refused(bad):
    with pytest.raises(ModelError, match="cannot be"):
        KnnSettings(**bad)
