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
from reelrecs.datasets.feedback import HIGHEST_STARS, MOVIELENS_SCALE, Feedback, stars_of
from reelrecs.datasets.ids import Id
from reelrecs.datasets.imports.personal_file import Rated, RatedMovies, read_rated
from reelrecs.datasets.times import seconds_of
from reelrecs.datasets.titles import TitleIndex, folded, release_year, search_key
from reelrecs.errors import InvalidRequest, NotFound
from reelrecs.pipeline.candidates import Mask
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
    ratings: Sequence[float] = ()  # on the scale of the data's own file, or its counts or likes
    times: Sequence[int] | None = None  # since 1970, in seconds or any finer unit
    in_stars: bool = False  # the ratings are stars from 0.5 to 5, whatever the data's scale


def query_of_person(
    store: Store,
    history: History,
    limit: int,
    as_of: int | None = None,
    allowed: Mask | None = None,
    include_seen: bool = False,
) -> Query:
    """The query of somebody with this history, by the code path of stored users.

    Without times all is taken to be watched in one sitting at the data's own end. Raises NotFound
    for a movie the data does not hold and InvalidRequest for a history that contradicts itself.
    """
    rows = np.array([store.movie_row(movie_id) for movie_id in history.movie_ids], np.int32)
    stars = _stars(store, _numbers("ratings", history.ratings, np.float32), history.in_stars)
    if history.times is None:
        times = np.full(len(rows), store.latest_timestamp, np.int64)
    else:
        times = seconds_of(_numbers("times", history.times, np.int64))
    return query_of_history(
        store,
        rows,
        stars,
        times,
        limit,
        as_of=as_of,
        allowed=allowed,
        include_seen=include_seen,
    )


def _stars(store: Store, values: NDArray[np.float32], in_stars: bool) -> NDArray[np.float32]:
    """Ratings as the data has them as stars; raises InvalidRequest for those it cannot have."""
    if in_stars or (store.file_scale == MOVIELENS_SCALE and store.feedback is Feedback.STARS):
        least, most = 0.0, max(store.max_rating, HIGHEST_STARS)
        wrong = ~((values > least) & (values <= most))
        allowed = f"stars above 0, up to {most:g}"
    elif store.feedback is Feedback.STARS:
        least, most = store.file_scale
        wrong = ~((values >= least) & (values <= most))
        allowed = f"ratings from {least:g} to {most:g}"
    elif store.feedback is Feedback.COUNTS:
        wrong = ~((values > 0) & np.isfinite(values))
        allowed = "counts above 0"
    else:
        wrong = ~np.isfinite(values)
        allowed = "1 for liked and 0 for not liked"
    if wrong.any():
        raise InvalidRequest(f"a history holds the rating {values[wrong][0]:g}: give {allowed}")
    return values if in_stars else stars_of(values, store.feedback, store.file_scale)


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
        row, doubt = self.look(text)
        if row < 0:
            raise NotFound(
                f"no title in {self._store.name} holds {text!r}: look for it with search --title"
            )
        return row, doubt

    def look(self, text: str) -> tuple[int, str]:
        """The same; -1 where there is none."""
        rows = self._index.find(text, NAMESAKES + 1, self._store.movie_rating_counts)
        if not rows:
            return -1, ""
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
    stars = config.LIKED_TITLE_STARS
    ids = store.movie_ids.at(np.array(list(rows), np.int32))
    return History(ids, [stars] * len(ids), in_stars=True)


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
    if rated.unrated:
        log.warning(f"{rated.unrated} lines of {rated.name} without a rating are left out")
    if rated.highest != HIGHEST_STARS:
        log.warning(f"ratings of {rated.name} are read as up to {rated.highest:g}")
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
        in_stars=True,
    )


def _resolved(store: Store, rated: RatedMovies) -> tuple[list[tuple[int, Rated]], list[Rated]]:
    """Movie rows with their lines, and the lines whose movies the data does not hold.

    A movie is looked for by its id here, by its ids elsewhere that the data knows, and by title.
    Where a file has titles too, ids count only if most lead to the title beside them: a number may
    be an id of another place.
    """
    rows = [_row_of_id(store, line.movie, rated.by_id) for line in rated.rows]
    named = [_bears(store, row, line.title) for row, line in zip(rows, rated.rows, strict=True)
             if row >= 0 and line.title]  # fmt: skip
    if 2 * sum(named) < len(named):
        rows = [-1] * len(rows)
    by_id = rated.by_id or any(row >= 0 for row in rows)
    elsewhere = _rows_of_links(store, rated)
    finder: TitleFinder | None = None
    doubts: list[str] = []
    found: list[tuple[int, Rated]] = []
    missing: list[Rated] = []
    for own, linked, line in zip(rows, elsewhere, rated.rows, strict=True):
        row = own if own >= 0 else linked
        title = line.title or ("" if by_id else line.movie)
        if row < 0 and title:
            finder = finder or TitleFinder(store)
            row, doubt = finder.look(title)
            if doubt:
                doubts.append(doubt)
        if row < 0:
            missing.append(line)
        else:
            found.append((row, line))
    _say(doubts)
    return found, missing


def _row_of_id(store: Store, text: str, by_id: bool) -> int:
    """The row of a movie by its id as text, -1 where there is none."""
    if not store.movie_ids.is_text and not by_id:
        return -1
    try:
        return store.movie_ids.row(store.movie_ids.parse(text))
    except InvalidRequest:
        return -1


def _bears(store: Store, row: int, title: str) -> bool:
    """Whether a movie has this title, or none of its own."""
    own = store.raw_title(row)
    return search_key(own) == search_key(title) or own == str(store.movie_ids[row])


def _rows_of_links(store: Store, rated: RatedMovies) -> list[int]:
    """The row of each line's movie by its ids elsewhere, -1 where there is none."""
    known: dict[str, int] = {}
    for name, mark in (("movie_imdb", ""), ("movie_tmdb", "tmdb ")):
        if name in store.arrays and any(line.others or line.tmdb for line in rated.rows):
            for row, link in enumerate(store.arrays[name].to_pylist()):
                if link:
                    known[mark + link] = row
    rows = []
    for line in rated.rows:
        row = -1
        for other in (*line.others, f"tmdb {line.tmdb}"):
            if row < 0:
                row = known.get(other, -1)
            if row < 0 and store.movie_ids.is_text:
                places = map(store.movie_ids.row, (other, other.removeprefix("tt")))
                row = next((place for place in places if place >= 0), -1)
        rows.append(row)
    return rows


def _say(doubts: Sequence[str]) -> None:
    for doubt in doubts[:NAMESAKES]:
        log.warning(doubt)
    if len(doubts) > NAMESAKES:
        more = len(doubts) - NAMESAKES
        log.warning(f"{more} more titles fit several movies: the best known counts")
