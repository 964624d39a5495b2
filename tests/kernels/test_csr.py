"""CSR kernels against scipy, numpy and sorted()."""

import numpy as np
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels import csr

IDS = st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 20), max_size=60)


@given(IDS)
def test_rows_of_ids_equals_unique(ids: list[int]) -> None:
    array = np.array(ids, np.int64)
    distinct, rows = csr.rows_of_ids(array)
    expected, inverse = np.unique(array, return_inverse=True)
    np.testing.assert_array_equal(distinct, expected)
    np.testing.assert_array_equal(rows, inverse)


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(10, 14))
def test_compress_equals_scipy(rows: list[int], row_count: int) -> None:
    indptr, order = csr.compress(np.array(rows, np.int32), row_count)
    ones = np.ones(len(rows))
    matrix = scipy.sparse.coo_matrix(
        (ones, (rows, np.arange(len(rows)))), shape=(row_count, len(rows))
    ).tocsr()
    np.testing.assert_array_equal(indptr, matrix.indptr)
    np.testing.assert_array_equal(order, matrix.indices)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=60))
def test_time_order_is_stable(entries: list[tuple[int, int]]) -> None:
    rows = np.array([row for row, _ in entries], np.int32)
    times = np.array([time for _, time in entries], np.int64)
    indptr, order = csr.compress(rows, 5)
    csr.order_by_time(indptr, times, order)
    for row in range(5):
        mine = [at for at in range(len(entries)) if rows[at] == row]
        expected = sorted(mine, key=lambda at: times[at])
        assert order[indptr[row] : indptr[row + 1]].tolist() == expected


def test_movie_statistics_of_empty_and_full_rows() -> None:
    indptr = np.array([0, 0, 3])
    count, mean, liked = np.empty(2, np.int32), np.empty(2, np.float32), np.empty(2, np.int32)
    csr.movie_statistics(indptr, np.array([4.0, 2.0, 4.5], np.float32), 4.0, count, mean, liked)
    assert count.tolist() == [0, 3]
    assert liked.tolist() == [0, 2]
    np.testing.assert_allclose(mean, [0, 3.5])
