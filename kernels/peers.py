"""Users who like what one user likes, and what they like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.jit import kernel


def most_shared(
    indptr: NDArray[np.int64],
    users: NDArray[np.int32],
    ratings: NDArray[np.float32],
    user_count: int,
    liked: NDArray[np.int32],
    liked_from: float,
    shared_from: int,
    most: int,
    excluded: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The `most` users who like the most of `liked`, best first, and how many each likes.

    Takes the ratings by movie. Ties go to the smaller row; nobody with fewer than `shared_from`
    (at least 1) is named, nor is the user `excluded`. Time is linear in the ratings of `liked`.
    """
    shared = np.zeros(user_count, np.int32)
    peers = np.empty(min(most, user_count), np.int32)
    overlap = np.empty(min(most, user_count), np.int32)
    found = _most_shared(
        indptr, users, ratings, liked, liked_from, shared_from, excluded, shared, peers, overlap
    )
    return peers[:found], overlap[:found]


def votes(
    indptr: NDArray[np.int64],
    movies: NDArray[np.int32],
    ratings: NDArray[np.float32],
    movie_count: int,
    peers: NDArray[np.int32],
    overlap: NDArray[np.int32],
    liked_from: float,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each movie how many peers like it, and the overlap of those peers added up.

    Takes the ratings by user.
    """
    tally = np.zeros((2, movie_count), np.int32)
    likes, weight = tally
    _votes(indptr, movies, ratings, peers, overlap, liked_from, likes, weight)
    return likes, weight


@kernel
def _most_shared(  # type: ignore[no-untyped-def]
    indptr, users, ratings, liked, liked_from, shared_from, excluded, shared, peers, overlap
):
    threshold = np.float32(liked_from)
    for movie in liked:
        for at in range(indptr[movie], indptr[movie + 1]):
            shared[np.uint32(users[at])] += np.int32(ratings[at] >= threshold)
    if 0 <= excluded < len(shared):
        shared[excluded] = 0
    highest = 0
    for count in shared:
        highest = max(highest, count)
    # a counting sort by shared count, descending: rows come out ascending within a count
    place = np.zeros(highest + 2, np.int64)
    for count in shared:
        place[count] += 1
    place[highest + 1] = 0
    before = 0
    for count in range(highest, -1, -1):
        before, place[count] = before + place[count], before
    lowest = max(shared_from, 1)
    for user in range(len(shared)):
        count = shared[user]
        if count >= lowest:
            at = place[count]
            place[count] = at + 1
            if at < len(peers):
                peers[at] = user
                overlap[at] = count
    found = 0
    for count in range(lowest, highest + 1):
        found = max(found, place[count])
    return min(found, len(peers))


@kernel
def _votes(indptr, movies, ratings, peers, overlap, liked_from, likes, weight):  # type: ignore[no-untyped-def]
    threshold = np.float32(liked_from)
    for at in range(len(peers)):
        peer = peers[at]
        shared = overlap[at]
        for entry in range(indptr[peer], indptr[peer + 1]):
            # arithmetic instead of a branch, which would be mispredicted for every other rating
            likes_it = np.int32(ratings[entry] >= threshold)
            movie = np.uint32(movies[entry])
            likes[movie] += likes_it
            weight[movie] += np.int32(shared & -likes_it)
