"""People the store does not hold: by what they rated, by titles they like, or by nothing yet."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.datasets.feedback import HIGHEST_STARS
from reelrecs.datasets.ids import Id
from reelrecs.datasets.imports.personal_file import Rated, RatedMovies, read_rated
from reelrecs.datasets.titles import TitleIndex, folded, release_year, search_key
from reelrecs.errors import InvalidRequest, NotFound
from reelrecs.pipeline.query import Query
from reelrecs.results import movie_of
from reelrecs.stages.user_context import query_of_history
from reelrecs.store.store import Store

log = logging.getLogger(__name__)

N = TypeVar("N", bound=np.generic)

NAMESAKES = 3
"""Other movies named where a title fits several."""


@dataclass(frozen=True, slots=True)
class History:
    """What somebody rated, by movie id; without times the order given is the order of watching.

    Empty is somebody new. No movie may occur twice.
    """

    movie_ids: Sequence[Id] = ()
    ratings: Sequence[float] = ()
    times: Sequence[int] | None = None  # seconds since 1970


def query_of_person(store: Store, history: History, limit: int) -> Query:
    """The query of somebody with this history, by the code path of stored users.

    Without times all is taken to be watched in one sitting at the data's own end. Raises NotFound
    for a movie the data does not hold and InvalidRequest for a history that contradicts itself.
    """
    rows = np.array([store.movie_row(movie_id) for movie_id in history.movie_ids], np.int32)
    stars = _numbers("ratings", history.ratings, np.float32)
    highest = max(store.max_rating, HIGHEST_STARS)
    wrong = ~((stars > 0.0) & (stars <= highest))
    if wrong.any():
        raise InvalidRequest(
            f"a history holds the rating {stars[wrong][0]:g}: give stars above 0, up to {highest:g}"
        )
    if history.times is None:
        times = np.full(len(rows), store.latest_timestamp, np.int64)
    else:
        times = _numbers("times", history.times, np.int64)
    return query_of_history(store, rows, stars, times, limit)


def _numbers(what: str, given: Sequence[float], dtype: type[N]) -> NDArray[N]:
    """One number for each movie; raises InvalidRequest for anything else."""
    try:
        values = np.array(given, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidRequest(f"the {what} of a history are no numbers: give one a movie") from error
    if values.ndim != 1:
        raise InvalidRequest(f"the {what} of a history are nested: give one a movie")
    return values


class TitleFinder:
    """Movies by what people call them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._index = TitleIndex(store.all_titles)

    def find(self, text: str) -> tuple[int, str]:
        """The row of the movie that fits best, the better known of namesakes, and any doubt.

        The doubt is a line that names what else it could be, "" where there is none. Raises
        NotFound, naming the text.
        """
        rows = self._index.find(text, NAMESAKES + 1, self._store.movie_rating_counts)
        if not rows:
            raise NotFound(
                f"no title in {self._store.name} holds {text!r}: look for it with search --title"
            )
        exact = [row for row in rows if self._named(text, row)]
        if len(rows) > 1 and exact != rows[:1]:
            others = ", ".join(self._shown(row) for row in rows[1:])
            return rows[0], f"{text!r} is taken as {self._shown(rows[0])}; it could be {others}"
        return rows[0], ""

    def _named(self, text: str, row: int) -> bool:
        """Whether the text is this very title, with or without its year."""
        title = self._store.raw_title(row)
        wanted = {search_key(text), folded(text)}
        same_year = release_year(text) in (0, int(self._store.movie_years[row]))
        forms = {search_key(title), f"{search_key(title)} {self._store.movie_years[row]}"}
        return same_year and bool(wanted & forms)

    def _shown(self, row: int) -> str:
        movie = movie_of(self._store, row)
        return f"{movie.title}{f' ({movie.year})' if movie.year else ''}, movie {movie.movie_id}"


def history_of_likes(store: Store, titles: Sequence[str]) -> History:
    """The history of somebody who likes these, in this order; raises NotFound for any."""
    finder = TitleFinder(store)
    found = [finder.find(title) for title in titles]
    _say([doubt for _, doubt in found if doubt])
    rows = dict.fromkeys(row for row, _ in found)
    stars = min(config.LIKED_TITLE_STARS, store.max_rating)
    return History(store.movie_ids.at(np.array(list(rows), np.int32)), [stars] * len(rows))


def history_of_file(store: Store, path: Path) -> History:
    """The history in a person's file; what the data does not hold is left out and reported.

    Of several ratings of a movie the latest counts, of equal times the later line. Raises DataError
    for a file that cannot be read and NotFound where the data holds none of its movies.
    """
    rated = read_rated(path)
    found, missing = _resolved(store, rated)
    if not found:
        raise NotFound(
            f"{store.name} holds none of the {len(missing)} movies of {rated.name}: check that the "
            "ids are of this data, or give titles"
        )
    if missing:
        some = ", ".join(f"{row.movie} (line {row.line})" for row in missing[:NAMESAKES])
        log.warning(
            f"{len(missing)} of {len(rated.rows)} movies of {rated.name} are not in {store.name} "
            f"and left out: {some}{' …' if len(missing) > NAMESAKES else ''}"
        )
    stamped = rated.rows[0].time is not None
    if stamped:
        found.sort(key=lambda pair: pair[1].time or 0)
    latest: dict[int, Rated] = {}
    for row, line in found:
        latest.pop(row, None)
        latest[row] = line
    if len(latest) < len(found):
        log.warning(
            f"{rated.name} rates {len(found) - len(latest)} movies again: the latest counts"
        )
    return History(
        store.movie_ids.at(np.array(list(latest), np.int32)),
        [line.stars for line in latest.values()],
        [line.time or 0 for line in latest.values()] if stamped else None,
    )


def _resolved(store: Store, rated: RatedMovies) -> tuple[list[tuple[int, Rated]], list[Rated]]:
    """Movie rows with their lines, and the lines whose movies the data does not hold."""
    finder = None if rated.by_id else TitleFinder(store)
    doubts: list[str] = []
    found: list[tuple[int, Rated]] = []
    missing: list[Rated] = []
    for line in rated.rows:
        try:
            if finder is None:
                row = store.movie_row(line.movie)
            else:
                row, doubt = finder.find(line.movie)
                if doubt:
                    doubts.append(doubt)
        except (NotFound, InvalidRequest):
            missing.append(line)
        else:
            found.append((row, line))
    _say(doubts)
    return found, missing


def _say(doubts: Sequence[str]) -> None:
    for doubt in doubts[:NAMESAKES]:
        log.warning(doubt)
    if len(doubts) > NAMESAKES:
        more = len(doubts) - NAMESAKES
        log.warning(f"{more} more titles fit several movies: the best known counts")
