"""One split against all splits tried by hand; an ensemble against walking its questions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels.trees import add_trees, best_split

BINS = 4


def naive_gain(bins, rows, leaves, slopes, curves, column, cut, penalty):
    """Part every leaf by hand and add up G^2 / (H + penalty)."""
    sides = {}
    for at, row in enumerate(rows):
        slope, curve = sides.get(key := (leaves[at], bins[column][row] > cut), (0.0, 0.0))
        sides[key] = (slope + slopes[at], curve + curves[at])
    return sum(slope**2 / (curve + penalty) for slope, curve in sides.values())


@given(st.data(), st.integers(0, 25), st.sampled_from([1, 2, 4]), st.sampled_from([0.5, 20.0]))
def test_best_split_gains_most(data, count, leaf_count, penalty):
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    bins = rng.integers(0, BINS, (5, 30)).astype(np.uint8)
    rows = np.sort(rng.choice(30, count, replace=False)).astype(np.int32)
    leaves = rng.integers(0, leaf_count, count).astype(np.uint8)
    # Quarters add up exactly in any order, so ties are ties in the twin too.
    slopes = (rng.integers(-8, 9, count) / 4).astype(np.float32)
    curves = (rng.integers(1, 9, count) / 4).astype(np.float32)
    columns = np.sort(rng.choice(5, rng.integers(1, 6), replace=False))
    histogram = np.full((leaf_count, BINS, 2), np.nan)
    found = best_split(bins, rows, leaves, slopes, curves, columns, penalty, histogram)
    gains = {
        (column, cut): naive_gain(bins, rows, leaves, slopes, curves, column, cut, penalty)
        for column in columns.tolist()
        for cut in range(BINS - 1)
    }
    assert found in gains
    assert gains[found] == pytest.approx(max(gains.values()))


def test_of_equal_splits_the_first_wins():
    bins = np.array([[0, 0, 0, 0], [0, 0, 3, 3], [0, 0, 3, 3]], np.uint8)
    slopes, curves = np.array([-1, -1, 1, 1], np.float32), np.ones(4, np.float32)
    rows, leaves = np.arange(4, dtype=np.int32), np.zeros(4, np.uint8)
    histogram = np.empty((1, BINS, 2))
    assert best_split(bins, rows, leaves, slopes, curves, np.arange(3), 1.0, histogram) == (1, 0)


@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(0, 5), st.integers(1, 8))
def test_trees_equal_a_walk_through_their_questions(seed, row_count, tree_count, depth):
    rng = np.random.default_rng(seed)
    inputs = rng.integers(0, 4, (3, row_count)).astype(np.float32)  # often on a threshold
    columns = rng.integers(0, 3, (tree_count, depth)).astype(np.int32)
    thresholds = rng.integers(0, 4, (tree_count, depth)).astype(np.float32)
    values = rng.normal(size=(tree_count, 2**depth)).astype(np.float32)
    out = np.ones(row_count, np.float32)
    add_trees(inputs, columns, thresholds, values, out)
    for row in range(row_count):
        wanted = np.float32(1)
        for tree in range(tree_count):
            answers = [
                inputs[column, row] > threshold
                for column, threshold in zip(columns[tree], thresholds[tree], strict=True)
            ]
            wanted += values[tree, sum(bool(yes) << level for level, yes in enumerate(answers))]
        assert out[row] == wanted


def test_not_a_number_is_not_above():
    inputs, out = np.array([[np.nan, 2.0]], np.float32), np.zeros(2, np.float32)
    add_trees(
        inputs,
        np.zeros((1, 1), np.int32),
        np.ones((1, 1), np.float32),
        np.array([[-1, 1]], np.float32),
        out,
    )
    assert out.tolist() == [-1, 1]
