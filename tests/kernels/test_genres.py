"""Genre words against Python's own integers, taste against its definition in words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels import genres
from tests.compiled import entry
from tests.worlds import random_triples, store_of

STORE = store_of(random_triples(1), movie_count=70)

_bit_count = entry(genres.bit_count)


@given(st.integers(0, 2**64 - 1))
def test_bits_are_counted(word):
    assert _bit_count(np.uint64(word)) == word.bit_count()


@given(
    st.lists(st.tuples(st.integers(0, 69), st.integers(1, 10)), max_size=40),
    st.sampled_from([0.0, 0.5, 5.0]),
)
def test_taste_equals_its_naive_twin(history, shrinkage):
    movies = np.array([movie for movie, _ in history], np.int32)
    stars = np.array([half / 2 for _, half in history], np.float32)
    mean, preference, rated = genres.preferences(
        STORE.movie_genres, movies, stars, len(STORE.genres), 3.25, shrinkage
    )
    own = [half / 2 for _, half in history]
    naive_mean = sum(own) / len(own) if own else 3.25
    assert mean == pytest.approx(naive_mean, abs=1e-12)
    for code, name in enumerate(STORE.genres):
        of_genre = [half / 2 for movie, half in history if name in STORE.genres_of(movie)]
        assert rated[code] == len(of_genre)
        weight = len(of_genre) + shrinkage
        wanted = (sum(of_genre) + shrinkage * naive_mean) / weight if weight else naive_mean
        assert preference[code] == pytest.approx(wanted, rel=1e-6)


@given(st.lists(st.integers(0, 2**5 - 1), max_size=6), st.sampled_from([0, 1, 5]))
def test_the_genre_matrix_spells_the_words_out(masks, count):
    matrix = genres.genre_matrix(np.array(masks, np.uint64), count)
    assert matrix.shape == (len(masks), max(count, 1))
    wanted = [[mask >> code & 1 for code in range(max(count, 1))] for mask in masks]
    assert matrix.tolist() == wanted


def test_a_full_word_of_genres_stays_in_bounds():
    masks = np.array([2**64 - 1], np.uint64)
    masks.flags.writeable = False
    _, preference, rated = genres.preferences(
        masks, np.zeros(1, np.int32), np.full(1, 4, np.float32), 64, 3.0, 0.0
    )
    assert (rated == 1).all()
    assert (preference == 4).all()
