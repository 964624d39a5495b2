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

from reelrecs.kernels.jit import inlined, kernel

CHANNELS = (
    "next",  # context², decay .88 a step
    "next_sharp",  # context⁴
    "next_flat",  # no context
    "next_alike",  # context² x taste
    "next_alike_sharp",  # context² x taste²
    "next_same_time",  # context² x taste, people who closed in the same weeks
    "next_same_rating",  # context² x taste, people who rated the anchor alike
    "next_broad",  # context x taste, earlier anchors counting nearly as much
    "next_unseen",  # context² x taste, decay .6 for each movie on the way not yet seen
    "next_last",  # context² x taste, after the very last movie only
    "next_slow",  # context x taste, decay .95
    "before",  # as next_alike, of what stands before the anchor
    "before_last",
    "before_slow",
)
"""The columns of the votes: ways to weigh an occurrence and how far its votes reach."""


class SequenceSettings(NamedTuple):
    """Numbers of the vote; the defaults were chosen on ml-1m's validation cuts."""

    anchors: int = 6  # last movies of the user that vote
    anchor_decay: float = 0.7  # weight of each earlier anchor
    slow_anchor_decay: float = 0.9  # the same in the slow channels
    occurrences: int = 300  # of an anchor, the nearest in closing order
    context_movies: int = 50  # last movies of the user that make a context
    context_decay: float = 0.95  # weight of each earlier one
    context_reach: int = 10  # positions looked at on either side of an occurrence
    distance_decay: float = 0.95  # weight of each further position there
    reach: int = 20  # positions voted for on either side
    same_time_days: float = 20.0  # scale of the decay between closing days
    rating_decay: float = 0.6  # weight for each star of difference about the anchor


def taste_similarity(
    user_indptr: NDArray[np.int64],
    movie_indptr: NDArray[np.int64],
    movie_users: NDArray[np.int32],
    history: NDArray[np.int32],
    own_row: int,
) -> NDArray[np.float32]:
    """[users]: common movies, rare ones counting more, damped by the length of their history.

    0 for the user `own_row`.
    """
    similarity = np.zeros(len(user_indptr) - 1, np.float32)
    _taste_similarity(user_indptr, movie_indptr, movie_users, history, own_row, similarity)
    return similarity


@kernel
def _taste_similarity(  # type: ignore[no-untyped-def]
    user_indptr, movie_indptr, movie_users, history, own_row, similarity
):
    for movie in history:
        start, stop = movie_indptr[movie], movie_indptr[movie + 1]
        weight = np.float32(1.0 / np.sqrt(stop - start + 20.0))
        for at in range(start, stop):
            similarity[np.uint32(movie_users[at])] += weight
    for user in range(len(similarity)):
        length = user_indptr[user + 1] - user_indptr[user]
        similarity[user] /= np.float32(np.sqrt(length + 30.0))
    if own_row >= 0:
        similarity[own_row] = 0.0


def taste_votes(
    user_indptr: NDArray[np.int64],
    user_movies: NDArray[np.int32],
    similarity: NDArray[np.float32],
    neighbours: int,
    movie_count: int,
) -> NDArray[np.float32]:
    """[movies]: squared similarities of the nearest users who rated a movie, added up.

    Users as near as the last neighbour all vote.
    """
    count = min(neighbours, len(similarity))
    last = np.partition(similarity, len(similarity) - count)[len(similarity) - count]
    near = np.flatnonzero((similarity >= last) & (similarity > 0))
    votes = np.zeros(movie_count, np.float32)
    _taste_votes(user_indptr, user_movies, near, similarity, votes)
    return votes


@kernel
def _taste_votes(user_indptr, user_movies, near, similarity, votes):  # type: ignore[no-untyped-def]
    for user in near:
        weight = similarity[user] * similarity[user]
        for at in range(user_indptr[user], user_indptr[user + 1]):
            votes[np.uint32(user_movies[at])] += weight


@inlined
def first_in_order(users, closing, start, stop, rank):  # type: ignore[no-untyped-def]
    """The first place in start..stop whose user closed at `rank` or later."""
    while start < stop:
        middle = (start + stop) >> 1
        if closing[users[middle]] < rank:
            start = middle + 1
        else:
            stop = middle
    return start


