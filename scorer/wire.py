"""Between the messages of `proto/` and arrays over rows, both ways, checked at the door.

ids exist on the wire only: they become rows here. What contradicts itself is a ScorerError, an id
that the data does not hold is NotFound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from reelrecs import config
from reelrecs.datasets.feedback import HIGHEST_STARS
from reelrecs.datasets.ids import Id, column_of
from reelrecs.errors import ScorerError
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import FeatureMatrix, Floats, Rows
from reelrecs.pipeline.query import Query
from reelrecs.proto import recommendations_pb2, scorer_pb2
from reelrecs.scorer.batches import required_features
from reelrecs.scorer.ranker import require_finite
from reelrecs.scorer.user_knn import QueryUser, is_stored, stored_user
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
    """View a packed matrix without a copy, once it is known to be whole and named."""
    columns, data = tuple(message.columns), message.values
    if len(data) != 4 * message.rows * len(columns):
        raise ScorerError(
            f"a matrix of {message.rows} rows and {len(columns)} columns takes "
            f"{4 * message.rows * len(columns)} bytes, not {len(data)}: send float32 values"
        )
    if len(set(columns)) < len(columns) or "" in columns:
        raise ScorerError(f"columns {', '.join(columns)}: give each a name of its own")
    values = np.frombuffer(data, LITTLE).reshape(message.rows, len(columns))
    return FeatureMatrix(columns, values)


def rows_of(store: Store, ids: Sequence[Id]) -> Rows:
    """Movie rows of these ids; raises NotFound for the first that the data does not hold."""
    rows = store.movie_ids.rows_of(column_of(ids))
    missing = np.flatnonzero(rows < 0)
    if len(missing):
        store.movie_row(ids[int(missing[0])])
    return rows


def named_movies(message: Any) -> Sequence[Id]:
    """The movies that a message names, by numbers or by texts; raises ScorerError for both."""
    if message.movie_ids and message.movie_id_texts:
        raise ScorerError("movies are given both by number and by text: give one of the lists")
    named: Sequence[Id] = message.movie_ids or message.movie_id_texts
    return named


def naming_movies(store: Store, rows: Rows) -> dict[str, Any]:
    """The field of a message that names these movies."""
    field = "movie_id_texts" if store.movie_ids.is_text else "movie_ids"
    return {field: store.movie_ids.at(rows)}


def naming(what: str, id_: Id) -> dict[str, Any]:
    """The field of a message that names one `user` or `movie`."""
    return {f"{what}_id_text" if isinstance(id_, str) else f"{what}_id": id_}


def score_request(
    store: Store, queries: Sequence[Query], candidates: CandidateBatch
) -> scorer_pb2.ScoreRequest:
    """Ask for the scores of each query's candidates."""
    features = required_features(candidates.rows)
    return scorer_pb2.ScoreRequest(
        dataset_digest=store.digest,
        users=[
            _user_message(store, query, count)
            for query, count in zip(queries, candidates.counts.tolist(), strict=True)
        ],
        features=matrix_message(features),
        **naming_movies(store, candidates.rows.movies),
    )


def users_of(store: Store, users: Iterable[scorer_pb2.User]) -> tuple[list[QueryUser], list[int]]:
    """Read who is asked for and how many candidates each has."""
    query_users, counts = [], []
    for user in users:
        named = user.WhichOneof("user")
        row = -1 if named is None else store.user_row(getattr(user, named))
        if user.HasField("history"):
            query_users.append(_query_user(store, row, user.history))
        elif row >= 0:
            query_users.append(stored_user(store, row))
        else:
            raise ScorerError("a user came without id and without history: give one or both")
        counts.append(user.candidates)
    return query_users, counts


def scores_of(response: scorer_pb2.ScoreResponse, count: int) -> tuple[Floats, FeatureMatrix]:
    """Read an answer for so many candidates; raises ScorerError unless it is whole."""
    scores = np.array(response.scores, np.float32)
    terms = matrix_of(response.terms)
    require_finite(terms)
    if not len(scores) == len(terms.values) == count:
        raise ScorerError(
            f"the scorer answered {count} candidates with {len(scores)} scores and "
            f"{len(terms.values)} rows of terms: it is at fault, use another"
        )
    if not np.isfinite(scores).all():
        raise ScorerError("the scorer answered with a score that is no number: use another")
    return scores, terms


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
    known = naming("user", store.user_ids[query.user_row]) if query.user_row >= 0 else {}
    user = scorer_pb2.User(candidates=candidates, **known)
    if is_stored(store, QueryUser(query.user_row, query.movies, query.ratings)):
        return user
    history = scorer_pb2.History(
        ratings=query.ratings.tolist(), **naming_movies(store, query.movies)
    )
    user.history.CopyFrom(history)
    return user


def _query_user(store: Store, row: int, history: scorer_pb2.History) -> QueryUser:
    movies = rows_of(store, named_movies(history))
    ratings = np.array(history.ratings, np.float32)
    if len(movies) != len(ratings) or len(np.unique(movies)) < len(movies):
        raise ScorerError(
            f"a history of {len(movies)} movies and {len(ratings)} ratings: give every movie once "
            "and a rating for each"
        )
    highest = max(store.max_rating, HIGHEST_STARS)
    wrong = ~((ratings > 0.0) & (ratings <= highest))
    if wrong.any():
        raise ScorerError(
            f"a history holds the rating {ratings[wrong][0]:g}: give stars above 0, up to "
            f"{highest:g}"
        )
    return QueryUser(row, movies, ratings)
