"""Oblivious trees: all nodes of a level share one column and threshold (Kohavi 1994).

A tree of depth d is d questions, so the leaf of a row is the d answers read as a number; level l
gives bit l.
"""

from __future__ import annotations

import numpy as np

from reelrecs.kernels.jit import kernel


@kernel
def best_split(bins, rows, leaves, slopes, curves, columns, penalty, histogram):  # type: ignore[no-untyped-def]
    """The (column, bin) by which all leaves gain most when rows above the bin leave the others.

    bins [all columns, all rows]; leaves, slopes and curves [len(rows)] belong to `rows`;
    histogram [leaves, bins, 2] is scratch. The gain of a leaf is G^2 / (H + penalty) on either
    side, G and H the sums of slopes and curves (Friedman 2001; Chen and Guestrin 2016). Ties go to
    what comes first.
    """
    leaf_count, bin_count = histogram.shape[0], histogram.shape[1]
    gains = np.empty(bin_count - 1, np.float64)
    best, best_column, best_bin = -1.0, columns[0], 0
    for column in columns:
        histogram[:] = 0.0
        own = bins[column]
        for at in range(len(rows)):
            cell = histogram[leaves[at], own[rows[at]]]
            cell[0] += slopes[at]
            cell[1] += curves[at]
        gains[:] = 0.0
        for leaf in range(leaf_count):
            slope, curve = 0.0, 0.0
            for cut in range(bin_count):
                slope += histogram[leaf, cut, 0]
                curve += histogram[leaf, cut, 1]
            low, low_curve = 0.0, 0.0
            for cut in range(bin_count - 1):
                low += histogram[leaf, cut, 0]
                low_curve += histogram[leaf, cut, 1]
                high = slope - low
                gains[cut] += low * low / (low_curve + penalty)
                gains[cut] += high * high / (max(curve - low_curve, 0.0) + penalty)
        for cut in range(bin_count - 1):
            if gains[cut] > best:
                best, best_column, best_bin = gains[cut], column, cut
    return best_column, best_bin


@kernel
def add_trees(inputs, columns, thresholds, leaves, out):  # type: ignore[no-untyped-def]
    """out[row] += leaves[tree, leaf of the row], over all trees in order.

    inputs [inputs, rows], so that a question is asked of all rows at once; columns and thresholds
    [trees, depth], leaves [trees, 2 ** depth], depth at most 8.
    """
    place = np.empty(inputs.shape[1], np.uint8)
    for tree in range(len(columns)):
        place[:] = 0
        for level in range(columns.shape[1]):
            own, threshold, bit = inputs[columns[tree, level]], thresholds[tree, level], 1 << level
            for row in range(len(place)):
                place[row] += np.uint8(bit) if own[row] > threshold else np.uint8(0)
        for row in range(len(place)):
            out[row] += leaves[tree, place[row]]
