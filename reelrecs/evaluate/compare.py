"""Is a difference more than luck? Paired bootstrap over users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
"""Bootstrap resamples: the interval's ends are then stable to about a tenth of its width."""

CONFIDENCE = 0.95
"""Share of resamples inside the interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and where it lies with 95 % confidence."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def bootstrap(values: NDArray[np.float64], seed: int = 0) -> Interval:
    """Percentile bootstrap of the mean over users (Efron 1979)."""
    rng = np.random.default_rng(seed)
    n = len(values)
    weights = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES)
    means = weights @ values / n
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(values.mean()), float(low), float(high))


def paired_difference(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], seed: int = 0
) -> Interval:
    """Interval of the mean difference, resampling users so that pairs stay together.

    An interval that holds 0 is a tie.
    """
    return bootstrap(ours - theirs, seed)
