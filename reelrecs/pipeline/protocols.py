"""The vocabulary of the pipeline: what travels between stages, and the five kinds of stage.

Everything here is arrays over *rows* (positions in the store); ids appear only at the door.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

Rows: TypeAlias = NDArray[np.int32]
Floats: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Peers:
    """Users who like what one user likes, and what they like."""

    users: Rows  # best first
    overlap: Rows  # [users] how many liked movies they share
    likes: Rows  # [movies of the store] how many peers like each
    weight: Rows  # [movies of the store] the overlap of those peers, added up


@dataclass(frozen=True, slots=True)
class Taste:
    """What one user's stars say of genres and eras."""

    mean_rating: float  # stars; the data's mean for an empty history
    genre_preference: Floats  # [genres] shrunken mean stars of each genre
    top_genres: NDArray[np.int64]  # genre codes, the best liked first
    top_genre_mask: int  # the same as a bit mask
    era: int  # median year of the liked movies; 0 = unknown


@dataclass(frozen=True, slots=True)
class Query:
    """One user as the pipeline sees them: a history in time order and what was read out of it.

    `user_row` is -1 for somebody the store does not hold (fold-in); nothing but the exclusion of
    the user's own row from their neighbours depends on it.
    """

    limit: int
    user_row: int
    movies: Rows  # [h] rated movies, oldest first
    ratings: Floats  # [h] stars
    times: NDArray[np.int64]  # [h] seconds since 1970, ascending
    liked: Rows  # movies rated LIKED_FROM stars or more, oldest first
    find_taste: Callable[[], Taste] = field(repr=False, compare=False)
    find_peers: Callable[[], Peers] = field(repr=False, compare=False)
    scratch: dict[str, object] = field(default_factory=dict, compare=False, repr=False)
    """What one stage worked out for this query and another may use, under the owner's name."""

    @property
    def taste(self) -> Taste:
        """The user's taste, worked out when first asked for: not every list needs it."""
        return self.once("taste", self.find_taste)

    @property
    def peers(self) -> Peers:
        """The user's peers, worked out when first asked for, as their taste is."""
        return self.once("peers", self.find_peers)

    def once(self, name: str, work: Callable[[], T]) -> T:
        """What `work` gives, done when first asked for under this name and then kept."""
        if name not in self.scratch:
            self.scratch[name] = work()
        return cast(T, self.scratch[name])


@dataclass(frozen=True, slots=True)
class FeatureMatrix:
    """Named float32 columns over candidates: values[row, column], row-major."""

    columns: tuple[str, ...]
    values: Floats

    def column(self, name: str) -> Floats:
        """One column, as a view of length rows."""
        return self.values[:, self.columns.index(name)]

    def take(self, index: NDArray[Any]) -> FeatureMatrix:
        """The rows at these positions (or under this mask), in this order."""
        return FeatureMatrix(self.columns, self.values[index])


@dataclass(frozen=True, slots=True)
class Candidates:
    """A batch of candidate movies as a struct of arrays; stages return new batches.

    `channels` names every way a source can find a movie ("thunder.peers", "phoenix.era");
    `strength[row, channel]` is how strongly it did, 0 where it did not find it at all.
    """

    movies: Rows  # [n] distinct
    channels: tuple[str, ...] = ()
    strength: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
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
            self.strength[index],
            self.features and self.features.take(index),
            None if self.scores is None else self.scores[index],
            self.terms and self.terms.take(index),
        )


class Source(Protocol):
    """Finds candidates for a user."""

    name: str

    def find(self, query: Query) -> Candidates:
        """Candidates with their channels and strengths; never raises for an empty history."""
        ...


class Filter(Protocol):
    """Says which candidates may stay."""

    name: str

    def keep(self, query: Query, candidates: Candidates) -> Mask:
        """True for each candidate that stays; same length and order as the candidates."""
        ...


class Featurizer(Protocol):
    """Describes candidates by numbers."""

    def features(self, query: Query, candidates: Candidates) -> FeatureMatrix:
        """One row per candidate, in the same order."""
        ...


class Scorer(Protocol):
    """Turns features into scores."""

    def score(self, query: Query, candidates: Candidates) -> Candidates:
        """The same candidates in the same order with `scores` and `terms` filled in."""
        ...


@runtime_checkable
class ManyScorer(Scorer, Protocol):
    """A scorer that answers several queries at once, each as it would alone."""

    def score_many(
        self, queries: Sequence[Query], batches: Sequence[Candidates]
    ) -> list[Candidates]:
        """Each batch scored for its query; every batch holds candidates with features."""
        ...


class Reranker(Protocol):
    """Orders scored candidates into the list that is shown."""

    def rerank(self, query: Query, candidates: Candidates) -> NDArray[np.int64]:
        """Positions of at most query.limit candidates, best first, none twice."""
        ...
