"""ReelRecs: from a ratings file to ranked, explained recommendations.

    with reelrecs.open("data/ml-1m") as engine:
        for item in engine.recommend(1, explain=True):
            print(item.rank, item.movie.title, item.score)

Names are looked up when first used, so importing the package costs nothing.
"""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelrecs.config import MODELS_DIR

logging.getLogger(__name__).addHandler(logging.NullHandler())

if TYPE_CHECKING:
    from reelrecs.constraints import Constraints as Constraints
    from reelrecs.engine import Engine as Engine
    from reelrecs.errors import ReelRecsError as ReelRecsError
    from reelrecs.histories import History as History
    from reelrecs.many_lists import RecommendationLists as RecommendationLists
    from reelrecs.pipeline.candidates import Candidates as Candidates
    from reelrecs.pipeline.candidates import FeatureMatrix as FeatureMatrix
    from reelrecs.pipeline.query import Query as Query
    from reelrecs.ratings_log.events import Step as Step
    from reelrecs.results import Recommendation as Recommendation
    from reelrecs.results import RecommendationList as RecommendationList
    from reelrecs.scores import ScoredMovies as ScoredMovies
    from reelrecs.similar import SimilarMovies as SimilarMovies
    from reelrecs.store.incoming import Rating as Rating
    from reelrecs.why_not import WhyNot as WhyNot

    __version__: str

_HOMES = {
    "Candidates": "reelrecs.pipeline.candidates",
    "Constraints": "reelrecs.constraints",
    "Engine": "reelrecs.engine",
    "FeatureMatrix": "reelrecs.pipeline.candidates",
    "History": "reelrecs.histories",
    "Query": "reelrecs.pipeline.query",
    "Rating": "reelrecs.store.incoming",
    "Recommendation": "reelrecs.results",
    "RecommendationList": "reelrecs.results",
    "RecommendationLists": "reelrecs.many_lists",
    "ReelRecsError": "reelrecs.errors",
    "ScoredMovies": "reelrecs.scores",
    "SimilarMovies": "reelrecs.similar",
    "Step": "reelrecs.ratings_log.events",
    "WhyNot": "reelrecs.why_not",
}

__all__ = ["__version__", "open", "train", *_HOMES]


def open(data_dir: str | Path | Any = None, **options: Any) -> Engine:  # noqa: A001
    """An engine over a data set: a folder, a zip, or a pandas, polars or Arrow table of ratings.

    `options` are those of `Engine.open`.
    """
    from reelrecs.engine import Engine

    return Engine.open(data_dir, **options)


def train(
    data_dir: str | Path | Any = None,
    *,
    models_dir: str | Path = MODELS_DIR,
    **options: Any,
) -> Engine:
    """An engine over a data set with a model made just now, which stands in `models_dir` too.

    It takes seconds to minutes. `data_dir` and `options` are those of `open`, which finds the model
    again; a model made before stays until then.
    """
    from reelrecs.engine import Engine

    engine = Engine.open(data_dir, models_dir=models_dir, **options)
    try:
        engine.train()
    except BaseException:
        engine.close()
        raise
    return engine


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("reelrecs")
    if name not in _HOMES:
        raise AttributeError(f"module 'reelrecs' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
