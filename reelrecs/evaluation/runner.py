"""Run systems over a split and keep every user's figures."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reelrecs.datasets.ids import Id
from reelrecs.errors import InvalidRequest
from reelrecs.evaluation import metrics
from reelrecs.evaluation.bootstrap import Interval, bootstrap_all
from reelrecs.evaluation.sparse import largest
from reelrecs.evaluation.splits import Split
from reelrecs.evaluation.system import Scores, System

log = logging.getLogger(__name__)

BLOCK_USERS = 256
"""Most users scored at once."""

BLOCK_CELLS = 4_000_000
"""Most scores held at once: 32 MB a block, and every step needs a few blocks."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What was asked; figures of two systems may be compared exactly when these are equal."""

    dataset: str
    digest: str  # of the training store
    split: str
    users: int
    targets: int
    k: int
    negatives: int | None
    seed: int


@dataclass(frozen=True, slots=True)
class Result:
    """One system on one split: values per user, so that results can be compared pair by pair."""

    system: str
    setting: Setting
    user_ids: list[Id]  # [users]
    per_user: dict[str, NDArray[np.float64]]  # metric to [users]
    intervals: dict[str, Interval]  # of the means over users
    catalogue: dict[str, float]
    fit_seconds: float
    seconds_per_user: float  # scoring alone, without the harness's ranking

    def to_dict(self) -> dict[str, object]:
        """Means with intervals, by metric."""
        return {
            "system": self.system,
            "metrics": {name: one.to_dict() for name, one in self.intervals.items()},
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
    for comparison with papers that did so (Krichene & Rendle 2020 say why not to). Raises
    RuntimeError for a system that answers with other than one number a movie.
    """
    setting = setting_of(split, k, negatives, seed)
    start = time.perf_counter()
    with contextlib.closing(build()) as system:
        fit_seconds = time.perf_counter() - start
        ranks, lists, seconds = _rank(system, split, setting)
    per_user = metrics.accuracy(split, ranks, k)
    per_user |= metrics.list_quality(split.train, split.users, lists)
    return Result(
        system.name,
        setting,
        split.train.user_ids.at(split.users),
        per_user,
        bootstrap_all(per_user, seed),
        metrics.catalogue_use(split.train, lists),
        fit_seconds,
        seconds / len(split.users),
    )


def setting_of(split: Split, k: int, negatives: int | None, seed: int) -> Setting:
    """The setting of a run; raises InvalidRequest for a k or negatives below 1."""
    if k < 1 or (negatives is not None and negatives < 1):
        raise InvalidRequest(f"k {k}, negatives {negatives}: both must be at least 1")
    users, targets = len(split.users), len(split.targets)
    train = split.train
    return Setting(train.name, train.digest, split.name, users, targets, k, negatives, seed)


def blocks(split: Split) -> list[slice]:
    """The split's users in blocks whose dense scores stay small."""
    movies = split.train.movie_count
    size = max(1, min(BLOCK_USERS, BLOCK_CELLS // movies))
    return [slice(at, min(at + size, len(split.users))) for at in range(0, len(split.users), size)]


def targets_of(split: Split, block: slice) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The targets of a block's users, and which of its users each belongs to."""
    edges = split.indptr[block.start : block.stop + 1]
    rows = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    return rows, split.targets[edges[0] : edges[-1]]


def top_movies(scores: Scores, k: int) -> NDArray[np.int32]:
    """[users, k] movie rows, best first, ties to the smaller row, -1 where nothing is ranked."""
    order = largest(scores, k).astype(np.int32)
    return np.where(np.isneginf(np.take_along_axis(scores, order, axis=1)), -1, order)


def _rank(
    system: System, split: Split, setting: Setting
) -> tuple[NDArray[np.int64], NDArray[np.int32], float]:
    """Ranks of all targets, everybody's list, and the seconds the system itself took."""
    ranks: list[NDArray[np.int64]] = []
    lists: list[NDArray[np.int32]] = []
    rng = np.random.default_rng(setting.seed)
    seconds = 0.0
    for block in blocks(split):
        log.info(f"{system.name}: user {block.start:,} of {setting.users:,}")
        users = split.users[block]
        start = time.perf_counter()
        scores = system.scores(users)
        seconds += time.perf_counter() - start
        if scores.shape != (len(users), split.train.movie_count) or np.isnan(scores).any():
            raise RuntimeError(f"{system.name} did not give one number a movie for each user")
        watched = _watched(split, users)
        scores[watched] = -np.inf
        rows, targets = targets_of(split, block)
        lists.append(top_movies(scores, setting.k))
        if setting.negatives is not None:
            unseen = ~watched
            unseen[rows, targets] = False
            hidden = np.full_like(scores, -np.inf)
            hidden[rows, targets] = scores[rows, targets]
            _sample(unseen, setting.negatives, rng, scores, hidden)
            scores = hidden
        ranks.append(metrics.ranks_of(scores, rows, targets))
    return np.concatenate(ranks), np.concatenate(lists), seconds


def _watched(split: Split, users: NDArray[np.int32]) -> NDArray[np.bool_]:
    watched = np.zeros((len(users), split.train.movie_count), np.bool_)
    by_user = split.train.by_user
    for row, user in enumerate(users):
        watched[row, by_user.movies[by_user.row(user)]] = True
    return watched


def _sample(
    unseen: NDArray[np.bool_],
    negatives: int,
    rng: np.random.Generator,
    scores: Scores,
    hidden: Scores,
) -> None:
    """Let each user's row of `hidden` have the scores of that many random unseen movies."""
    for row, allowed in enumerate(unseen):
        movies = np.flatnonzero(allowed)
        chosen = rng.choice(movies, min(negatives, len(movies)), replace=False)
        hidden[row, chosen] = scores[row, chosen]
