"""Taste similarity of the few users who are asked for, where a history's movies have many raters.

`add_similarity` goes through all raters, whose number grows with the data. Votes and likeness ask
for a thousand users or two, however many there are: then it is quicker to go through what those
watched. Both add up the same numbers in the same order, so they give the same bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Floats, Rows, int64
from reelrecs.kernels.jit import inlined, inner
from reelrecs.kernels.sequence_knn import Asker, SequenceSettings, Watched, nearest_occurrences


class Few(NamedTuple):
    """Room to work in."""

    places: NDArray[np.int32]  # [movies] from 1 along the history; 0 elsewhere and between queries
    rarity: NDArray[np.float32]  # [most movies of a history] what each weighs
    common: NDArray[np.uint8]  # [most movies of a history] 0 between users


class Late(NamedTuple):
    """Who rated last, as likeness asks."""

    users: NDArray[np.int32]  # [ratings] oldest first
    stop: int  # ratings from this place on are not known yet
    window: int  # how many of others are looked at


def few(movie_count: int, similarity_movies: int) -> Few:
    """Room for one thread."""
    return Few(
        np.zeros(movie_count, np.int32),
        np.zeros(similarity_movies, np.float32),
        np.zeros(similarity_movies, np.uint8),
    )


@inner
def raters_of(watched: Watched, similar: Rows) -> int:
    """How many ratings these movies have."""
    raters = int64(0)
    for movie in similar:
        raters += watched.movie_indptr[movie + 1] - watched.movie_indptr[movie]
    return raters


@inner
def add_similarity_of_few(
    watched: Watched,
    asker: Asker,
    similar: Rows,
    settings: SequenceSettings,
    late: Late,
    room: Few,
    similarity: Floats,
) -> None:
    """Fill the similarity of whoever `sequence_votes` and `add_likeness` will ask for."""
    for place in range(len(similar)):
        movie = similar[place]
        raters = watched.movie_indptr[movie + 1] - watched.movie_indptr[movie]
        room.rarity[place] = np.float32(1.0 / np.sqrt(raters + settings.rarity_smoothing))
        room.places[movie] = place + 1
    indptr, movies, users = watched.user_indptr, watched.user_movies, watched.movie_users
    history = asker.history
    for back in range(min(settings.anchors, len(history))):
        start, stop = _occurrences(watched, asker, history[len(history) - 1 - back], settings)
        for at in range(start, stop):
            _add(indptr, movies, users[at], similar, room, similarity)
    others = 0
    for at in range(late.stop - 1, -1, -1):
        if others >= late.window:
            break
        if late.users[at] != asker.own_row:
            others += 1
            _add(indptr, movies, late.users[at], similar, room, similarity)
    for movie in similar:
        room.places[movie] = 0


@inner
def clear_similarity_of_few(
    watched: Watched, asker: Asker, settings: SequenceSettings, late: Late, similarity: Floats
) -> None:
    """Set similarity [users] back to 0 where `add_similarity_of_few` has filled it."""
    history = asker.history
    for back in range(min(settings.anchors, len(history))):
        start, stop = _occurrences(watched, asker, history[len(history) - 1 - back], settings)
        for at in range(start, stop):
            similarity[watched.movie_users[at]] = 0.0
    others = 0
    for at in range(late.stop - 1, -1, -1):
        if others >= late.window:
            break
        if late.users[at] != asker.own_row:
            others += 1
            similarity[late.users[at]] = 0.0


@inlined
def _occurrences(
    watched: Watched, asker: Asker, anchor: int, settings: SequenceSettings
) -> tuple[int, int]:
    return nearest_occurrences(
        watched.movie_users,
        watched.activity_ranks,
        watched.movie_indptr[anchor],
        watched.movie_indptr[anchor + 1],
        asker.own_row,
        asker.as_of_rank,
        settings.occurrences,
    )


@inner
def _add(
    indptr: NDArray[np.int64], movies: Rows, user: int, similar: Rows, room: Few, similarity: Floats
) -> None:
    """Fill one user's similarity unless that is done: common movies in the order of the asker's."""
    if similarity[user] > 0.0:
        return
    places, rarity, common = room.places, room.rarity, room.common
    found = False
    for at in range(indptr[user], indptr[user + 1]):
        place = places[np.uint32(movies[at])]
        if place > 0:
            common[place - 1] = 1
            found = True
    if found:
        total = np.float32(0.0)
        for place in range(len(similar)):
            if common[place]:
                total += rarity[place]
                common[place] = 0
        similarity[user] = total
