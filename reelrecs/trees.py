"""Trees on top of the linear blend: what no sum of single columns can say.

Gradient boosting of the conditional logit (Friedman 2001) by oblivious trees, from the linear
score. A column says more beside the best of its list than alone, so trees see both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.errors import DataError
from reelrecs.kernels import trees as kernels
from reelrecs.logit import Choices
from reelrecs.stages import Floats

QUANTILE_ROWS = 1 << 15
"""Rows that tell the quantiles: five hundred a bin."""


class TreeSettings(NamedTuple):
    """Reasons are from ml-1m's validation cut, where all of it is flat around."""

    trees: int = 80
    """Forty gain half as much; more cost time in proportion and gain less than the noise."""
    depth: int = 4
    """Three and five rank alike; at most 8."""
    rate: float = 0.08
    """What of a tree's own best step is taken."""
    penalty: float = 20.0
    """Added to a leaf's curvature, below 1 a choice: few choices move a leaf little."""
    bins: int = 64
    """Quantile bins of an input, at most 256."""
    group_share: float = 0.5
    """Choices a tree learns from: half the time, and trees that differ."""
    column_share: float = 0.25
    """Inputs a level may ask for: the same reasons."""


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """An ensemble as plain arrays; an input is above its threshold or not, and NaN is not."""

    columns: NDArray[np.int32]  # [trees, depth] input each level asks for, see `relative_inputs`
    thresholds: Floats  # [trees, depth]
    values: Floats  # [trees, 2 ** depth]

    def scores(self, features: Floats, starts: NDArray[np.int64], linear: Floats) -> Floats:
        """[rows] what the trees add to the linear scores of whole lists, end to end.

        `starts` [lists] is where each list begins; features [rows, columns] as in training. Raises
        DataError where lists are empty or shapes disagree, for maxima would then be of others.
        """
        out = np.zeros(len(features), np.float32)
        if len(features):
            inputs = relative_inputs(features, starts, linear)
            if len(self.columns) and self.columns.max() >= len(inputs):
                raise DataError(
                    f"trees ask for input {self.columns.max()} of {len(inputs)}: run train again"
                )
            kernels.add_trees(inputs, self.columns, self.thresholds, self.values, out)
        return out


def relative_inputs(features: Floats, starts: NDArray[np.int64], linear: Floats) -> Floats:
    """[2 columns + 1, rows]: features, features and linear score minus the highest of the list."""
    bounds = np.append(starts, len(features))
    if (
        not len(starts)
        or starts[0] != 0
        or (np.diff(bounds) <= 0).any()
        or len(linear) != len(features)
    ):
        raise DataError("lists of candidates must be whole and hold one candidate or more")
    width = features.shape[1]
    inputs = np.empty((2 * width + 1, len(features)), np.float32)
    inputs[:width] = features.T
    inputs[width:-1] = features.T
    inputs[-1] = linear
    highest = np.maximum.reduceat(inputs[width:], starts, axis=1)
    inputs[width:] -= np.repeat(highest, np.diff(bounds), axis=1)
    return inputs


def fit_trees(
    choices: Choices, linear: Floats, settings: TreeSettings | None = None, seed: int = 0
) -> Trees:
    """Boost trees on linear scores [rows]; one thread, and the same bits for the same seed.

    Raises DataError for a list that is empty, as `relative_inputs` does.
    """
    chosen = settings or TreeSettings()
    rng = np.random.default_rng(seed)
    inputs = relative_inputs(choices.features, choices.starts, linear)
    edges = _quantiles(inputs[:, _sample(rng, len(linear))], chosen.bins)
    bins = np.stack([np.searchsorted(*pair) for pair in zip(edges, inputs, strict=True)])
    bins = bins.astype(np.uint8)
    groups, logits = choices.groups, (linear + choices.offset).astype(np.float64)
    columns = np.empty((chosen.trees, chosen.depth), np.int32)
    cuts = np.empty((chosen.trees, chosen.depth), np.int64)
    values = np.empty((chosen.trees, 1 << chosen.depth), np.float32)
    tried = max(1, round(chosen.column_share * len(bins)))
    for tree in range(chosen.trees):
        drawn = rng.random(len(choices.starts)) < chosen.group_share
        rows = np.flatnonzero(drawn[groups]).astype(np.int32)
        odds = _odds(logits, choices.starts, groups)
        curves = (odds * (1 - odds))[rows]
        odds[choices.starts] -= 1
        slopes = odds[rows]
        leaves = np.zeros(len(logits), np.uint8)
        for level in range(chosen.depth):
            able = np.sort(rng.choice(len(bins), tried, replace=False))
            histogram = np.empty((1 << level, chosen.bins, 2))
            column, cut = kernels.best_split(
                bins, rows, leaves[rows], slopes, curves, able, chosen.penalty, histogram
            )
            columns[tree, level], cuts[tree, level] = column, cut
            leaves |= (bins[column] > cut).astype(np.uint8) << level
        held, size = leaves[rows], 1 << chosen.depth
        slope, curve = np.bincount(held, slopes, size), np.bincount(held, curves, size)
        values[tree] = -chosen.rate * slope / (curve + chosen.penalty)
        logits += values[tree, leaves]
    return Trees(columns, edges[columns, cuts], values)


def _sample(rng: np.random.Generator, rows: int) -> NDArray[np.int64]:
    """Rows that tell the quantiles: all of them, or as many drawn at random."""
    return np.arange(rows) if rows <= QUANTILE_ROWS else rng.integers(0, rows, QUANTILE_ROWS)


def _quantiles(inputs: Floats, bins: int) -> Floats:
    """[inputs, bins - 1] where bins end: bin b holds what is above edge b - 1 and up to edge b.

    Edges are values of the data, so what training saw as equal is equal at serving.
    """
    ordered = np.sort(inputs, axis=1)
    places = np.arange(1, bins) * ordered.shape[1] // bins
    return np.ascontiguousarray(ordered[:, places])


def _odds(
    logits: NDArray[np.float64], starts: NDArray[np.int64], groups: NDArray[np.int64]
) -> Floats:
    """[rows] chance of each candidate to be the one chosen of its list."""
    odds = np.exp(logits - np.maximum.reduceat(logits, starts)[groups])
    return (odds / np.add.reduceat(odds, starts)[groups]).astype(np.float32)
