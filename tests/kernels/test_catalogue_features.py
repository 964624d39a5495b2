"""The feature matrix against its definition, column by column, in Python's own arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels.catalogue_features import featurize
from tests.worlds import random_triples, store_of

STORE = store_of(random_triples(2), movie_count=66)
MOVIES = STORE.movie_count


@given(
    st.lists(st.integers(0, MOVIES - 1), max_size=30),
    st.integers(0, 31),
    st.sampled_from([0, 1950, 1990]),
    st.integers(0, 2**32),
)
def test_the_matrix_equals_its_naive_twin(rows, taste, era, seed):
    rng = np.random.default_rng(seed)
    age = rng.integers(0, 30_000, MOVIES).astype(np.float32)
    mean = STORE.movie_mean_ratings.copy()
    likes = rng.integers(0, 9, MOVIES).astype(np.int32)
    weight = likes * 3
    matrix = featurize(
        np.array(rows, np.int32),
        STORE.movie_genres,
        mean,
        STORE.movie_rating_counts,
        STORE.movie_popularity_percentiles,
        STORE.movie_years,
        age,
        likes,
        weight,
        taste,
        40,
        era,
        5,
        0.5,
    )
    assert matrix.shape == (len(rows), 10)
    for values, movie in zip(matrix, rows, strict=True):
        genres, year = int(STORE.movie_genres[movie]), int(STORE.movie_years[movie])
        assert values == pytest.approx(
            [
                (genres & taste).bit_count() / (genres | taste).bit_count(),
                (genres & ~taste).bit_count() / genres.bit_count(),
                weight[movie] / 40,
                likes[movie],
                mean[movie],
                STORE.movie_rating_counts[movie],
                STORE.movie_popularity_percentiles[movie],
                year,
                0.5 ** (abs(year - era) / 5) if era else 0.5,
                age[movie],
            ],
            rel=1e-6,
        )


def test_movies_without_genres_or_year_have_finite_rows():
    nothing = np.zeros(1, np.uint64)
    years = np.zeros(1, np.int16)
    counts = np.zeros(1, np.int32)
    percentile = np.full(1, 0.5, np.float32)
    for array in (nothing, years, counts, percentile):
        array.flags.writeable = False
    matrix = featurize(
        np.zeros(1, np.int32),
        nothing,
        np.full(1, 3, np.float32),
        counts,
        percentile,
        years,
        np.zeros(1, np.float32),
        np.zeros(1, np.int32),
        np.zeros(1, np.int32),
        0,
        0,
        1990,
        5,
        0.5,
    )
    assert matrix[0].tolist() == [0, 0, 0, 0, 3, 0, 0.5, 0, 0.5, 0]
