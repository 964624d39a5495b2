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

from reelrecs.kernels.arrays import Floats, Rows, int64
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


class Watched(NamedTuple):
    """Who watched what: a store's arrays by user and by movie, and damping of long histories."""

    user_indptr: NDArray[np.int64]  # [users + 1]
    user_movies: NDArray[np.int32]  # [ratings] each user's oldest first
    movie_indptr: NDArray[np.int64]  # [movies + 1]
    movie_users: NDArray[np.int32]  # [ratings] by movie, in the order of their activity_ranks
    movie_positions: NDArray[np.int32]  # [ratings] by movie: place in that user's order
    activity_ranks: NDArray[np.int32]  # [users]
    damping: NDArray[np.float32]  # [users] what the sum of common movies is divided by


class Asker(NamedTuple):
    """Who asks, and when."""

    history: NDArray[np.int32]  # [h] movies, oldest first
    own_row: int  # of the store; -1 for a stranger
    as_of_rank: int  # how many users were last active before the last of the history


class Voting(NamedTuple):
    """Room that votes are worked out in, and the weights of steps."""

    recency: NDArray[np.float32]  # [movies] 0 between queries
    near: NDArray[np.float32]  # [context_reach + 1] what each position from an occurrence weighs
    fading: NDArray[np.float32]  # [3, reach + 1] a step's votes: the usual, sharp and slow channels
    weights: NDArray[np.float32]  # [occurrences + 1, 4] of each occurrence in the kinds of channels
    places: NDArray[np.int64]  # [occurrences + 1] of each occurrence among all that users watched
    fetched: NDArray[np.int32]  # [occurrences + 1] what stands there, asked for ahead of its use


def voting(movie_count: int, settings: SequenceSettings) -> Voting:
    """Room for one thread."""
    reach = settings.reach + 1
    decays = (settings.vote_decay, settings.sharp_decay, settings.slow_decay)
    return Voting(
        np.zeros(movie_count, np.float32),
        _powers(settings.distance_decay, settings.context_reach + 1),
        np.stack([_powers(decay, reach) for decay in decays]),
        np.zeros((settings.occurrences + 1, 4), np.float32),
        np.zeros(settings.occurrences + 1, np.int64),
        np.zeros(settings.occurrences + 1, np.int32),
    )


def _powers(base: float, steps: int) -> Floats:
    """[steps]: 1, base, base² ..., each the float32 product with the one before."""
    return np.cumprod(np.array([1.0] + [base] * (steps - 1), np.float32), dtype=np.float32)


@kernel
def add_similarity(
    watched: Watched, history: Rows, settings: SequenceSettings, similarity: Floats
) -> None:
    """Add to similarity [users] the common movies of each, rare ones counting more.

    It stays to be divided by `watched.damping`, which is done for the few users who are asked for.
    """
    for movie in history:
        start, stop = watched.movie_indptr[movie], watched.movie_indptr[movie + 1]
        weight = np.float32(1.0 / np.sqrt(stop - start + settings.rarity_smoothing))
        for at in range(start, stop):
            similarity[np.uint32(watched.movie_users[at])] += weight


