"""Run systems over a split and put their figures side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reelrecs.evaluate import metrics
from reelrecs.evaluate.baselines import System
from reelrecs.evaluate.compare import Interval, bootstrap
from reelrecs.evaluate.splits import Split

BLOCK = 256
"""Users scored at once: keeps a block of dense scores under 100 MB for 40,000 movies."""


@dataclass(frozen=True, slots=True)
class Result:
    """One system on one split: values per user, so that results can be compared pair by pair."""

    system: str
    split: str
    per_user: dict[str, NDArray[np.float64]]
    catalogue: dict[str, float]
    fit_seconds: float
    seconds_per_user: float
    intervals: dict[str, Interval] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Means with intervals, by metric."""
        means = {
            name: {"mean": one.mean, "low": one.low, "high": one.high}
            for name, one in self.intervals.items()
        }
        return {
            "system": self.system,
            "split": self.split,
            "users": len(next(iter(self.per_user.values()))),
            "metrics": means,
            "catalogue": self.catalogue,
            "fit_seconds": self.fit_seconds,
            "ms_per_user": self.seconds_per_user * 1e3,
        }


def run(
    split: Split,
    build: Callable[[], System],
    k: int,
    negatives: int | None = None,
    seed: int = 0,
) -> Result:
    """Fit a system on the split's training store and rank for each of its users.

    `negatives` ranks the targets among that many random unseen movies instead of among all: only
    for comparison with papers that did so (Krichene & Rendle 2020 say why not to).
    """
    start = time.perf_counter()
    system = build()
    fitted = time.perf_counter()
    ranks: list[NDArray[np.int64]] = []
    lists: list[NDArray[np.int32]] = []
    rng = np.random.default_rng(seed)
    for first in range(0, len(split.users), BLOCK):
        users = split.users[first : first + BLOCK]
        scores = system.scores(users)
        _hide_seen(split, users, scores)
        begin, end = split.indptr[first], split.indptr[first + len(users)]
        counts = np.diff(split.indptr[first : first + len(users) + 1])
        rows = np.repeat(np.arange(len(users)), counts)
        targets = split.targets[begin:end]
        lists.append(top_movies(scores, k))
        if negatives is not None:
            scores = _sampled(split, users, scores, rows, targets, negatives, rng)
        ranks.append(metrics.ranks_of(scores, rows, targets))
    ranked = time.perf_counter()
    shown = np.concatenate(lists)
    per_user = metrics.accuracy(split, np.concatenate(ranks), k)
    per_user |= metrics.list_quality(split.train, split.users, shown)
    return Result(
        system.name,
        split.name,
        per_user,
        metrics.catalogue_use(split.train, shown),
        fitted - start,
        (ranked - fitted) / len(split.users),
        {name: bootstrap(values, seed) for name, values in per_user.items()},
    )


def top_movies(scores: NDArray[np.float64], k: int) -> NDArray[np.int32]:
    """[users, k] movie rows, best first, ties to the smaller row, -1 where nothing is ranked."""
    k = min(k, scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k].astype(np.int32)
    return np.where(np.isneginf(np.take_along_axis(scores, order, axis=1)), -1, order)


def _hide_seen(split: Split, users: NDArray[np.int32], scores: NDArray[np.float64]) -> None:
    by_user = split.train.by_user
    for row, user in enumerate(users):
        scores[row, by_user.movies[by_user.indptr[user] : by_user.indptr[user + 1]]] = -np.inf


def _sampled(
    split: Split,
    users: NDArray[np.int32],
    scores: NDArray[np.float64],
    rows: NDArray[np.int64],
    targets: NDArray[np.int32],
    negatives: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Only each user's targets and `negatives` of their unseen movies keep a score."""
    hidden = np.full_like(scores, -np.inf)
    is_target = np.zeros(scores.shape, np.bool_)
    is_target[rows, targets] = True
    by_user = split.train.by_user
    for row, user in enumerate(users):
        unseen = ~is_target[row]
        unseen[by_user.movies[by_user.indptr[user] : by_user.indptr[user + 1]]] = False
        movies = np.flatnonzero(unseen)
        chosen = rng.choice(movies, min(negatives, len(movies)), replace=False)
        hidden[row, chosen] = scores[row, chosen]
    hidden[rows, targets] = scores[rows, targets]
    return hidden


def summary(results: Sequence[Result], names: Sequence[str]) -> list[list[object]]:
    """One row per result: the system, the mean of each named metric, and the catalogue's use."""
    return [
        [
            result.system,
            *(result.intervals[name].mean for name in names),
            *result.catalogue.values(),
        ]
        for result in results
    ]
