"""Ratings files read by the kernel, and what must hold for the ratings of any data set."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.datasets.feedback import HIGHEST_STARS, LOWEST_STARS
from reelrecs.datasets.files import Files
from reelrecs.datasets.ids import coded, take_ids
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.tables import Movies, Ratings
from reelrecs.datasets.text import UTF8_MARK, read_bytes
from reelrecs.datasets.times import seconds_of
from reelrecs.errors import DataError
from reelrecs.kernels import parse

UNKNOWN_MOVIE = "movie not in the movie table"
DUPLICATE = "duplicate (user, movie), the later kept"


class RatingsFile(NamedTuple):
    """Ratings with the place each came from, for messages about them."""

    name: str
    body: NDArray[np.uint8]  # the text after mark and header
    skipped_bytes: int
    skipped_lines: int
    parsed: parse.ParsedRatings

    @property
    def ratings(self) -> Ratings:
        """The good lines as they stand in the file."""
        parsed = self.parsed
        return Ratings(parsed.users, parsed.movies, parsed.stars, seconds_of(parsed.times))

    def line_of(self, position: int) -> int:
        """The line of a rating, from 0, counted after the header."""
        return position if self.parsed.lines is None else int(self.parsed.lines[position])

    def reject(self, rejects: Rejects, line: int, offset: int, cause: str) -> None:
        """Report a line by its number and offset after the header."""
        rejects.add(
            self.name,
            line + self.skipped_lines + 1,
            offset + self.skipped_bytes,
            cause,
            parse.line_at(self.body, offset),
        )


def read_ratings(
    files: Files,
    name: str,
    separator: bytes,
    rejects: Rejects,
    header_bytes: int = 0,
    scale: tuple[float, float] = (LOWEST_STARS, HIGHEST_STARS),
) -> RatingsFile:
    """Parse a ratings file; bad lines go to `rejects`. Raises DataError where nothing is left.

    `header_bytes` is the length of a header line with its end, 0 where there is none.
    """
    text = read_bytes(files, name)
    mark = len(UTF8_MARK) if text[:3].tobytes() == UTF8_MARK else 0
    skipped = header_bytes or mark
    parsed = parse.parse_ratings(text[skipped:], separator, *scale)
    read = RatingsFile(name, text[skipped:], skipped, int(header_bytes > 0), parsed)
    bad = zip(parsed.bad_lines, parsed.bad_offsets, parsed.bad_codes, strict=True)
    for line, offset, code in bad:
        read.reject(rejects, int(line), int(offset), parse.CAUSES[int(code)])
    if len(parsed.users) == 0:
        raise DataError(f"{files.path.name}/{name} holds no ratings; unpack the data set again")
    return read


def known_and_single(read: RatingsFile, movies: Movies, rejects: Rejects) -> Ratings:
    """The ratings of known movies, one per (user, movie): of several the latest counts.

    Equal times: the later line. A movie outside the table makes its line a bad one; duplicates
    are only counted.
    """
    ratings = read.ratings
    known, _ = coded(movies.ids)
    keep = known.rows_of(ratings.movies) >= 0
    if not keep.all():
        wrong = np.flatnonzero(~keep)
        offsets = parse.line_offsets(read.body)
        for position in wrong:
            line = read.line_of(int(position))
            read.reject(rejects, line, int(offsets[line]), UNKNOWN_MOVIE)
        ratings = take(ratings, np.flatnonzero(keep))
    if len(ratings) == 0:
        raise DataError(f"{read.name} rates no movie of the movie table; check that both belong")
    return single(ratings, rejects)


def single(ratings: Ratings, rejects: Rejects) -> Ratings:
    """One rating per (user, movie), in file order: the latest, of equal times the later line."""
    pairs = _pairs(ratings)
    ordered = np.sort(pairs)
    if not (ordered[1:] == ordered[:-1]).any():
        return ratings
    order = np.lexsort((ratings.times, pairs))
    last = np.append(pairs[order][1:] != pairs[order][:-1], True)
    rejects.counts[DUPLICATE] += int(len(last) - last.sum())
    return take(ratings, np.sort(order[last]))


def take(ratings: Ratings, index: NDArray[np.int64]) -> Ratings:
    """The ratings at these positions."""
    return Ratings(
        take_ids(ratings.users, index),
        take_ids(ratings.movies, index),
        ratings.stars[index],
        ratings.times[index],
    )


def _pairs(ratings: Ratings) -> NDArray[np.int64]:
    """A number for each (user, movie), the same for the same two."""
    _, user_codes = coded(ratings.users)
    movies, movie_codes = coded(ratings.movies)
    return user_codes.astype(np.int64) * len(movies) + movie_codes
