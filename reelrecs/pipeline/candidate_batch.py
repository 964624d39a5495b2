"""Candidates of several queries end to end, as compressed rows over the queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reelrecs.errors import StageError
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Mask

Offsets = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CandidateBatch:
    """The candidates `rows[indptr[q]:indptr[q + 1]]` are query q's."""

    indptr: Offsets  # [queries + 1]
    rows: Candidates  # of all queries; a movie may stand once for each

    @classmethod
    def of(cls, parts: Sequence[Candidates]) -> CandidateBatch:
        """Line up each query's candidates; those that are there must be of one kind.

        Raises StageError where they differ in channels, in feature columns or in terms.
        """
        indptr = np.zeros(len(parts) + 1, np.int64)
        np.cumsum([len(part) for part in parts], out=indptr[1:])
        filled = [part for part in parts if len(part)] or list(parts[:1])
        if len(filled) <= 1:
            return cls(indptr, filled[0] if filled else Candidates.empty(()))
        if len({_kind(part) for part in filled}) > 1:
            raise StageError("candidates of one batch need the same channels, columns and terms")
        scored = [part.scores for part in filled if part.scores is not None]
        return cls(
            indptr,
            Candidates(
                np.concatenate([part.movies for part in filled]),
                filled[0].channels,
                np.concatenate([part.retrieval_scores for part in filled]),
                _stacked([part.features for part in filled]),
                np.concatenate(scored) if scored else None,
                _stacked([part.terms for part in filled]),
            ),
        )

    def __len__(self) -> int:
        """How many queries there are."""
        return len(self.indptr) - 1

    def __getitem__(self, query: int) -> Candidates:
        """One query's candidates, as views; all of them where it is alone."""
        if len(self) == 1:
            return self.rows
        return self.rows.take(slice(*self.indptr[query : query + 2].tolist()))

    def __iter__(self) -> Iterator[Candidates]:
        return (self[query] for query in range(len(self)))

    @property
    def counts(self) -> Offsets:
        """[queries] how many candidates each has."""
        return np.diff(self.indptr)

    @property
    def owners(self) -> Offsets:
        """[candidates] whose each is."""
        return np.repeat(np.arange(len(self)), self.counts)

    def keys(self, movie_count: int) -> Offsets:
        """[candidates] a number for each pair of query and movie, in the order of the pairs."""
        if len(self) == 1:
            return self.rows.movies.astype(np.int64)
        return self.owners * movie_count + self.rows.movies

    def keep(self, mask: Mask) -> CandidateBatch:
        """The candidates under this mask."""
        if mask.all():
            return self
        kept = np.zeros(len(mask) + 1, np.int64)
        np.cumsum(mask, out=kept[1:])
        return CandidateBatch(kept[self.indptr], self.rows.take(mask))

    def reordered(self, indptr: Offsets, order: NDArray[np.int64]) -> CandidateBatch:
        """The candidates at these positions, cut anew."""
        return CandidateBatch(indptr, self.rows.take(order))

    def described(self, features: FeatureMatrix) -> CandidateBatch:
        """The same candidates with these features."""
        return CandidateBatch(self.indptr, replace(self.rows, features=features))


def merge(batches: Sequence[CandidateBatch], movie_count: int) -> CandidateBatch:
    """The union of several sources' candidates, each query's by ascending movie row.

    A movie that a channel did not find has retrieval score 0 there. Raises StageError for a channel
    that two sources name.
    """
    found = [batch for batch in batches if batch.rows.channels]
    channels = tuple(channel for batch in found for channel in batch.rows.channels)
    if len(set(channels)) < len(channels):
        twice = next(channel for channel in channels if channels.count(channel) > 1)
        raise StageError(f"channel {twice} is named twice: give each channel its source's name")
    if not found:
        return CandidateBatch(np.zeros(len(batches[0]) + 1, np.int64), Candidates.empty(()))
    keys = [batch.keys(movie_count) for batch in found]
    if len(found) == 1:
        if bool((keys[0][1:] > keys[0][:-1]).all()):
            return found[0]
        return found[0].reordered(found[0].indptr, np.argsort(keys[0]))
    together = np.concatenate(keys)
    order = np.argsort(together, kind="stable")  # the sources' lists ascend: they are merged
    ordered = together[order]
    fresh = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
    place = np.empty(len(order), np.int64)
    place[order] = np.cumsum(fresh) - 1
    union = ordered[fresh]
    retrieval_scores = np.zeros((len(union), len(channels)), np.float32)
    column, start = 0, 0
    for batch in found:
        names, stop = len(batch.rows.channels), start + len(batch.rows)
        retrieval_scores[place[start:stop], column : column + names] = batch.rows.retrieval_scores
        column, start = column + names, stop
    edges = np.arange(len(found[0]) + 1) * movie_count
    indptr = np.searchsorted(union, edges)
    movies = (union - np.repeat(edges[:-1], np.diff(indptr))).astype(np.int32)
    return CandidateBatch(indptr, Candidates(movies, channels, retrieval_scores))


def _kind(part: Candidates) -> tuple[Any, ...]:
    features, terms = part.features, part.terms
    return part.channels, features and features.columns, terms and terms.columns


def _stacked(parts: Sequence[FeatureMatrix | None]) -> FeatureMatrix | None:
    matrices = [part for part in parts if part is not None]
    if not matrices:
        return None
    return FeatureMatrix(matrices[0].columns, np.concatenate([one.values for one in matrices]))
