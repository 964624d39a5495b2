"""Several queries as arrays: histories end to end, and what else kernels read of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reelrecs.errors import StageError
from reelrecs.pipeline.candidates import Floats, Mask, Rows
from reelrecs.pipeline.query import Query


@dataclass(frozen=True, slots=True)
class Queries:
    """A batch of queries; one request is a batch of one."""

    items: tuple[Query, ...]
    indptr: NDArray[np.int64]  # [queries + 1] whose history is whose
    movies: Rows  # [ratings] each query's oldest first
    ratings: Floats  # [ratings] stars
    times: NDArray[np.int64]  # [ratings] seconds since 1970
    user_rows: Rows  # [queries] -1 for somebody the store does not hold
    as_of: NDArray[np.int64]  # [queries] seconds since 1970
    limits: NDArray[np.int64]  # [queries]
    include_seen: Mask  # [queries]
    masks: Mask  # [masks, movies of the store] each mask of the queries once
    mask_of: Rows  # [queries] its mask; -1: everything is allowed

    @classmethod
    def of(cls, queries: Sequence[Query]) -> Queries:
        """Line queries up; a history alone is not copied. Raises StageError for odd masks."""
        items = tuple(queries)
        indptr = np.zeros(len(items) + 1, np.int64)
        np.cumsum([len(query.movies) for query in items], out=indptr[1:])
        masks, mask_of = _masks(items)
        if len(items) == 1:
            alone = items[0]
            movies, ratings, times = alone.movies, alone.ratings, alone.times
        else:
            movies = np.concatenate([np.zeros(0, np.int32), *(one.movies for one in items)])
            ratings = np.concatenate([np.zeros(0, np.float32), *(one.ratings for one in items)])
            times = np.concatenate([np.zeros(0, np.int64), *(one.times for one in items)])
        return cls(
            items,
            indptr,
            movies,
            ratings,
            times,
            np.array([query.user_row for query in items], np.int32),
            np.array([query.as_of for query in items], np.int64),
            np.array([query.limit for query in items], np.int64),
            np.array([query.include_seen for query in items], np.bool_),
            masks,
            mask_of,
        )

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> Query:
        return self.items[place]

    def __iter__(self) -> Iterator[Query]:
        return iter(self.items)

    def take(self, places: Sequence[int], limits: Sequence[int]) -> Queries:
        """The queries at these places, with other limits."""
        pairs = zip(places, limits, strict=True)
        return Queries.of([replace(self.items[place], limit=limit) for place, limit in pairs])


def _masks(items: Sequence[Query]) -> tuple[Mask, Rows]:
    """The distinct masks, stacked, and which is whose."""
    places: dict[int, int] = {}
    masks: list[Mask] = []
    mask_of = np.full(len(items), -1, np.int32)
    for at, query in enumerate(items):
        if query.allowed is not None:
            if id(query.allowed) not in places:
                places[id(query.allowed)] = len(masks)
                masks.append(query.allowed)
            mask_of[at] = places[id(query.allowed)]
    if not masks:
        return np.zeros((0, 0), np.bool_), mask_of
    if len({mask.shape for mask in masks}) > 1 or any(mask.dtype != np.bool_ for mask in masks):
        raise StageError("allowed: give each query a mask over all movies of the store")
    return np.stack(masks), mask_of
