"""What is read out of a history: one code path for stored users and for anybody."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs import config
from reelrecs.errors import InvalidRequest
from reelrecs.stages.user_context import build_query, query_of_history
from reelrecs.store.store import Store
from tests.worlds import GENRES, random_triples, store_of, triples

STORE = store_of(random_triples(3), movie_count=70)
NOTHING = np.zeros(0, np.int32)


def same(one, other):
    """Equal in every field that is data, and in their neighbours."""
    return all(
        np.array_equal(getattr(left, part.name), getattr(right, part.name))
        for left, right in ((one, other), (one.neighbours, other.neighbours))
        for part in fields(left)
        if part.compare
    )


def history_of(store: Store, user: int) -> tuple[Any, Any, Any]:
    span = slice(int(store.by_user.indptr[user]), int(store.by_user.indptr[user + 1]))
    return store.by_user.movies[span], store.by_user.ratings[span], store.by_user.times[span]


def rated(movie_ids: list[int], stars: list[float]) -> tuple[Any, Any, Any]:
    """A history of these movie ids, one second apart."""
    rows = np.array([STORE.movie_row(movie) for movie in movie_ids], np.int32)
    return rows, np.array(stars, np.float32), np.arange(len(rows), dtype=np.int64)


@given(
    triples() | st.builds(random_triples, st.integers(0, 99), st.just(20), st.just(18), st.just(18))
)
def test_a_query_equals_its_naive_twin(world):
    store = store_of(world, movie_count=18)
    everybody = [
        list(zip(*(part.tolist() for part in history_of(store, user)), strict=True))
        for user in range(store.user_count)
    ]
    likes = [{movie for movie, stars, _ in history if stars >= 4} for history in everybody]
    for user, history in enumerate(everybody):
        query = build_query(store, user, 7)
        assert (query.limit, query.user_row) == (7, user)
        assert query.movies.tolist() == [movie for movie, _, _ in history]
        assert query.ratings.tolist() == [stars for _, stars, _ in history]
        assert query.times.tolist() == sorted(when for _, _, when in history)
        assert query.liked.tolist() == [movie for movie, stars, _ in history if stars >= 4]
        mean = sum(stars for _, stars, _ in history) / len(history)
        assert query.preferences.mean_rating == pytest.approx(mean)
        years = [int(store.movie_years[movie]) for movie in query.liked]
        assert query.preferences.era == (int(np.median(years)) if years else 0)
        shared = {
            other: len(likes[user] & likes[other])
            for other in range(store.user_count)
            if other != user and len(likes[user] & likes[other]) >= config.THUNDER_SHARED
        }
        assert query.neighbours.users.tolist() == sorted(
            shared, key=lambda other: (-shared[other], other)
        )
        assert query.neighbours.overlap.tolist() == [
            shared[other] for other in query.neighbours.users
        ]
        for movie in range(store.movie_count):
            fans = [other for other in shared if movie in likes[other]]
            assert query.neighbours.likes[movie] == len(fans)
            assert query.neighbours.weight[movie] == sum(shared[other] for other in fans)


@given(st.integers(0, STORE.user_count - 1))
def test_folded_in_and_stored_differ_only_by_the_users_own_row(user):
    stored = build_query(STORE, user, 20)
    folded = query_of_history(STORE, *history_of(STORE, user), 20)
    assert user not in stored.neighbours.users
    if len(stored.liked) >= config.THUNDER_SHARED:
        assert folded.neighbours.users[0] == user or folded.neighbours.overlap[0] == len(
            folded.liked
        )
        assert set(folded.neighbours.users) == set(stored.neighbours.users) | {user}
    assert same(stored, query_of_history(STORE, *history_of(STORE, user), 20, user))


@given(st.integers(0, STORE.user_count - 1), st.integers(0, 2**32))
def test_a_history_may_come_in_any_order(user, seed):
    movies, ratings, times = history_of(STORE, user)
    mixed = np.random.default_rng(seed).permutation(len(movies))
    shuffled = query_of_history(STORE, movies[mixed], ratings[mixed], times[mixed], 20, user)
    assert same(shuffled, build_query(STORE, user, 20))


def test_an_empty_history_is_valid():
    query = query_of_history(STORE, NOTHING, np.zeros(0, np.float32), np.zeros(0, np.int64), 20)
    assert query.preferences.mean_rating == STORE.mean_rating
    assert query.preferences.genre_preference == pytest.approx(STORE.mean_rating)
    assert query.preferences.era == query.preferences.top_genre_mask == 0
    assert len(query.preferences.top_genres) == len(query.neighbours.users) == len(query.liked) == 0
    assert not query.neighbours.likes.any()
    assert len(query.neighbours.likes) == len(query.neighbours.weight) == STORE.movie_count


def test_a_genre_seen_twice_is_no_preference():
    # movies 1 and 3 share no genre with 10, 15, 20, 35; every movie of the latter is half Action
    query = query_of_history(STORE, *rated([3, 18, 10, 15, 20, 35], [5, 5, 3, 3, 3, 3]), 20)
    horror = GENRES.index("Horror")
    moved = query.preferences.genre_preference[horror] - query.preferences.mean_rating
    assert 0 < moved < (5 - query.preferences.mean_rating) / 3


def test_top_genres_are_the_best_liked_rated_ones():
    # genres of movie m are GENRES[m % 5] and GENRES[m // 5 % 5]
    both = [(GENRES[movie % 5], GENRES[movie // 5 % 5]) for movie in (6, 12, 18)]
    assert both == [("Comedy", "Comedy"), ("Drama", "Drama"), ("Horror", "Horror")]
    query = query_of_history(STORE, *rated([6, 12, 18], [2, 5, 4]), 20)
    assert [STORE.genres[code] for code in query.preferences.top_genres] == [
        "Drama",
        "Horror",
        "Comedy",
    ]
    assert query.preferences.top_genre_mask == sum(
        1 << code for code in query.preferences.top_genres.tolist()
    )


def test_tied_genres_stand_in_order_of_their_code():
    query = query_of_history(STORE, *rated([24, 18, 12, 6], [4, 4, 4, 4]), 20)
    assert query.preferences.top_genres.tolist() == sorted(query.preferences.top_genres.tolist())
    assert len(query.preferences.top_genres) == config.TOP_GENRES


def test_the_era_is_the_median_year_of_liked_movies_only():
    query = query_of_history(STORE, *rated([2, 8, 30, 59], [5, 4, 4.5, 1]), 20)
    assert query.preferences.era == 1958
    assert query_of_history(STORE, *rated([2, 8], [5, 4]), 20).preferences.era == 1955
    assert query_of_history(STORE, *rated([2], [3]), 20).preferences.era == 0


def test_a_history_that_makes_no_sense_is_refused():
    movies, stars, times = rated([1, 2], [3, 4])
    for broken in (
        (movies + np.int32(STORE.movie_count), stars, times),
        (movies - np.int32(5), stars, times),
        (movies[[0, 0]], stars, times),
        (movies, stars * np.float32(np.nan), times),
        (movies, stars[:1], times),
    ):
        with pytest.raises(InvalidRequest):
            query_of_history(STORE, *broken, 20)


def test_a_query_is_asked_as_of_the_datas_end_unless_another_moment_is_given():
    history = history_of(STORE, 3)
    assert build_query(STORE, 3, 5).as_of == STORE.latest_timestamp
    assert query_of_history(STORE, *history, 5).as_of == STORE.latest_timestamp
    assert query_of_history(STORE, *history, 5, 3, as_of=17).as_of == 17
    nothing = np.zeros(0, np.int64)
    assert query_of_history(STORE, NOTHING, nothing, nothing, 5).as_of == STORE.latest_timestamp
