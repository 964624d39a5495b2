"""What a re-ranker answers: the order of the list, and a term for what the order cost."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Floats


class Reranking(NamedTuple):
    """The list that is shown, and what being in this company adds to each score."""

    order: NDArray[np.int64]  # [n] positions of candidates, best first, none twice
    term: str = ""  # name of the adjustment; none where scores stay as they are
    adjustment: Floats | None = None  # [n] in the list's order

    def of(self, candidates: Candidates) -> Candidates:
        """The list itself: the adjustment is the last of its terms and part of its scores.

        A score stays the float32 sum of its terms from left to right.
        """
        ranked = candidates.take(self.order)
        if self.adjustment is None or ranked.scores is None or ranked.terms is None:
            return ranked
        term = FeatureMatrix((self.term,), self.adjustment[:, None])
        return replace(
            ranked,
            scores=ranked.scores + self.adjustment,
            terms=FeatureMatrix.side_by_side([ranked.terms, term]),
        )
