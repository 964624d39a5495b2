"""MovieLens 1M: `::` between fields, Latin-1, whole stars, and who the users are.

ratings.dat UserID::MovieID::Rating::Timestamp; movies.dat MovieID::Title::Genre|Genre;
users.dat UserID::Gender::Age::Occupation::Zip. Age is the lowest of its bracket and occupation a
number; their names stand only in the README. Titles hold single colons ("Ace Ventura: When ...").
"""

from __future__ import annotations

import numpy as np

from reelrecs.datasets.files import Files
from reelrecs.datasets.layout import Layout
from reelrecs.datasets.movies import MovieTable
from reelrecs.datasets.ratings import known_and_single, read_ratings
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.tables import Movies, Tables, Users
from reelrecs.datasets.text import Line, id_of, read_lines

AGES = {
    "1": "Under 18",
    "18": "18-24",
    "25": "25-34",
    "35": "35-44",
    "45": "45-49",
    "50": "50-55",
    "56": "56+",
}

OCCUPATIONS = (
    "other",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)


def read(files: Files, rejects: Rejects) -> Tables:
    """All three tables; raises DataError."""
    movies = read_movies(files, "latin-1", rejects)
    ratings = read_ratings(files, "ratings.dat", b"::", rejects, scale=(1.0, 5.0))
    users = _read_users(files, rejects) if "users.dat" in files.names else None
    return Tables(known_and_single(ratings, movies, rejects), movies, users)


def read_movies(files: Files, encoding: str, rejects: Rejects) -> Movies:
    """movies.dat, which ml-10m has too, in another encoding."""
    table = MovieTable(rejects)
    for line in read_lines(files, "movies.dat", "::", 3, encoding, rejects):
        table.add(line, line.fields[1], tuple(line.fields[2].split("|")))
    return table.movies("movies.dat")


def _read_users(files: Files, rejects: Rejects) -> Users:
    columns: dict[str, list[str]] = {
        "gender": [], "age": [], "occupation_code": [], "occupation": [], "zip": []
    }  # fmt: skip
    ids: list[int] = []
    for line in read_lines(files, "users.dat", "::", 5, "latin-1", rejects):
        user, cause = _user(line)
        if cause:
            rejects.add(line.file, line.number, line.offset, cause, line.raw)
            continue
        ids.append(user)
        _, gender, age, occupation, place = line.fields
        row = (gender, AGES[age], occupation, OCCUPATIONS[int(occupation)], place)
        for values, value in zip(columns.values(), row, strict=True):
            values.append(value)
    return Users(np.array(ids, np.int64), columns)


def _user(line: Line) -> tuple[int, str]:
    user, cause = id_of(line.fields[0])
    occupation, no_code = id_of(line.fields[3])
    if cause:
        return user, cause
    if line.fields[2] not in AGES:
        return user, "unknown age bracket"
    if no_code or occupation >= len(OCCUPATIONS):
        return user, "unknown occupation"
    return user, ""


LAYOUT = Layout(
    name="ml-1m",
    needs=("ratings.dat", "movies.dat"),
    marks=("users.dat",),
    also=(),
    read=read,
    ratings_file="ratings.dat",
    separator=b"::",
    has_header=False,
)