@kernel
def sequence_votes(  # type: ignore[no-untyped-def]
    user_indptr,
    user_movies,
    user_ratings,
    movie_indptr,
    movie_users,
    movie_positions,
    closing,
    closing_day,
    similarity,
    history,
    history_ratings,
    own_row,
    own_rank,
    own_day,
    settings,
    seen,
    votes,
):
    """Fill votes [movies, CHANNELS] for one user; `seen` marks the movies of the history.

    An anchor's occurrences are those of the users who closed nearest to `own_rank` (equal shares
    before and after); the user `own_row` never votes. Each anchor's votes are divided by the sum
    of its occurrences' weights, so common and rare anchors count alike.
    """
    n = len(history)
    recency = np.zeros(len(seen), np.float32)
    weight = np.float32(1.0)
    for back in range(min(settings.context_movies, n)):
        recency[history[n - 1 - back]] = weight
        weight *= np.float32(settings.context_decay)
    powers = np.empty((5, settings.reach + 1), np.float32)
    for row, base in enumerate((0.88, 0.6, 0.8, 0.95, settings.distance_decay)):
        powers[row, 0] = 1.0
        for at in range(1, settings.reach + 1):
            powers[row, at] = powers[row, at - 1] * np.float32(base)
    quick, unseen_power, last_power, slow, near = powers
    agreement = np.empty(2 * 6, np.float32)
    for half_stars in range(len(agreement)):
        agreement[half_stars] = settings.rating_decay ** (0.5 * half_stars)
    weights = np.empty((settings.occurrences, 8), np.float32)
    anchor_weight = np.float32(1.0)
    slow_weight = np.float32(1.0)
    for back in range(min(settings.anchors, n)):
        anchor = history[n - 1 - back]
        stars = history_ratings[n - 1 - back]
        start, stop = movie_indptr[anchor], movie_indptr[anchor + 1]
        if stop - start > settings.occurrences:
            middle = first_in_order(movie_users, closing, start, stop, own_rank)
            start = max(start, min(middle - settings.occurrences // 2, stop - settings.occurrences))
            stop = start + settings.occurrences
        total = np.full(8, np.float32(1e-3))
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
            context += np.float32(0.5)
            square = context * context
            alike = similarity[user]
            days = abs(closing_day[user] - own_day)
            row[0] = square
            row[1] = square * square
            row[2] = 1.0
            row[3] = square * alike
            row[4] = square * alike * alike
            row[5] = square * alike * np.exp(-days / np.float32(settings.same_time_days))
            row[6] = square * alike * agreement[int(2 * abs(user_ratings[here] - stars))]
            row[7] = context * alike
            for kind in range(8):
                total[kind] += row[kind]
        for kind in range(7):
            total[kind] = anchor_weight / total[kind]
        total[7] = slow_weight / total[7]
        for at in range(start, stop):
            user = movie_users[at]
            if user == own_row:
                continue
            row = weights[at - start]
            for kind in range(8):
                row[kind] *= total[kind]
            first, end = user_indptr[user], user_indptr[user + 1]
            here = first + movie_positions[at]
            fresh = 0
            for place in range(here + 1, min(here + settings.reach + 1, end)):
                movie = np.uint32(user_movies[place])
                if seen[movie]:
                    continue
                step = place - here - 1
                decay = quick[step]
                for kind in range(8):
                    votes[movie, kind] += row[kind] * decay
                votes[movie, 8] += row[3] * unseen_power[fresh]
                if back == 0:
                    votes[movie, 9] += row[3] * last_power[step]
                votes[movie, 10] += row[7] * slow[step]
                fresh += 1
            for place in range(max(here - settings.reach, first), here):
                movie = np.uint32(user_movies[place])
                if seen[movie]:
                    continue
                step = here - place - 1
                votes[movie, 11] += row[3] * quick[step]
                if back == 0:
                    votes[movie, 12] += row[3] * last_power[step]
                votes[movie, 13] += row[7] * slow[step]
        anchor_weight *= np.float32(settings.anchor_decay)
        slow_weight *= np.float32(settings.slow_anchor_decay)
