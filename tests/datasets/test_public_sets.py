"""Four well-known files of others, whole, beside what Python's csv module reads."""

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelrecs.datasets.feedback import UNRATED_STARS, Feedback, stars_of_counts, stars_of_scale
from reelrecs.datasets.ids import Id, IdColumn
from reelrecs.datasets.imports.files import import_files
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.tables import Tables
from tests.datasets.test_datasets import SHARED


def read(name: str, ratings: str, movies: str | None = None) -> Tables:
    """Build from the zip as it lies there, or skip."""
    path = SHARED / f"{name}.zip"
    if not path.exists():
        pytest.skip(f"{path} is not there: real {name} data stay outside the repository")
    rejects = Rejects()
    imported = import_files(path / ratings, None if movies is None else path / movies, rejects)
    assert not rejects.counts
    return imported.tables


def fields(name: str, file: str, encoding: str, delimiter: str) -> list[list[str]]:
    """What the csv module reads; `::` as one character that no text holds."""
    with zipfile.ZipFile(SHARED / f"{name}.zip") as archive:
        inside = next(member for member in archive.namelist() if member.endswith(file))
        text = archive.read(inside).decode(encoding)
    if delimiter == "::":
        text, delimiter = text.replace("::", "\x1f"), "\x1f"
    quoting = csv.QUOTE_MINIMAL if delimiter in ",;" else csv.QUOTE_NONE
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting))


def listed(column: IdColumn) -> list[Id]:
    return column.tolist() if isinstance(column, np.ndarray) else column.to_pylist()


def check(tables: Tables, users: list[Any], items: list[Any], stars: np.ndarray) -> None:
    ratings = tables.ratings
    assert listed(ratings.users) == users
    assert listed(ratings.movies) == items
    assert ratings.stars.tolist() == stars.tolist()


def test_movietweetings() -> None:
    tables = read("movietweetings", "ratings.dat", "movies.dat")
    rows = fields("movietweetings", "ratings.dat", "utf-8", "::")
    users, items, values, times = zip(*rows, strict=True)
    stars = stars_of_scale(np.array(values, np.float32), (0, 10))
    check(tables, list(map(int, users)), list(items), stars)
    assert tables.ratings.times.tolist() == list(map(int, times))
    assert (len(rows), len(set(users)), len(set(items))) == (90_000, 15_031, 9_925)
    assert rows[0] == ["1", "1074638", "7", "1365029107"]
    movies = fields("movietweetings", "movies.dat", "utf-8", "::")
    assert listed(tables.movies.ids) == [row[0] for row in movies]
    assert tables.movies.titles == [row[1].strip() for row in movies]
    assert tables.movies.genres == [tuple(filter(None, row[2].split("|"))) for row in movies]
    assert (tables.feedback, tables.scale, tables.has_times) == (Feedback.STARS, (0, 10), True)
    assert any("from 2013-02-28 to 2013-08-17" in note for note in tables.notes)


def test_book_crossing() -> None:
    tables = read("book-crossing", "BX-Book-Ratings.csv")
    rows = fields("book-crossing", "BX-Book-Ratings.csv", "latin-1", ";")[1:]
    users, items, numbers = zip(*rows, strict=True)
    values = np.array(numbers, np.float32)
    stars = np.where(values == 0, np.float32(UNRATED_STARS), stars_of_scale(values, (1, 10)))
    check(tables, list(map(int, users)), list(items), stars)
    assert listed(tables.ratings.movies)[0] == "034545104X"
    assert listed(tables.ratings.movies)[-1] == rows[-1][1]
    assert {"0155061224", "2.02.032126.2"} <= set(listed(tables.movies.ids))
    assert tables.movies.titles == listed(tables.movies.ids)
    assert (tables.feedback, tables.scale, tables.has_times) == (Feedback.STARS, (1, 10), False)


def test_hetrec_lastfm() -> None:
    tables = read("hetrec-lastfm", "user_artists.dat", "artists.dat")
    rows = fields("hetrec-lastfm", "user_artists.dat", "utf-8", "\t")[1:]
    users, items, counts = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    stars = stars_of_counts(counts.astype(np.float32), users.astype(np.int32))
    check(tables, users.tolist(), items.tolist(), stars)
    artists = fields("hetrec-lastfm", "artists.dat", "utf-8", "\t")[1:]
    assert listed(tables.movies.ids) == [int(row[0]) for row in artists]
    assert tables.movies.titles == [row[1].strip() for row in artists]
    assert '"Weird Al" Yankovic' in tables.movies.titles
    assert (tables.feedback, tables.has_times) == (Feedback.COUNTS, False)
    assert counts.max() == tables.scale[1] == 352_698


def test_restaurants() -> None:
    tables = read("restaurants", "rating_final.csv")
    rows = fields("restaurants", "rating_final.csv", "utf-8", ",")[1:]
    users, items, values, *_ = zip(*rows, strict=True)
    stars = stars_of_scale(np.array(values, np.float32), (0, 2))
    check(tables, list(users), list(map(int, items)), stars)
    assert rows[0][:3] == ["U1077", "135038", "2"]
    assert (tables.feedback, tables.scale) == (Feedback.STARS, (0, 2))


def test_a_zip_of_several_files_asks_for_one() -> None:
    path = SHARED / "movietweetings.zip"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with pytest.raises(Exception, match=r"holds 2 files .*movietweetings.zip/FILE"):
        import_files(Path(path), None, Rejects())
