"""Candidates described by columns out of a filled workspace."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reelrecs.kernels.arrays import Bytes, Floats, Rows, int64
from reelrecs.kernels.jit import inner
from reelrecs.kernels.recent_ratings import count_before
from reelrecs.kernels.sequence_features import (
    FLOORS,
    PLAIN_END,
    Logged,
    Plain,
    genre_and_year_fit,
)
from reelrecs.kernels.sequence_knn import CHANNELS, Watched, first_in_order
from reelrecs.kernels.sequence_world import (
    KNOWN_LATER,
    LATER,
    SEEN,
    Catalogue,
    Scores,
    Settings,
)


class Moment(NamedTuple):
    """Who asks and when, as places in orders."""

    own_row: int  # of the store; -1 for a stranger
    as_of_rank: int  # how many users were last active before the last of the history
    end: int  # how many ratings of everybody are known by the moment of asking
    later: int  # how many ratings of the user the history does not hold


@inner
def describe(
    watched: Watched,
    catalogue: Catalogue,
    recent_users: int,
    moment: Moment,
    movies: Rows,
    marks: Bytes,
    scores: Scores,
    features: Floats,
) -> None:
    """Fill the columns of these candidates that a filled workspace tells.

    Logarithms are left to the caller, and what may be 0 is raised by a little. Raters are recent if
    they are among the `recent_users` others last active nearest to the asker, half of them before.
    The user's own row, -1 for a stranger, is nobody's recent rater, and of a movie that is not of
    the history no rater.
    """
    ranks, users, own_row = watched.activity_ranks, watched.movie_users, moment.own_row
    first_rank = moment.as_of_rank - recent_users // 2
    last_rank = moment.as_of_rank + recent_users // 2
    own_rank = int64(-1)
    if own_row >= 0:
        own_rank = int64(ranks[own_row])
        if first_rank <= own_rank < moment.as_of_rank:
            first_rank -= 1
        if moment.as_of_rank <= own_rank < last_rank:
            last_rank += 1
    windows = len(scores.windows)
    for row in range(len(movies)):
        movie = movies[row]
        column, mark = features[row], marks[movie]
        for channel in range(len(CHANNELS)):
            column[channel] = scores.votes[movie, channel] + np.float32(FLOORS.votes)
        column[Logged.NEXT_ITEM.value] = max(scores.summed[0, movie], np.float32(0.0)) + np.float32(
            FLOORS.next_item
        )
        column[Logged.CO_OCCURRENCE.value] = scores.summed[2, movie] + np.float32(
            FLOORS.co_occurrence
        )
        start, stop = watched.movie_indptr[movie], watched.movie_indptr[movie + 1]
        low = first_in_order(users, ranks, start, stop, first_rank)
        high = first_in_order(users, ranks, low, stop, last_rank)
        raters, recent = stop - start, high - low
        if own_rank >= 0 and mark:
            own = first_in_order(users, ranks, start, stop, own_rank)
            if own < stop and users[own] == own_row:
                raters -= mark & SEEN == 0
                recent -= low <= own < high
        total = int64(catalogue.rating_counts[movie])
        if moment.end < len(watched.user_movies):
            total = count_before(
                catalogue.places,
                catalogue.place_indptr[movie],
                catalogue.place_indptr[movie + 1],
                moment.end,
            )
        total -= mark & KNOWN_LATER != 0
        column[Logged.RATINGS.value] = total + 1
        column[Logged.RECENT.value] = np.float32(recent + FLOORS.recent_raters) / np.float32(
            raters + FLOORS.recent_raters
        )
        column[Plain.MARKOV_CHAIN.value] = scores.chain[movie]
        column[Plain.EASE.value] = scores.summed[1, movie]
        for window in range(windows):
            column[PLAIN_END + window] = scores.windows[window, movie]
        column[PLAIN_END + windows] = scores.alike[movie]
        column[PLAIN_END + windows + 1] = scores.at_length[movie]


@inner
def fit_profile(
    watched: Watched,
    catalogue: Catalogue,
    settings: Settings,
    moment: Moment,
    history: Rows,
    marks: Bytes,
    movies: Rows,
    features: Floats,
) -> None:
    """Fill the two columns that the last movies of the history tell."""
    genres, genre_counts = catalogue.genres, catalogue.genre_counts
    share = np.empty(len(genre_counts))
    for code in range(len(share)):
        share[code] = genre_counts[code]
    if moment.later:
        indptr, own_row = watched.user_indptr, moment.own_row
        for at in range(indptr[own_row], indptr[own_row + 1]):
            movie = watched.user_movies[at]
            if marks[movie] & LATER:
                for code in range(len(share)):
                    share[code] -= genres[movie] >> np.uint64(code) & np.uint64(1)
    ratings = max(len(watched.user_movies) - moment.later, 1)
    for code in range(len(share)):
        share[code] = min(max(share[code] / ratings, 1e-4), 1 - 1e-4)
    last = np.empty(min(settings.profile_movies, len(history)), np.int32)
    for back in range(len(last)):
        last[back] = history[len(history) - 1 - back]
    genre_and_year_fit(
        genres,
        catalogue.years,
        share,
        last,
        settings.profile_genre_decay,
        settings.profile_year_decay,
        movies,
        features,
    )
