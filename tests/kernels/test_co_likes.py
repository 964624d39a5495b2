"""CoLikeNeighbours and their votes against sets and dictionaries."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels import co_likes
from tests.worlds import random_triples, store_of, triples

WORLDS = triples() | st.builds(
    random_triples, st.integers(0, 99), st.just(20), st.just(18), st.just(18)
)
"""Sparse worlds with empty rows, and dense ones where many users share equally many movies."""


def likes_of(store, user):
    span = slice(store.by_user.indptr[user], store.by_user.indptr[user + 1])
    liked = store.by_user.ratings[span] >= 4
    return {int(movie) for movie in store.by_user.movies[span][liked]}


@given(WORLDS, st.data())
def test_most_shared_equals_its_naive_twin(world, data):
    store = store_of(world, movie_count=18)
    rows = st.lists(st.integers(0, store.movie_count - 1), unique=True)
    liked = np.array(data.draw(rows), np.int32)
    shared_from, most = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 14))
    excluded = data.draw(st.integers(-1, store.user_count))
    likers = data.draw(st.just(10**6) | st.integers(0, 40))
    found, overlap = co_likes.most_shared(
        store.likes.movie_indptr,
        store.likes.users,
        store.user_count,
        liked,
        shared_from,
        most,
        excluded,
        likers,
    )
    likes = int(np.diff(store.likes.movie_indptr)[liked].sum())
    looked_at = store.user_count if likes <= likers else store.user_count * likers // likes
    shared = {
        user: len(likes_of(store, user) & set(liked.tolist()))
        for user in range(store.user_count - looked_at, store.user_count)
        if user != excluded
    }
    ranked = sorted(
        (user for user, count in shared.items() if count >= shared_from),
        key=lambda user: (-shared[user], user),
    )[:most]
    assert found.tolist() == ranked
    assert overlap.tolist() == [shared[user] for user in ranked]


@given(WORLDS, st.data())
def test_votes_equal_their_naive_twin(world, data):
    store = store_of(world, movie_count=18)
    rows = data.draw(st.lists(st.integers(0, store.user_count - 1), unique=True))
    chosen = np.array(rows, np.int32)
    overlap = np.array([data.draw(st.integers(1, 9)) for _ in rows], np.int32)
    likes, weight = co_likes.votes(
        store.likes.user_indptr,
        store.likes.movies,
        store.movie_count,
        chosen,
        overlap,
    )
    for movie in range(store.movie_count):
        voters = [at for at, user in enumerate(rows) if movie in likes_of(store, user)]
        assert likes[movie] == len(voters)
        assert weight[movie] == sum(int(overlap[at]) for at in voters)


@given(WORLDS, st.data())
def test_common_likes_equal_their_naive_twin(world, data):
    store = store_of(world, movie_count=18)
    people = data.draw(st.lists(st.integers(0, store.user_count - 1), unique=True))
    rows = st.lists(st.integers(0, store.movie_count - 1), unique=True)
    recommended, liked = data.draw(rows), data.draw(rows)
    common = co_likes.common_likes(
        store.likes.user_indptr,
        store.likes.movies,
        store.movie_count,
        *(np.array(part, np.int32) for part in (people, recommended, liked)),
    )
    assert common.shape == (len(recommended), len(liked))
    likes = [likes_of(store, user) for user in people]
    for row, one in enumerate(recommended):
        for column, other in enumerate(liked):
            assert common[row, column] == sum({one, other} <= mine for mine in likes)
