"""Lists of the embedded sample as they were before batches: a change of them is a decision.

The file was written by the code of d67e065, one request at a time. The learned profile runs on base
models and a ranker drawn at random, so that no training and no linear algebra is part of it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelrecs.engine import Engine
from reelrecs.scorer.model import ScoringModel
from reelrecs.stages.feature_settings import FeatureSettings
from reelrecs.store.store import Store
from tests.models import learned_ranker

GOLDEN = Path(__file__).with_name("golden_lists.json")

SIZE = 4


def random_base_models(store: Store) -> dict[str, np.ndarray]:
    """Every array of a trained model, drawn at random; item-to-item rows of eight entries each."""
    rng, movies = np.random.default_rng(11), store.movie_count
    arrays: dict[str, np.ndarray] = {
        "context_embeddings": rng.normal(size=(movies, SIZE)).astype(np.float16),
        "item_embeddings": rng.normal(size=(movies, SIZE)).astype(np.float16),
        "projection": rng.normal(size=(4 * SIZE, SIZE)).astype(np.float32),
        "bias": rng.normal(size=movies).astype(np.float32),
    }
    for name in ("next_item", "ease", "co_occurrence"):
        columns = [np.sort(rng.choice(movies, 8, replace=False)) for _ in range(movies)]
        arrays[f"{name}.indptr"] = 8 * np.arange(movies + 1, dtype=np.int64)
        arrays[f"{name}.columns"] = np.concatenate(columns).astype(np.uint16)
        arrays[f"{name}.codes"] = rng.integers(0, 128, 8 * movies).astype(np.int8)
        arrays[f"{name}.scales"] = np.full(movies, 0.01, np.float32)
    return arrays


def model_of(store: Store, profile: str) -> ScoringModel:
    """What an engine of the profile takes."""
    if profile == "fixed":
        return ScoringModel.fixed(store)
    settings = FeatureSettings().to_dict()
    return ScoringModel.learned(store, learned_ranker(), random_base_models(store), settings)


def lists_of(engine: Engine) -> list[dict[str, Any]]:
    """Lists of several lengths at several moments."""
    answers = []
    times = engine.store.by_user.times
    for row in range(0, engine.store.user_count, engine.store.user_count // 12):
        own = times[engine.store.by_user.row(row)]
        for limit, as_of in ((5, None), (40, int(own[len(own) // 2]))):
            found, _ = engine.pipeline.run_one(engine.query_of_row(row, limit, as_of))
            scores = [] if found.scores is None else found.scores.tolist()
            answers.append(
                {
                    "row": row,
                    "movies": engine.store.movie_ids.at(found.movies),
                    "scores": [round(score, 5) for score in scores],
                }
            )
    return answers


@pytest.mark.parametrize("profile", ["fixed", "learned"])
def test_lists_are_what_they_were(sample_engine: Engine, profile: str) -> None:
    """Scores to the rounding of other machines' logarithms; movies wherever scores tell apart."""
    golden = json.loads(GOLDEN.read_text())[profile]
    store = sample_engine.store
    with Engine(store, model=model_of(store, profile)) as engine:
        lists = lists_of(engine)
    for was, now in zip(golden, lists, strict=True):
        np.testing.assert_allclose(now["scores"], was["scores"], rtol=1e-4, atol=1e-4)
        scores = np.array(was["scores"])
        apart = np.abs(np.diff(scores)) > 1e-3
        sure = np.append(True, apart) & np.append(apart, False)  # the last has a rival left out
        assert np.array(now["movies"])[sure].tolist() == np.array(was["movies"])[sure].tolist()
