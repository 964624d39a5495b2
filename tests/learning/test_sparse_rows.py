"""Cut and rounded matrices against the dense ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels.item_item import SparseRows
from reelrecs.learning.sparse_rows import cut_dense, sparse_rows, strongest

VALUES = st.lists(st.sampled_from([-3.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0]), max_size=30)


def dense_of(matrix: SparseRows) -> np.ndarray:
    """The matrix with all its zeros."""
    count = len(matrix.scales)
    dense = np.zeros((count, count), np.float32)
    rows = np.repeat(np.arange(count), np.diff(matrix.indptr))
    dense[rows, matrix.columns] = matrix.scales[rows] * matrix.codes
    return dense


@given(VALUES, st.integers(0, 35))
def test_strongest_are_the_first_of_a_stable_sort(values: list[float], most: int) -> None:
    array = np.array(values, np.float32)
    order = np.argsort(-np.abs(array), kind="stable")[:most]
    expected = sorted(int(at) for at in order if array[at] != 0)
    assert strongest(array, most).tolist() == expected


@given(st.integers(0, 2**32 - 1), st.integers(0, 7), st.integers(0, 60))
def test_a_cut_matrix_is_the_dense_one_at_its_strongest_entries(
    seed: int, size: int, most: int
) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(0, 1, (size, size)).astype(np.float32)
    matrix[rng.random(size) < 0.3] = 0
    movies = np.sort(rng.choice(11, size, replace=False)).astype(np.int32)
    cut = cut_dense(matrix, movies, most, 11)
    kept = np.zeros((size, size))
    order = np.argsort(-np.abs(matrix).reshape(-1), kind="stable")[:most]
    kept.reshape(-1)[order] = matrix.reshape(-1)[order]
    expected = np.zeros((11, 11))
    expected[np.ix_(movies, movies)] = kept
    half_a_code = np.abs(expected).max(axis=1, keepdims=True) / 127 / 2
    assert (np.abs(dense_of(cut) - expected) <= half_a_code * 1.001).all()
    assert len(cut.codes) <= most
    assert (cut.codes != 0).all()
    for start, stop in zip(cut.indptr[:-1], cut.indptr[1:], strict=True):
        assert (np.diff(cut.columns[start:stop].astype(int)) > 0).all()


def test_columns_are_as_short_as_the_catalogue_allows() -> None:
    one = np.zeros(1, np.int32)
    for movies, kind in ((65_536, np.uint16), (65_537, np.int32)):
        last = np.array([movies - 1], np.int32)
        matrix = sparse_rows(one, last, np.ones(1, np.float32), movies)
        assert matrix.columns.dtype == kind
        assert matrix.columns.tolist() == [movies - 1]
