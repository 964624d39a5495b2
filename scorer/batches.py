"""Candidates of many queries side by side, as a scorer wants them, and cut apart again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from reelrecs.errors import ScorerError
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Floats, Rows


def joined(batches: Sequence[Candidates]) -> tuple[Rows, FeatureMatrix]:
    """Movies and features of all batches, at least one; one alone is not copied.

    Raises ScorerError unless all have features, and the same columns.
    """
    matrices = [batch.features for batch in batches if batch.features is not None]
    if len(matrices) < len(batches) or len({matrix.columns for matrix in matrices}) != 1:
        raise ScorerError("candidates need features, the same columns for all: add a featurizer")
    if len(batches) == 1:
        return batches[0].movies, matrices[0]
    movies = np.concatenate([batch.movies for batch in batches])
    values = np.concatenate([matrix.values for matrix in matrices])
    return movies, FeatureMatrix(matrices[0].columns, values)


def with_scores(
    batches: Sequence[Candidates], scores: Floats, terms: FeatureMatrix
) -> list[Candidates]:
    """Each batch with its share of the scores and terms, which stand in the batches' order."""
    edges = np.cumsum([0, *(len(batch) for batch in batches)]).tolist()
    return [
        replace(
            batch,
            scores=scores[start:stop],
            terms=FeatureMatrix(terms.columns, terms.values[start:stop]),
        )
        for batch, (start, stop) in zip(batches, pairwise(edges), strict=True)
    ]


def parts_by_size(batches: Sequence[Candidates], most: int) -> Iterator[slice]:
    """Neighbours of about so many bytes of features together; a larger one stands alone."""
    start = size = 0
    for at, batch in enumerate(batches):
        own = 0 if batch.features is None else batch.features.values.nbytes
        if at > start and size + own > most:
            yield slice(start, at)
            start, size = at, 0
        size += own
    if len(batches) > start:
        yield slice(start, len(batches))
