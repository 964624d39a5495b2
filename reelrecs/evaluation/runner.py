"""Run systems over the cuts of a protocol and keep every user's figures."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.datasets.ids import Id
from reelrecs.errors import InvalidRequest
from reelrecs.evaluation import metrics
from reelrecs.evaluation.bootstrap import Interval, bootstrap_all
from reelrecs.evaluation.sparse import largest
from reelrecs.evaluation.splits import Split
from reelrecs.evaluation.system import Scores, System
from reelrecs.evaluation.ties import TIES

log = logging.getLogger(__name__)

BLOCK_QUESTIONS = 256
"""Most questions scored at once."""

BLOCK_CELLS = 4_000_000
"""Most scores held at once: 32 MB a block, and every step needs a few blocks."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What was asked; figures of two systems may be compared exactly when these are equal."""

    dataset: str
    digest: str  # of the training store
    split: str
    part: str  # which of the protocol's cuts it is; "" where there is one
    users: int  # who asked
    questions: int
    targets: int
    request_time: str  # given, withheld, or none there is
    ties: str  # the rule for equal times
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
    seconds_per_question: float  # scoring alone, without the harness's ranking
    detail: str = ""  # what the system settled on a validation cut

    @property
    def label(self) -> str:
        """The name, with what was settled."""
        return f"{self.system} ({self.detail})" if self.detail else self.system

    def to_dict(self) -> dict[str, object]:
        """Means with intervals, by metric."""
        return {
            "system": self.system,
            "detail": self.detail,
            "metrics": {name: one.to_dict() for name, one in self.intervals.items()},
            "catalogue": self.catalogue,
            "fit_seconds": self.fit_seconds,
            "ms_per_question": self.seconds_per_question * 1e3,
        }


class Measured(NamedTuple):
    """What a system did with the questions of a split."""

    accuracy: dict[str, NDArray[np.float64]]  # metric to [users]
    list_quality: dict[str, NDArray[np.float64]]  # figure to [users]
    lists: NDArray[np.int32]  # [questions, k] movie rows, -1 = none
    seconds: float  # that the system itself took


def run(
    split: Split,
    system: System,
    k: int,
    negatives: int | None = None,
    seed: int = 0,
    fit_seconds: float = 0.0,
) -> Result:
    """Let a system that was fitted on the split's training store rank for each of its questions.

    `negatives` ranks the targets among that many random unseen movies instead of among all: only
    for comparison with papers that did so (Krichene & Rendle 2020 say why not to). Raises
    RuntimeError for a system that answers with other than one number a movie.
    """
    setting = setting_of(split, k, negatives, seed)
    measured = measure(system, split, k, negatives, seed)
    per_user = measured.accuracy | measured.list_quality
    return Result(
        system.name,
        setting,
        split.user_ids,
        per_user,
        bootstrap_all(per_user, seed),
        metrics.catalogue_use(split.train, measured.lists),
        fit_seconds,
        measured.seconds / len(split),
        system.detail,
    )


def setting_of(split: Split, k: int, negatives: int | None, seed: int) -> Setting:
    """The setting of a run; raises InvalidRequest for a k or negatives below 1."""
    if k < 1 or (negatives is not None and negatives < 1):
        raise InvalidRequest(f"k {k}, negatives {negatives}: both must be at least 1")
    return Setting(
        dataset=split.train.name,
        digest=split.train.digest,
        split=split.name,
        part=split.part,
        users=len(split.user_ids),
        questions=len(split),
        targets=len(split.targets),
        request_time=split.request_time,
        ties=TIES,
        k=k,
        negatives=negatives,
        seed=seed,
    )


def measure(
    system: System, split: Split, k: int, negatives: int | None = None, seed: int = 0
) -> Measured:
    """Figures per user, the lists, and the time it took; as `run`."""
    ranks: list[NDArray[np.int64]] = []
    lists: list[NDArray[np.int32]] = []
    quality: list[dict[str, NDArray[np.float64]]] = []
    rng = np.random.default_rng(seed)
    seconds = 0.0
    for block in blocks(split):
        log.info(f"{system.name}: question {block.start:,} of {len(split):,}")
        questions = split.ask(block)
        start = time.perf_counter()
        scores = system.scores(questions)
        seconds += time.perf_counter() - start
        if scores.shape != (len(questions), split.train.movie_count) or np.isnan(scores).any():
            raise RuntimeError(f"{system.name} did not give one number a movie for each question")
        watched = questions.watched(split.train.movie_count)
        scores[watched] = -np.inf
        rows, targets = targets_of(split, block)
        lists.append(top_movies(scores, k))
        quality.append(metrics.list_quality(split.train, questions, lists[-1]))
        if negatives is not None:
            unseen = ~watched
            unseen[rows, targets] = False
            hidden = np.full_like(scores, -np.inf)
            hidden[rows, targets] = scores[rows, targets]
            _sample(unseen, negatives, rng, scores, hidden)
            scores = hidden
        ranks.append(metrics.ranks_of(scores, rows, targets))
    found = metrics.accuracy(split.indptr, np.concatenate(ranks), k)
    return Measured(
        metrics.by_user(found, split.owners),
        metrics.by_user(metrics.joined(quality), split.owners),
        np.concatenate(lists),
        seconds,
    )


def blocks(split: Split) -> list[slice]:
    """The split's questions in blocks whose dense scores stay small."""
    count = len(split)
    size = max(1, min(BLOCK_QUESTIONS, BLOCK_CELLS // split.train.movie_count))
    return [slice(at, min(at + size, count)) for at in range(0, count, size)]


def targets_of(split: Split, block: slice) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The targets of a block's questions, and which of its questions each belongs to."""
    edges = split.indptr[block.start : block.stop + 1]
    rows = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    return rows, split.targets[edges[0] : edges[-1]]


def top_movies(scores: Scores, k: int) -> NDArray[np.int32]:
    """[questions, k] movie rows, best first, ties to the smaller row, -1 = nothing is ranked."""
    order = largest(scores, k).astype(np.int32)
    return np.where(np.isneginf(np.take_along_axis(scores, order, axis=1)), -1, order)


def _sample(
    unseen: NDArray[np.bool_],
    negatives: int,
    rng: np.random.Generator,
    scores: Scores,
    hidden: Scores,
) -> None:
    """Let each question's row of `hidden` have the scores of that many random unseen movies."""
    for row, allowed in enumerate(unseen):
        movies = np.flatnonzero(allowed)
        chosen = rng.choice(movies, min(negatives, len(movies)), replace=False)
        hidden[row, chosen] = scores[row, chosen]
