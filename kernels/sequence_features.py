"""Scores of the base models for one history, and the features of its candidates."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from reelrecs.kernels.arrays import Doubles, Floats, Mask, Offsets, Rows, Words, Years
from reelrecs.kernels.item_item import SparseRows, row_sum
from reelrecs.kernels.jit import kernel
from reelrecs.kernels.markov_chain import chain_scores
from reelrecs.kernels.sequence_knn import CHANNELS, first_in_order


class Logged(IntEnum):
    """Columns whose logarithm is taken; those of the votes, one a channel, stand before them.

    Kernels index with the `value`: only numba 0.68 and later take a member itself.
    """

    NEXT_ITEM = len(CHANNELS)
    CO_OCCURRENCE = len(CHANNELS) + 1
    RATINGS = len(CHANNELS) + 2
    RECENT = len(CHANNELS) + 3
    GENRES = len(CHANNELS) + 4  # filled by `genre_and_year_fit`


class Plain(IntEnum):
    """Columns that are taken as they are."""

    MARKOV_CHAIN = 0
    EASE = 1
    YEARS = 2  # filled by `genre_and_year_fit`
    BY_HISTORY_LENGTH = 3  # filled by the stage


class Floors(NamedTuple):
    """What is added before a logarithm is taken, where a value may be 0."""

    votes: float = 1e-4
    next_item: float = 3e-3
    co_occurrence: float = 1e-3
    recent_raters: int = 2  # on either side of the share


FLOORS = Floors()
"""Compiled into `featurize`, so part of the schema that a model is checked against."""


@kernel
def base_scores(
    history: Rows,
    context_embeddings: Floats,
    item_embeddings: Floats,
    projection: Floats,
    bias: Floats,
    decays: Floats,
    next_item: SparseRows,
    ease: SparseRows,
    co_occurrence: SparseRows,
    reach: Any,
    chain_of_movie: Floats,
    summed: Floats,
) -> None:
    """Fill chain_of_movie [movies] and add to summed [3, movies].

    The rows of `summed` are next-item ridge, EASE and co-occurrence, which are SparseRows.

    `reach` says how much each step back weighs, and how many count, in each of the three.
    """
    chain_scores(
        history, context_embeddings, item_embeddings, projection, bias, decays, chain_of_movie
    )
    row_sum(next_item, history, reach.next_item_decay, reach.next_item_rows, summed[0])
    row_sum(ease, history, 1.0, reach.ease_rows, summed[1])
    row_sum(co_occurrence, history, reach.co_occurrence_decay, reach.co_occurrence_rows, summed[2])


@kernel
def featurize(
    movies: Rows,
    votes: Floats,
    chain_of_movie: Floats,
    summed: Floats,
    movie_indptr: Offsets,
    movie_users: Rows,
    activity_ranks: Rows,
    own_row: int,
    as_of_rank: int,
    recent_users: int,
    seen: Mask,
    totals: Rows,
    logged: Floats,
    plain: Floats,
) -> None:
    """Fill `logged` [candidates, votes and `Logged`] and `plain` [candidates, `Plain`].

    Logarithms are left to the caller, and what may be 0 is raised by a little. Raters are recent if
    they are among the `recent_users` others last active nearest to `as_of_rank`, half of them
    before. The user's own row, -1 for a stranger, is nobody's recent rater, and of a movie that is
    not `seen` no rater. `totals` [candidates] are the ratings of each until the moment of asking.
    """
    first_rank = as_of_rank - recent_users // 2
    last_rank = as_of_rank + recent_users // 2
    own_rank = -1
    if own_row >= 0:
        own_rank = activity_ranks[own_row]
        if first_rank <= own_rank < as_of_rank:
            first_rank -= 1
        if as_of_rank <= own_rank < last_rank:
            last_rank += 1
    for row in range(len(movies)):
        movie = movies[row]
        for channel in range(votes.shape[1]):
            logged[row, channel] = votes[movie, channel] + np.float32(FLOORS.votes)
        logged[row, Logged.NEXT_ITEM.value] = max(summed[0, movie], np.float32(0.0)) + np.float32(
            FLOORS.next_item
        )
        logged[row, Logged.CO_OCCURRENCE.value] = summed[2, movie] + np.float32(
            FLOORS.co_occurrence
        )
        start, stop = movie_indptr[movie], movie_indptr[movie + 1]
        low = first_in_order(movie_users, activity_ranks, start, stop, first_rank)
        high = first_in_order(movie_users, activity_ranks, low, stop, last_rank)
        raters, recent = stop - start, high - low
        if own_rank >= 0:
            own = first_in_order(movie_users, activity_ranks, start, stop, own_rank)
            if own < stop and movie_users[own] == own_row:
                raters -= not seen[movie]
                recent -= low <= own < high
        logged[row, Logged.RATINGS.value] = totals[row] + 1
        logged[row, Logged.RECENT.value] = np.float32(recent + FLOORS.recent_raters) / np.float32(
            raters + FLOORS.recent_raters
        )
        plain[row, Plain.MARKOV_CHAIN.value] = chain_of_movie[movie]
        plain[row, Plain.EASE.value] = summed[1, movie]


class RecentProfile(NamedTuple):
    """What the last movies are taken to say of the next, if they were chosen for a genre."""

    with_genre: float = 0.9  # probability that a movie chosen for a genre has it
    without_genre: float = 0.1  # probability that it has not
    most_log_odds: float = 12.0  # more is no surer
    least_variance: float = 4.0  # of the years of the last movies, in years squared
    farthest: float = 16.0  # squared distance in standard deviations; beyond, all is as far


PROFILE = RecentProfile()
"""Compiled into the kernel, so part of the schema that a model is checked against."""


@kernel
def genre_and_year_fit(
    masks: Words,
    years: Years,
    genre_share: Doubles,
    last_movies: Rows,
    genre_decay: float,
    year_decay: float,
    candidates: Rows,
    genre: Floats,
    era: Floats,
) -> None:
    """How well each candidate fits the genres and the years of the last movies (newest first).

    genre: how much likelier the candidate's genres are for somebody who chooses by a genre, which
    one the last movies tell, than for anybody; era: squared distance in years from the decayed
    mean over the variance, at most 16, 0 for an unknown year.
    """
    count = len(genre_share)
    exp_logits = np.zeros(count)
    weight = 1.0
    for movie in last_movies:
        for code in range(count):
            if masks[movie] >> np.uint64(code) & np.uint64(1):
                exp_logits[code] += weight * np.log(PROFILE.with_genre / genre_share[code])
            else:
                without = PROFILE.without_genre / (1.0 - genre_share[code])
                exp_logits[code] += weight * np.log(without)
        weight *= genre_decay
    anything = 1.0
    for code in range(count):
        exp_logits[code] = np.exp(min(exp_logits[code], PROFILE.most_log_odds))
        anything += exp_logits[code]
    total = 0.0
    mean = 0.0
    square = 0.0
    weight = 1.0
    for movie in last_movies:
        if years[movie] > 0:
            year = float(years[movie])
            total += weight
            mean += weight * year
            square += weight * year * year
        weight *= year_decay
    if total > 0:
        mean /= total
        square = max(square / total - mean * mean, 0.0) + PROFILE.least_variance
    for row in range(len(candidates)):
        movie = candidates[row]
        fit = 1.0
        for code in range(count):
            if masks[movie] >> np.uint64(code) & np.uint64(1):
                fit += exp_logits[code] / genre_share[code]
        genre[row] = fit / anything
        era[row] = 0.0
        if total > 0 and years[movie] > 0:
            era[row] = min((years[movie] - mean) ** 2 / square, PROFILE.farthest)
