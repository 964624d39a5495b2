"""A linear ranker of named columns: every score is the sum of terms that can be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.errors import ModelError, ScorerError
from reelrecs.kernels import ranker as kernels
from reelrecs.kernels.boosted_trees import Trees, add_trees
from reelrecs.kernels.jit import as_readonly_contiguous
from reelrecs.pipeline.candidates import FeatureMatrix, Floats

CF = "cf"
"""The one column no request carries: the service adds the neighbours' prediction itself."""

TREES = "trees"
"""The term of the boosted trees, where a ranker has one."""

MOST_LEVELS = 8
"""Of a boosted tree: a leaf's number is a byte when trees are grown."""

TRANSFORMS = ("identity", "log1p", "relative")
"""What a term does with its column first. A lead is e to the distance from the best of the person's
candidates: of log votes it is the share of the best one's votes, and being far ahead of all others
counts beyond the logarithm."""

FIXED_COLUMNS = {
    "cf": CF,
    "genre_overlap": "genre_overlap_score",
    "collaborative": "collaborative_score",
    "popularity": "popularity_percentile",
    "year": "year_preference_score",
}
"""Which column each term of `config.FIXED_WEIGHTS` reads."""


class Term(NamedTuple):
    """One linear term, to be shown."""

    name: str
    column: str
    transform: str
    center: float
    scale: float
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Ranker:
    """Term j is weight / scale * (f(column) - center), taken in float64 and rounded to float32.

    Boosted trees add one more term, made of the same f(column). A score is the float32 sum of its
    terms from left to right and nothing else, so terms that are shown add up to the score to the
    last bit. With `unit_inputs` every column must be on [0, 1]: what lies outside is refused, never
    cut, for a count weighed as a share ruins the order in silence. Raises ModelError for parameters
    that cannot be.
    """

    profile: str
    names: tuple[str, ...]  # [terms] as shown to people
    columns: tuple[str, ...]  # [terms] what each reads
    transforms: tuple[str, ...]  # [terms] of TRANSFORMS
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    unit_inputs: bool = False
    trees: Trees | None = None  # over the terms' inputs: f(column) of each, as one more term

    def __post_init__(self) -> None:
        parameters = (self.center, self.scale, self.weights)
        lengths = {len(self.names), len(self.columns), len(self.transforms), *map(len, parameters)}
        sound = all(bool(np.isfinite(values).all()) for values in parameters)
        if (
            lengths != {max(1, len(self.names))}
            or not sound
            or not self.scale.all()
            or not set(self.transforms) <= set(TRANSFORMS)
            or len({*self.names, TREES}) <= len(self.names)
            or not (self.trees is None or _whole(self.trees, len(self.names)))
        ):
            raise ModelError(
                f"ranker {self.profile!r} has parameters that cannot be: run train again"
            )

    @classmethod
    def fixed(cls) -> Ranker:
        """Build the ranker of `config.FIXED_WEIGHTS`; its scores are on [0, 1]."""
        names = tuple(config.FIXED_WEIGHTS)
        return cls(
            "fixed",
            names,
            tuple(FIXED_COLUMNS[name] for name in names),
            ("identity",) * len(names),
            np.zeros(len(names)),
            np.ones(len(names)),
            np.array(list(config.FIXED_WEIGHTS.values())),
            unit_inputs=True,
        )

    @property
    def term_names(self) -> tuple[str, ...]:
        """All terms of a score, in the order in which they add up."""
        return self.names if self.trees is None else (*self.names, TREES)

    @property
    def parameters(self) -> list[Term]:
        """Every linear term, in order."""
        numbers = (self.center.tolist(), self.scale.tolist(), self.weights.tolist())
        terms = zip(self.names, self.columns, self.transforms, *numbers, strict=True)
        return [Term(*term) for term in terms]

    @property
    def required_columns(self) -> tuple[str, ...]:
        """What a request must bring: each column once, without the one the service adds."""
        return tuple(dict.fromkeys(column for column in self.columns if column != CF))

    def apply(
        self, features: FeatureMatrix, cf: Floats | None, indptr: NDArray[np.int64]
    ) -> tuple[Floats, FeatureMatrix]:
        """Scores [rows] and terms [rows, terms]; `cf` is needed where `CF` is a column.

        Rows indptr[p] .. indptr[p+1] - 1 are one person's candidates, among whom relative are told.
        Raises ScorerError, naming the column, for one that is missing, not finite, or off [0, 1]
        where the ranker asks for that.
        """
        values = features.values
        places = {name: at for at, name in enumerate(features.columns)}
        if cf is not None:
            places[CF] = values.shape[1]
            values = np.column_stack([values, cf])
        for column in self.columns:
            if column not in places:
                raise ScorerError(
                    f"the ranker needs the column {column}, the features have "
                    f"{', '.join(features.columns) or 'none'}: send it too"
                )
        inputs = self._inputs(values, [places[column] for column in self.columns], indptr)
        if self.unit_inputs:
            self._require((inputs.T >= 0.0) & (inputs.T <= 1.0), inputs.T, "must be on [0, 1]")
        scores, terms, finite = self._terms(inputs)
        if not finite:
            self._require(np.isfinite(terms), terms, "must be finite, and above -1 under log1p")
            row = np.flatnonzero(~np.isfinite(scores))[0]
            raise ScorerError(f"the terms of row {row} add up to no number: mend the features")
        return scores, FeatureMatrix(self.term_names, terms)

    def _inputs(self, values: Floats, places: list[int], indptr: NDArray[np.int64]) -> Floats:
        """f(column) of every term [terms, rows]."""
        inputs = np.empty((len(places), len(values)), np.float32)
        relative = np.array([transform == "relative" for transform in self.transforms])
        kernels.gather_inputs(
            *as_readonly_contiguous(values, np.array(places), relative, indptr), inputs
        )
        with np.errstate(all="ignore"):  # what is no number in the end is refused later
            for term, transform in enumerate(self.transforms):
                if transform == "relative":
                    np.exp(inputs[term], out=inputs[term])
                elif transform == "log1p":
                    np.log1p(inputs[term], out=inputs[term])
        return inputs

    def _terms(self, inputs: Floats) -> tuple[Floats, Floats, bool]:
        """Scores, every term of every row, and whether all of them are finite."""
        rows = inputs.shape[1]
        terms = np.empty((rows, len(self.term_names)), np.float32)
        scores = np.empty(rows, np.float32)
        if self.trees is not None:
            grown = np.zeros(rows, np.float32)
            add_trees(*as_readonly_contiguous(inputs, *self.trees), grown)
            terms[:, -1] = grown
        finite = kernels.add_terms(
            *as_readonly_contiguous(inputs, self.weights / self.scale, self.center), terms, scores
        )
        return scores, terms, finite

    def _require(self, good: NDArray[np.bool_], values: NDArray[np.floating], what: str) -> None:
        if not good.all():
            row, at = np.argwhere(~good)[0]
            column = TREES if at == len(self.columns) else self.columns[at]
            raise ScorerError(
                f"column {column} {what}; row {row} gives {values[row, at]:g}: mend the features"
            )


def require_finite(features: FeatureMatrix) -> None:
    """Raise ScorerError, naming column and row, where a value is no finite number."""
    values = features.values
    if not np.isfinite(values).all():
        row, at = np.argwhere(~np.isfinite(values))[0]
        raise ScorerError(
            f"column {features.columns[at]}, row {row} is not finite: mend the features"
        )


def _whole(trees: Trees, inputs: int) -> bool:
    """Whether every question is about an input and every answer relative to a leaf."""
    columns, thresholds, leaves = trees
    return bool(
        [part.dtype for part in trees]
        == [np.dtype(kind) for kind in (np.int32, np.float32, np.float32)]
        and columns.ndim == 2
        and 1 <= columns.shape[1] <= MOST_LEVELS
        and columns.shape == thresholds.shape
        and leaves.shape == (len(columns), 1 << columns.shape[1])
        and ((columns >= 0) & (columns < inputs)).all()
        and np.isfinite(thresholds).all()
        and np.isfinite(leaves).all()
    )
