"""Training again, where the model that comes of it is no worse than the one in use.

The new model does not see the newest ratings, and both are asked for these: what was compared is
what then serves, and neither has been taught what it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.config import FIXED, PRETRAINED
from reelrecs.engine import Engine
from reelrecs.evaluation.bootstrap import Interval, paired_difference
from reelrecs.evaluation.registry import EngineSystem
from reelrecs.evaluation.runner import measure
from reelrecs.evaluation.splits import Split, split_of, time_ranks, train_on
from reelrecs.evaluation.ties import in_hashed_order
from reelrecs.learning.later_data import over
from reelrecs.learning.model_file import save_model
from reelrecs.learning.model_folder import load_model, model_path, refused_path
from reelrecs.learning.train import train
from reelrecs.scorer.model import ScoringModel
from reelrecs.store.store import Store

K = 10
"""Length of the lists that are compared."""


class Comparison(NamedTuple):
    """What came of training again."""

    path: Path | None  # of the new model; None: there is nothing new enough to compare by
    in_use: bool  # whether it takes the place of the old one
    said: str  # all of it in one line


def train_if_better(
    store: Store, models_dir: Path, fit: Callable[[Store], ScoringModel] = train
) -> Comparison:
    """Train on all but the newest ratings; use the model unless it finds them less well.

    Those are the ratings of the last day, of which neither model has seen one: see
    `config.COMPARED_RATINGS` for how many at least and at most. It is worse where the 95 % interval
    of the difference in NDCG@10, paired by user, lies below 0; then it is kept aside, and the old
    one stays. Raises DataError where there is too little to learn from, ModelError, StorageError.
    """
    current = load_model(store, models_dir)
    new = _since(store, current)
    count = _newest(store, new)
    if count < config.FEWEST_COMPARED:
        enough = 2 * config.FEWEST_COMPARED
        return Comparison(
            None,
            False,
            f"the model stays: {new:,} ratings are later than what it was trained on, and "
            f"{enough:,} are needed to learn from and to tell which is better",
        )
    split = _newest_ratings(store, count)
    candidate = fit(split.train)
    difference = _difference(split, candidate, over(current, split.train))
    told = f"NDCG@{K} {difference.mean:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]"
    what = f"{told} of the old one on the last {count:,} ratings"
    if difference.high < 0.0:
        path = refused_path(store, models_dir)
        save_model(candidate, path)
        return Comparison(path, False, f"the model stays: the new one has {what}; it is at {path}")
    path = model_path(split.train, models_dir)
    save_model(candidate, path)
    return Comparison(path, True, f"a new model is in use: it has {what}")


def _newest(store: Store, new: int) -> int:
    """By how many of the last ratings models are compared, where so many came since training.

    At most by half of those, so that there are as many that the new model alone has learned from.
    """
    times = store.by_user.times
    of_last_day = int((times > times.max() - config.COMPARED_SECONDS).sum())
    wanted = max(config.FEWEST_COMPARED, of_last_day)
    return min(wanted, config.COMPARED_RATINGS, new // 2)


def _since(store: Store, current: ScoringModel) -> int:
    """How many ratings bear later times than any that a model was trained on."""
    if current.ranker.profile in (FIXED, PRETRAINED):
        return store.rating_count
    return int((store.by_user.times > current.origin.latest).sum())


def _newest_ratings(store: Store, count: int) -> Split:
    """Each of so many last ratings asked for at its own moment, by whoever gave it."""
    store = in_hashed_order(store)
    held = time_ranks(store) >= store.rating_count - count
    name = f"the last {count:,} ratings"
    return split_of(name, store, train_on(name, store, ~held, held), held)


def _difference(split: Split, candidate: ScoringModel, current: ScoringModel) -> Interval:
    return paired_difference(_found_by(candidate, split), _found_by(current, split))


def _found_by(model: ScoringModel, split: Split) -> NDArray[np.float64]:
    """[users] how well a model finds what is asked for."""
    with Engine(split.train, model=model) as engine:
        return measure(EngineSystem("lists", engine), split, K).accuracy[f"NDCG@{K}"]
