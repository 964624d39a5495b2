"""Filters: each removes what it names and nothing else, and they may stand in any order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.pipeline.candidates import Candidates
from reelrecs.stages.filters import (
    AlreadyRatedFilter,
    GenrePreferenceFilter,
    MinimumRatingFilter,
    RecencyFilter,
)
from reelrecs.stages.user_context import build_query, query_of_history
from tests.asking import keeps
from tests.worlds import random_triples, store_of

STORE = store_of(random_triples(5), movie_count=70)
FILTERS = (
    AlreadyRatedFilter(),
    MinimumRatingFilter(STORE),
    GenrePreferenceFilter(STORE),
    RecencyFilter(STORE, 10),
)
USERS = st.integers(0, STORE.user_count - 1)
ROWS = st.lists(st.integers(0, STORE.movie_count - 1), unique=True)


def batch(rows):
    return Candidates(
        np.array(rows, np.int32), retrieval_scores=np.zeros((len(rows), 0), np.float32)
    )


def stranger():
    return query_of_history(
        STORE, np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int64), 20
    )


def allowed(name, query, row):
    """What each filter promises, said for one movie."""
    if name == "already_rated":
        return row not in query.movies
    if name == "minimum_rating":
        return STORE.movie_mean_ratings[row] >= 3.5 and STORE.movie_rating_counts[row] >= 10
    if name == "genre_preference":
        top = {STORE.genres[code] for code in query.preferences.top_genres}
        return not top.isdisjoint(STORE.genres_of(row))
    return (
        query.preferences.era == 0 or abs(int(STORE.movie_years[row]) - query.preferences.era) <= 10
    )


@given(USERS, ROWS)
def test_each_filter_keeps_its_promise(user, rows):
    query = build_query(STORE, user, 20)
    for stage in FILTERS:
        mask = keeps(stage, query, batch(rows))
        assert mask.dtype == np.bool_
        assert mask.tolist() == [allowed(stage.name, query, row) for row in rows]


@given(USERS, ROWS, st.permutations(FILTERS))
def test_filters_are_idempotent_and_their_order_does_not_matter(user, rows, order):
    query = build_query(STORE, user, 20)
    together = np.ones(len(rows), np.bool_)
    for stage in FILTERS:
        together &= keeps(stage, query, batch(rows))
    left = batch(rows)
    for stage in order:
        left = left.take(keeps(stage, query, left))
        assert keeps(stage, query, left).all()
    assert left.movies.tolist() == np.array(rows, np.int32)[together].tolist()


def test_somebody_without_a_history_loses_nothing_for_it():
    everything = batch(range(STORE.movie_count))
    for stage in FILTERS:
        if stage.name != "minimum_rating":
            assert keeps(stage, stranger(), everything).all()


def test_what_is_not_known_is_not_held_against_a_movie():
    """A movie without year or genres passes the filters that ask for them."""
    query = build_query(STORE, 0, 20)
    odd = replace(query.preferences, era=1700, top_genre_mask=1 << 40)
    query = replace(query, find_preferences=lambda: odd)
    everything = batch(range(STORE.movie_count))
    for stage, known in (
        (GenrePreferenceFilter(STORE), "_genres"),
        (RecencyFilter(STORE, 3), "_years"),
    ):
        assert not keeps(stage, query, everything).any()
        unknown = getattr(stage, known).copy()
        unknown[3] = 0
        setattr(stage, known, unknown)
        assert np.flatnonzero(keeps(stage, query, everything)).tolist() == [3]


@pytest.mark.parametrize(
    ("mean", "ratings", "passing"), [(4.0, 2, [1]), (3.0, 2, [1, 2]), (4.0, 1, [1, 3])]
)
def test_minimum_rating_needs_both_the_mean_and_the_ratings(mean, ratings, passing):
    store = store_of(
        [(1, 1, 4.0), (2, 1, 4.0), (1, 2, 3.0), (2, 2, 3.5), (1, 3, 5.0)], movie_count=4
    )
    mask = keeps(MinimumRatingFilter(store, mean, ratings), stranger(), batch([0, 1, 2, 3]))
    assert store.movie_ids.at(mask) == passing


def test_no_candidates_are_no_trouble():
    for query in (stranger(), build_query(STORE, 0, 20)):
        for stage in FILTERS:
            assert keeps(stage, query, batch([])).shape == (0,)
