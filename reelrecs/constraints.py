"""What a person will have on a list at all: a mask over the catalogue that always holds.

A constraint that asks for something (`allow`, `genres`, a year, `min_rating`) keeps only movies of
which it is known to be true: a movie without a year is in no range of years, one that nobody rated
has no mean. A constraint that excludes (`deny`, `not_genres`) removes only movies of which it is
known: one without genres passes. What people who exclude a genre must be sure of, they ask for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reelrecs.datasets.feedback import MOVIELENS_SCALE, Feedback, stars_of_scale
from reelrecs.datasets.ids import Id, column_of
from reelrecs.errors import InvalidRequest
from reelrecs.pipeline.candidates import Mask, Rows
from reelrecs.store.columns import GENRE_MARK, GENRE_TEXTS
from reelrecs.store.store import Store

_SEQUENCES = ("allow", "deny", "genres", "not_genres")


@dataclass(frozen=True, slots=True)
class Constraints:
    """Which movies may be recommended; without any, all but those already rated.

    Genres are compared without regard to case. Raises InvalidRequest for a text where a list is
    meant, a range of years that holds none and a genre that is both asked for and excluded.
    """

    allow: Sequence[Id] | None = None  # movie ids: nothing else; None is the whole catalogue
    deny: Sequence[Id] = ()  # movie ids: never, even where they are allowed
    genres: Sequence[str] = ()  # of at least one of these, or of all with `all_genres`
    all_genres: bool = False
    not_genres: Sequence[str] = ()  # of none of these
    year_from: int | None = None  # this year or later
    year_to: int | None = None  # this year or earlier
    min_rating: float | None = None  # mean of all ratings, on the scale of the data's own file
    include_seen: bool = False  # what the person has rated may come again

    def __post_init__(self) -> None:
        for name in _SEQUENCES:
            given = getattr(self, name)
            if isinstance(given, (str, bytes)):
                raise InvalidRequest(f"{name} {given!r} is one text: give a list, as [{given!r}]")
            if given is not None:
                object.__setattr__(self, name, tuple(given))
        for name in ("year_from", "year_to"):
            year = getattr(self, name)
            if year is not None and (not isinstance(year, int) or isinstance(year, bool)):
                raise InvalidRequest(f"{name} {year!r} is no year: give a whole number, as 1999")
        first, last = self.year_from, self.year_to
        if first is not None and last is not None and first > last:
            raise InvalidRequest(
                f"no year is {first} or later and {last} or earlier: "
                "give the earlier year as the first"
            )
        both = {one.casefold() for one in self.genres} & {one.casefold() for one in self.not_genres}
        if both:
            raise InvalidRequest(
                f"the genre {min(both)} is both asked for and excluded: choose one"
            )

    def mask(self, store: Store) -> Mask | None:
        """[movies of the store]: True for what may be recommended; None where that is everything.

        Read-only. Raises NotFound for an id the data does not hold, InvalidRequest for a genre it
        does not know and for a rating outside its scale.
        """
        parts = [mask for _, mask in self._parts(store)]
        if not parts:
            return None
        allowed: Mask = np.logical_and.reduce(parts)
        allowed.flags.writeable = False
        return allowed

    def refusals(self, store: Store, movie: int) -> list[str]:
        """What does not let the movie in this row pass, a phrase each; raises as `mask` does."""
        return [phrase for phrase, mask in self._parts(store) if not mask[movie]]

    def _parts(self, store: Store) -> list[tuple[str, Mask]]:
        """Each constraint that was made: what it wants, and the mask [movies] of what meets it."""
        parts: list[tuple[str, Mask]] = []
        if self.allow is not None:
            parts.append(("only allowed movies", _members(store, self.allow)))
        if self.deny:
            parts.append(("no denied movies", ~_members(store, self.deny)))
        if self.genres:
            of_each = [_of_genre(store, genre) for genre in self.genres]
            combine = np.logical_and if self.all_genres else np.logical_or
            word = " and " if self.all_genres else " or "
            parts.append((f"only {word.join(self.genres)}", combine.reduce(of_each)))
        parts.extend((f"no {genre}", ~_of_genre(store, genre)) for genre in self.not_genres)
        years = store.movie_years
        if self.year_from is not None:
            parts.append((f"only {self.year_from} or later", years >= max(self.year_from, 1)))
        if self.year_to is not None:
            parts.append((f"only {self.year_to} or earlier", (years <= self.year_to) & (years > 0)))
        if self.min_rating is not None:
            stars = _stars(store, self.min_rating)
            rated = store.movie_rating_counts > 0
            wanted = f"only a mean rating of {self.min_rating:g} or more"
            parts.append((wanted, rated & (store.movie_mean_ratings >= stars)))
        return parts


def movie_rows(store: Store, ids: Iterable[Id]) -> Rows:
    """The rows of these movies, in their order; raises NotFound for the first that is unknown."""
    checked = [store.movie_ids.checked(one) for one in ids]
    rows = store.movie_ids.rows_of(column_of(checked)) if checked else np.zeros(0, np.int32)
    for place in np.flatnonzero(rows < 0)[:1]:
        store.movie_row(checked[place])  # which says what it is about
    return rows


def genre_names(store: Store) -> list[str]:
    """Every genre of the data, those that no feature tells apart among them."""
    if GENRE_TEXTS not in store.arrays:
        return list(store.genres)
    _, names = _genre_entries(store)
    return sorted(name for name in names.unique().to_pylist() if name)


def _members(store: Store, ids: Sequence[Id]) -> Mask:
    members = np.zeros(store.movie_count, np.bool_)
    members[movie_rows(store, ids)] = True
    return members


def _of_genre(store: Store, genre: str) -> Mask:
    """[movies]: which are of the genre; raises InvalidRequest, naming the genres there are."""
    wanted = str(genre).casefold()
    codes = [code for code, name in enumerate(store.genres) if name.casefold() == wanted]
    if codes:
        bits = np.uint64(sum(1 << code for code in codes))
        of_common: Mask = (store.movie_genres & bits) != 0
        return of_common
    if GENRE_TEXTS in store.arrays:
        movies, names = _genre_entries(store)
        alike = [name for name in names.unique().to_pylist() if name.casefold() == wanted]
        if alike and wanted:
            of_rare = np.zeros(store.movie_count, np.bool_)
            of_rare[movies[pc.is_in(names, pa.array(alike, names.type)).to_numpy(False)]] = True
            return of_rare
    known = genre_names(store)
    if not known:
        raise InvalidRequest(f"no genre {genre!r}: {store.name} knows no genres")
    raise InvalidRequest(f"no genre {genre!r} in {store.name}: choose from {', '.join(known)}")


def _genre_entries(store: Store) -> tuple[Rows, pa.Array]:
    """Every genre of every movie: [entries] movie rows and [entries] names."""
    lists = pc.split_pattern(store.arrays[GENRE_TEXTS], GENRE_MARK)
    movies = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    return movies, pc.list_flatten(lists)


def _stars(store: Store, rating: float) -> np.float32:
    """A rating on the scale that people see as the stars of the store; raises InvalidRequest."""
    if store.feedback is Feedback.NONE:
        raise InvalidRequest(f"min_rating {rating:g}: {store.name} has no ratings, leave it out")
    scale = store.file_scale if store.feedback is Feedback.STARS else MOVIELENS_SCALE
    lowest, highest = scale
    if not (isinstance(rating, (int, float)) and math.isfinite(rating)) or not (
        lowest <= rating <= highest
    ):
        raise InvalidRequest(
            f"min_rating {rating!r}: ratings of {store.name} go from {lowest:g} to {highest:g}"
        )
    stars: np.float32 = stars_of_scale(np.array([rating], np.float32), scale)[0]
    return stars
