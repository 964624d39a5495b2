"""Who is asked for: a history in time order, and what can be read out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from reelrecs.pipeline.candidates import Floats, Mask, Rows

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CoLikeNeighbours:
    """Users who like what one user likes, and what they like."""

    users: Rows  # best first
    overlap: Rows  # [users] how many liked movies they share
    likes: Rows  # [movies of the store] how many neighbours like each
    weight: Rows  # [movies of the store] the overlap of those neighbours, added up


@dataclass(frozen=True, slots=True)
class Preferences:
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
    the user's own row from what others did depends on it. `as_of` is the moment of asking: who is
    looked at as being active at the same time is told from it, whatever the store holds of the user
    beyond the history. What `allowed` says False of is never recommended; the movies of the history
    are not recommended either, unless `include_seen`.
    """

    limit: int
    user_row: int
    movies: Rows  # [h] rated movies, oldest first
    ratings: Floats  # [h] stars
    times: NDArray[np.int64]  # [h] seconds since 1970, ascending
    as_of: int  # seconds since 1970
    liked: Rows  # movies rated LIKED_FROM stars or more, oldest first
    find_preferences: Callable[[], Preferences] = field(repr=False, compare=False)
    find_neighbours: Callable[[], CoLikeNeighbours] = field(repr=False, compare=False)
    cache: dict[str, object] = field(default_factory=dict, compare=False, repr=False)
    """What one stage worked out for this query and another may use, under the owner's name."""
    allowed: Mask | None = field(default=None, compare=False, repr=False)  # [movies of the store]
    include_seen: bool = False  # whether what is rated already may be recommended

    def open_movies(self, movie_count: int) -> Mask:
        """[movies of the store]: True for what may be recommended, a new array."""
        may = np.ones(movie_count, np.bool_) if self.allowed is None else self.allowed.copy()
        if not self.include_seen:
            may[self.movies] = False
        return may

    @property
    def preferences(self) -> Preferences:
        """The user's taste, worked out when first asked for: not every list needs it."""
        return self.cached("preferences", self.find_preferences)

    @property
    def neighbours(self) -> CoLikeNeighbours:
        """The user's neighbours, worked out when first asked for, as their taste is."""
        return self.cached("neighbours", self.find_neighbours)

    def cached(self, name: str, work: Callable[[], T]) -> T:
        """What `work` gives, done when first asked for under this name and then kept."""
        if name not in self.cache:
            self.cache[name] = work()
        return cast(T, self.cache[name])
