"""A linear ranker's terms, for many candidates at once; `reelrecs.scorer.ranker` says what they are."""  # noqa: E501

from __future__ import annotations

import numpy as np

from reelrecs.kernels.arrays import Doubles, Floats, Mask, Offsets
from reelrecs.kernels.jit import kernel


@kernel
def gather_inputs(
    values: Floats, places: Offsets, relative: Mask, indptr: Offsets, inputs: Floats
) -> None:
    """Fill inputs [terms, rows] with the columns at `places` of values [rows, columns].

    Of a `relative` one it is the distance from the highest among the rows of the same person.
    """
    for term in range(len(places)):
        column, row_of = places[term], inputs[term]
        for row in range(len(values)):
            row_of[row] = values[row, column]
        if relative[term]:
            for person in range(len(indptr) - 1):
                own = row_of[indptr[person] : indptr[person + 1]]
                highest = np.float32(-np.inf)
                for row in range(len(own)):
                    highest = max(highest, own[row])
                for row in range(len(own)):
                    own[row] -= highest


@kernel
def add_terms(
    inputs: Floats, gain: Doubles, center: Doubles, terms: Floats, scores: Floats
) -> bool:
    """Fill the linear terms [rows, terms] and the scores, whose last term may stand there already.

    A score is the float32 sum of its terms from left to right. Returns whether all are finite.
    """
    finite = True
    for row in range(len(terms)):
        score = np.float32(0.0)
        for term in range(terms.shape[1]):
            if term < len(inputs):
                terms[row, term] = gain[term] * (np.float64(inputs[term, row]) - center[term])
            finite = finite and np.isfinite(terms[row, term])
            score = terms[row, term] if term == 0 else score + terms[row, term]
        scores[row] = score
        finite = finite and np.isfinite(score)
    return finite
