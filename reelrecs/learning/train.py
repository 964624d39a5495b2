"""Training of the learned profile: base models first, then a ranker that has never seen their data.

The trap is a base model that has seen the ranker's targets: it then looks far better than it will
be, and the ranker trusts it blindly. So the last movies of some users are kept from all base
models, and become the ranker's targets; what the store itself tells leaves the user's own row out.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from reelrecs import config
from reelrecs.config import LEARNED
from reelrecs.learning.base_models import fit_base_models
from reelrecs.learning.boosted_trees import fit_trees
from reelrecs.learning.conditional_logit import RankingGroups, fit_logit
from reelrecs.learning.training_groups import (
    choose_questions,
    choose_teachers,
    collect_ranking_groups,
)
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.ranker import LENGTH, NewcomerBlend, Ranker
from reelrecs.stages.sequence_features import COLUMNS, COMPARED
from reelrecs.stages.sequence_model import SequenceModel
from reelrecs.store.store import Store

log = logging.getLogger(__name__)


def train(store: Store) -> ScoringModel:
    """The learned model of a store; the same bits for any number of threads.

    Raises DataError where there are too few ratings to learn from.
    """
    rng = np.random.default_rng(config.TRAIN_SEED)
    teachers = choose_teachers(store, rng)
    named = fit_base_models(store, teachers)
    sequence = SequenceModel(store, named)
    questions = choose_questions(store, teachers, rng)
    log.info(f"describing {len(questions):,} groups")
    groups = collect_ranking_groups(store, sequence, questions)
    log.info(f"learning the ranker from {len(groups.starts):,} groups")
    ranker = fit_ranker(LEARNED, groups, len(groups.starts) / len(questions))
    return ScoringModel.learned(store, ranker, named, sequence.settings.to_dict())


def fit_ranker(profile: str, groups: RankingGroups, recall: float) -> Ranker:
    """Weights, trees on top of them, and the blend for newcomers; see `Ranker` for `recall`."""
    with threadpool_limits(1):
        logit = fit_logit(groups)
    columns = (*COLUMNS, *COMPARED)
    trees = None
    if len(groups.starts) >= config.FEWEST_GROUPS_FOR_TREES:
        log.info("growing trees on top of it")
        trees = fit_trees(groups, logit.scores(groups.features) + groups.offset, config.TRAIN_SEED)
    return Ranker(
        profile,
        (*COLUMNS, *(f"{column}.relative" for column in COMPARED)),
        columns,
        ("identity",) * len(COLUMNS) + ("relative",) * len(COMPARED),
        _center(columns, logit.center),
        logit.scale,
        logit.weights,
        trees=trees,
        newcomers=_blend_for_newcomers(groups, columns),
        recall=recall,
    )


def _blend_for_newcomers(groups: RankingGroups, columns: Sequence[str]) -> NewcomerBlend | None:
    """What short histories teach of the columns that do not come from one; None if too few do.

    Weights are not negative: such columns are nearly alike, and of few groups they would otherwise
    learn to outdo each other (-.006 NDCG@10 for newcomers on ml-1m where 325 groups teach).
    """
    lengths = np.expm1(groups.features[groups.starts, columns.index(LENGTH)]).round()
    short = lengths < config.NEWCOMER_BLEND_LENGTHS
    if short.sum() < config.FEWEST_GROUPS:
        return None
    read = np.zeros(len(columns), np.bool_)
    read[: len(COLUMNS)] = [column.startswith(config.NEWCOMER_COLUMNS) for column in COLUMNS]
    with threadpool_limits(1):
        logit = fit_logit(groups.select(short, read), least=0.0)
    blend = NewcomerBlend(
        np.zeros(len(columns)),
        np.ones(len(columns)),
        np.zeros(len(columns)),
        config.NEWCOMER_HALF_AT,
    )
    blend.center[read], blend.scale[read] = logit.center, logit.scale
    blend.weights[read] = logit.weights
    return blend._replace(center=_center(columns, blend.center))


def _center(columns: Sequence[str], center: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where terms are 0: the mean, or for columns that may not apply the 0 that says so."""
    return np.where([column in COMPARED for column in columns], center, 0.0)
