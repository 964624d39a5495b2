"""A linear ranker of named columns: every score is the sum of terms that can be shown."""

from __future__ import annotations

import functools
import itertools
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

ALTERNATIVES = "alternatives"
"""The term that makes a log chance of a sum: the same for all candidates of a person."""

LENGTH = "context.length"
"""The column, log(length of the history + 1), by which the blend for newcomers counts."""

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


class NewcomerBlend(NamedTuple):
    """Other parameters of the same terms, for people of whom little is known.

    They count by 1 / (1 + (length / half_at)²) of a history's length, the ranker's own by the rest.
    """

    center: NDArray[np.float64]  # [terms]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    half_at: float  # ratings at which both count alike


@dataclass(frozen=True, slots=True, eq=False)
class Ranker:
    """Term j is weight / scale * (f(column) - center), taken in float64 and rounded to float32.

    Boosted trees add one more term, made of the same f(column). `newcomers` takes the place of all
    of it for people with short histories, by and by. With `recall`, the share of the movies watched
    next that are among the candidates, scores are natural logarithms of a chance: a last term,
    `ALTERNATIVES`, is log(recall) less the log of e to the other terms, summed over the person's
    candidates. A score is the float32 sum of its terms from left to right and nothing else, so
    terms that are shown add up to the score to the last bit. With `unit_inputs` every column must
    be on [0, 1]: what lies outside is refused, never cut, for a count weighed as a share ruins the
    order in silence. Raises ModelError for parameters that cannot be.
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
    newcomers: NewcomerBlend | None = None
    recall: float | None = None  # above 0, at most 1; None where scores are no chances

    def __post_init__(self) -> None:
        parameters = [self.center, self.scale, self.weights]
        if self.newcomers is not None:
            parameters += self.newcomers[:3]
        lengths = {len(self.names), len(self.columns), len(self.transforms), *map(len, parameters)}
        sound = all(bool(np.isfinite(values).all()) for values in parameters)
        if (
            lengths != {max(1, len(self.names))}
            or not sound
            or not all(scale.all() for scale in parameters[1::3])
            or not set(self.transforms) <= set(TRANSFORMS)
            or len({*self.names, TREES, ALTERNATIVES}) <= len(self.names) + 1
            or not (self.newcomers is None or self.newcomers.half_at > 0)
            or not (self.recall is None or 0 < self.recall <= 1)
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
        added = ((TREES, self.trees), (ALTERNATIVES, self.recall))
        return (*self.names, *(name for name, part in added if part is not None))

    @property
    def parameters(self) -> list[Term]:
        """Every linear term, in order."""
        numbers = (self.center.tolist(), self.scale.tolist(), self.weights.tolist())
        terms = zip(self.names, self.columns, self.transforms, *numbers, strict=True)
        return [Term(*term) for term in terms]

    @property
    def required_columns(self) -> tuple[str, ...]:
        """What a request must bring: each column once, without the one the service adds."""
        length = () if self.newcomers is None else (LENGTH,)
        return tuple(dict.fromkeys(column for column in (*self.columns, *length) if column != CF))

    def relevance(self, scores: Floats) -> Floats:
        """[rows] scores as people are shown them, on [0, 1], in the same order.

        Of a log chance to be the next movie it is the chance to be among the next
        `config.RELEVANT_WITHIN`, each taken for a draw of its own. Of points on [0, 1] it is the
        points, 0 where the re-ranker takes more away; of any other sum the logistic function.
        """
        wide = scores.astype(np.float64)
        if self.recall is not None:
            with np.errstate(divide="ignore"):  # a chance of 1 leaves none to miss it
                missed = config.RELEVANT_WITHIN * np.log1p(-np.exp(np.minimum(wide, 0.0)))
            shown = -np.expm1(missed)
        elif self.unit_inputs:
            shown = np.clip(wide, 0.0, 1.0)
        else:
            shown = 0.5 * (1.0 + np.tanh(0.5 * wide))
        relevance: Floats = shown.astype(np.float32)
        return relevance

    def apply(
        self, features: FeatureMatrix, cf: Floats | None, indptr: NDArray[np.int64]
    ) -> tuple[Floats, FeatureMatrix]:
        """Scores [rows] and terms [rows, terms]; `cf` is needed where `CF` is a column.

        Rows indptr[p] .. indptr[p+1] - 1 are one person's candidates, among whom relative are told.
        Raises ScorerError, naming the column, for one that is missing, not finite, or off [0, 1]
        where the ranker asks for that.
        """
        values, sent = features.values, features.columns
        if cf is not None:
            sent = (*sent, CF)
            values = np.column_stack([values, cf])
        places = _places(sent, self.columns)
        inputs = self._inputs(values, places, indptr)
        if self.unit_inputs:
            self._require((inputs.T >= 0.0) & (inputs.T <= 1.0), inputs.T, "must be on [0, 1]")
        lengths = None
        if self.newcomers is not None:
            lengths = values[:, _places(sent, (LENGTH,))[0]]
        scores, terms, finite = self._terms(inputs, lengths)
        if not finite:
            told = terms[:, : len(self.names) + (self.trees is not None)]
            self._require(np.isfinite(told), told, "must be finite, and above -1 under log1p")
            row = np.flatnonzero(~np.isfinite(scores))[0]
            raise ScorerError(f"the terms of row {row} add up to no number: mend the features")
        if self.recall is not None:
            kernels.add_alternatives(
                *as_readonly_contiguous(indptr), np.log(self.recall), terms, scores
            )
        return scores, FeatureMatrix(self.term_names, terms)

    def _inputs(
        self, values: Floats, places: NDArray[np.int64], indptr: NDArray[np.int64]
    ) -> Floats:
        """f(column) of every term [terms, rows]."""
        inputs = np.empty((len(places), len(values)), np.float32)
        relative, runs = _runs(self.transforms)
        kernels.gather_inputs(*as_readonly_contiguous(values, places, relative, indptr), inputs)
        with np.errstate(all="ignore"):  # what is no number in the end is refused later
            for transform, terms in runs:
                if transform == "relative":
                    np.exp(inputs[terms], out=inputs[terms])
                elif transform == "log1p":
                    np.log1p(inputs[terms], out=inputs[terms])
        return inputs

    def _terms(self, inputs: Floats, lengths: Floats | None) -> tuple[Floats, Floats, bool]:
        """Sums, every term of every row but for `ALTERNATIVES`, and whether all are finite.

        `lengths` [rows] are the column `LENGTH`, where newcomers have a blend of their own.
        """
        rows, linear = inputs.shape[1], len(self.names)
        terms = np.zeros((rows, len(self.term_names)), np.float32)
        scores = np.empty(rows, np.float32)
        if self.trees is not None:
            grown = np.zeros(rows, np.float32)
            add_trees(*as_readonly_contiguous(inputs, *self.trees), grown)
            terms[:, linear] = grown
        gain = other_gain = self.weights / self.scale
        other_center, known = self.center, np.zeros(0)
        if self.newcomers is not None and lengths is not None:
            other_gain = self.newcomers.weights / self.newcomers.scale
            other_center = self.newcomers.center
            with np.errstate(all="ignore"):  # what is no number in the end is refused later
                known = 1 - 1 / (
                    1 + (np.expm1(lengths, dtype=np.float64) / self.newcomers.half_at) ** 2
                )
        parameters = (gain, self.center, other_gain, other_center, known)
        counted = linear + (self.trees is not None)
        finite = kernels.add_terms(
            *as_readonly_contiguous(inputs, *parameters), counted, terms, scores
        )
        return scores, terms, finite

    def _require(self, good: NDArray[np.bool_], values: NDArray[np.floating], what: str) -> None:
        if not good.all():
            row, at = np.argwhere(~good)[0]
            column = TREES if at == len(self.columns) else self.columns[at]
            raise ScorerError(
                f"column {column} {what}; row {row} gives {values[row, at]:g}: mend the features"
            )


@functools.lru_cache(maxsize=64)
def _places(sent: tuple[str, ...], wanted: tuple[str, ...]) -> NDArray[np.int64]:
    """Where each wanted column stands among those that were sent; raises ScorerError."""
    for column in wanted:
        if column not in sent:
            named = ", ".join(name for name in sent if name != CF) or "none"
            raise ScorerError(
                f"the ranker needs the column {column}, the features have {named}: send it too"
            )
    return np.array([sent.index(column) for column in wanted], np.int64)


@functools.lru_cache(maxsize=64)
def _runs(transforms: tuple[str, ...]) -> tuple[NDArray[np.bool_], list[tuple[str, slice]]]:
    """Which terms are relative, and the runs of neighbours that have one transform."""
    runs, start = [], 0
    for transform, own in itertools.groupby(transforms):
        stop = start + len(list(own))
        runs.append((transform, slice(start, stop)))
        start = stop
    return np.array([transform == "relative" for transform in transforms], np.bool_), runs


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