@kernel
def clear_similarity(watched: Watched, history: Rows, similarity: Floats) -> None:
    """Set similarity [users] back to 0 where `add_similarity` has added to it."""
    raters = 0
    for movie in history:
        raters += watched.movie_indptr[movie + 1] - watched.movie_indptr[movie]
    if raters * 4 >= len(similarity):
        similarity[:] = 0.0
        return
    for movie in history:
        for at in range(watched.movie_indptr[movie], watched.movie_indptr[movie + 1]):
            similarity[np.uint32(watched.movie_users[at])] = 0.0


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
        own = first_in_order(users, activity_ranks, start, stop, int64(activity_ranks[own_row]))
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
    watched: Watched,
    asker: Asker,
    first: int,
    settings: SequenceSettings,
    similarity: Floats,
    room: Voting,
    votes: Floats,
) -> None:
    """Add to votes [movies, CHANNELS] those for one user; watched movies get theirs too.

    The newest `first` anchors are passed over: 0 of them make a list, all but one tell what one of
    them brings.
    An anchor's occurrences are those of the users last active nearest to `as_of_rank` (equal shares
    before and after); the user `own_row` is not one of them and never votes. Each anchor's votes
    are divided by the sum of its occurrences' weights, so common and rare anchors count alike.
    `similarity` [users] is that of `add_similarity`.
    """
    history, own_row = asker.history, asker.own_row
    movies, users, positions = watched.user_movies, watched.movie_users, watched.movie_positions
    indptr, recency, near, weights = watched.user_indptr, room.recency, room.near, room.weights
    quick, late, slow = room.fading[0], room.fading[1], room.fading[2]
    places, fetched = room.places, room.fetched
    n = len(history)
    weight = np.float32(1.0)
    for back in range(min(settings.context_movies, n)):
        recency[history[n - 1 - back]] = weight
        weight *= np.float32(settings.context_decay)
    anchor_weight = np.float32(1.0)
    slow_weight = np.float32(1.0)
    for _ in range(first):
        anchor_weight *= np.float32(settings.anchor_decay)
        slow_weight *= np.float32(settings.slow_anchor_decay)
    for back in range(first, min(settings.anchors, n)):
        anchor = history[n - 1 - back]
        start, stop = nearest_occurrences(
            users,
            watched.activity_ranks,
            watched.movie_indptr[anchor],
            watched.movie_indptr[anchor + 1],
            own_row,
            asker.as_of_rank,
            settings.occurrences,
        )
        for at in range(start, stop):
            places[at - start] = indptr[np.uint32(users[at])] + positions[at]
        for at in range(stop - start):  # all memory is asked for at once, not where one waits
            fetched[at] = movies[places[at]]
        total_plain = np.float32(settings.least_total)
        total_sharp, total_alike, total_broad = total_plain, total_plain, total_plain
        for at in range(start, stop):
            user = np.uint32(users[at])
            if user == own_row:
                continue
            begin, end, here = indptr[user], indptr[user + 1], places[at - start]
            context = np.float32(0.0)
            for place in range(here + 1, min(here + settings.context_reach + 1, end)):
                context += recency[np.uint32(movies[place])] * near[place - here]
            for place in range(max(here - settings.context_reach, begin), here):
                context += recency[np.uint32(movies[place])] * near[here - place]
            context += np.float32(settings.context_floor)
            square = context * context
            alike = similarity[user] / watched.damping[user]
            row = weights[at - start]
            row[0] = square
            row[1] = square * square
            row[2] = square * alike
            row[3] = context * alike
            total_plain += row[0]
            total_sharp += row[1]
            total_alike += row[2]
            total_broad += row[3]
        share_plain, share_sharp = anchor_weight / total_plain, anchor_weight / total_sharp
        share_alike, share_broad = anchor_weight / total_alike, slow_weight / total_broad
        for at in range(start, stop):
            user = np.uint32(users[at])
            if user == own_row:
                continue
            row = weights[at - start]
            plain, sharp = row[0] * share_plain, row[1] * share_sharp
            alike, broad = row[2] * share_alike, row[3] * share_broad
            begin, end, here = indptr[user], indptr[user + 1], places[at - start]
            for place in range(here + 1, min(here + settings.reach + 1, end)):
                vote, step = votes[np.uint32(movies[place])], place - here - 1
                vote[0] += plain * quick[step]
                vote[1] += sharp * quick[step]
                vote[2] += alike * quick[step]
                if back == 0:
                    vote[3] += alike * late[step]
                vote[4] += broad * slow[step]
            for place in range(max(here - settings.reach, begin), here):
                vote, step = votes[np.uint32(movies[place])], here - place - 1
                vote[5] += alike * quick[step]
                if back == 0:
                    vote[6] += alike * late[step]
                vote[7] += broad * slow[step]
        anchor_weight *= np.float32(settings.anchor_decay)
        slow_weight *= np.float32(settings.slow_anchor_decay)
    for back in range(min(settings.context_movies, n)):
        recency[history[n - 1 - back]] = 0.0
