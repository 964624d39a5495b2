"""Training of the learned profile: base models first, then a ranker that has never seen their data.

The trap is a base model that has seen the ranker's targets: it then looks far better than it will
be, and the ranker trusts it blindly. So the last movies of some users are kept from all base
models, and become the ranker's targets; what the store itself tells leaves the user's own row out.
"""

from __future__ import annotations

import logging

import numpy as np
from threadpoolctl import threadpool_limits

from reelrecs import config
from reelrecs.config import LEARNED
from reelrecs.learning.base_models import fit_base_models
from reelrecs.learning.boosted_trees import fit_trees
from reelrecs.learning.conditional_logit import fit_logit
from reelrecs.learning.training_groups import (
    choose_questions,
    choose_teachers,
    collect_ranking_groups,
)
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.ranker import Ranker
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
    with threadpool_limits(1):
        logit = fit_logit(groups)
    columns = (*COLUMNS, *COMPARED)
    # Of other columns 0 is what does not apply: for long histories the terms of newcomers vanish.
    center = np.where([column in COMPARED for column in columns], logit.center, 0.0)
    trees = None
    if len(groups.starts) >= config.FEWEST_GROUPS_FOR_TREES:
        log.info("growing trees on top of it")
        trees = fit_trees(groups, logit.scores(groups.features) + groups.offset, config.TRAIN_SEED)
    ranker = Ranker(
        LEARNED,
        (*COLUMNS, *(f"{column}.relative" for column in COMPARED)),
        columns,
        ("identity",) * len(COLUMNS) + ("relative",) * len(COMPARED),
        center,
        logit.scale,
        logit.weights,
        trees=trees,
    )
    return ScoringModel.learned(store, ranker, named, sequence.settings.to_dict())
