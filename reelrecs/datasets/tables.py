"""What every layout is read into, before the store gives rows to ids."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reelrecs.datasets.feedback import MOVIELENS_SCALE, Feedback
from reelrecs.datasets.ids import IdColumn as IdColumn


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings in file order; n of each."""

    users: IdColumn
    movies: IdColumn
    stars: NDArray[np.float32]  # on MovieLens' scale, 0.5 to 5, whatever the file's own
    times: NDArray[np.int64]  # seconds since 1970-01-01 UTC

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True, slots=True)
class Movies:
    """The movie table; `titles` letter for letter as in the file ("Matrix, The (1999)")."""

    ids: IdColumn
    titles: list[str]
    years: NDArray[np.int16]  # 0 = unknown
    genres: list[tuple[str, ...]]
    released: NDArray[np.int32]  # days since 1970-01-01; RELEASE_UNKNOWN where unknown
    links: dict[str, list[str]] = field(default_factory=dict)  # "imdb", "tmdb": "" = none


@dataclass(frozen=True, slots=True)
class Users:
    """What is known of users beside their ratings: column name to one text per user."""

    ids: IdColumn
    columns: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Tables:
    """A data set as read: the store is built from this and nothing else."""

    ratings: Ratings
    movies: Movies | None  # None: only ratings were given
    users: Users | None = None
    feedback: Feedback = Feedback.STARS
    scale: tuple[float, float] = MOVIELENS_SCALE  # lowest and highest number of the file
    has_times: bool = True  # False: `Ratings.times` is the order of the rows
    notes: list[str] = field(default_factory=list)  # what was guessed, one line each


RELEASE_UNKNOWN = np.iinfo(np.int32).min
"""In `Movies.released`: the data does not say."""
