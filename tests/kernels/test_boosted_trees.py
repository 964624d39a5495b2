"""Oblivious trees against a slow twin written from the definition of Newton boosting."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from reelrecs.kernels.boosted_trees import BINS, add_trees, binned, grow


@given(st.integers(0, 99), st.integers(0, 5), st.integers(1, 4))
def test_a_row_gets_the_leaf_of_each_tree(seed: int, trees: int, depth: int) -> None:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(6, 9)).astype(np.float32)
    columns = rng.integers(0, 6, (trees, depth)).astype(np.int32)
    thresholds = rng.normal(size=(trees, depth)).astype(np.float32)
    if trees:
        thresholds[0, 0] = inputs[columns[0, 0], 0]  # at the threshold is not above it
    leaves = rng.normal(size=(trees, 1 << depth)).astype(np.float32)
    out = np.ones(9, np.float32)
    add_trees(inputs, columns, thresholds, leaves, out)
    for row in range(9):
        expected = 1.0
        for tree in range(trees):
            above = [
                inputs[columns[tree, level], row] > thresholds[tree, level]
                for level in range(depth)
            ]
            expected += leaves[tree, sum(1 << level for level in range(depth) if above[level])]
        assert out[row] == pytest.approx(expected, rel=1e-5, abs=1e-5)


@given(st.integers(0, 99))
def test_a_bin_counts_the_edges_below(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inputs = rng.integers(0, 9, (20, 3)).astype(np.float32)
    edges = np.sort(rng.integers(0, 9, (3, 7)).astype(np.float32), axis=1)
    out = np.empty((3, 20), np.uint8)
    binned(inputs, edges, out)
    for column in range(3):
        expected = np.searchsorted(edges[column], inputs[:, column], side="left")
        assert out[column].tolist() == expected.tolist()


def naive_tree(
    bins: np.ndarray, starts: np.ndarray, score: np.ndarray, depth: int, ridge: float
) -> tuple[float, np.ndarray]:
    """The summed gain of the best cuts, and every row's Newton step, of one greedy tree."""
    gradient_of_logit, hessian = np.empty(len(score)), np.empty(len(score))
    for start, stop in pairwise(starts):
        chance = softmax(score[start:stop])
        gradient_of_logit[start:stop] = chance
        gradient_of_logit[start] -= 1
        hessian[start:stop] = chance * (1 - chance)
    leaf = np.zeros(len(score), int)
    gain = 0.0
    for level in range(depth):
        options = []
        for column in range(len(bins)):
            for cut in range(int(bins.max()) + 1):
                split = leaf + (bins[column] > cut) * (1 << level)
                parts = [split == part for part in range(2 << level)]
                value = sum(
                    gradient_of_logit[p].sum() ** 2 / (hessian[p].sum() + ridge) for p in parts
                )
                options.append((value, -column, -cut, split))
        gain, _, _, leaf = max(options, key=lambda option: option[:3])
    step = np.empty(len(score))
    for part in range(1 << depth):
        inside = leaf == part
        step[inside] = -gradient_of_logit[inside].sum() / (hessian[inside].sum() + ridge)
    return gain, step


@pytest.mark.parametrize("seed", range(6))
def test_one_tree_is_the_greedy_newton_step(seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts = np.array([0, 4, 9, 12, 20])
    bins = rng.integers(0, 6, (3, 20)).astype(np.uint8)
    score = rng.normal(size=20).astype(np.float32)
    gain, step = naive_tree(bins, starts, score.astype(float), 2, 0.5)
    assert gain > 0
    columns, cuts = np.zeros((1, 2), np.int32), np.zeros((1, 2), np.int32)
    leaves, moved = np.zeros((1, 4), np.float32), score.copy()
    everything = np.ones((1, 4), np.bool_), np.ones((1, 2, 3), np.bool_)
    grow(bins, starts, moved, *everything, 0.3, 0.5, 0.0, columns, cuts, leaves)
    np.testing.assert_allclose(moved - score, 0.3 * step, rtol=1e-3, atol=1e-5)


def test_only_what_is_drawn_is_looked_at() -> None:
    rng = np.random.default_rng(3)
    starts = np.arange(0, 61, 6)
    bins = rng.integers(0, BINS, (4, 60)).astype(np.uint8)
    score = np.zeros(60, np.float32)
    groups = np.zeros((2, 10), np.bool_)
    groups[0, :5] = groups[1, 5:] = True
    asked = np.zeros((2, 3, 4), np.bool_)
    asked[0, :, 1] = asked[1, :, 2] = True
    columns, cuts = np.zeros((2, 3), np.int32), np.zeros((2, 3), np.int32)
    leaves = np.zeros((2, 8), np.float32)
    grow(bins, starts, score, groups, asked, 0.5, 1.0, 0.0, columns, cuts, leaves)
    assert columns.tolist() == [[1, 1, 1], [2, 2, 2]]
    unseen = bins.copy()
    unseen[:, 30:] = rng.integers(0, BINS, (4, 30))
    other = np.zeros((1, 8), np.float32)
    grow(
        unseen,
        starts,
        np.zeros(60, np.float32),
        groups[:1],
        asked[:1],
        0.5,
        1.0,
        0.0,
        columns[:1],
        cuts[:1],
        other,
    )
    assert other[0].tolist() == leaves[0].tolist(), "tree 0 never saw the later groups"
