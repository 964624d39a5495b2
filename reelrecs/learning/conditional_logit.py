"""The learned ranker: a conditional logit (McFadden 1974) of the movie watched among candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize
from numpy.typing import NDArray

from reelrecs.pipeline.candidates import Floats, Mask

RIDGE, RIDGE_GROUPS = 1e-4, 1_000
"""Penalty on squared standardised weights: keeps correlated votes from cancelling each other. It is
the more, the fewer groups there are below so many."""

MOST_STEPS = 60
"""L-BFGS steps; 150 lower the loss on ml-1m by a ten-thousandth more."""


@dataclass(frozen=True, slots=True)
class RankingGroups:
    """Groups of candidates end to end; the first of each group is the movie watched.

    `offset` is minus the log of a candidate's chance to be in the sample, which makes the sampled
    softmax estimate the full one.
    """

    features: Floats  # [rows, columns]
    offset: Floats  # [rows]
    starts: NDArray[np.int64]  # [group_of_row]

    @property
    def group_of_row(self) -> NDArray[np.int64]:
        """[rows] which group a row is of."""
        sizes = np.diff(np.append(self.starts, len(self.offset)))
        return np.repeat(np.arange(len(self.starts)), sizes)

    def select(self, groups: Mask, columns: Mask) -> RankingGroups:
        """The groups and the columns under these masks alone."""
        rows = groups[self.group_of_row]
        sizes = np.diff(np.append(self.starts, len(self.offset)))[groups]
        starts = np.cumsum(sizes) - sizes
        return RankingGroups(self.features[rows][:, columns], self.offset[rows], starts)


@dataclass(frozen=True, slots=True)
class Logit:
    """score = sum of weights * (feature - center) / scale."""

    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    loss: float  # mean negative log-likelihood on its own data

    def scores(self, features: Floats) -> Floats:
        """[rows] weighted sums."""
        gain = self.weights / self.scale
        return (features @ gain.astype(np.float32) - np.float32(self.center @ gain)).astype(
            np.float32
        )


def fit_logit(groups: RankingGroups, least: float | None = None) -> Logit:
    """Maximum penalised likelihood by L-BFGS on standardised columns, no weight below `least`."""
    center = groups.features.mean(axis=0, dtype=np.float64)
    scale = np.maximum(groups.features.std(axis=0, dtype=np.float64), 1e-6)
    rows = ((groups.features - center) / scale).astype(np.float32)
    starts, group_of_row = groups.starts, groups.group_of_row
    ridge = RIDGE * max(1.0, RIDGE_GROUPS / len(starts))

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = rows @ weights.astype(np.float32) + groups.offset
        highest = np.maximum.reduceat(logits, starts)
        exp_logits = np.exp(logits - highest[group_of_row])
        total = np.add.reduceat(exp_logits, starts)
        value = -(logits[starts] - highest - np.log(total)).mean(dtype=np.float64)
        gradient_of_logit = exp_logits / total[group_of_row]
        gradient_of_logit[starts] -= 1
        gradient = (gradient_of_logit @ rows).astype(np.float64) / len(starts)
        return float(value + ridge * weights @ weights), gradient + 2 * ridge * weights

    found = scipy.optimize.minimize(
        loss,
        np.zeros(rows.shape[1]),
        jac=True,
        method="L-BFGS-B",
        bounds=None if least is None else [(least, None)] * rows.shape[1],
        options={"maxiter": MOST_STEPS, "maxcor": 15},
    )
    return Logit(center, scale, found.x, float(found.fun))
