"""A request cut into blocks of users, and what its features lack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from reelrecs import config
from reelrecs.errors import ScorerError
from reelrecs.pipeline.candidates import FeatureMatrix, Rows
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.user_knn import QueryUser
from reelrecs.store.store import Store

FeaturesFor: TypeAlias = Callable[[QueryUser, Rows], FeatureMatrix]
"""Describes candidates of a user by every column that the model ranks by."""

WARM_CANDIDATES = 20
"""Candidates in the requests that warm a service up: a kernel compiles for one as for many."""


def require_agreement(counts: Sequence[int], movies: Rows, features: FeatureMatrix) -> None:
    """Raise ScorerError unless users, movies and features speak of as many candidates."""
    total = sum(counts)
    rows = len(features.values) if features.columns else total
    if not total == len(movies) == rows:
        raise ScorerError(
            f"{len(counts)} users with {total} candidates in all, {len(movies)} movies and {rows} "
            "rows of features: make them agree"
        )


def rows_of_matrix(matrix: FeatureMatrix, rows: slice) -> FeatureMatrix:
    """These rows; of a matrix without columns as many empty ones."""
    if matrix.columns:
        return FeatureMatrix(matrix.columns, matrix.values[rows])
    return FeatureMatrix((), np.zeros((rows.stop - rows.start, 0), np.float32))


def blocks(counts: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    """Users and their candidates, cut so that each block is done in a moment."""
    first = start = stop = 0
    for user, count in enumerate(counts):
        full = user - first >= config.BLOCK_USERS or stop - start + count > config.BLOCK_CANDIDATES
        if user > first and full:
            yield slice(first, user), slice(start, stop)
            first, start = user, stop
        stop += count
    yield slice(first, len(counts)), slice(start, stop)


def completed(
    sent: FeatureMatrix,
    model: ScoringModel,
    users: Sequence[QueryUser],
    counts: Sequence[int],
    movies: Rows,
    features_for: FeaturesFor | None,
) -> FeatureMatrix:
    """The columns that were sent, and those the model needs besides; the sent ones stand.

    What contradicts itself is left as it is, for the model to refuse.
    """
    missing = [name for name in model.ranker.required_columns if name not in sent.columns]
    whole = sum(counts) == len(movies) and (not sent.columns or len(sent.values) == len(movies))
    if not missing or not whole or features_for is None:
        return sent
    edges = np.cumsum([0, *counts])
    parts = [np.zeros((0, len(missing)), np.float32)]
    for user, start, stop in zip(users, edges[:-1], edges[1:], strict=True):
        if stop > start:
            made = features_for(user, movies[start:stop])
            parts.append(made.values[:, [made.columns.index(name) for name in missing]])
    values = np.concatenate(parts)
    if sent.columns:
        values = np.column_stack([sent.values, values])
    return FeatureMatrix((*sent.columns, *missing), values)


def warm_users(store: Store) -> list[Any]:
    """The user with the fewest ratings and one with the most: two ways to a list."""
    lengths = np.diff(store.by_user.indptr)
    return store.user_ids.at(np.array([lengths.argmin(), lengths.argmax()]))
