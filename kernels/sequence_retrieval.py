"""Candidates of several queries, chosen and described from their evidence in one go.

A range of queries is one thread's work from beginning to end, without the GIL.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Floats, Rows
from reelrecs.kernels.jit import inner, kernel
from reelrecs.kernels.sequence_description import describe
from reelrecs.kernels.sequence_evidence import clear, fill
from reelrecs.kernels.sequence_knn import CHANNELS
from reelrecs.kernels.sequence_world import Asked, Workspace, World

VOTES, CHAIN, WINDOWS = 0, 1, 2
"""Retrieval channels: by votes, by the chain, and from here on by the windows and by length."""

_NEXT, _BEFORE = CHANNELS.index("next_alike"), CHANNELS.index("before")


class Draw(NamedTuple):
    """How many candidates each channel draws."""

    votes: int  # at least, and twice the list's length
    chain: int  # the same
    recent: int  # from each window, at least, and the list's length
    before_share: float  # what a vote before an anchor weighs beside one after it


class Found(NamedTuple):
    """Candidates of a range of queries end to end, or room for them."""

    counts: NDArray[np.int64]  # [queries]
    gaps: NDArray[np.int64]  # [queries] ratings of everybody since the last of the history
    movies: NDArray[np.int32]  # [candidates] ascending for each query
    chosen: NDArray[np.uint16]  # [candidates] retrieval channels that chose it, as bits
    retrieval: NDArray[np.float32]  # [candidates, channels] of the chain, how far from the best
    features: NDArray[np.float32]  # [candidates, columns] before logarithms are taken


def room_for(queries: int, candidates: int, channels: int, columns: int) -> Found:
    """Room for so many candidates."""
    return Found(
        np.zeros(queries, np.int64),
        np.zeros(queries, np.int64),
        np.empty(candidates, np.int32),
        np.empty(candidates, np.uint16),
        np.empty((candidates, channels), np.float32),
        np.empty((candidates, columns), np.float32),
    )


@kernel
def gather(
    world: World,
    asked: Asked,
    draw: Draw,
    work: Workspace,
    found: Found,
    given: bool,
    first: int,
    last: int,
) -> int:
    """Choose the candidates of queries first .. last - 1 and describe them; the first not done.

    That is `last` unless there is no room for the candidates of one. Where they are given, by
    `counts` and `movies`, they are only described.
    """
    size = np.int64(0)
    for query in range(first, last):
        if given and found.counts[query - first] == 0:
            continue
        evidence = fill(world, asked, query, work)
        if given:
            count = found.counts[query - first]
        else:
            count = choose(world, asked, draw, query, evidence.asker.history, work)
            if size + count > len(found.movies):
                clear(world, evidence.asker, evidence.later, work)
                return query
            found.counts[query - first] = count
            at = size
            for movie in range(len(work.chosen)):
                if work.chosen[movie]:
                    found.movies[at] = movie
                    found.chosen[at] = work.chosen[movie]
                    for channel in range(len(work.channels)):
                        drawn = work.chosen[movie] >> channel & 1
                        score = work.channels[channel, movie]
                        found.retrieval[at, channel] = score if drawn else 0.0
                    at += 1
        found.gaps[query - first] = evidence.gap
        stop = size + count
        describe(world, evidence, found.movies[size:stop], work, found.features[size:stop])
        clear(world, evidence.asker, evidence.later, work)
        size = stop
    return last


@inner
def choose(
    world: World, asked: Asked, draw: Draw, query: int, history: Rows, work: Workspace
) -> int:
    """Mark in `chosen` what any channel draws of what may be recommended; how many those are."""
    catalogue, limit, barred = world.catalogue, asked.limits[query], work.barred
    windows = len(work.windows)
    barred[:] = False
    if asked.mask_of[query] >= 0:
        mask = asked.masks[asked.mask_of[query]]
        for movie in range(len(barred)):
            barred[movie] = not mask[movie]
    if not asked.include_seen[query]:
        for movie in history:
            barred[movie] = True
    work.chosen[:] = 0
    share = np.float32(draw.before_share)
    scores = work.channels
    for movie in range(len(barred)):
        vote = work.votes[movie]
        popularity = catalogue.inverse_popularity[movie]
        scores[CHAIN, movie] = work.chain[movie]
        scores[WINDOWS + windows, movie] = work.at_length[movie]
        scores[VOTES, movie] = (vote[_NEXT] + share * vote[_BEFORE]) * popularity
    for window in range(windows):
        rated, score = work.windows[window], scores[WINDOWS + window]
        for movie in range(len(barred)):
            known = np.float32(rated[movie] > 0) * catalogue.percentiles[movie]
            score[movie] = rated[movie] + known
    for channel in range(len(scores)):
        least, most = np.float32(0.0), max(draw.recent, limit)
        if channel == CHAIN:
            least, most = np.float32(-np.inf), max(draw.chain, 2 * limit)
        if channel == VOTES:
            most = max(draw.votes, 2 * limit)
        best = draw_best(scores[channel], least, most, channel, work)
        if channel == CHAIN:
            for movie in range(len(barred)):
                scores[CHAIN, movie] -= best
    count = 0
    for movie in range(len(work.chosen)):
        count += work.chosen[movie] != 0
    return count


@inner
def draw_best(
    scores: Floats, least: np.float32, most: int, channel: int, work: Workspace
) -> np.float32:
    """Mark the `most` highest scores above `least`, and those tied with the last; the highest.

    A heap holds the highest so far; whatever was among them at any time is looked at again in the
    end, so that the catalogue is gone through once.
    """
    heap, seen_at_top = work.heap, work.at_top
    most = min(most, len(scores))
    size, looked_at = np.int64(0), np.int64(0)
    best, bound = least, least
    for movie in range(len(scores)):
        score = scores[movie]
        if score < bound or score <= least or work.barred[movie]:
            continue
        seen_at_top[looked_at] = movie
        looked_at += 1
        best = max(best, score)
        if size < most:
            at = size
            size += 1
            while at > 0 and heap[(at - 1) >> 1] > score:
                heap[at] = heap[(at - 1) >> 1]
                at = (at - 1) >> 1
        else:
            at = 0
            while 2 * at + 1 < size:
                child = 2 * at + 1
                if child + 1 < size and heap[child + 1] < heap[child]:
                    child += 1
                if heap[child] >= score:
                    break
                heap[at] = heap[child]
                at = child
        heap[at] = score
        if size == most:
            bound = heap[0]
    bit = np.uint16(1 << channel)
    for at in range(looked_at):
        if scores[seen_at_top[at]] >= bound:
            work.chosen[seen_at_top[at]] |= bit
    return best
