"""Sequence kNN: what other people watched next to what you watched last.

Every occurrence of one of the user's last movies (an anchor) in somebody else's sequence votes for
what stands near it there; an occurrence in the midst of movies that the user has watched lately, in
the sequence of somebody of like taste, votes more. The family is that of sequence-aware nearest
neighbours (Ludewig & Jannach 2018, Garg et al. 2019); the context weight is our own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Floats, Mask, Offsets, Rows
from reelrecs.kernels.jit import inlined, kernel

CHANNELS = (
    "next",  # context², decay .88 a step
    "next_sharp",  # context⁴
    "next_alike",  # context² x taste
    "next_last",  # context² x taste, after the very last movie only
    "next_slow",  # context x taste, decay .95, earlier anchors counting nearly as much
    "before",  # as next_alike, of what stands before the anchor
    "before_last",
    "before_slow",
)
"""The columns of the votes: ways to weigh an occurrence and how far its votes reach."""


class SequenceSettings(NamedTuple):
    """Numbers of the vote; the defaults were chosen on ml-1m's validation cuts."""

    anchors: int = 4  # last movies of the user that vote
    anchor_decay: float = 0.7  # weight of each earlier anchor
    slow_anchor_decay: float = 0.9  # the same in the slow channels
    occurrences: int = 300  # of an anchor, the nearest in activity_ranks order
    context_movies: int = 50  # last movies of the user that make a context
    context_decay: float = 0.95  # weight of each earlier one
    context_reach: int = 10  # positions looked at on either side of an occurrence
    distance_decay: float = 0.95  # weight of each further position there
    reach: int = 20  # positions voted for on either side
    vote_decay: float = 0.88  # weight of each further position voted for
    sharp_decay: float = 0.8  # the same in the sharp channels
    slow_decay: float = 0.95  # the same in the slow channels
    context_floor: float = 0.5  # context of an occurrence with no common movie about it
    least_total: float = 1e-3  # added to an anchor's sum of weights, which may be 0
    rarity_smoothing: float = 20.0  # ratings added to a movie's before it counts as rare
    length_smoothing: float = 30.0  # ratings added to a user's before they damp similarity


def user_similarity(
    user_indptr: NDArray[np.int64],
    movie_indptr: NDArray[np.int64],
    movie_users: NDArray[np.int32],
    history: NDArray[np.int32],
    own_row: int,
    settings: SequenceSettings | None = None,
) -> NDArray[np.float32]:
    """[users]: common movies, rare ones counting more, damped by the length of their history.

    0 for the user `own_row`.
    """
    similarity = np.zeros(len(user_indptr) - 1, np.float32)
    settings = settings or SequenceSettings()
    _user_similarity(user_indptr, movie_indptr, movie_users, history, own_row, settings, similarity)
    return similarity


@kernel
def _user_similarity(
    user_indptr: Offsets,
    movie_indptr: Offsets,
    movie_users: Rows,
    history: Rows,
    own_row: int,
    settings: SequenceSettings,
    similarity: Floats,
) -> None:
    for movie in history:
        start, stop = movie_indptr[movie], movie_indptr[movie + 1]
        weight = np.float32(1.0 / np.sqrt(stop - start + settings.rarity_smoothing))
        for at in range(start, stop):
            similarity[np.uint32(movie_users[at])] += weight
    for user in range(len(similarity)):
        length = user_indptr[user + 1] - user_indptr[user]
        similarity[user] /= np.float32(np.sqrt(length + settings.length_smoothing))
    if own_row >= 0:
        similarity[own_row] = 0.0


@inlined
def first_in_order(
    users: Rows,
    activity_ranks: Rows,
    start: int,
    stop: int,
    rank: int,
) -> int:
    """The first place in start..stop whose user was last active at `rank` or later."""
    while start < stop:
        middle = (start + stop) >> 1
        if activity_ranks[users[middle]] < rank:
            start = middle + 1
        else:
            stop = middle
    return start


