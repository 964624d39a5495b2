"""Item-to-item kernels against their definitions in numpy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels import item_item

SEQUENCES = st.lists(st.lists(st.integers(-1, 5), max_size=8), min_size=1, max_size=5)
COUNT = 6


def as_csr(sequences: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    indptr = np.cumsum([0, *(len(one) for one in sequences)])
    return indptr, np.array([movie for one in sequences for movie in one], np.int32)


@given(SEQUENCES)
def test_decayed_gram_is_the_product_of_decayed_histories(sequences: list[list[int]]) -> None:
    indptr, movies = as_csr(sequences)
    gram = np.zeros((COUNT, COUNT), np.float32)
    item_item.decayed_gram(indptr, movies, 0.7, 0.0, gram)
    expected = np.zeros((COUNT, COUNT))
    for sequence in sequences:
        state = np.zeros(COUNT)
        for movie in sequence:
            state *= 0.7
            if movie >= 0:
                state[movie] += 1
            expected += np.outer(state, state)
    np.testing.assert_allclose(gram, expected, rtol=1e-4, atol=1e-5)


@given(SEQUENCES, st.integers(1, 9))
def test_ordered_pairs_count_gaps(sequences: list[list[int]], reach: int) -> None:
    indptr, movies = as_csr(sequences)
    powers = (0.5 ** np.arange(reach + 1)).astype(np.float32)
    pairs = np.zeros((COUNT, COUNT), np.float32)
    item_item.ordered_pairs(indptr, movies, powers, pairs)
    expected = np.zeros((COUNT, COUNT))
    for sequence in sequences:
        for at, first in enumerate(sequence):
            for gap, second in enumerate(sequence[at + 1 : at + 1 + reach], start=1):
                if first >= 0 and second >= 0:
                    expected[first, second] += 0.5**gap
    np.testing.assert_allclose(pairs, expected, rtol=1e-5)


@given(st.lists(st.integers(0, 7), max_size=10), st.integers(0, 12))
def test_row_sum_is_a_decayed_sum_of_the_last_rows(history: list[int], most: int) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.random((6, 4)).astype(np.float32)
    matrix_rows = np.array([3, -1, 0, 1, 2, -1, 4, 5], np.int32)
    out = np.zeros(4, np.float32)
    item_item.row_sum(matrix, matrix_rows, np.array(history, np.int32), 0.7, most, out)
    expected = np.zeros(4)
    for back, movie in enumerate(history[::-1][:most]):
        if matrix_rows[movie] >= 0:
            expected += 0.7**back * matrix[matrix_rows[movie]]
    np.testing.assert_allclose(out, expected, rtol=1e-5)
