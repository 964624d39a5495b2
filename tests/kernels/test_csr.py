"""CSR kernels against scipy, numpy and sorted()."""

from random import Random

import numpy as np
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels import csr

IDS = st.lists(
    st.integers(0, 2**32 - 1) | st.integers(0, 20) | st.integers(-(2**63), 2**63 - 1), max_size=60
)


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


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 7)), max_size=40), st.randoms())
def test_the_other_way_round_equals_loops(pairs: set[tuple[int, int]], random: Random) -> None:
    """Users 0 to 5 in any order of visits; each one's movies 0 to 7 in any order."""
    entries = sorted(pairs, key=lambda pair: (pair[0], random.random()))
    users, movies = (np.array([pair[at] for pair in entries], np.int32) for at in (0, 1))
    ratings = np.array([random.randint(1, 10) / 2 for _ in entries], np.float32)
    indptr = csr.offsets(users, 6)
    assert indptr.tolist() == [int((users < user).sum()) for user in range(7)]
    visit = np.array(random.sample(range(6), 6))
    movie_indptr = csr.offsets(movies, 8)
    out = np.empty(len(entries), np.int32), ratings.copy(), np.empty(len(entries), np.int32)
    csr.transpose(indptr, movies, ratings, visit, movie_indptr, out)
    wanted = [
        (user, ratings[at], at - indptr[user])
        for movie in range(8)
        for user in visit
        for at in range(indptr[user], indptr[user + 1])
        if movies[at] == movie
    ]
    assert list(zip(*(part.tolist() for part in out), strict=True)) == wanted
    user_ends, liked, movie_ends, likers = csr.likes(indptr, movies, ratings, 8, 4.0)
    likes = [pair for pair, stars in zip(entries, ratings, strict=True) if stars >= 4.0]
    assert liked.tolist() == [movie for _, movie in likes]
    assert likers.tolist() == [user for user, _ in sorted(likes, key=lambda pair: pair[::-1])]
    assert user_ends.tolist() == [sum(pair[0] < user for pair in likes) for user in range(7)]
    assert movie_ends.tolist() == [sum(pair[1] < movie for pair in likes) for movie in range(9)]


def test_movie_statistics_of_empty_and_full_rows() -> None:
    indptr = np.array([0, 0, 3])
    count, mean, liked = np.empty(2, np.int32), np.empty(2, np.float32), np.empty(2, np.int32)
    csr.movie_statistics(indptr, np.array([4.0, 2.0, 4.5], np.float32), 4.0, count, mean, liked)
    assert count.tolist() == [0, 3]
    assert liked.tolist() == [0, 2]
    np.testing.assert_allclose(mean, [0, 3.5])
