"""Oblivious trees: all nodes of a level ask the same question, "is this input above that?".

A tree of depth d is d questions, and the leaf of a row is its d answers read as a number; the
answer of level l is bit l (Kohavi 1994).
"""

from __future__ import annotations

import numpy as np

from reelrecs.kernels.jit import kernel


@kernel
def best_split(bins, rows, leaves, slopes, curves, columns, penalty, histogram):  # type: ignore[no-untyped-def]
    """The (column, bin) by which all leaves together gain most when rows above the bin part.

    bins [all columns, all rows] uint8; leaves, slopes and curves [len(rows)] belong to `rows`;
    columns are those to try; histogram [leaves, bins, 2] float64 is scratch. Either side of a leaf
    is worth G^2 / (H + penalty), G and H its sums of slopes and curves (Friedman 2001; Chen and
    Guestrin 2016). Of equals the first column, then the lowest bin, wins.
    """
    last = histogram.shape[1] - 1
    gains = np.empty(last, np.float64)
    best, best_column, best_bin = -1.0, columns[0], 0
    for column in columns:
        histogram[:] = 0.0
        own = bins[column]
        for at in range(len(rows)):
            leaf, place = leaves[at], own[rows[at]]
            histogram[leaf, place, 0] += slopes[at]
            histogram[leaf, place, 1] += curves[at]
        gains[:] = 0.0
        for leaf in range(len(histogram)):
            slope, curve = histogram[leaf, :, 0].sum(), histogram[leaf, :, 1].sum()
            low, low_curve = 0.0, 0.0
            for cut in range(last):
                low += histogram[leaf, cut, 0]
                low_curve += histogram[leaf, cut, 1]
                high, high_curve = slope - low, max(curve - low_curve, 0.0)
                gains[cut] += low * low / (low_curve + penalty)
                gains[cut] += high * high / (high_curve + penalty)
        for cut in range(last):
            if gains[cut] > best:
                best, best_column, best_bin = gains[cut], column, cut
    return best_column, best_bin


@kernel
def add_trees(inputs, columns, thresholds, values, out):  # type: ignore[no-untyped-def]
    """out[row] += values[tree, leaf of the row], tree after tree.

    inputs [columns, rows], so that one question is asked of all rows at a stride of one; columns
    and thresholds [trees, depth], depth at most 8; values [trees, 2 ** depth].
    """
    leaves = np.empty(inputs.shape[1], np.uint8)
    for tree in range(len(columns)):
        leaves[:] = 0
        for level in range(columns.shape[1]):
            own, threshold = inputs[columns[tree, level]], thresholds[tree, level]
            bit = np.uint8(1 << level)
            for row in range(len(leaves)):
                leaves[row] |= bit if own[row] > threshold else np.uint8(0)
        for row in range(len(leaves)):
            out[row] += values[tree, leaves[row]]
