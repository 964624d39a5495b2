"""MovieLens 20M, 25M, 32M, latest and latest-small: UTF-8 csv with a header row, half stars.

ratings.csv userId,movieId,rating,timestamp; movies.csv movieId,title,genres with titles quoted
where they hold commas or quotes, "(no genres listed)" for none, some titles without a year;
links.csv movieId,imdbId,tmdbId, the last sometimes empty. tags.csv is not read.
"""

from __future__ import annotations

from reelrecs.datasets.files import Files
from reelrecs.datasets.layout import Layout
from reelrecs.datasets.movies import MovieTable
from reelrecs.datasets.ratings import known_and_single, read_ratings
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.tables import Tables
from reelrecs.datasets.text import check_header, id_of, read_csv

RATINGS_HEADER = ("userId", "movieId", "rating", "timestamp")
MOVIES_HEADER = ("movieId", "title", "genres")
LINKS_HEADER = ("movieId", "imdbId", "tmdbId")


def read(files: Files, rejects: Rejects) -> Tables:
    """Ratings, movies and, where present, links; raises DataError."""
    table = MovieTable(rejects)
    for line in read_csv(files, "movies.csv", MOVIES_HEADER, rejects):
        table.add(line, line.fields[1], tuple(line.fields[2].split("|")))
    links = _read_links(files, rejects) if "links.csv" in files.names else None
    movies = table.movies("movies.csv", links)
    header = check_header(files, "ratings.csv", RATINGS_HEADER)
    ratings = read_ratings(files, "ratings.csv", b",", rejects, header)
    return Tables(known_and_single(ratings, movies, rejects), movies)


def _read_links(files: Files, rejects: Rejects) -> dict[str, dict[int, str]]:
    """For "imdb" ("tt0114709") and "tmdb" ("862") the id of each movie that has one."""
    imdb: dict[int, str] = {}
    tmdb: dict[int, str] = {}
    for line in read_csv(files, "links.csv", LINKS_HEADER, rejects):
        movie, cause = id_of(line.fields[0])
        if cause:
            rejects.add(line.file, line.number, line.offset, cause, line.raw)
            continue
        if line.fields[1]:
            imdb[movie] = f"tt{line.fields[1]}"
        tmdb[movie] = line.fields[2]
    return {"imdb": imdb, "tmdb": tmdb}


LAYOUT = Layout(
    name="MovieLens csv",
    needs=("ratings.csv", "movies.csv"),
    marks=(),
    also=("links.csv",),
    read=read,
    ratings_file="ratings.csv",
    separator=b",",
    has_header=True,
)
