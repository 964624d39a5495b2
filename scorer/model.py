"""The scoring model: one store, one ranker, one way to find neighbours; immutable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reelrecs.errors import ScorerError
from reelrecs.pipeline.candidates import FeatureMatrix, Floats, Rows
from reelrecs.scorer.origin import Origin
from reelrecs.scorer.ranker import CF, Ranker, require_finite
from reelrecs.scorer.user_knn import KnnSettings, UserBatch, UserKnn
from reelrecs.store.store import Store


class ScoringModel:
    """Scores candidates of any number of users in one call; shared by threads."""

    def __init__(
        self,
        store: Store,
        ranker: Ranker,
        settings: KnnSettings,
        base_models: Mapping[str, NDArray[Any]] | None = None,
        feature_settings: Mapping[str, Any] | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.store = store
        self.ranker = ranker
        self.settings = settings
        self.base_models = dict(base_models or {})
        """Arrays of trained base models by name, for the stages that bring the ranker's columns;
        by the store's rows, while the origin has them by its own."""
        self.feature_settings = dict(feature_settings or {})
        """Settings that those stages were trained with, as JSON has them."""
        self._origin = origin
        self._knn = UserKnn(store, settings)

    @property
    def origin(self) -> Origin:
        """The data it was trained on: its own store unless it came from a file."""
        if self._origin is None:
            self._origin = Origin.of(self.store, self.base_models)
        return self._origin

    @classmethod
    def fixed(cls, store: Store, settings: KnnSettings | None = None) -> ScoringModel:
        """Build the model that needs no training: the weights of `config`."""
        return cls(store, Ranker.fixed(), settings or KnnSettings())

    @classmethod
    def learned(
        cls,
        store: Store,
        ranker: Ranker,
        base_models: Mapping[str, NDArray[Any]],
        feature_settings: Mapping[str, Any],
    ) -> ScoringModel:
        """Build a trained model, whose columns rest on these base models and settings."""
        return cls(store, ranker, KnnSettings(), base_models, feature_settings)

    def score_batch(
        self,
        users: UserBatch,
        counts: Sequence[int] | NDArray[np.int64],
        movies: Rows,
        features: FeatureMatrix,
    ) -> tuple[Floats, FeatureMatrix]:
        """Scores [candidates] and the terms they are sums of, in the given order.

        `counts[p]` of the candidates are user p's, one user after the other. A ranker without
        the column "cf" looks for no neighbours. Raises ScorerError for features that do not fit
        the candidates or the ranker, or are no numbers.
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
        require_finite(features)
        cf = self._knn.scores(users, indptr, movies) if CF in self.ranker.columns else None
        return self.ranker.apply(features, cf, indptr)
