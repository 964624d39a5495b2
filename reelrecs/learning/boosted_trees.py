"""Boosted trees on top of the linear ranker: what columns say together, beyond each alone.

Listwise gradient boosting (the softmax loss of ListNet and LambdaMART's kin; Burges 2010) of small
oblivious trees, started from the linear score, so that trees spend themselves on what it misses.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reelrecs.kernels import boosted_trees as kernels
from reelrecs.kernels.boosted_trees import BINS, Trees
from reelrecs.learning.conditional_logit import RankingGroups
from reelrecs.pipeline.candidates import Floats

QUANTILE_ROWS = 50_000
"""Rows from which the quantiles are read: enough for 64 of them."""


class TreeSettings(NamedTuple):
    """How to grow; chosen on ml-1m's validation cut, where twice as many give the same."""

    trees: int = 200
    depth: int = 3
    rate: float = 0.15
    ridge: float = 20.0  # added to the curvature of a leaf
    drawn: float = 0.4  # share of the groups a tree sees, and of the columns a level may ask about
    least_exp_logit: float = 1e-4  # negatives with less teach nothing


def fit_trees(
    groups: RankingGroups, score: Floats, seed: int, settings: TreeSettings | None = None
) -> Trees:
    """Boost from `score` [rows], which includes the groups' offset; thresholds are quantiles."""
    settings = settings or TreeSettings()
    columns = groups.features.shape[1]
    shares = np.linspace(0, 1, BINS + 1)[1:-1]
    some = groups.features[:: max(1, len(groups.features) // QUANTILE_ROWS)]
    edges = np.ascontiguousarray(np.quantile(some, shares, axis=0).T, np.float32)
    bins = np.empty((columns, len(groups.features)), np.uint8)
    kernels.binned(groups.features, edges, bins)
    rng = np.random.default_rng(seed)
    asked = np.zeros((settings.trees, settings.depth), np.int32)
    cuts = np.zeros((settings.trees, settings.depth), np.int32)
    leaves = np.zeros((settings.trees, 1 << settings.depth), np.float32)
    kernels.grow(
        bins,
        np.append(groups.starts, len(groups.features)),
        score.astype(np.float32),
        rng.random((settings.trees, len(groups.starts))) < settings.drawn,
        rng.random((settings.trees, settings.depth, columns)) < settings.drawn,
        settings.rate,
        settings.ridge,
        settings.least_exp_logit,
        asked,
        cuts,
        leaves,
    )
    return Trees(asked, edges[asked, cuts], leaves)
