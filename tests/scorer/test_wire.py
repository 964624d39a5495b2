"""Messages to arrays and back; what contradicts itself is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from reelrecs.errors import NotFound, ScorerError
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix
from reelrecs.pipeline.queries import Queries
from reelrecs.proto import scorer_pb2
from reelrecs.proto.recommendations_pb2 import CandidateFeatures
from reelrecs.scorer import wire
from reelrecs.scorer.user_knn import UserBatch
from reelrecs.stages.user_context import build_query, query_of_history
from tests.worlds import random_triples, store_of

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)


@pytest.fixture(scope="module")
def store():
    return store_of(random_triples(7), movie_count=65)


@given(arrays.arrays(np.float32, st.tuples(st.integers(0, 9), st.integers(0, 5)), elements=FINITE))
def test_a_matrix_comes_back_as_it_went(values):
    columns = tuple("abcde"[: values.shape[1]])
    for order in ("C", "F"):
        sent = wire.matrix_message(FeatureMatrix(columns, np.asarray(values, order=order)))
        back = wire.matrix_of(scorer_pb2.FeatureMatrix.FromString(sent.SerializeToString()))
        assert back.columns == columns
        assert back.values.tobytes() == values.tobytes()
        assert back.values.shape == values.shape


@pytest.mark.parametrize(
    ("rows", "columns", "data", "said"),
    [
        (2, ["a"], b"\0" * 7, "takes 8 bytes, not 7"),
        (2**32 - 1, ["a"], b"\0" * 4, "takes 17179869180 bytes, not 4"),
        (1, ["a", "a"], b"\0" * 8, "a name of its own"),
        (1, ["a", ""], b"\0" * 8, "a name of its own"),
    ],
)
def test_a_matrix_that_contradicts_itself_is_refused(rows, columns, data, said):
    message = scorer_pb2.FeatureMatrix(rows=rows, columns=columns, values=data)
    with pytest.raises(ScorerError, match=said):
        wire.matrix_of(message)


def test_ids_become_rows_and_the_first_unknown_is_named(store):
    ids = store.movie_ids.at([5, 0, 64])
    assert wire.rows_of(store, ids).tolist() == [5, 0, 64]
    assert wire.rows_of(store, []).tolist() == []
    for unknown in (0, 66, 2**32 - 1):
        with pytest.raises(NotFound, match=f"no movie {unknown} in world"):
            wire.rows_of(store, [1, unknown, 77])


def batch(store, movies, columns=("a",)):
    values = np.arange(len(movies) * len(columns), dtype=np.float32).reshape(len(movies), -1)
    return Candidates(np.array(movies, np.int32), features=FeatureMatrix(columns, values))


def requested(store, queries, batches):
    return wire.score_request(store, Queries.of(queries), CandidateBatch.of(batches))


def test_a_stored_user_travels_by_id_alone_and_comes_back_whole(store):
    queries = [build_query(store, row, 5) for row in (3, 0)]
    request = requested(store, queries, [batch(store, [1, 2]), batch(store, [9])])
    assert [user.HasField("history") for user in request.users] == [False, False]
    assert request.dataset_digest == store.digest
    assert request.movie_ids == store.movie_ids.at([1, 2, 9])
    assert wire.matrix_of(request.features).values.tolist() == [[0.0], [1.0], [0.0]]
    people, counts = wire.users_of(store, request.users)
    users = UserBatch.of(people)
    assert counts == [2, 1]
    assert users.rows.tolist() == [3, 0]
    for at, query in enumerate(queries):
        part = slice(users.histories.indptr[at], users.histories.indptr[at + 1])
        assert np.array_equal(users.histories.indices[part], query.movies)
        assert np.array_equal(users.histories.values[part], query.ratings)


@pytest.mark.parametrize("row", [-1, 4])
@pytest.mark.parametrize("length", [0, 3])
def test_another_history_travels_itself_even_an_empty_one(store, row, length):
    movies = np.arange(length, dtype=np.int32)
    ratings = np.full(length, 4.5, np.float32)
    query = query_of_history(store, movies, ratings, np.arange(length), 5, row)
    request = requested(store, [query], [batch(store, [7])])
    assert request.users[0].HasField("user_id") == (row >= 0)
    (user,), _ = wire.users_of(store, request.users)
    assert user.row == row
    assert user.movies.tolist() == movies.tolist()
    assert user.ratings.tolist() == ratings.tolist()


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ({"candidates": 1}, "without id and without history"),
        ({"history": {"movie_ids": [1, 2], "ratings": [4.0]}}, "2 movies and 1 ratings"),
        ({"history": {"movie_ids": [1, 1], "ratings": [4.0, 4.0]}}, "every movie once"),
        ({"history": {"movie_ids": [1], "ratings": [float("nan")]}}, "the rating nan"),
        ({"history": {"movie_ids": [1], "ratings": [0.0]}}, "the rating 0: give stars above 0"),
        ({"history": {"movie_ids": [1], "ratings": [5.5]}}, "the rating 5.5: .* up to 5"),
        ({"history": {"movie_ids": [1], "ratings": [3e38]}}, "the rating 3e"),
    ],
)
def test_users_that_contradict_themselves_are_refused(store, user, said):
    with pytest.raises(ScorerError, match=said):
        wire.users_of(store, [scorer_pb2.User(**user)])


def test_unknown_users_and_movies_of_a_history_are_not_found(store):
    with pytest.raises(NotFound, match="no user 999"):
        wire.users_of(store, [scorer_pb2.User(user_id=999)])
    history = scorer_pb2.History(movie_ids=[999], ratings=[4.0])
    with pytest.raises(NotFound, match="no movie 999"):
        wire.users_of(store, [scorer_pb2.User(history=history)])


def test_candidates_without_features_are_refused(store):
    query = build_query(store, 0, 5)
    bare = Candidates(np.zeros(1, np.int32))
    with pytest.raises(ScorerError, match="add a featurizer"):
        requested(store, [query], [bare])


def test_an_answer_that_is_not_whole_is_refused():
    def answer(scores, rows):
        terms = FeatureMatrix(("t",), np.zeros((rows, 1), np.float32))
        return scorer_pb2.ScoreResponse(scores=scores, terms=wire.matrix_message(terms))

    scores, terms = wire.scores_of(answer([0.5, 0.25, 0.75], 3), 3)
    assert (scores.tolist(), len(terms.values)) == ([0.5, 0.25, 0.75], 3)
    for response in (answer([0.5], 2), answer([0.5, 0.5], 1), scorer_pb2.ScoreResponse()):
        with pytest.raises(ScorerError, match="answered 2 candidates with"):
            wire.scores_of(response, 2)
    with pytest.raises(ScorerError, match="no number"):
        wire.scores_of(answer([0.5, float("nan")], 2), 2)
    lying = answer([0.5], 1)
    lying.terms.values = np.array([np.inf], "<f4").tobytes()
    with pytest.raises(ScorerError, match="column t, row 0 is not finite"):
        wire.scores_of(lying, 1)


def test_the_compatible_columns_are_those_of_its_message():
    assert wire.CANDIDATE_COLUMNS == (
        "genre_overlap_score",
        "genre_diversity_score",
        "collaborative_score",
        "similar_users_count",
        "avg_rating",
        "rating_count",
        "popularity_percentile",
        "movie_year",
        "year_preference_score",
        "days_since_released",
    )


def test_counts_and_percents_become_shares_for_the_whole_request():
    def columns(collaborative, percentile):
        matrix = wire.candidate_matrix(
            [
                CandidateFeatures(collaborative_score=a, popularity_percentile=b)
                for a, b in zip(collaborative, percentile, strict=True)
            ]
        )
        return [
            matrix.column(name).tolist()
            for name in ("collaborative_score", "popularity_percentile")
        ]

    assert columns([1.0, 0.5], [1.0, 0.25]) == [[1.0, 0.5], [1.0, 0.25]]
    assert columns([1.0, 500.0], [100.0, 1.0]) == [
        pytest.approx([0.002, 1.0]),
        pytest.approx([1.0, 0.01]),
    ]
    assert columns([501.0], [0.5])[0][0] > 1.0
    assert columns([], []) == [[], []]


def test_an_absent_year_is_0():
    matrix = wire.candidate_matrix([CandidateFeatures(), CandidateFeatures(movie_year=1999)])
    assert matrix.column("movie_year").tolist() == [0.0, 1999.0]
