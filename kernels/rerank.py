"""Maximal marginal relevance: a list that is good and does not repeat itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels import topk
from reelrecs.kernels.arrays import Doubles, Floats, Offsets, Rows
from reelrecs.kernels.content import content_similarity
from reelrecs.kernels.jit import kernel


class Kinds(NamedTuple):
    """What tells how alike two movies are."""

    genres: NDArray[np.uint64]  # [movies]
    years: NDArray[np.int16]  # [movies] 0 = unknown
    era_span: float
    era_share: float


class Scored(NamedTuple):
    """Scored candidates of several queries, and how each query's list is made."""

    indptr: NDArray[np.int64]  # [queries + 1]
    movies: NDArray[np.int32]  # [candidates]
    scores: NDArray[np.float32]  # [candidates] finite
    strengths: NDArray[np.float64]  # [queries]
    list_indptr: NDArray[np.int64]  # [queries + 1] where each list stands in the answer


@kernel
def rerank(
    scored: Scored, kinds: Kinds, first: int, last: int, order: Offsets, adjustments: Floats
) -> None:
    """Fill order and adjustments of the lists of queries first .. last - 1.

    Positions are those among all candidates. Without strength a list is in the order of scores,
    ties by the smaller row, and nothing is adjusted.
    """
    for query in range(first, last):
        start, stop = scored.indptr[query], scored.indptr[query + 1]
        begin, end = scored.list_indptr[query], scored.list_indptr[query + 1]
        if begin == end:
            continue
        scores, movies = scored.scores[start:stop], scored.movies[start:stop]
        own, penalties = order[begin:end], np.zeros(end - begin)
        strength = scored.strengths[query]
        if strength == 0.0:
            heap, rows = np.empty(len(own)), np.empty(len(own), np.int32)
            _best(scores.astype(np.float64), movies, heap, rows, own)
            adjustments[begin:end] = 0.0
        else:
            _diversify(scores, movies, kinds, strength, own, penalties)
            descending_adjustments(scores[own], penalties, adjustments[begin:end])
        for at in range(len(own)):
            own[at] += start


@kernel
def _best(values: Doubles, movies: Rows, heap: Doubles, rows: Rows, order: Offsets) -> None:
    """Fill order with the places of the highest values, ties by the smaller movie row."""
    places = np.argsort(movies, kind="mergesort")
    size = 0
    for rank in range(len(places)):  # a rank is smaller where the movie's row is
        size = topk.push(heap, rows, size, values[places[rank]], rank)
    topk.sort(heap, rows, size)
    for at in range(size):
        order[at] = places[rows[at]]


@kernel
def _diversify(
    scores: Floats,
    movies: Rows,
    kinds: Kinds,
    strength: float,
    order: Offsets,
    penalties: Doubles,
) -> None:
    """Fill the order by marginal relevance, and what each score loses for it.

    Scores are stretched to [0, 1] first. Only those that variety can lift into the list at all are
    looked at: one of the most relevant is always left to take, and loses `strength` at worst; who is
    farther behind it than that never comes first.
    """  # noqa: E501
    lowest, highest = np.float64(scores.min()), np.float64(scores.max())
    spread = highest - lowest
    relevance = np.zeros(len(scores))
    if spread > 0:
        for at in range(len(scores)):
            relevance[at] = (np.float64(scores[at]) - lowest) / spread
    near = np.arange(len(scores))
    if len(order) < len(scores) and strength < 1.0:
        heap, rows = np.empty(len(order)), np.empty(len(order), np.int32)
        size = 0
        for at in range(len(scores)):
            size = topk.push(heap, rows, size, relevance[at], at)
        reach = strength / (1.0 - strength) + 1e-9
        near = np.flatnonzero(relevance >= heap[0] - reach)
    candidates = movies[near]
    near_kinds = Kinds(
        kinds.genres[candidates], kinds.years[candidates], kinds.era_span, kinds.era_share
    )
    marginal_relevance(relevance[near], candidates, near_kinds, strength, order, penalties)
    for at in range(len(order)):
        place = near[order[at]]
        order[at] = place
        if strength < 1.0:
            penalties[at] = strength / (1.0 - strength) * spread * penalties[at]
        else:
            penalties[at] = np.float64(scores[place]) - (highest - spread * penalties[at])


@kernel
def marginal_relevance(
    relevance: Doubles,
    movies: Rows,
    kinds: Kinds,
    strength: float,
    order: Offsets,
    similarities: Doubles,
) -> None:
    """Fill order with positions of candidates, best first (Carbonell & Goldstein 1998).

    Also, in the same order, each one's similarity to the movies before it when it was taken.
    `kinds` are those of the candidates.

    Each step takes the largest (1 - strength) * relevance - strength * similarity, similarity being
    that to the most alike movie taken so far: (1 - era_share) * Jaccard of genres + era_share *
    closeness of years, which falls to 0 at `era_span` years and is 0 where a year is unknown.
    Ties go to the smaller movie row. Relevance must be finite. O(limit * candidates).
    """
    genres, years = kinds.genres, kinds.years
    left, similarity = np.arange(len(movies)), np.zeros(len(movies))
    taken = -1
    for step in range(len(order)):
        best = 0
        best_value = -np.inf
        for place in range(len(movies) - step):
            at = left[place]
            if taken >= 0:
                alike = content_similarity(
                    genres[at],
                    genres[taken],
                    years[at],
                    years[taken],
                    kinds.era_span,
                    kinds.era_share,
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
def descending_adjustments(scores: Floats, penalties: Doubles, adjustments: Floats) -> None:
    """Fill what to add to each score, in float32, so that the sums descend: -penalty but for rounding.

    scores - penalties must descend but for rounding too, as the marginal relevance of a greedy list
    does: what is left loses relevance with every movie that is taken.
    """  # noqa: E501
    ceiling = np.float32(np.inf)
    for at in range(len(scores)):
        target = min(np.float64(scores[at]) - penalties[at], np.float64(ceiling))
        adjustment = np.float32(target - np.float64(scores[at]))
        # an adjustment larger than both sums is rounded more coarsely than they: a step or two
        while scores[at] + adjustment > ceiling:
            adjustment = np.nextafter(adjustment, np.float32(-np.inf))
        adjustments[at] = adjustment
        ceiling = scores[at] + adjustment
