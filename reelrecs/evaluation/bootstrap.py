"""Is a difference more than luck? Bootstrap over users, pairs kept together."""

from __future__ import annotations

from collections.abc import Mapping
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

    @property
    def holds_zero(self) -> bool:
        """Whether a difference with this interval may be luck: a tie."""
        return self.low <= 0.0 <= self.high

    @property
    def half_width(self) -> float:
        """Half the interval: what stands behind the ± in a table."""
        return (self.high - self.low) / 2

    def to_dict(self) -> dict[str, float]:
        """For JSON."""
        return {"mean": self.mean, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def bootstrap(values: NDArray[np.float64], seed: int = 0) -> Interval:
    """Percentile bootstrap of the mean over users (Efron 1979)."""
    return bootstrap_all({"": values}, seed)[""]


def bootstrap_all(named: Mapping[str, NDArray[np.float64]], seed: int = 0) -> dict[str, Interval]:
    """The interval of each mean; all share their resamples, so memory stays that of one."""
    values = np.column_stack(list(named.values()))
    n = len(values)
    rng = np.random.default_rng(seed)
    means = np.empty((RESAMPLES, values.shape[1]))
    for at in range(RESAMPLES):
        drawn = np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
        means[at] = drawn @ values / n
    tail = (1 - CONFIDENCE) / 2
    lows, highs = np.quantile(means, [tail, 1 - tail], axis=0)
    return {
        name: Interval(float(values[:, at].mean()), float(lows[at]), float(highs[at]))
        for at, name in enumerate(named)
    }


def paired_difference(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], seed: int = 0
) -> Interval:
    """Interval of the mean difference, resampling users so that pairs stay together.

    An interval that holds 0 is a tie.
    """
    return bootstrap(ours - theirs, seed)


def paired_differences(
    ours: Mapping[str, NDArray[np.float64]],
    theirs: Mapping[str, NDArray[np.float64]],
    seed: int = 0,
) -> dict[str, Interval]:
    """`paired_difference` for every metric of `ours` that `theirs` has too."""
    return bootstrap_all({name: ours[name] - theirs[name] for name in ours if name in theirs}, seed)
