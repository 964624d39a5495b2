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
    inputs: Floats,
    gain: Doubles,
    center: Doubles,
    other_gain: Doubles,
    other_center: Doubles,
    known: Doubles,
    counted: int,
    terms: Floats,
    scores: Floats,
) -> bool:
    """Fill the linear terms [rows, terms] and the scores; terms after the linear ones stand there.

    Where `known` [rows] is not empty it is the share of a row's terms, those that stand there
    already too, that counts beside the linear terms of the other parameters. A score is the float32
    sum of the first `counted` terms from left to right. Returns whether all are finite.
    """
    finite = True
    for row in range(len(terms)):
        score = np.float32(0.0)
        for term in range(counted):
            if term < len(inputs):
                value = np.float64(inputs[term, row])
                own = gain[term] * (value - center[term])
                if len(known) > 0:
                    other = other_gain[term] * (value - other_center[term])
                    own = known[row] * own + (1.0 - known[row]) * other
                terms[row, term] = own
            elif len(known) > 0:
                terms[row, term] = known[row] * np.float64(terms[row, term])
            finite = finite and np.isfinite(terms[row, term])
            score = terms[row, term] if term == 0 else score + terms[row, term]
        scores[row] = score
        finite = finite and np.isfinite(score)
    return finite


@kernel
def add_alternatives(indptr: Offsets, log_recall: float, terms: Floats, scores: Floats) -> None:
    """Make log chances of the scores, by the last term [rows, terms]: see `Ranker`."""
    for person in range(len(indptr) - 1):
        start, stop = indptr[person], indptr[person + 1]
        highest = -np.inf
        for row in range(start, stop):
            highest = max(highest, np.float64(scores[row]))
        total = 0.0
        for row in range(start, stop):
            total += np.exp(np.float64(scores[row]) - highest)
        term = np.float32(log_recall - highest - np.log(total))
        for row in range(start, stop):
            terms[row, terms.shape[1] - 1] = term
            scores[row] += term
