"""Candidate movies of one query as a struct of arrays over rows, checked when it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reelrecs.errors import StageError

Rows: TypeAlias = NDArray[np.int32]


Floats: TypeAlias = NDArray[np.float32]


Mask: TypeAlias = NDArray[np.bool_]


ROW, FLOAT, BOOL = np.dtype(np.int32), np.dtype(np.float32), np.dtype(np.bool_)
"""What those hold."""


@dataclass(frozen=True, slots=True)
class FeatureMatrix:
    """Named float32 columns over candidates: values[row, column], row-major.

    Raises StageError for values of another type or shape.
    """

    columns: tuple[str, ...]
    values: Floats

    def __post_init__(self) -> None:
        shape = (_length(self.values), len(self.columns))
        require("a feature matrix's values", self.values, FLOAT, shape)

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

    def take(self, index: NDArray[Any] | slice) -> FeatureMatrix:
        """The rows at these positions (or under this mask), in this order."""
        return FeatureMatrix(self.columns, self.values[index])


@dataclass(frozen=True, slots=True)
class Candidates:
    """A batch of candidate movies as a struct of arrays; stages return new batches.

    `channels` names every way a source can find a movie ("thunder.neighbours", "phoenix.era");
    `retrieval_scores[row, channel]` is how strongly it did, 0 where it did not find it at all.
    What a source hands on must name its channels. Raises StageError for arrays of another type or
    length than stated here; whether rows are distinct movies of the catalogue is for the pipeline
    to check, which knows how many there are.
    """

    movies: Rows  # [n] distinct
    channels: tuple[str, ...] = ()
    retrieval_scores: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    features: FeatureMatrix | None = None  # [n, columns]
    scores: Floats | None = None  # [n]
    terms: FeatureMatrix | None = None  # [n, terms] contributions that add up to `scores`

    def __post_init__(self) -> None:
        n = _length(self.movies)
        require("movies", self.movies, ROW, (n,))
        if not self.channels and len(self.retrieval_scores) == 0:
            object.__setattr__(self, "retrieval_scores", np.zeros((n, 0), np.float32))
        shape = (n, len(self.channels))
        require("retrieval_scores", self.retrieval_scores, FLOAT, shape)
        if self.scores is not None:
            require("scores", self.scores, FLOAT, (n,))
        for matrix in (self.features, self.terms):
            if matrix is not None:
                require("features and terms", matrix.values, FLOAT, (n, len(matrix.columns)))

    @classmethod
    def empty(cls, channels: tuple[str, ...]) -> Candidates:
        """No candidates, of a source with these channels."""
        return cls(np.zeros(0, np.int32), channels, np.zeros((0, len(channels)), np.float32))

    def __len__(self) -> int:
        return len(self.movies)

    def take(self, index: NDArray[Any] | slice) -> Candidates:
        """The candidates at these positions (or under this mask), in this order."""
        return Candidates(
            self.movies[index],
            self.channels,
            self.retrieval_scores[index],
            self.features and self.features.take(index),
            None if self.scores is None else self.scores[index],
            self.terms and self.terms.take(index),
        )


def require(what: str, values: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Raise StageError unless the values are an array of this type and shape."""
    if not isinstance(values, np.ndarray):
        raise StageError(f"{what}: a {type(values).__name__} is no array: give a numpy array")
    if values.dtype != dtype or values.shape != shape:
        raise StageError(
            f"{what}: {values.dtype} of shape {values.shape} must be {dtype} of shape {shape}: "
            "convert with astype, give one row a candidate"
        )


def _length(values: Any) -> int:
    """Rows of an array; 0 of what has none, for `require` to refuse."""
    return len(values) if isinstance(values, np.ndarray) and values.ndim else 0
