"""Item-to-item kernels against their definitions in numpy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels import item_item
from tests.compiled import entry

SEQUENCES = st.lists(st.lists(st.integers(-1, 5), max_size=8), min_size=1, max_size=5)
COUNT = 6

_row_sum = entry(item_item.row_sum)


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


def sequences_of(
    sequences: list[list[int]], firsts: list[int], ends: list[int]
) -> item_item.Sequences:
    """Both ways round, as a store has them."""
    indptr, movies = as_csr(sequences)
    users = np.repeat(np.arange(len(sequences)), np.diff(indptr)).astype(np.int32)
    positions = (np.arange(len(movies)) - indptr[users]).astype(np.int32)
    by_movie = np.argsort(movies, kind="stable")
    movie_indptr = np.searchsorted(movies[by_movie], np.arange(COUNT + 1))
    return item_item.Sequences(
        indptr,
        movies,
        np.array(firsts, np.int64),
        np.array(ends, np.int64),
        movie_indptr,
        users[by_movie],
        positions[by_movie],
    )


DISTINCT = st.lists(
    st.lists(st.integers(0, COUNT - 1), max_size=COUNT, unique=True), min_size=1, max_size=5
)


@given(DISTINCT, st.integers(1, 7), st.integers(0, 3), st.integers(0, COUNT), st.integers(0, COUNT))
def test_co_occurrence_rows_count_gaps_both_ways(
    sequences: list[list[int]], reach: int, hidden: int, one: int, other: int
) -> None:
    lengths = [max(0, len(sequence) - hidden) for sequence in sequences]
    firsts = [min(hidden // 2, length) for length in lengths]
    first, last = min(one, other), max(one, other)
    powers = 0.5 ** np.arange(reach + 1)
    totals = np.zeros(COUNT)
    columns, values = np.empty(COUNT * COUNT, np.int32), np.empty(COUNT * COUNT)
    ends = np.empty(last - first, np.int64)
    size = item_item.co_occurrence_rows(
        sequences_of(sequences, firsts, lengths),
        first, last, powers, 0.25, totals, columns, values, ends,
    )  # fmt: skip
    expected = np.zeros((COUNT, COUNT))
    for sequence, start, length in zip(sequences, firsts, lengths, strict=True):
        seen = sequence[start:length]
        for at, earlier in enumerate(seen):
            for gap, later in enumerate(seen[at + 1 : at + 1 + reach], start=1):
                expected[earlier, later] += 0.5**gap
                expected[later, earlier] += 0.25 * 0.5**gap
    found = np.zeros((COUNT, COUNT))
    start = 0
    for row, end in zip(range(first, last), ends.tolist(), strict=True):
        assert (np.diff(columns[start:end]) > 0).all()
        found[row, columns[start:end]] = values[start:end]
        start = end
    assert size == start
    np.testing.assert_allclose(found[first:last], expected[first:last])
    assert not totals.any(), "the next block adds up from 0"


@st.composite
def matrices(draw: st.DrawFn) -> tuple[item_item.SparseRows, np.ndarray]:
    """Compressed rows, some of them empty, and the same matrix dense."""
    cells = draw(st.sets(st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1))))
    rows = np.array(sorted(cells), np.int64).reshape(-1, 2)
    codes = draw(st.lists(st.integers(-127, 127), min_size=len(rows), max_size=len(rows)))
    scales = np.linspace(0.5, 2.0, COUNT, dtype=np.float32)
    matrix = item_item.SparseRows(
        np.searchsorted(rows[:, 0], np.arange(COUNT + 1)),
        rows[:, 1].astype(draw(st.sampled_from([np.uint16, np.int32]))),
        np.array(codes, np.int8),
        scales,
    )
    dense = np.zeros((COUNT, COUNT))
    dense[rows[:, 0], rows[:, 1]] = codes
    return matrix, dense * scales[:, None]


@given(matrices(), st.lists(st.integers(0, COUNT - 1), max_size=10), st.integers(0, 12))
def test_row_sum_is_a_decayed_sum_of_the_last_rows(
    both: tuple[item_item.SparseRows, np.ndarray], history: list[int], most: int
) -> None:
    matrix, dense = both
    out = np.ones(COUNT, np.float32)
    _row_sum(matrix, np.array(history, np.int32), 0.7, most, out)
    expected = np.ones(COUNT)
    for back, movie in enumerate(history[::-1][:most]):
        expected += 0.7**back * dense[movie]
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-3)


@given(
    matrices(),
    st.lists(st.integers(0, COUNT - 1), max_size=4),
    st.lists(st.integers(0, COUNT - 1), max_size=8),
)
def test_entries_at_are_those_of_the_dense_matrix(
    both: tuple[item_item.SparseRows, np.ndarray], rows: list[int], columns: list[int]
) -> None:
    matrix, dense = both
    out = np.full((len(rows), len(columns)), np.nan, np.float32)
    item_item.entries_at(matrix, np.array(rows, np.int32), np.array(columns, np.int32), out)
    expected = dense[np.ix_(np.array(rows, int), np.array(columns, int))]
    np.testing.assert_allclose(out, expected, rtol=1e-6)
