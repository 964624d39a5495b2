"""The movie table, gathered line by line; a line that says nothing usable is a bad line."""

from __future__ import annotations

import numpy as np

from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.tables import RELEASE_UNKNOWN, Movies
from reelrecs.datasets.text import Line, id_of
from reelrecs.datasets.titles import release_year
from reelrecs.errors import DataError

NO_GENRES = ("(no genres listed)", "unknown", "")
"""What stands for "no genre" in the several layouts."""


class MovieTable:
    """Builds Movies; of two lines with one id the second is a bad line."""

    def __init__(self, rejects: Rejects) -> None:
        self._rejects = rejects
        self._rows: dict[int, tuple[str, int, tuple[str, ...], int]] = {}

    def add(
        self,
        line: Line,
        title: str,
        genres: tuple[str, ...],
        year: int = 0,
        released: int = RELEASE_UNKNOWN,
    ) -> None:
        """Take a movie whose id is the line's first field; the year is the title's, else `year`."""
        movie_id, cause = id_of(line.fields[0])
        if not cause and movie_id in self._rows:
            cause = "movie id given twice"
        if cause:
            self._rejects.add(line.file, line.number, line.offset, cause, line.raw)
            return
        named = tuple(genre for genre in genres if genre not in NO_GENRES)
        self._rows[movie_id] = (title, release_year(title) or year, named, released)

    def movies(self, file: str, links: dict[str, dict[int, str]] | None = None) -> Movies:
        """The table in file order; raises DataError where no movie was read."""
        if not self._rows:
            raise DataError(f"{file} holds no movies; unpack the data set again")
        rows = self._rows.values()
        return Movies(
            ids=np.array(list(self._rows), np.int64),
            titles=[title for title, _, _, _ in rows],
            years=np.array([year for _, year, _, _ in rows], np.int16),
            genres=[genres for _, _, genres, _ in rows],
            released=np.array([released for _, _, _, released in rows], np.int32),
            links={
                name: [of_movie.get(movie_id, "") for movie_id in self._rows]
                for name, of_movie in (links or {}).items()
            },
        )
