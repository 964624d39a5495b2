import csv
import zipfile
from datetime import date
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from reelrecs import data
from reelrecs.datasets import locate
from reelrecs.datasets.tables import RELEASE_UNKNOWN, Tables
from reelrecs.datasets.titles import release_year

SAMPLES = Path(__file__).parent / "samples"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

Row = tuple[int, int, float, int]


def shared(name: str, folder: Path) -> Path:
    """Unpack one of the real data sets beside the checkout, or skip."""
    path = SHARED / f"{name}.zip"
    if not path.exists():
        pytest.skip(f"{path} is not there: real {name} data stay outside the repository")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder / name


def rating_rows(tables: Tables) -> list[Row]:
    ratings = tables.ratings
    columns = (ratings.users, ratings.movies, ratings.stars, ratings.times)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def movie_rows(tables: Tables) -> list[tuple[int, str, tuple[str, ...]]]:
    assert tables.movies is not None
    movies = tables.movies
    return list(zip(movies.ids.tolist(), movies.titles, movies.genres, strict=True))


def genres_of(text: str) -> tuple[str, ...]:
    return () if text == "(no genres listed)" else tuple(text.split("|"))


def as_csv(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def as_split(path: Path, separator: str, encoding: str) -> list[list[str]]:
    lines = path.read_bytes().decode(encoding).split("\n")
    return [line.split(separator) for line in lines if line]


def fields_of(path: Path, separator: str) -> list[str]:
    """The same in one flat list, which is all that a million lines have time for."""
    return path.read_bytes().decode("ascii").rstrip("\n").replace(separator, "\n").split("\n")


def assert_ratings(tables: Tables, fields: list[str]) -> None:
    """All ratings, in order, are what Python reads from these fields, four a line."""
    users, movies, stars, times = (fields[column::4] for column in range(4))
    assert tables.ratings.users.tolist() == list(map(int, users))
    assert tables.ratings.movies.tolist() == list(map(int, movies))
    assert tables.ratings.stars.tolist() == np.array([*map(float, stars)], np.float32).tolist()
    assert tables.ratings.times.tolist() == list(map(int, times))


@pytest.mark.parametrize("name", ["embedded", "ml-latest-small", "ml-20m", "ml-25m", "ml-32m"])
def test_csv_layout_equals_the_csv_module(name: str, tmp_path: Path) -> None:
    if name == "embedded":
        folder = data.SAMPLE
    elif name == "ml-latest-small":
        folder = shared(name, tmp_path)
    else:
        folder = SAMPLES / name
    tables = locate(folder).read()
    assert_ratings(tables, list(chain.from_iterable(as_csv(folder / "ratings.csv"))))
    movies = as_csv(folder / "movies.csv")
    assert movie_rows(tables) == [(int(i), title, genres_of(g)) for i, title, g in movies]
    assert tables.movies is not None
    assert tables.movies.years.tolist() == [release_year(title) for _, title, _ in movies]
    if (folder / "links.csv").exists():
        links = {row[0]: row[1:] for row in as_csv(folder / "links.csv")}
        ids = [links.get(movie, ["", ""]) for movie, _, _ in movies]
        assert tables.movies.links["imdb"] == [f"tt{imdb}" if imdb else "" for imdb, _ in ids]
        assert tables.movies.links["tmdb"] == [tmdb for _, tmdb in ids]


def test_ml_1m_equals_codecs_and_split(tmp_path: Path) -> None:
    folder = shared("ml-1m", tmp_path)
    tables = locate(folder).read()
    assert_ratings(tables, fields_of(folder / "ratings.dat", "::"))
    movies = as_split(folder / "movies.dat", "::", "latin-1")
    assert movie_rows(tables) == [(int(i), title, genres_of(g)) for i, title, g in movies]
    assert sum(":" in title for _, title, _ in movies) == 197  # what splitting on ":" mangles
    assert tables.movies is not None
    assert all(tables.movies.years.tolist())
    assert tables.movies.years.tolist() == [int(title.strip()[-5:-1]) for _, title, _ in movies]
    users = as_split(folder / "users.dat", "::", "latin-1")
    assert tables.users is not None
    assert tables.users.ids.tolist() == [int(row[0]) for row in users]
    assert tables.users.columns["gender"] == [row[1] for row in users]
    assert tables.users.columns["occupation_code"] == [row[3] for row in users]
    assert tables.users.columns["zip"] == [row[4] for row in users]
    assert tables.users.columns["age"][:3] == ["Under 18", "56+", "25-34"]
    assert tables.users.columns["occupation"][:3] == ["K-12 student", "self-employed", "scientist"]


def test_ml_100k_equals_codecs_and_split(tmp_path: Path) -> None:
    folder = shared("ml-100k", tmp_path)
    tables = locate(folder).read()
    assert_ratings(tables, fields_of(folder / "u.data", "\t"))
    genres = [name for name, _ in as_split(folder / "u.genre", "|", "latin-1")]
    items = as_split(folder / "u.item", "|", "latin-1")
    wanted = [
        tuple(g for g, flag in zip(genres, row[5:], strict=True) if flag == "1" and g != "unknown")
        for row in items
    ]
    assert movie_rows(tables) == [
        (int(row[0]), row[1], own) for row, own in zip(items, wanted, strict=True)
    ]
    assert tables.movies is not None
    released = tables.movies.released.tolist()
    for row, day in zip(items, released, strict=True):
        if row[2]:
            day_of_month, month, year = row[2].split("-")
            assert date.fromordinal(day + date(1970, 1, 1).toordinal()).strftime("%d-%b-%Y") == (
                f"{int(day_of_month):02}-{month}-{year}"
            )
        else:
            assert (row[1], day) == ("unknown", RELEASE_UNKNOWN)
    assert tables.movies.years[266] == 0
    assert (tables.movies.years == 0).sum() == 1
    users = as_split(folder / "u.user", "|", "latin-1")
    assert tables.users is not None
    assert list(zip(*tables.users.columns.values(), strict=True)) == [tuple(u[1:]) for u in users]


def test_ml_10m_is_utf_8_with_half_stars() -> None:
    tables = locate(SAMPLES / "ml-10M100K").read()
    folder = SAMPLES / "ml-10M100K"
    assert_ratings(tables, fields_of(folder / "ratings.dat", "::"))
    movies = as_split(folder / "movies.dat", "::", "utf-8")
    assert movie_rows(tables) == [(int(i), title, genres_of(g)) for i, title, g in movies]
    assert "Misérables, Les (1995)" in [title for _, title, _ in movie_rows(tables)]


@pytest.mark.parametrize(("encoding", "marks"), [("utf-8", ()), ("latin-1", ())])
def test_dat_files_alone_say_their_encoding(tmp_path: Path, encoding: str, marks: tuple) -> None:
    (tmp_path / "ratings.dat").write_bytes(b"1::2::3.5::4\n")
    (tmp_path / "movies.dat").write_bytes("2::Misérables, Les (1995)::Drama\n".encode(encoding))
    tables = locate(tmp_path).read()
    assert movie_rows(tables) == [(2, "Misérables, Les (1995)", ("Drama",))]


def test_invented_samples_of_the_sets_that_may_not_be_redistributed() -> None:
    tables = locate(SAMPLES / "ml-1m").read()
    assert rating_rows(tables)[0] == (1, 10, 5.0, 978300760)
    assert movie_rows(tables)[:2] == [
        (10, "First Café: The Film (1995)", ("Comedy", "Drama")),
        (20, "Second Film, The (Deuxième film, Le) (1961)", ("Children's",)),
    ]
    assert tables.users is not None
    assert tables.users.columns["age"] == ["Under 18", "56+"]
    tables = locate(SAMPLES / "ml-100k").read()
    assert rating_rows(tables)[2] == (2, 3, 4.0, 888550871)
    assert movie_rows(tables) == [
        (1, "Some Café (1995)", ("Action", "Comedy")),
        (2, "unknown", ()),
        (3, "Other, The (1971)", ("Comedy",)),
    ]
    assert tables.movies is not None
    assert tables.movies.released.tolist() == [9131, RELEASE_UNKNOWN, 399]


@pytest.mark.parametrize("name", sorted(folder.name for folder in SAMPLES.iterdir()))
def test_a_zip_reads_like_its_folder(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._ratings.csv", b"clutter")
        for file in sorted((SAMPLES / name).iterdir()):
            archive.write(file, f"{name}/{file.name}")
    dataset, folder = locate(path), locate(SAMPLES / name)
    assert (dataset.name, dataset.layout) == (folder.name, folder.layout)
    assert rating_rows(dataset.read()) == rating_rows(folder.read())
    assert movie_rows(dataset.read()) == movie_rows(folder.read())


@pytest.mark.parametrize("name", ["ml-100k", "ml-1m", "ml-latest-small"])
def test_the_published_zips_read_like_their_folders(name: str, tmp_path: Path) -> None:
    folder = shared(name, tmp_path)
    one, two = locate(SHARED / f"{name}.zip").read(), locate(folder).read()
    assert np.array_equal(one.ratings.times, two.ratings.times)
    assert np.array_equal(one.ratings.movies, two.ratings.movies)
    assert movie_rows(one) == movie_rows(two)


def test_without_a_folder_it_is_ml_1m_here_or_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate().path == data.SAMPLE
    here = tmp_path / "data" / "ml-1m"
    here.mkdir(parents=True)
    (here / "ratings.dat").write_bytes(b"1::2::3::4\n")
    (here / "movies.dat").write_bytes(b"2::Jumanji (1995)::Adventure\n")
    (here / "users.dat").write_bytes(b"1::F::1::10::48067\n")
    assert locate().name == "ml-1m"
    assert rating_rows(locate().read()) == [(1, 2, 3.0, 4)]


def test_every_rating_and_every_movie_is_kept_where_a_movie_has_neither_year_nor_genre() -> None:
    tables = locate(SAMPLES / "ml-25m").read()
    assert tables.movies is not None
    titles = dict(zip(tables.movies.titles, tables.movies.years.tolist(), strict=True))
    assert titles["11'09\"01 - September 11 (2002)"] == 2002
    assert titles["Black Mirror"] == 0
    assert titles["Big Bang Theory, The (2007-)"] == 2007
    assert titles['"Great Performances" Cats (1998)'] == 1998
