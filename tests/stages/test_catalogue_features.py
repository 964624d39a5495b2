"""Features: ten named columns, finite, in their ranges, the same for a movie wherever it stands."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.datasets.tables import RELEASE_UNKNOWN
from reelrecs.pipeline.candidates import Candidates
from reelrecs.stages.catalogue_features import COLUMNS, CatalogueFeatures
from reelrecs.stages.sources import ThunderSource
from reelrecs.stages.user_context import build_query, query_of_history
from reelrecs.store.build import build_store
from tests.worlds import random_triples, store_of, tables_of, triples

STORE = store_of(random_triples(6), movie_count=70)
FEATURES = CatalogueFeatures(STORE)
EVERYTHING = Candidates(np.arange(STORE.movie_count, dtype=np.int32))
DAY = 86_400


def stranger(store):
    return query_of_history(
        store, np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int64), 20
    )


def check_ranges(store, matrix):
    assert matrix.columns == COLUMNS
    assert matrix.values.dtype == np.float32
    assert np.isfinite(matrix.values).all()
    for name in COLUMNS:
        column = matrix.column(name)
        assert (column >= 0).all()
        if name.endswith(("score", "percentile")):
            assert (column <= 1).all()
    stars = matrix.column("avg_rating")
    assert ((stars >= store.min_rating) & (stars <= store.max_rating)).all()


@given(triples())
def test_every_value_is_finite_and_in_its_range(world):
    store = store_of(world, movie_count=18)
    everything = Candidates(np.arange(store.movie_count, dtype=np.int32))
    features = CatalogueFeatures(store)
    for query in (stranger(store), build_query(store, 0, 20)):
        check_ranges(store, features.features(query, everything))


@given(
    st.integers(0, STORE.user_count - 1),
    st.lists(st.integers(0, STORE.movie_count - 1), unique=True),
)
def test_a_movie_has_the_same_row_wherever_it_stands(user, rows):
    query = build_query(STORE, user, 20)
    chosen = FEATURES.features(query, Candidates(np.array(rows, np.int32)))
    everything = FEATURES.features(query, EVERYTHING)
    assert chosen.values.tobytes() == everything.values[rows].tobytes()


def test_collaborative_evidence_is_a_share_and_keeps_distinct_movies_distinct():
    """The lesson of the raw count: up to 500 taken for a number in [0, 1] made everything equal."""
    shared = [(user, movie, 5.0) for user in range(1, 41) for movie in (1, 2, 3)]
    chain = [(user, movie, 4.0) for movie in range(4, 34) for user in range(2, movie + 2)]
    store = store_of(shared + chain, movie_count=40)
    query = build_query(store, store.user_row(1), 20)
    matrix = CatalogueFeatures(store).features(query, ThunderSource(store).find(query))
    collaborative = matrix.column("collaborative_score")
    similar = matrix.column("similar_users_count")
    assert similar.tolist() == list(range(33, 3, -1))
    assert len(np.unique(collaborative)) == len(collaborative) == 30
    assert collaborative == pytest.approx(similar / 39)


def test_known_values_for_a_known_user():
    query = query_of_history(
        STORE,
        np.array([STORE.movie_row(movie) for movie in (6, 12, 18)], np.int32),
        np.array([4, 5, 4], np.float32),
        np.arange(3),
        20,
    )
    assert {STORE.genres[code] for code in query.preferences.top_genres} == {
        "Comedy",
        "Drama",
        "Horror",
    }
    assert query.preferences.era == 1962
    movies = [7, 10, 42]  # Drama Comedy 1957; Action Drama 1960; Drama Horror 1992
    rows = np.array([STORE.movie_row(movie) for movie in movies], np.int32)
    matrix = FEATURES.features(query, Candidates(rows))
    assert matrix.column("genre_overlap_score") == pytest.approx([2 / 3, 1 / 4, 2 / 3])
    assert matrix.column("genre_diversity_score").tolist() == [0, 0.5, 0]
    assert matrix.column("movie_year").tolist() == [1957, 1960, 1992]
    assert matrix.column("year_preference_score") == pytest.approx([0.5, 0.5**0.4, 0.5**6])
    assert (matrix.column("rating_count") == STORE.movie_rating_counts[rows]).all()
    assert (
        matrix.column("popularity_percentile") == STORE.movie_popularity_percentiles[rows]
    ).all()


def test_the_percentile_is_a_true_one():
    matrix = FEATURES.features(stranger(STORE), EVERYTHING)
    count = matrix.column("rating_count").astype(int).tolist()
    for at, percentile in enumerate(matrix.column("popularity_percentile")):
        below = sum(other < count[at] for other in count) + sum(
            other <= count[at] for other in count
        )
        assert percentile == pytest.approx(below / 2 / len(count))


def test_an_unrated_movie_has_the_mean_of_the_data_and_no_evidence():
    unrated = np.flatnonzero(STORE.movie_rating_counts == 0).astype(np.int32)
    assert len(unrated) >= 10
    matrix = FEATURES.features(build_query(STORE, 0, 20), Candidates(unrated))
    assert matrix.column("avg_rating") == pytest.approx(STORE.mean_rating)
    assert not matrix.column("rating_count").any()
    assert not matrix.column("similar_users_count").any()
    assert not matrix.column("collaborative_score").any()


def test_ages_are_measured_against_the_clock_of_the_data():
    tables = tables_of([(1, movie, 4.0) for movie in range(1, 6)])
    last_day = int(tables.ratings.times.max()) // DAY
    released = np.array(
        [last_day, last_day - 10, last_day - 400, last_day + 3, RELEASE_UNKNOWN], np.int32
    )
    years = np.array([2001, 2001, 2000, 2001, 0], np.int16)
    movies = replace(tables.movies, released=released, years=years)
    with tempfile.TemporaryDirectory() as folder:
        store = build_store(Path(folder) / "s.arrow", "s", replace(tables, movies=movies))
    rows = Candidates(np.arange(5, dtype=np.int32))
    matrix = CatalogueFeatures(store).features(build_query(store, 0, 20), rows)
    assert matrix.column("days_since_released").tolist() == [0, 10, 400, 0, 5]
    assert matrix.column("movie_year")[4] == 0
    assert matrix.column("year_preference_score")[4] == 0.5


def test_no_candidates_have_no_rows():
    matrix = FEATURES.features(stranger(STORE), Candidates(np.zeros(0, np.int32)))
    assert matrix.values.shape == (0, len(COLUMNS))
