"""Candidate movies of one query as a struct of arrays over rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[np.int32]


Floats: TypeAlias = NDArray[np.float32]


Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FeatureMatrix:
    """Named float32 columns over candidates: values[row, column], row-major."""

    columns: tuple[str, ...]
    values: Floats

    @classmethod
    def side_by_side(cls, parts: Sequence[FeatureMatrix]) -> FeatureMatrix:
        """The columns of all parts, which describe the same rows."""
        return cls(
            tuple(column for part in parts for column in part.columns),
            np.concatenate([part.values for part in parts], axis=1),
        )

    def column(self, name: str) -> Floats:
        """One column, as a view of length rows."""
        return self.values[:, self.columns.index(name)]

    def take(self, index: NDArray[Any]) -> FeatureMatrix:
        """The rows at these positions (or under this mask), in this order."""
        return FeatureMatrix(self.columns, self.values[index])


@dataclass(frozen=True, slots=True)
class Candidates:
    """A batch of candidate movies as a struct of arrays; stages return new batches.

    `channels` names every way a source can find a movie ("thunder.neighbours", "phoenix.era");
    `retrieval_scores[row, channel]` is how strongly it did, 0 where it did not find it at all.
    """

    movies: Rows  # [n] distinct
    channels: tuple[str, ...] = ()
    retrieval_scores: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    features: FeatureMatrix | None = None
    scores: Floats | None = None  # [n]
    terms: FeatureMatrix | None = None  # contributions that add up to `scores`

    def __len__(self) -> int:
        return len(self.movies)

    def take(self, index: NDArray[Any]) -> Candidates:
        """The candidates at these positions (or under this mask), in this order."""
        return Candidates(
            self.movies[index],
            self.channels,
            self.retrieval_scores[index],
            self.features and self.features.take(index),
            None if self.scores is None else self.scores[index],
            self.terms and self.terms.take(index),
        )
