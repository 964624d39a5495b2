"""Oblivious trees: grown by boosting over groups, and added up for candidates.

An oblivious tree asks the same question at every node of a level (Dorogush et al. 2018, CatBoost),
so a leaf is a number of `depth` bits and a tree costs `depth` comparisons.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Bytes, Floats, Mask, Offsets, Rows
from reelrecs.kernels.jit import kernel

BINS = 64

BLOCK = 512
"""Rows that trees are added up for at a time: their inputs stay in the nearest memory."""


class Trees(NamedTuple):
    """A forest; bit d of a leaf's number says that the input is above the threshold of level d."""

    columns: NDArray[np.int32]  # [trees, depth] which input is asked about
    thresholds: NDArray[np.float32]  # [trees, depth]
    leaves: NDArray[np.float32]  # [trees, 2^depth]


@kernel
def add_trees(
    inputs: Floats,
    columns: Rows,
    thresholds: Floats,
    leaves: Floats,
    out: Floats,
) -> None:
    """Add to out [rows] the leaves that each row falls into; inputs [inputs, rows].

    Tree by tree over a block of rows, so that comparisons are done several rows at a time.
    """
    leaf = np.empty(min(BLOCK, inputs.shape[1]), np.uint32)
    for start in range(0, inputs.shape[1], BLOCK):
        stop = min(start + BLOCK, inputs.shape[1])
        for tree in range(len(columns)):
            leaf[:] = 0
            for level in range(columns.shape[1]):
                column = inputs[columns[tree, level], start:stop]
                threshold = thresholds[tree, level]
                for row in range(len(column)):
                    leaf[row] |= np.uint32(column[row] > threshold) << np.uint32(level)
            values, sums = leaves[tree], out[start:stop]
            for row in range(len(sums)):
                sums[row] += values[leaf[row]]


@kernel
def binned(
    inputs: Floats,
    edges: Floats,
    out: Bytes,
) -> None:
    """out[column, row] = how many of the ascending edges[column] are below inputs[row, column]."""
    for column in range(len(edges)):
        for row in range(len(inputs)):
            low, high = 0, edges.shape[1]
            while low < high:
                middle = (low + high) >> 1
                if edges[column, middle] < inputs[row, column]:
                    low = middle + 1
                else:
                    high = middle
            out[column, row] = low


@kernel
def grow(
    bins: Bytes,
    starts: Offsets,
    score: Floats,
    groups_drawn: Mask,
    columns_drawn: Mask,
    rate: float,
    ridge: float,
    least: float,
    columns: Rows,
    cuts: Rows,
    leaves: Floats,
) -> None:
    """Fill columns, cuts [trees, depth] and leaves [trees, 2^depth] by boosting the softmax loss.

    Group q is rows starts[q] .. starts[q+1] - 1, the first of them chosen; `score` [rows] is where
    the boosting starts and is moved along. Tree t learns from groups_drawn[t] and may ask, at level
    d, about columns_drawn[t, d]; a cut c asks for a bin above c. Newton steps, leaf values shrunk
    by `ridge` and `rate`; a negative whose logit is below
    its group's best by more than -log(`least`) is passed over.
    """
    rows = bins.shape[1]
    depth = columns.shape[1]
    gradient_of_logit = np.empty(rows, np.float32)
    hessian = np.empty(rows, np.float32)
    taken = np.empty(rows, np.int32)
    leaf = np.empty(rows, np.uint8)
    sums = np.empty((BINS << depth, 2))  # gradient_of_logit and hessian of every bin of every leaf
    gain = np.empty(BINS)
    for tree in range(len(columns)):
        count = 0
        for group in range(len(starts) - 1):
            if not groups_drawn[tree, group]:
                continue
            start, stop, first = starts[group], starts[group + 1], count
            best = score[start]
            for row in range(start, stop):
                best = max(best, score[row])
            total = np.float32(0.0)
            for row in range(start, stop):
                exp_logits = np.exp(score[row] - best)
                total += exp_logits
                if exp_logits > least or row == start:
                    taken[count] = row
                    gradient_of_logit[count] = exp_logits
                    count += 1
            for at in range(first, count):
                chance = gradient_of_logit[at] / total
                gradient_of_logit[at] = chance
                hessian[at] = chance * (np.float32(1.0) - chance)
            gradient_of_logit[first] -= np.float32(1.0)
        leaf[:count] = 0
        for level in range(depth):
            most = -1.0
            for column in range(len(bins)):
                if not columns_drawn[tree, level, column]:
                    continue
                bin_of = bins[column]
                sums[: BINS << level] = 0.0
                for at in range(count):
                    place = np.uint32(leaf[at]) * np.uint32(BINS) + np.uint32(bin_of[taken[at]])
                    sums[place, 0] += gradient_of_logit[at]
                    sums[place, 1] += hessian[at]
                gain[:] = 0.0
                for part in range(1 << level):
                    bins_of = sums[part * BINS : (part + 1) * BINS]
                    slope_all, curve_all = bins_of[:, 0].sum(), bins_of[:, 1].sum()
                    slope_low = 0.0
                    curve_low = 0.0
                    for cut in range(BINS - 1):
                        slope_low += bins_of[cut, 0]
                        curve_low += bins_of[cut, 1]
                        slope_high = slope_all - slope_low
                        gain[cut] += slope_low * slope_low / (curve_low + ridge)
                        gain[cut] += slope_high * slope_high / (curve_all - curve_low + ridge)
                for cut in range(BINS - 1):
                    if gain[cut] > most:
                        most = gain[cut]
                        columns[tree, level] = column
                        cuts[tree, level] = cut
            for at in range(count):
                if bins[columns[tree, level], taken[at]] > cuts[tree, level]:
                    leaf[at] |= 1 << level
        slope_of = np.zeros(1 << depth)
        curve_of = np.zeros(1 << depth)
        for at in range(count):
            slope_of[leaf[at]] += gradient_of_logit[at]
            curve_of[leaf[at]] += hessian[at]
        for part in range(1 << depth):
            leaves[tree, part] = -rate * slope_of[part] / (curve_of[part] + ridge)
        for row in range(rows):
            part = 0
            for level in range(depth):
                if bins[columns[tree, level], row] > cuts[tree, level]:
                    part |= 1 << level
            score[row] += leaves[tree, part]
