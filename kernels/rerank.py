"""Maximal marginal relevance: a list that is good and does not repeat itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels import topk
from reelrecs.kernels.arrays import Doubles, Floats, Offsets, Rows, int64
from reelrecs.kernels.content import content_similarity
from reelrecs.kernels.jit import inner, kernel


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
        own, adjusted = order[begin:end], adjustments[begin:end]
        strength = scored.strengths[query]
        if strength == 0.0:
            _best(scores, movies, own)
            adjusted[:] = 0.0
        else:
            penalties = np.zeros(end - begin)
            _diversify(scores, movies, kinds, strength, own, penalties)
            descending_adjustments(scores, own, penalties, adjusted)
        for at in range(len(own)):
            own[at] += start


@inner
def _best(scores: Floats, movies: Rows, order: Offsets) -> None:
    """Fill order with the places of the highest scores, ties by the smaller movie row."""
    heap, keys = np.empty(len(order)), np.empty(len(order), np.int64)
    size = int64(0)
    for at in range(len(scores)):
        key = int64(movies[at]) << 32 | at
        size = topk.push(heap, keys, size, np.float64(scores[at]), key)
    topk.sort(heap, keys, size)
    for at in range(len(order)):
        order[at] = keys[at] & 0xFFFFFFFF


@inner
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
    lowest, highest = np.inf, -np.inf
    for score in scores:
        lowest, highest = min(lowest, np.float64(score)), max(highest, np.float64(score))
    spread = highest - lowest
    relevance = np.zeros(len(scores))
    if spread > 0:
        for at in range(len(scores)):
            relevance[at] = (np.float64(scores[at]) - lowest) / spread
    least = -np.inf
    if len(order) < len(scores) and strength < 1.0:
        heap, keys = np.empty(len(order)), np.empty(len(order), np.int64)
        size = int64(0)
        for at in range(len(scores)):
            size = topk.push(heap, keys, size, relevance[at], at)
        least = heap[0] - (strength / (1.0 - strength) + 1e-9)
    count = 0
    for value in relevance:
        if value >= least:
            count += 1
    near, near_relevance = np.empty(count, np.int64), np.empty(count)
    candidates = np.empty(count, np.int32)
    genres, years = np.empty(count, np.uint64), np.empty(count, np.int16)
    count = 0
    for at in range(len(scores)):
        if relevance[at] >= least:
            movie = movies[at]
            near[count], near_relevance[count], candidates[count] = at, relevance[at], movie
            genres[count], years[count] = kinds.genres[movie], kinds.years[movie]
            count += 1
    near_kinds = Kinds(genres, years, kinds.era_span, kinds.era_share)
    marginal_relevance(near_relevance, candidates, near_kinds, strength, order, penalties)
    for at in range(len(order)):
        place = near[order[at]]
        order[at] = place
        if strength < 1.0:
            penalties[at] = strength / (1.0 - strength) * spread * penalties[at]
        else:
            penalties[at] = np.float64(scores[place]) - (highest - spread * penalties[at])


@inner
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
    left, similarity = np.empty(len(movies), np.int64), np.zeros(len(movies))
    for at in range(len(movies)):
        left[at] = at
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


@inner
def descending_adjustments(
    scores: Floats, order: Offsets, penalties: Doubles, adjustments: Floats
) -> None:
    """Fill what to add to each score of a list so that the sums descend: -penalty but for rounding.

    The scores of the list are scores[order]. Less their penalties they must descend but for
    rounding too, as the marginal relevance of a greedy list does: what is left loses relevance with
    every movie that is taken. Sums are those of float32.
    """
    ceiling = np.float32(np.inf)
    for at in range(len(order)):
        score = scores[order[at]]
        target = min(np.float64(score) - penalties[at], np.float64(ceiling))
        adjustment = np.float32(target - np.float64(score))
        # an adjustment larger than both sums is rounded more coarsely than they: a step or two
        while score + adjustment > ceiling:
            adjustment = np.nextafter(adjustment, np.float32(-np.inf))
        adjustments[at] = adjustment
        ceiling = score + adjustment
