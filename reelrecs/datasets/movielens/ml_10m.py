"""MovieLens 10M (folder ml-10M100K): ml-1m's `::` lines, but UTF-8, half stars and no users.

tags.dat UserID::MovieID::Tag::Timestamp tells it from ml-1m and is not read.
"""

from __future__ import annotations

from reelrecs.datasets.files import Files
from reelrecs.datasets.imports.files import import_files
from reelrecs.datasets.layout import Layout
from reelrecs.datasets.movielens.ml_1m import read_movies
from reelrecs.datasets.ratings import known_and_single, read_ratings
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.tables import Tables


def read(files: Files, rejects: Rejects) -> Tables:
    """Ratings and movies; raises DataError."""
    movies = read_movies(files, "utf-8", rejects)
    ratings = read_ratings(files, "ratings.dat", b"::", rejects)
    return Tables(known_and_single(ratings, movies, rejects), movies)


def _read_bare(files: Files, rejects: Rejects) -> Tables:
    """With neither users nor tags beside them, files of these names may be anybody's.

    MovieTweetings has them, with ten stars and ids that begin with zeros.
    """
    return import_files(files.path / "ratings.dat", files.path / "movies.dat", rejects).tables


LAYOUT = Layout(
    name="ml-10m",
    needs=("ratings.dat", "movies.dat"),
    marks=("tags.dat",),
    also=(),
    read=read,
    ratings_file="ratings.dat",
    separator=b"::",
    has_header=False,
)

BARE = Layout(
    name="MovieLens dat",
    needs=("ratings.dat", "movies.dat"),
    marks=(),
    also=(),
    read=_read_bare,
    ratings_file="ratings.dat",
    separator=b"::",
    has_header=False,
)
