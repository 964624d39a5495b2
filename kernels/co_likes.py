"""Users who like what one user likes, and what they like: alone, and in pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Offsets, Rows
from reelrecs.kernels.jit import kernel


def most_shared(
    indptr: NDArray[np.int64],
    users: NDArray[np.int32],
    user_count: int,
    liked: NDArray[np.int32],
    shared_from: int,
    most: int,
    excluded: int,
    likers: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The `most` users who like the most of `liked`, best first, and how many each likes.

    Takes the likes by movie, users ascending. Ties go to the smaller row; nobody with fewer than
    `shared_from` (at least 1) is named, nor is the user `excluded`. Time is linear in the likes of
    `liked`; where they are more than `likers`, only the last rows of users are looked at, so many
    that their likes are about as many as that.
    """
    likes = int((indptr[1:][liked] - indptr[:-1][liked]).sum())
    first_user = user_count - user_count * likers // likes if likes > likers else 0
    shared = np.zeros(user_count, np.int32)
    neighbours = np.empty(min(most, user_count), np.int32)
    overlap = np.empty(min(most, user_count), np.int32)
    who = first_user, excluded
    found = _most_shared(indptr, users, liked, shared_from, who, shared, neighbours, overlap)
    return neighbours[:found], overlap[:found]


def votes(
    indptr: NDArray[np.int64],
    movies: NDArray[np.int32],
    movie_count: int,
    neighbours: NDArray[np.int32],
    overlap: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each movie how many neighbours like it, and the overlap of those neighbours added up.

    Takes the likes by user.
    """
    tally = np.zeros((2, movie_count), np.int32)
    likes, weight = tally
    _votes(indptr, movies, neighbours, overlap, likes, weight)
    return likes, weight


def common_likes(
    indptr: NDArray[np.int64],
    movies: NDArray[np.int32],
    movie_count: int,
    people: NDArray[np.int32],
    recommended: NDArray[np.int32],
    liked: NDArray[np.int32],
) -> NDArray[np.int32]:
    """[recommended, liked]: how many of these people like both.

    Takes the likes by user. Time is linear in the likes of the people, plus one step for each pair
    that somebody likes.
    """
    place = np.full((2, movie_count), -1, np.int32)
    place[0, recommended] = np.arange(len(recommended))
    place[1, liked] = np.arange(len(liked))
    common = np.zeros((len(recommended), len(liked)), np.int32)
    _common_likes(indptr, movies, people, place, common)
    return common


@kernel
def _common_likes(indptr: Offsets, movies: Rows, people: Rows, place: Rows, common: Rows) -> None:
    rows = np.empty(common.shape[0], np.int32)
    columns = np.empty(common.shape[1], np.int32)
    for user in people:
        row_count = 0
        column_count = 0
        for at in range(indptr[user], indptr[user + 1]):
            movie = movies[at]
            if place[0, movie] >= 0:
                rows[row_count] = place[0, movie]
                row_count += 1
            if place[1, movie] >= 0:
                columns[column_count] = place[1, movie]
                column_count += 1
        for row in rows[:row_count]:
            for column in columns[:column_count]:
                common[row, column] += 1


@kernel
def _most_shared(
    indptr: Offsets,
    users: Rows,
    liked: Rows,
    shared_from: int,
    who: tuple[int, int],
    shared: Rows,
    neighbours: Rows,
    overlap: Rows,
) -> int:
    first_user, excluded = who
    for movie in liked:
        low, stop = indptr[movie], indptr[movie + 1]
        while first_user > 0 and low < stop:
            middle = (low + stop) >> 1
            if users[middle] < first_user:
                low = middle + 1
            else:
                stop = middle
        for at in range(low, indptr[movie + 1]):
            shared[np.uint32(users[at])] += 1
    if 0 <= excluded < len(shared):
        shared[excluded] = 0
    highest = 0
    for count in shared:
        highest = max(highest, count)
    # a counting sort by shared count, descending: rows come out ascending within a count
    place = np.zeros(highest + 1, np.int64)
    for count in shared:
        place[count] += 1
    before = 0
    for count in range(highest, -1, -1):
        before, place[count] = before + place[count], before
    lowest = max(shared_from, 1)
    for user in range(len(shared)):
        count = shared[user]
        if count >= lowest:
            at = place[count]
            place[count] = at + 1
            if at < len(neighbours):
                neighbours[at] = user
                overlap[at] = count
    found = 0
    for count in range(lowest, highest + 1):
        found = max(found, place[count])
    return min(found, len(neighbours))


@kernel
def _votes(
    indptr: Offsets,
    movies: Rows,
    neighbours: Rows,
    overlap: Rows,
    likes: Rows,
    weight: Rows,
) -> None:
    for at in range(len(neighbours)):
        shared = overlap[at]
        for entry in range(indptr[neighbours[at]], indptr[neighbours[at] + 1]):
            movie = np.uint32(movies[entry])
            likes[movie] += 1
            weight[movie] += shared
