"""A model as one Arrow file: ranker, trees, base models, settings, movie ids, and where it is from.

Nothing in a file is believed before it was checked: every array goes into kernels that check
nothing. No pickle.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from reelrecs.config import FIXED, PROFILES
from reelrecs.datasets.ids import Ids
from reelrecs.errors import ModelError
from reelrecs.learning.later_data import placed_on
from reelrecs.learning.ranker_parts import ranker_of, ranker_parts
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.origin import Origin
from reelrecs.scorer.user_knn import KnnSettings
from reelrecs.stages import base_models
from reelrecs.stages.feature_schema import schema_digest
from reelrecs.stages.feature_settings import settings_of
from reelrecs.store import arrow_file
from reelrecs.store.store import Store

FORMAT = "reelrecs.model/4"

_BASE_MODELS = "base."
"""Stands before the names of base model arrays in a file."""

_UNREADABLE = (
    *(arrow_file.NotReadable, pa.ArrowException, ArithmeticError, AttributeError, LookupError),
    *(MemoryError, TypeError, ValueError),
)
"""What damage turns into on the way from bytes to a model."""


def save_model(model: ScoringModel, path: Path) -> None:
    """Write the model, whole or not at all; raises StorageError."""
    ranker = model.ranker
    named, of_ranker = ranker_parts(ranker)
    origin = model.origin
    named |= {f"{_BASE_MODELS}{name}": values for name, values in origin.base_models.items()}
    named |= {"movie_ids": origin.movie_ids.values, "titles": origin.titles}
    for name in ("raters", "rated"):
        if (sample := getattr(origin, name)) is not None:
            named[name] = sample
    settings = {
        **of_ranker,
        "neighbours": asdict(model.settings),
        "features": dict(model.feature_settings),
    }
    metadata = {
        "format": FORMAT,
        "dataset": origin.dataset,
        "digest": origin.digest,
        "ratings": str(origin.ratings),
        "users": str(origin.users),
        "latest": str(origin.latest),
        "feedback": origin.feedback,
        "profile": ranker.profile,
        "schema": schema_digest(ranker.profile),
        "settings": json.dumps(settings),
        "created": origin.created,
    }
    arrow_file.write(path, named, metadata)


def load_model_file(path: Path, store: Store) -> ScoringModel:
    """Read a model and put it over this store, be it the data of training or a later state of it.

    Raises ModelError for a file that is no whole model of this version, and for a model of other
    data; see `reelrecs.learning.later_data`.
    """
    if not path.exists():
        raise ModelError(f"there is no model at {path}: run train first")
    try:
        named, metadata = arrow_file.read(path)
        version = metadata["format"]
        if version == FORMAT:
            return _model_of(named, metadata, store)
    except ModelError as error:
        raise type(error)(f"{path}: {error}") from error
    except _UNREADABLE as error:
        raise ModelError(
            f"{path} is no model of this version, or damaged: run train again"
        ) from error
    if version.partition("/")[0] != FORMAT.partition("/")[0]:
        raise ModelError(f"{path} is no model of this version, or damaged: run train again")
    raise ModelError(f"{path} was made by another version: run train again")


def _model_of(named: dict[str, Any], metadata: dict[str, str], store: Store) -> ScoringModel:
    """The model in these parts, each of them checked; raises ModelError or one of _UNREADABLE."""
    profile = metadata["profile"]
    if profile not in PROFILES or metadata["schema"] != schema_digest(profile):
        raise ModelError("made by another version: run train again")
    settings = json.loads(metadata["settings"])
    ranker = ranker_of(profile, named, settings)
    origin = _origin(named, metadata)
    features = settings["features"]
    if profile != FIXED:
        base_models.validate(origin.base_models, len(origin.movie_ids))
        features = settings_of(features).to_dict()
    arrays = placed_on(origin, store)
    knn = KnnSettings(**settings["neighbours"])
    return ScoringModel(store, ranker, knn, arrays, features, origin)


def _origin(named: dict[str, Any], metadata: dict[str, str]) -> Origin:
    """Where the model comes from; raises ValueError where that contradicts itself."""
    movie_ids, titles = Ids(named["movie_ids"]), named["titles"]
    raters, rated = named.get("raters"), named.get("rated")
    if (
        not (movie_ids.is_text or movie_ids.values.dtype == np.int64)
        or not movie_ids.ascend()
        or not isinstance(titles, pa.Array)
        or len(titles) != len(movie_ids)
    ):
        raise ValueError("movie ids that are none or do not ascend, or other titles than ids")
    if (raters is None) != (rated is None) or _length(raters) != _length(rated):
        raise ValueError("a sample of ratings without users or movies")
    return Origin(
        metadata["dataset"],
        metadata["digest"],
        metadata["created"],
        int(metadata["ratings"]),
        int(metadata["users"]),
        int(metadata["latest"]),
        metadata["feedback"],
        movie_ids,
        titles,
        raters,
        rated,
        {
            name.removeprefix(_BASE_MODELS): values
            for name, values in named.items()
            if name.startswith(_BASE_MODELS)
        },
    )


def _length(values: Any) -> int:
    return 0 if values is None else len(values)
