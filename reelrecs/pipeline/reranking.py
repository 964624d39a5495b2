"""What a re-ranker answers: the order of the list, and a term for what the order cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import FeatureMatrix, Floats


class Reranking(NamedTuple):
    """The list that is shown, and what being in this company adds to each score."""

    order: NDArray[np.int64]  # [n] positions of candidates, best first, none twice
    term: str = ""  # name of the adjustment; none where scores stay as they are
    adjustment: Floats | None = None  # [n] in the list's order


class BatchReranking(NamedTuple):
    """The lists of several queries end to end."""

    indptr: NDArray[np.int64]  # [queries + 1] whose list is whose
    order: NDArray[np.int64]  # [n] positions among the candidates of all queries
    term: str = ""  # name of the adjustment; none where scores stay as they are
    adjustment: Floats | None = None  # [n] in the lists' order; 0 where a list needs none

    @classmethod
    def of(cls, parts: Sequence[Reranking | None], candidates: CandidateBatch) -> BatchReranking:
        """Line up each query's list; None is an empty one."""
        indptr = np.zeros(len(parts) + 1, np.int64)
        np.cumsum([0 if part is None else len(part.order) for part in parts], out=indptr[1:])
        starts = candidates.indptr.tolist()
        orders = [part.order + start for part, start in zip(parts, starts, strict=False) if part]
        term = next((part.term for part in parts if part and part.adjustment is not None), "")
        adjustments = [
            np.zeros(len(part.order), np.float32) if part.adjustment is None else part.adjustment
            for part in parts
            if part
        ]
        return cls(
            indptr,
            np.concatenate([np.zeros(0, np.int64), *orders]),
            term,
            np.concatenate([np.zeros(0, np.float32), *adjustments]) if term else None,
        )

    def lists(self, candidates: CandidateBatch) -> CandidateBatch:
        """The lists themselves: the adjustment is the last of the terms and part of the scores.

        A score stays the float32 sum of its terms from left to right.
        """
        ranked = candidates.reordered(self.indptr, self.order)
        rows = ranked.rows
        if self.adjustment is None or rows.scores is None or rows.terms is None:
            return ranked
        terms = rows.terms.values
        values = np.empty((len(terms), terms.shape[1] + 1), np.float32)
        values[:, :-1] = terms
        values[:, -1] = self.adjustment
        rows = replace(
            rows,
            scores=rows.scores + self.adjustment,
            terms=FeatureMatrix((*rows.terms.columns, self.term), values),
        )
        return CandidateBatch(self.indptr, rows)
