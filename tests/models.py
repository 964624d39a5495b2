"""Models of the learned profile without the time that training takes, and fixed ones."""

from typing import Any

import numpy as np

from reelrecs.engine import Engine
from reelrecs.kernels.boosted_trees import Trees
from reelrecs.learning.base_models import fit_base_models
from reelrecs.learning.training_groups import Teachers
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.ranker import Ranker
from reelrecs.stages.feature_settings import FeatureSettings
from reelrecs.stages.sequence_features import COLUMNS
from reelrecs.store.store import Store


def learned_ranker(seed: int = 0) -> Ranker:
    """A ranker of the learned profile's columns with weights and trees drawn at random."""
    rng = np.random.default_rng(seed)
    count = 2 * len(COLUMNS)
    trees = Trees(
        rng.integers(0, count, (5, 3)).astype(np.int32),
        rng.normal(size=(5, 3)).astype(np.float32),
        rng.normal(size=(5, 8)).astype(np.float32),
    )
    return Ranker(
        "learned",
        (*COLUMNS, *(f"{column}.relative" for column in COLUMNS)),
        COLUMNS * 2,
        ("identity",) * len(COLUMNS) + ("relative",) * len(COLUMNS),
        rng.normal(size=count),
        rng.uniform(0.5, 2.0, count),
        rng.normal(size=count),
        trees=trees,
    )


def learned_model_of(store: Store, settings: FeatureSettings | None = None) -> ScoringModel:
    """Base models fitted on the store, under such a ranker."""
    base_models = fit_base_models(store, Teachers.nobody())
    settings = settings or FeatureSettings()
    return ScoringModel.learned(store, learned_ranker(), base_models, settings.to_dict())


def fixed_engine(store: Store, *args: Any, **options: Any) -> Engine:
    """An engine with fixed weights, where a test knows what those make of a world."""
    return Engine(store, *args, model=ScoringModel.fixed(store), **options)
