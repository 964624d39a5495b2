"""Thunder and Phoenix: who is found, why, how strongly, and how places are shared."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs import config
from reelrecs.pipeline.candidate_batch import CandidateBatch, merge
from reelrecs.stages.sources import PhoenixSource, ThunderSource
from reelrecs.stages.user_context import build_query, query_of_history
from tests.worlds import random_triples, store_of, triples

STORE = store_of(random_triples(4, users=60), movie_count=70)
USERS = st.integers(0, STORE.user_count - 1)
THUNDER = ThunderSource(STORE)
PHOENIX = PhoenixSource(STORE)


def well_liked(seed):
    """A store where about half the movies reach the mean, each rated by its own number of users."""
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.1, 0.9, 70)
    return store_of(
        [
            (user, movie, float(rng.integers(5, 10)) / 2)
            for user in range(1, 61)
            for movie in range(1, 71)
            if rng.random() < chance[movie - 1]
        ]
    )


LIKED = well_liked(8)


def stranger(store, movies=(), stars=()):
    return query_of_history(
        store,
        np.array(movies, np.int32),
        np.array(stars, np.float32),
        np.arange(len(movies), dtype=np.int64),
        20,
    )


@given(USERS, st.integers(1, 40))
def test_thunder_equals_its_naive_twin(user, most):
    query = build_query(STORE, user, 5)
    found = ThunderSource(STORE, most).find(query)
    weight = query.neighbours.weight.tolist()
    unseen = set(np.flatnonzero(weight)) - set(query.movies.tolist())
    assert (
        found.movies.tolist() == sorted(unseen, key=lambda row: (-weight[row], row))[: max(most, 5)]
    )
    assert found.channels == ("thunder.neighbours",)
    assert found.retrieval_scores[:, 0].tolist() == query.neighbours.likes[found.movies].tolist()


def test_thunder_hears_only_peers_and_prefers_the_closest():
    shared = [(user, movie, 5.0) for user in (1, 2, 3) for movie in (1, 2, 3)]
    store = store_of(
        [
            *shared,
            (1, 4, 4.0),
            (2, 4, 4.0),
            (2, 5, 4.0),
            (3, 6, 4.0),
            (3, 7, 3.5),
            *((9, movie, 5.0) for movie in (1, 2, 8)),
        ]
    )
    found = ThunderSource(store).find(build_query(store, store.user_row(1), 20))
    assert store.movie_ids.at(found.movies) == [5, 6]
    assert found.retrieval_scores[:, 0].tolist() == [1, 1]


def test_sources_fill_their_places():
    """Bounds come from config and are reached where there is enough to find."""
    ratings = [(user, movie, 5.0) for user in range(1, 13) for movie in range(1, 701)]
    mine = [(99, movie, 5.0) for movie in range(1, 4)]
    store = store_of(ratings + mine)
    query = build_query(store, store.user_row(99), 20)
    assert len(ThunderSource(store).find(query)) == config.THUNDER_CANDIDATES
    assert len(PhoenixSource(store).find(query)) == config.PHOENIX_CANDIDATES


@given(USERS)
def test_phoenix_finds_unwatched_well_rated_movies(user):
    query = build_query(LIKED, user, 20)
    found = PhoenixSource(LIKED).find(query)
    assert found.channels == ("phoenix.genre", "phoenix.popularity", "phoenix.era")
    assert found.retrieval_scores.shape == (len(found), 3)
    assert len(np.unique(found.movies)) == len(found) > 0
    assert not np.isin(found.movies, query.movies).any()
    assert (LIKED.movie_mean_ratings[found.movies] >= config.PHOENIX_MEAN).all()
    assert (LIKED.movie_rating_counts[found.movies] >= config.PHOENIX_RATINGS).all()
    assert ((found.retrieval_scores >= 0) & (found.retrieval_scores <= 1)).all()
    assert found.retrieval_scores.any(axis=1).all()
    genre, _, era = found.retrieval_scores.T
    shares = (LIKED.movie_genres[found.movies] & np.uint64(query.preferences.top_genre_mask)) != 0
    assert shares[genre > 0].all()
    away = np.abs(LIKED.movie_years[found.movies].astype(int) - query.preferences.era)
    assert (away[era > 0] <= config.ERA_SPAN).all()


@given(USERS, st.integers(3, 12))
def test_phoenix_channels_share_their_places_fairly(user, most):
    query = build_query(LIKED, user, 20)
    found = PhoenixSource(LIKED, most).find(query)
    everything = PhoenixSource(LIKED, LIKED.movie_count).find(query)
    for channel in range(3):
        available = np.count_nonzero(everything.retrieval_scores[:, channel])
        assert np.count_nonzero(found.retrieval_scores[:, channel]) >= min(
            available, len(found) // 3
        )


def test_a_movie_strong_on_every_account_is_found_by_every_channel():
    ratings = [(user, movie, 4.0) for movie in range(1, 41) for user in range(1, 12)]
    favourite = [(user, 20, 4.0) for user in range(12, 90)]
    store = store_of(ratings + favourite)
    query = stranger(store, [store.movie_row(19), store.movie_row(21)], [5, 5])
    found = PhoenixSource(store, 12).find(query)
    at = found.movies.tolist().index(store.movie_row(20))
    assert (found.retrieval_scores[at] > 0).all()
    assert found.retrieval_scores[at, 1] == 1


def test_nobody_in_particular_gets_popular_and_varied_movies():
    query = replace(stranger(LIKED), limit=12)
    assert len(ThunderSource(LIKED).find(query)) == 0
    found = PhoenixSource(LIKED, 12).find(query)
    assert len(found) == 12
    genre, popularity, era = found.retrieval_scores.T
    assert not era.any()
    pool = np.flatnonzero(
        (LIKED.movie_mean_ratings >= config.PHOENIX_MEAN)
        & (LIKED.movie_rating_counts >= config.PHOENIX_RATINGS)
    )
    counts = LIKED.movie_rating_counts[pool]
    assert LIKED.movie_rating_counts[found.movies[popularity.argmax()]] == counts.max()
    for code in range(len(LIKED.genres)):
        of_genre = (LIKED.movie_genres[pool] >> np.uint64(code) & np.uint64(1)) == 1
        first = counts[of_genre].max()
        mine = (LIKED.movie_genres[found.movies] >> np.uint64(code) & np.uint64(1)) == 1
        assert LIKED.movie_rating_counts[found.movies[mine & (genre == 1)]].max() == first


@given(triples())
def test_sources_never_raise(world):
    store = store_of(world, movie_count=18)
    for query in (stranger(store), build_query(store, 0, 20)):
        for source in (ThunderSource(store), PhoenixSource(store)):
            found = source.find(query)
            assert found.retrieval_scores.shape == (len(found), len(source.channels))
            assert found.movies.dtype == np.int32


def test_everything_watched_leaves_nothing_to_find():
    rows = np.arange(STORE.movie_count)
    query = stranger(STORE, rows, np.full(len(rows), 5))
    assert len(query.neighbours.users) > 0
    assert len(THUNDER.find(query)) == len(PHOENIX.find(query)) == 0


@given(USERS)
def test_merging_keeps_what_every_channel_said(user):
    query = build_query(STORE, user, 20)
    batches = [THUNDER.find(query), PHOENIX.find(query)]
    merged = merge([CandidateBatch.of([one]) for one in batches], STORE.movie_count).rows
    assert merged.channels == THUNDER.channels + PHOENIX.channels
    assert merged.movies.tolist() == sorted(set(batches[0].movies) | set(batches[1].movies))
    for batch in batches:
        columns = [merged.channels.index(channel) for channel in batch.channels]
        rows = np.searchsorted(merged.movies, batch.movies)
        assert (merged.retrieval_scores[rows][:, columns] == batch.retrieval_scores).all()
        elsewhere = ~np.isin(merged.movies, batch.movies)
        assert not merged.retrieval_scores[elsewhere][:, columns].any()


def test_the_same_question_has_the_same_answer():
    query = build_query(STORE, 5, 20)
    for source, again in ((THUNDER, ThunderSource(STORE)), (PHOENIX, PhoenixSource(STORE))):
        one, other = source.find(query), again.find(build_query(STORE, 5, 20))
        assert one.movies.tobytes() == other.movies.tobytes()
        assert one.retrieval_scores.tobytes() == other.retrieval_scores.tobytes()


@pytest.mark.parametrize("source", [THUNDER, PHOENIX])
def test_channels_carry_the_name_of_their_source(source):
    assert all(channel.startswith(f"{source.name}.") for channel in source.channels)
