"""Between the messages of `proto/` and arrays over rows, both ways, checked at the door.

ids exist on the wire only: they become rows here. What contradicts itself is a ScorerError, an id
that the data does not hold is NotFound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from reelrecs import config
from reelrecs.errors import ScorerError
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Floats, Rows
from reelrecs.pipeline.query import Query
from reelrecs.proto import recommendations_pb2, scorer_pb2
from reelrecs.scorer.user_knn import QueryUser, UserBatch, stored_user
from reelrecs.store.store import Store

LITTLE = np.dtype("<f4")

CANDIDATE_COLUMNS = tuple(
    field.name
    for field in recommendations_pb2.CandidateFeatures.DESCRIPTOR.fields
    if field.name != "movie_id"
)
"""The columns of the compatible service: the fields of its message without the id."""

COUNTED_COLUMNS = {
    "collaborative_score": float(config.THUNDER_NEIGHBOURS),
    "popularity_percentile": 100.0,
}
"""Columns that its clients send as shares or as numbers out of these."""


def matrix_message(matrix: FeatureMatrix) -> scorer_pb2.FeatureMatrix:
    """Pack a matrix."""
    return scorer_pb2.FeatureMatrix(
        columns=matrix.columns,
        rows=len(matrix.values),
        values=np.ascontiguousarray(matrix.values, LITTLE).tobytes(),
    )


def matrix_of(message: scorer_pb2.FeatureMatrix) -> FeatureMatrix:
    """View a packed matrix without a copy, once it is known to be whole, named and finite."""
    columns, data = tuple(message.columns), message.values
    if len(data) != 4 * message.rows * len(columns):
        raise ScorerError(
            f"a matrix of {message.rows} rows and {len(columns)} columns takes "
            f"{4 * message.rows * len(columns)} bytes, not {len(data)}: send float32 values"
        )
    if len(set(columns)) < len(columns) or "" in columns:
        raise ScorerError(f"columns {', '.join(columns)}: give each a name of its own")
    values = np.frombuffer(data, LITTLE).reshape(message.rows, len(columns))
    if not np.isfinite(values).all():
        row, at = np.argwhere(~np.isfinite(values))[0]
        raise ScorerError(f"column {columns[at]}, row {row} is not finite: mend the features")
    return FeatureMatrix(columns, values)


def rows_of(store: Store, ids: Sequence[int]) -> Rows:
    """Movie rows of these ids; raises NotFound for the first that the data does not hold."""
    wanted = np.array(ids, np.uint32)
    at = np.searchsorted(store.movie_ids, wanted)
    at[at == store.movie_count] = 0
    missing = store.movie_ids[at] != wanted
    if missing.any():
        store.movie_row(int(wanted[missing][0]))
    return at.astype(np.int32)


def score_request(
    store: Store, queries: Sequence[Query], batches: Sequence[Candidates]
) -> scorer_pb2.ScoreRequest:
    """Ask for the scores of each query's candidates, which all have the same feature columns."""
    matrices = [batch.features for batch in batches if batch.features is not None]
    if len(matrices) < len(batches) or len({matrix.columns for matrix in matrices}) != 1:
        raise ScorerError("candidates need features, the same columns for all: add a featurizer")
    movies = np.concatenate([batch.movies for batch in batches])
    values = matrices[0].values
    if len(matrices) > 1:
        values = np.concatenate([matrix.values for matrix in matrices])
    return scorer_pb2.ScoreRequest(
        dataset_digest=store.digest,
        users=[
            _user_message(store, query, len(batch))
            for query, batch in zip(queries, batches, strict=True)
        ],
        movie_ids=store.movie_ids[movies].tolist(),
        features=matrix_message(FeatureMatrix(matrices[0].columns, values)),
    )


def user_batch_of(store: Store, users: Iterable[scorer_pb2.User]) -> tuple[UserBatch, list[int]]:
    """Read who is asked for and how many candidates each has."""
    query_users, counts = [], []
    for user in users:
        row = store.user_row(user.user_id) if user.HasField("user_id") else -1
        if user.HasField("history"):
            query_users.append(_query_user(store, row, user.history))
        elif row >= 0:
            query_users.append(stored_user(store, row))
        else:
            raise ScorerError("a user came without id and without history: give one or both")
        counts.append(user.candidates)
    return UserBatch.of(query_users), counts


def scores_of(
    response: scorer_pb2.ScoreResponse, counts: Sequence[int]
) -> list[tuple[Floats, FeatureMatrix]]:
    """Read an answer, cut into each user's share; raises ScorerError unless it is whole."""
    scores = np.array(response.scores, np.float32)
    terms = matrix_of(response.terms)
    if not len(scores) == len(terms.values) == sum(counts):
        raise ScorerError(
            f"the scorer answered {sum(counts)} candidates with {len(scores)} scores and "
            f"{len(terms.values)} rows of terms: it is at fault, use another"
        )
    if not np.isfinite(scores).all():
        raise ScorerError("the scorer answered with a score that is no number: use another")
    edges = np.cumsum([0, *counts]).tolist()
    return [
        (scores[start:stop], FeatureMatrix(terms.columns, terms.values[start:stop]))
        for start, stop in pairwise(edges)
    ]


def candidate_matrix(
    features: Sequence[recommendations_pb2.CandidateFeatures],
) -> FeatureMatrix:
    """Read the compatible service's candidates; an absent year is 0.

    Its clients send the collaborative score as a share or as a count of similar users, and the
    percentile as a share or in percent. A column with any value above 1 is read as the latter and
    divided, as a whole, so that within a request the order by evidence stays; values beyond the
    largest possible count stay above 1 and are refused by the ranker.
    """
    values = np.array(
        [[getattr(one, name) for name in CANDIDATE_COLUMNS] for one in features], np.float32
    ).reshape(len(features), len(CANDIDATE_COLUMNS))
    matrix = FeatureMatrix(CANDIDATE_COLUMNS, values)
    for name, most in COUNTED_COLUMNS.items():
        column = matrix.column(name)
        if len(column) and column.max() > 1.0:
            column /= np.float32(most)
    return matrix


def _user_message(store: Store, query: Query, candidates: int) -> scorer_pb2.User:
    """Name a user by id alone where the data holds this very history."""
    user = scorer_pb2.User(candidates=candidates)
    if query.user_row >= 0:
        user.user_id = int(store.user_ids[query.user_row])
        stored = stored_user(store, query.user_row)
        if np.array_equal(stored.movies, query.movies) and np.array_equal(
            stored.ratings, query.ratings
        ):
            return user
    history = scorer_pb2.History(
        movie_ids=store.movie_ids[query.movies].tolist(), ratings=query.ratings.tolist()
    )
    user.history.CopyFrom(history)
    return user


def _query_user(store: Store, row: int, history: scorer_pb2.History) -> QueryUser:
    movies = rows_of(store, history.movie_ids)
    ratings = np.array(history.ratings, np.float32)
    if len(movies) != len(ratings) or len(np.unique(movies)) < len(movies):
        raise ScorerError(
            f"a history of {len(movies)} movies and {len(ratings)} ratings: give every movie once "
            "and a rating for each"
        )
    if not (np.isfinite(ratings) & (ratings > 0.0)).all():
        raise ScorerError("a history holds a rating that is no number above 0: give stars")
    return QueryUser(row, movies, ratings)
