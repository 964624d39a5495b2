"""The features of candidates: their layout, their fit to the last movies, their last touch."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Doubles, Floats, Offsets, Rows, Words, Years
from reelrecs.kernels.jit import inner, kernel
from reelrecs.kernels.sequence_knn import CHANNELS


class Logged(IntEnum):
    """Columns whose logarithm is taken; those of the votes, one a channel, stand before them.

    Kernels index with the `value`: only numba 0.68 and later take a member itself.
    """

    NEXT_ITEM = len(CHANNELS)
    CO_OCCURRENCE = len(CHANNELS) + 1
    RATINGS = len(CHANNELS) + 2
    RECENT = len(CHANNELS) + 3
    GENRES = len(CHANNELS) + 4  # filled by `genre_and_year_fit`


LOGGED_END = len(CHANNELS) + len(Logged)


class Plain(IntEnum):
    """Columns that are taken as they are; they stand behind those."""

    MARKOV_CHAIN = LOGGED_END
    EASE = LOGGED_END + 1
    YEARS = LOGGED_END + 2  # filled by `genre_and_year_fit`
    BY_HISTORY_LENGTH = LOGGED_END + 3  # filled by `finish`


PLAIN_END = LOGGED_END + len(Plain)
"""Behind them stand the windows of recent ratings, likeness, the length of a history, the columns
of newcomers and the context."""


class Floors(NamedTuple):
    """What is added before a logarithm is taken, where a value may be 0."""

    votes: float = 1e-4
    next_item: float = 3e-3
    co_occurrence: float = 1e-3
    recent_raters: int = 2  # on either side of the share


FLOORS = Floors()
"""Compiled into `describe`, so part of the schema that a model is checked against."""


class RecentProfile(NamedTuple):
    """What the last movies are taken to say of the next, if they were chosen for a genre."""

    with_genre: float = 0.9  # probability that a movie chosen for a genre has it
    without_genre: float = 0.1  # probability that it has not
    most_log_odds: float = 12.0  # more is no surer
    least_variance: float = 4.0  # of the years of the last movies, in years squared
    farthest: float = 16.0  # squared distance in standard deviations; beyond, all is as far


PROFILE = RecentProfile()
"""Compiled into the kernel, so part of the schema that a model is checked against."""


@inner
def genre_and_year_fit(
    masks: Words,
    years: Years,
    genre_share: Doubles,
    last_movies: Rows,
    genre_decay: float,
    year_decay: float,
    candidates: Rows,
    features: Floats,
) -> None:
    """How well each candidate fits the genres and the years of the last movies (newest first).

    Fills two columns of features [candidates, columns]. Genres: how much likelier the candidate's
    genres are for somebody who chooses by a genre, which one the last movies tell, than for
    anybody. Years: squared distance from the decayed mean over the variance, at most 16, 0 for an
    unknown year.
    """
    count = len(genre_share)
    exp_logits = np.zeros(count)
    log_with, log_without, lift = np.empty(count), np.empty(count), np.empty(count)
    for code in range(count):
        log_with[code] = np.log(PROFILE.with_genre / genre_share[code])
        log_without[code] = np.log(PROFILE.without_genre / (1.0 - genre_share[code]))
    weight = 1.0
    for movie in last_movies:
        for code in range(count):
            if masks[movie] >> np.uint64(code) & np.uint64(1):
                exp_logits[code] += weight * log_with[code]
            else:
                exp_logits[code] += weight * log_without[code]
        weight *= genre_decay
    anything = 1.0
    for code in range(count):
        exp_logits[code] = np.exp(min(exp_logits[code], PROFILE.most_log_odds))
        anything += exp_logits[code]
        lift[code] = exp_logits[code] / genre_share[code]
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
                fit += lift[code]
        features[row, Logged.GENRES.value] = fit / anything
        features[row, Plain.YEARS.value] = 0.0
        if total > 0 and years[movie] > 0:
            far = min((years[movie] - mean) ** 2 / square, PROFILE.farthest)
            features[row, Plain.YEARS.value] = far


class Newcomer(NamedTuple):
    """Columns that stand a second time, weighed by how new somebody is."""

    columns: NDArray[np.int64]  # [newcomer columns] where they stand
    taken_from: NDArray[np.int64]  # [newcomer columns] what each repeats
    units: NDArray[np.float32]  # [columns] what every column is multiplied by in the end


class History(NamedTuple):
    """What a history's length and its end say, as columns of all its candidates have it."""

    log_length: NDArray[np.float64]  # [queries] logarithm of the length, of 1 at least
    newness: NDArray[np.float32]  # [queries] 1 at no rating, falling to 0
    context: NDArray[np.float32]  # [queries, context columns] the last columns


@kernel
def finish(indptr: Offsets, history: History, newcomer: Newcomer, values: Floats) -> None:
    """Fill the columns that are made of others, once logarithms are taken, and apply the units."""
    first_context = values.shape[1] - history.context.shape[1]
    for query in range(len(indptr) - 1):
        newness = history.newness[query]
        for row in range(indptr[query], indptr[query + 1]):
            at = values[row]
            at[Plain.BY_HISTORY_LENGTH.value] = (
                np.float64(at[Logged.RATINGS.value]) * history.log_length[query]
            )
            for place in range(history.context.shape[1]):
                at[first_context + place] = history.context[query, place]
            for place in range(len(newcomer.columns)):
                source = newcomer.taken_from[place]
                at[newcomer.columns[place]] = at[source] * (newcomer.units[source] * newness)
            for column in range(len(at)):
                at[column] *= newcomer.units[column]
