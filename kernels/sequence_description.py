"""Candidates described by columns out of a filled workspace."""

from __future__ import annotations

import numpy as np

from reelrecs.kernels.arrays import Floats, Rows
from reelrecs.kernels.jit import inner, kernel
from reelrecs.kernels.recent_ratings import count_before
from reelrecs.kernels.sequence_features import (
    FLOORS,
    PLAIN_END,
    Logged,
    Plain,
    genre_and_year_fit,
)
from reelrecs.kernels.sequence_knn import CHANNELS, first_in_order
from reelrecs.kernels.sequence_world import (
    KNOWN_LATER,
    LATER,
    SEEN,
    Evidence,
    Workspace,
    World,
)


@inner
def describe(
    world: World, evidence: Evidence, movies: Rows, work: Workspace, features: Floats
) -> None:
    """Fill the columns of these candidates that a filled workspace tells.

    Logarithms are left to the caller, and what may be 0 is raised by a little. Raters are recent if
    they are among the `recent_users` others last active nearest to the asker, half of them before.
    The user's own row, -1 for a stranger, is nobody's recent rater, and of a movie that is not of
    the history no rater.
    """
    watched, catalogue = world.watched, world.catalogue
    ranks, users, own_row = watched.activity_ranks, watched.movie_users, evidence.asker.own_row
    first_rank = evidence.asker.as_of_rank - world.settings.recent_users // 2
    last_rank = evidence.asker.as_of_rank + world.settings.recent_users // 2
    own_rank = -1
    if own_row >= 0:
        own_rank = ranks[own_row]
        if first_rank <= own_rank < evidence.asker.as_of_rank:
            first_rank -= 1
        if evidence.asker.as_of_rank <= own_rank < last_rank:
            last_rank += 1
    windows = len(work.windows)
    for row in range(len(movies)):
        movie = movies[row]
        column, mark = features[row], work.marks[movie]
        for channel in range(len(CHANNELS)):
            column[channel] = work.votes[movie, channel] + np.float32(FLOORS.votes)
        column[Logged.NEXT_ITEM.value] = max(work.summed[0, movie], np.float32(0.0)) + np.float32(
            FLOORS.next_item
        )
        column[Logged.CO_OCCURRENCE.value] = work.summed[2, movie] + np.float32(
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
        total = catalogue.rating_counts[movie]
        if evidence.end < len(world.order):
            total = count_before(
                catalogue.places,
                catalogue.place_indptr[movie],
                catalogue.place_indptr[movie + 1],
                evidence.end,
            )
        total -= mark & KNOWN_LATER != 0
        column[Logged.RATINGS.value] = total + 1
        column[Logged.RECENT.value] = np.float32(recent + FLOORS.recent_raters) / np.float32(
            raters + FLOORS.recent_raters
        )
        column[Plain.MARKOV_CHAIN.value] = work.chain[movie]
        column[Plain.EASE.value] = work.summed[1, movie]
        for window in range(windows):
            column[PLAIN_END + window] = work.windows[window, movie]
        column[PLAIN_END + windows] = work.alike[movie]
        column[PLAIN_END + windows + 1] = work.at_length[movie]
    _fit_profile(world, evidence, movies, work, features)


@inner
def _fit_profile(
    world: World, evidence: Evidence, movies: Rows, work: Workspace, features: Floats
) -> None:
    catalogue, settings = world.catalogue, world.settings
    share = catalogue.genre_counts.copy()
    watched, own_row = world.watched, evidence.asker.own_row
    if evidence.later:
        for at in range(watched.user_indptr[own_row], watched.user_indptr[own_row + 1]):
            movie = watched.user_movies[at]
            if work.marks[movie] & LATER:
                for code in range(len(share)):
                    share[code] -= catalogue.genres[movie] >> np.uint64(code) & np.uint64(1)
    ratings = max(len(world.order) - evidence.later, 1)
    for code in range(len(share)):
        share[code] = min(max(share[code] / ratings, 1e-4), 1 - 1e-4)
    history = evidence.asker.history
    last = np.empty(min(settings.profile_movies, len(history)), np.int32)
    for back in range(len(last)):
        last[back] = history[len(history) - 1 - back]
    genre_and_year_fit(
        catalogue.genres,
        catalogue.years,
        share,
        last,
        settings.profile_genre_decay,
        settings.profile_year_decay,
        movies,
        features[:, Logged.GENRES.value],
        features[:, Plain.YEARS.value],
    )
