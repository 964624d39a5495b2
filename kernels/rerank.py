"""Maximal marginal relevance: a list that is good and does not repeat itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Doubles, Floats, Offsets, Rows, Words, Years
from reelrecs.kernels.content import content_similarity
from reelrecs.kernels.jit import kernel


def marginal_relevance(
    relevance: NDArray[np.float64],
    movies: NDArray[np.int32],
    genres: NDArray[np.uint64],
    years: NDArray[np.int16],
    strength: float,
    era_span: float,
    era_share: float,
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Positions of at most `limit` candidates, best first (Carbonell & Goldstein 1998).

    Also, in the same order, each one's similarity to the movies before it when it was taken.

    Each step takes the largest (1 - strength) * relevance - strength * similarity, similarity being
    that to the most alike movie taken so far: (1 - era_share) * Jaccard of genres + era_share *
    closeness of years, which falls to 0 at `era_span` years and is 0 where a year is unknown.
    Ties go to the smaller movie row. Relevance must be finite. O(limit * candidates).
    """
    n = len(movies)
    order = np.empty(min(limit, n), np.int64)
    left = np.arange(n)
    similarity = np.zeros(n)
    similarities = np.empty(len(order))
    _marginal_relevance(
        relevance,
        movies,
        genres,
        years,
        strength,
        float(era_span),
        era_share,
        left,
        similarity,
        order,
        similarities,
    )
    return order, similarities


def descending_adjustments(
    scores: NDArray[np.float32], penalties: NDArray[np.float64]
) -> NDArray[np.float32]:
    """What to add to each score, in float32, so that the sums descend: -penalty but for rounding.

    scores - penalties must descend but for rounding too, as the marginal relevance of a greedy list
    does: what is left loses relevance with every movie that is taken.
    """
    adjustments = np.empty(len(scores), np.float32)
    _descending_adjustments(scores, penalties, adjustments)
    return adjustments


@kernel
def _marginal_relevance(
    relevance: Doubles,
    movies: Rows,
    genres: Words,
    years: Years,
    strength: float,
    era_span: float,
    era_share: float,
    left: Offsets,
    similarity: Doubles,
    order: Offsets,
    similarities: Doubles,
) -> None:
    taken = -1
    for step in range(len(order)):
        best = 0
        best_value = -np.inf
        for place in range(len(movies) - step):
            at = left[place]
            if taken >= 0:
                alike = content_similarity(
                    genres[at], genres[taken], years[at], years[taken], era_span, era_share
                )
                similarity[at] = max(similarity[at], alike)
            value = (1.0 - strength) * relevance[at] - strength * similarity[at]
            if value > best_value or (value == best_value and movies[at] < movies[left[best]]):
                best = place
                best_value = value
        taken = left[best]
        order[step] = taken
        similarities[step] = similarity[taken]
        left[best] = left[len(movies) - step - 1]


@kernel
def _descending_adjustments(
    scores: Floats,
    penalties: Doubles,
    adjustments: Floats,
) -> None:
    ceiling = np.float32(np.inf)
    for at in range(len(scores)):
        target = min(np.float64(scores[at]) - penalties[at], np.float64(ceiling))
        adjustment = np.float32(target - np.float64(scores[at]))
        # an adjustment larger than both sums is rounded more coarsely than they: a step or two
        while scores[at] + adjustment > ceiling:
            adjustment = np.nextafter(adjustment, np.float32(-np.inf))
        adjustments[at] = adjustment
        ceiling = scores[at] + adjustment
