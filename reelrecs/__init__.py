"""ReelRecs: from a MovieLens-style ratings file to ranked, explained recommendations.

    with reelrecs.open("data/ml-1m") as engine:
        for movie in engine.recommend(1, explain=True):
            print(movie.rank, movie.movie.title, movie.score)

Names are looked up when first used, so importing the package costs nothing.
"""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

logging.getLogger(__name__).addHandler(logging.NullHandler())

if TYPE_CHECKING:
    from reelrecs.engine import Engine

_HOMES = {
    "Engine": "reelrecs.engine",
    "History": "reelrecs.histories",
    "ReelRecsError": "reelrecs.errors",
    "Recommendation": "reelrecs.results",
    "RecommendationList": "reelrecs.results",
    "SimilarMovies": "reelrecs.similar",
    "Candidates": "reelrecs.pipeline.protocols",
    "FeatureMatrix": "reelrecs.pipeline.protocols",
    "Query": "reelrecs.pipeline.protocols",
}

__all__ = ["open", *_HOMES]


def open(data_dir: str | Path | Any = None, **choices: Any) -> Engine:
    """An engine over a data set: a folder, a zip, or a pandas, polars or Arrow table of ratings.

    `choices` are those of `Engine.open`.
    """
    from reelrecs.engine import Engine

    return Engine.open(data_dir, **choices)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'reelrecs' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
