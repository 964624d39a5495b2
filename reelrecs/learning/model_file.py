"""A model as one Arrow file: ranker, trees, base models, settings, and what it was made for.

Nothing in a file is believed before it was checked: every array goes into kernels that check
nothing. No pickle.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from reelrecs.config import FIXED, PROFILES
from reelrecs.errors import ModelError
from reelrecs.kernels.boosted_trees import Trees
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.ranker import NewcomerBlend, Ranker
from reelrecs.scorer.user_knn import KnnSettings
from reelrecs.stages import base_models
from reelrecs.stages.feature_schema import schema_digest, schema_of
from reelrecs.stages.feature_settings import settings_of
from reelrecs.store import arrow_file
from reelrecs.store.store import Store

FORMAT = "reelrecs.model/4"

_TREES = "trees."
"""Stands before the names of the boosted trees' arrays in a file."""

_NEWCOMERS = "newcomers."
"""Stands before the names of the parameters of the blend for newcomers in a file."""

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
    named: dict[str, arrow_file.Array] = {
        "name": pa.array(ranker.names, pa.large_string()),
        "column": pa.array(ranker.columns, pa.large_string()),
        "transform": pa.array(ranker.transforms, pa.large_string()),
        "center": ranker.center,
        "scale": ranker.scale,
        "weight": ranker.weights,
    }
    if ranker.newcomers is not None:
        parts = zip(NewcomerBlend._fields, ranker.newcomers[:3], strict=False)
        named |= {f"{_NEWCOMERS}{name}": part for name, part in parts}
    if ranker.trees is not None:
        named |= {f"{_TREES}{name}": part for name, part in ranker.trees._asdict().items()}
    named |= {f"{_BASE_MODELS}{name}": values for name, values in model.base_models.items()}
    settings = {
        "unit_inputs": ranker.unit_inputs,
        "recall": ranker.recall,
        "newcomers_half_at": None if ranker.newcomers is None else ranker.newcomers.half_at,
        "neighbours": asdict(model.settings),
        "features": dict(model.feature_settings),
    }
    metadata = {
        "format": FORMAT,
        "dataset": model.store.name,
        "digest": model.store.digest,
        "profile": ranker.profile,
        "schema": schema_digest(ranker.profile),
        "settings": json.dumps(settings),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    arrow_file.write(path, named, metadata)


def load_model_file(path: Path, store: Store) -> ScoringModel:
    """Read a model that was trained on this very data; raises ModelError for any other file."""
    if not path.exists():
        raise ModelError(f"there is no model at {path}: run train first")
    try:
        named, metadata = arrow_file.read(path)
        version, dataset, digest = (metadata[key] for key in ("format", "dataset", "digest"))
        if version == FORMAT and digest == store.digest:
            return _model_of(named, metadata, store)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except _UNREADABLE as error:
        raise ModelError(
            f"{path} is no model of this version, or damaged: run train again"
        ) from error
    if version.partition("/")[0] != FORMAT.partition("/")[0]:
        raise ModelError(f"{path} is no model of this version, or damaged: run train again")
    if version != FORMAT:
        raise ModelError(f"{path} was made by another version: run train again")
    raise ModelError(
        f"model {path} was trained on other data ({dataset} {digest[:8]}, not "
        f"{store.name} {store.digest[:8]}): run train again"
    )


def _model_of(named: dict[str, Any], metadata: dict[str, str], store: Store) -> ScoringModel:
    """The model in these parts, each of them checked; raises ModelError or one of _UNREADABLE."""
    profile = metadata["profile"]
    if profile not in PROFILES or metadata["schema"] != schema_digest(profile):
        raise ModelError("made by another version: run train again")
    settings = json.loads(metadata["settings"])
    ranker = Ranker(
        profile,
        tuple(named["name"].to_pylist()),
        tuple(named["column"].to_pylist()),
        tuple(named["transform"].to_pylist()),
        np.array(named["center"], np.float64),
        np.array(named["scale"], np.float64),
        np.array(named["weight"], np.float64),
        bool(settings["unit_inputs"]),
        _trees(named),
        _newcomers(named, settings["newcomers_half_at"]),
        settings["recall"],
    )
    known = {column for column, _ in schema_of(profile)["columns"]}
    if not known.issuperset(ranker.required_columns):
        raise ModelError("its ranker reads columns that nothing brings: run train again")
    arrays = {
        name.removeprefix(_BASE_MODELS): values
        for name, values in named.items()
        if name.startswith(_BASE_MODELS)
    }
    features = settings["features"]
    if profile != FIXED:
        base_models.validate(arrays, store.movie_count)
        features = settings_of(features).to_dict()
    return ScoringModel(store, ranker, KnnSettings(**settings["neighbours"]), arrays, features)


def _trees(named: dict[str, Any]) -> Trees | None:
    if f"{_TREES}leaves" not in named:
        return None
    return Trees(*(named[f"{_TREES}{part}"] for part in Trees._fields))


def _newcomers(named: dict[str, Any], half_at: float | None) -> NewcomerBlend | None:
    if half_at is None:
        return None
    center, scale, weights = (
        np.array(named[f"{_NEWCOMERS}{part}"], np.float64)
        for part in ("center", "scale", "weights")
    )
    return NewcomerBlend(center, scale, weights, float(half_at))
