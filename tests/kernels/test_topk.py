"""The k best under the total order, whatever the order of arrival."""

import numba
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels import topk


@numba.njit  # type: ignore[untyped-decorator]
def stream(scores, rows, kept_scores, kept_rows):  # type: ignore[no-untyped-def]
    size = 0
    for at in range(len(scores)):
        size = topk.push(kept_scores, kept_rows, size, scores[at], rows[at])
    topk.sort(kept_scores, kept_rows, size)
    return size


def kept(entries: list[tuple[float, int]], k: int) -> list[tuple[float, int]]:
    scores, rows = np.zeros(k), np.full(k, -1, np.int32)
    size = stream(
        np.array([score for score, _ in entries], np.float64),
        np.array([row for _, row in entries], np.int32),
        scores,
        rows,
    )
    assert set(rows[size:]) <= {-1}
    return list(zip(scores[:size].tolist(), rows[:size].tolist(), strict=True))


@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, -1.0]), max_size=60),
    st.integers(0, 12),
    st.randoms(use_true_random=False),
)
def test_keeps_the_best_in_order_with_many_ties(scores, k, random):
    entries = [(score, row) for row, score in enumerate(scores)]
    expected = sorted(entries, key=lambda entry: (-entry[0], entry[1]))[:k]
    assert kept(entries, k) == expected
    random.shuffle(entries)
    assert kept(entries, k) == expected


def test_equal_scores_leave_the_smaller_rows():
    assert kept([(0.5, row) for row in (9, 3, 7, 1, 5)], 3) == [(0.5, 1), (0.5, 3), (0.5, 5)]
