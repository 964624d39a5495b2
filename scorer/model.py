"""The scoring model: one store, one ranker, one way to find neighbours; saved as one Arrow file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reelrecs.errors import ModelError, ScorerError
from reelrecs.kernels.boosted_trees import Trees
from reelrecs.pipeline.candidates import FeatureMatrix, Floats, Rows
from reelrecs.scorer.ranker import CF, Ranker
from reelrecs.scorer.user_knn import KnnSettings, UserBatch, UserKnn
from reelrecs.store import arrow_file
from reelrecs.store.store import Store

FORMAT = "reelrecs.model/2"

_TREES = "trees."
"""Stands before the names of the boosted trees's arrays in a file."""

_BASE_MODELS = "base."
"""Stands before the names of base model arrays in a file."""


class ScoringModel:
    """Scores candidates of any number of users in one call; immutable, shared by threads."""

    def __init__(
        self,
        store: Store,
        ranker: Ranker,
        settings: KnnSettings,
        base_models: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self.store = store
        self.ranker = ranker
        self.settings = settings
        self.base_models = dict(base_models or {})
        """Arrays of trained base models by name, for the stages that bring the ranker's columns."""
        self._knn = UserKnn(store, settings)

    @classmethod
    def fixed(cls, store: Store, settings: KnnSettings | None = None) -> ScoringModel:
        """Build the model that needs no training: the weights of `config`."""
        return cls(store, Ranker.fixed(), settings or KnnSettings())

    @classmethod
    def learned(
        cls, store: Store, ranker: Ranker, base_models: Mapping[str, NDArray[Any]]
    ) -> ScoringModel:
        """Build a trained model, whose columns rest on these base models."""
        return cls(store, ranker, KnnSettings(), base_models)

    def score_batch(
        self, users: UserBatch, counts: Sequence[int], movies: Rows, features: FeatureMatrix
    ) -> tuple[Floats, FeatureMatrix]:
        """Scores [candidates] and the terms they are sums of, in the given order.

        `counts[p]` of the candidates are user p's, one user after the other. A ranker without
        the column "cf" looks for no neighbours. Raises ScorerError for features that do not fit
        the candidates or the ranker.
        """
        indptr = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(np.asarray(counts, np.int64), out=indptr[1:])
        if not len(users.rows) == len(counts) or not (
            indptr[-1] == len(movies) == len(features.values)
        ):
            raise ScorerError(
                f"{len(users.rows)} users with {indptr[-1]} candidates in all, {len(movies)} "
                f"movies and {len(features.values)} rows of features: make them agree"
            )
        cf = self._knn.scores(users, indptr, movies) if CF in self.ranker.columns else None
        return self.ranker.apply(features, cf, indptr)

    def save(self, path: Path) -> None:
        """Write the model, whole or not at all; raises StorageError."""
        ranker = self.ranker
        named: dict[str, arrow_file.Array] = {
            "name": pa.array(ranker.names, pa.large_string()),
            "column": pa.array(ranker.columns, pa.large_string()),
            "transform": pa.array(ranker.transforms, pa.large_string()),
            "center": ranker.center,
            "scale": ranker.scale,
            "weight": ranker.weights,
        }
        if ranker.trees is not None:
            named |= {f"{_TREES}{name}": part for name, part in ranker.trees._asdict().items()}
        named |= {f"{_BASE_MODELS}{name}": values for name, values in self.base_models.items()}
        metadata = {
            "format": FORMAT,
            "dataset": self.store.name,
            "digest": self.store.digest,
            "profile": ranker.profile,
            "parameters": json.dumps(
                {"unit_inputs": ranker.unit_inputs, "neighbours": asdict(self.settings)}
            ),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        arrow_file.write(path, named, metadata)

    @classmethod
    def load(cls, path: Path, store: Store) -> ScoringModel:
        """Read a model that was trained on this very data; raises ModelError for any other file."""
        if not path.exists():
            raise ModelError(f"there is no model at {path}: run train first")
        try:
            named, metadata = arrow_file.read(path)
            if metadata.get("format") != FORMAT:
                raise arrow_file.NotReadable(f"{path} is no {FORMAT} file")
            ranker, settings = _parts(named, metadata)
            base_models = {
                name.removeprefix(_BASE_MODELS): values
                for name, values in named.items()
                if name.startswith(_BASE_MODELS)
            }
            dataset, digest = metadata["dataset"], metadata["digest"]
        except (arrow_file.NotReadable, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path} is no model or a damaged one: run train again") from error
        if digest != store.digest:
            raise ModelError(
                f"model {path} was trained on other data ({dataset} {digest[:8]}, not "
                f"{store.name} {store.digest[:8]}): run train again"
            )
        return cls(store, ranker, settings, base_models)


def _parts(named: dict[str, Any], metadata: dict[str, str]) -> tuple[Ranker, KnnSettings]:
    parameters = json.loads(metadata["parameters"])
    ranker = Ranker(
        metadata["profile"],
        tuple(named["name"].to_pylist()),
        tuple(named["column"].to_pylist()),
        tuple(named["transform"].to_pylist()),
        np.array(named["center"], np.float64),
        np.array(named["scale"], np.float64),
        np.array(named["weight"], np.float64),
        bool(parameters["unit_inputs"]),
        _trees(named),
    )
    return ranker, KnnSettings(**parameters["neighbours"])


def _trees(named: dict[str, Any]) -> Trees | None:
    if f"{_TREES}leaves" not in named:
        return None
    return Trees(*(named[f"{_TREES}{part}"] for part in Trees._fields))