@inlined
def nearest_occurrences(
    users: Rows,
    activity_ranks: Rows,
    start: int,
    stop: int,
    own_row: int,
    as_of_rank: int,
    most: int,
) -> tuple[int, int]:
    """The part of start..stop, one movie's raters, that holds the `most` nearest to `as_of_rank`.

    Half of them stand before it where there are enough. `own_row` does not count as one of them
    and may stand amid them.
    """
    own = stop
    if own_row >= 0:
        own = first_in_order(users, activity_ranks, start, stop, activity_ranks[own_row])
        if own < stop and users[own] != own_row:
            own = stop
    others = stop - start - (own < stop)
    if others <= most:
        return start, stop
    middle = first_in_order(users, activity_ranks, start, stop, as_of_rank)
    before = middle - start - (own < middle)
    first = start + max(0, min(before - most // 2, others - most))
    last = first + most - 1
    return first + (own <= first), last + 1 + (own <= last)


@kernel
def sequence_votes(
    user_indptr: Offsets,
    user_movies: Rows,
    movie_indptr: Offsets,
    movie_users: Rows,
    movie_positions: Rows,
    activity_ranks: Rows,
    similarity: Floats,
    history: Rows,
    own_row: int,
    as_of_rank: int,
    first: int,
    settings: SequenceSettings,
    seen: Mask,
    votes: Floats,
) -> None:
    """Add to votes [movies, CHANNELS] those for one user; what `seen` marks gets none.

    The newest `first` anchors are passed over: 0 of them make a list, all but one tell what one of
    them brings.
    An anchor's occurrences are those of the users last active nearest to `as_of_rank` (equal shares
    before and after); the user `own_row` is not one of them and never votes. Each anchor's votes
    are divided by the sum of its occurrences' weights, so common and rare anchors count alike.
    """
    n = len(history)
    recency = np.zeros(len(seen), np.float32)
    weight = np.float32(1.0)
    for back in range(min(settings.context_movies, n)):
        recency[history[n - 1 - back]] = weight
        weight *= np.float32(settings.context_decay)
    powers = np.empty((4, settings.reach + 1), np.float32)
    decays = (settings.vote_decay, settings.sharp_decay, settings.slow_decay)
    for row, base in enumerate((*decays, settings.distance_decay)):
        powers[row, 0] = 1.0
        for at in range(1, settings.reach + 1):
            powers[row, at] = powers[row, at - 1] * np.float32(base)
    quick, last_power, slow, near = powers
    weights = np.empty((settings.occurrences + 1, 4), np.float32)
    anchor_weight = np.float32(1.0)
    slow_weight = np.float32(1.0)
    for _ in range(first):
        anchor_weight *= np.float32(settings.anchor_decay)
        slow_weight *= np.float32(settings.slow_anchor_decay)
    for back in range(first, min(settings.anchors, n)):
        anchor = history[n - 1 - back]
        start, stop = nearest_occurrences(
            movie_users,
            activity_ranks,
            movie_indptr[anchor],
            movie_indptr[anchor + 1],
            own_row,
            as_of_rank,
            settings.occurrences,
        )
        total = np.full(4, np.float32(settings.least_total))
        for at in range(start, stop):
            user = movie_users[at]
            row = weights[at - start]
            if user == own_row:
                row[:] = 0.0
                continue
            first, end = user_indptr[user], user_indptr[user + 1]
            here = first + movie_positions[at]
            context = np.float32(0.0)
            for place in range(here + 1, min(here + settings.context_reach + 1, end)):
                context += recency[np.uint32(user_movies[place])] * near[place - here]
            for place in range(max(here - settings.context_reach, first), here):
                context += recency[np.uint32(user_movies[place])] * near[here - place]
            context += np.float32(settings.context_floor)
            square = context * context
            row[0] = square
            row[1] = square * square
            row[2] = square * similarity[user]
            row[3] = context * similarity[user]
            for kind in range(4):
                total[kind] += row[kind]
        for kind in range(3):
            total[kind] = anchor_weight / total[kind]
        total[3] = slow_weight / total[3]
        for at in range(start, stop):
            user = movie_users[at]
            if user == own_row:
                continue
            row = weights[at - start]
            plain, sharp = row[0] * total[0], row[1] * total[1]
            alike, broad = row[2] * total[2], row[3] * total[3]
            newest = alike if back == 0 else np.float32(0.0)
            first, end = user_indptr[user], user_indptr[user + 1]
            here = first + movie_positions[at]
            for place in range(here + 1, min(here + settings.reach + 1, end)):
                movie = np.uint32(user_movies[place])
                if seen[movie]:
                    continue
                step = place - here - 1
                vote = votes[movie]
                vote[0] += plain * quick[step]
                vote[1] += sharp * quick[step]
                vote[2] += alike * quick[step]
                vote[3] += newest * last_power[step]
                vote[4] += broad * slow[step]
            for place in range(max(here - settings.reach, first), here):
                movie = np.uint32(user_movies[place])
                if seen[movie]:
                    continue
                step = here - place - 1
                vote = votes[movie]
                vote[5] += alike * quick[step]
                vote[6] += newest * last_power[step]
                vote[7] += broad * slow[step]
        anchor_weight *= np.float32(settings.anchor_decay)
        slow_weight *= np.float32(settings.slow_anchor_decay)
