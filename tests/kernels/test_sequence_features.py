"""The fit to the recent profile against its definition."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels.sequence_features import PLAIN_END, Logged, Plain, genre_and_year_fit
from tests.compiled import entry
from tests.worlds import random_triples, store_of

_fit = entry(genre_and_year_fit)


@given(st.integers(0, 30), st.integers(0, 12))
def test_genre_and_era_equal_their_naive_twin(seed: int, length: int) -> None:
    store = store_of(random_triples(seed, users=8, movies=20, most=12), 25)
    rng = np.random.default_rng(seed)
    last = rng.choice(store.movie_count, length, replace=False).astype(np.int32)
    share = np.linspace(0.1, 0.5, len(store.genres))
    movies = np.arange(store.movie_count, dtype=np.int32)
    features = np.empty((len(movies), PLAIN_END), np.float32)
    _fit(store.movie_genres, store.movie_years, share, last, 0.85, 0.7, movies, features)
    genre, era = features[:, Logged.GENRES], features[:, Plain.YEARS]
    kinds = [set(store.genres_of(movie)) for movie in movies]
    exp_logits = []
    for code, name in enumerate(store.genres):
        log_odds = sum(
            0.85**back
            * math.log(0.9 / share[code] if name in kinds[movie] else 0.1 / (1 - share[code]))
            for back, movie in enumerate(last)
        )
        exp_logits.append(math.exp(min(log_odds, 12)))
    weights = 0.7 ** np.arange(length)
    years = store.movie_years[last].astype(float)
    for movie in movies:
        fit = 1 + sum(
            exp_logits[code] / share[code]
            for code, name in enumerate(store.genres)
            if name in kinds[movie]
        )
        assert math.isclose(genre[movie], fit / (1 + sum(exp_logits)), rel_tol=1e-4, abs_tol=1e-5)
        if length == 0:
            assert era[movie] == 0
        else:
            mean = np.average(years, weights=weights)
            variance = np.average((years - mean) ** 2, weights=weights) + 4
            expected = min((store.movie_years[movie] - mean) ** 2 / variance, 16)
            assert math.isclose(era[movie], expected, rel_tol=1e-3, abs_tol=1e-3)
