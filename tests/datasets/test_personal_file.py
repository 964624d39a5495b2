"""One person's ratings in the forms people keep them."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.datasets.imports.personal_file import Rated, RatedMovies, read_rated
from reelrecs.errors import DataError


def read(folder: Path, text: str | bytes) -> RatedMovies:
    path = folder / "mine.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_rated(path)


@pytest.mark.parametrize(
    "text",
    [
        "movieId,rating\n1,5\n260,3.5\n",
        "movie_id,rating\n1,5\n260,3.5\n",
        "rating;item_id\n5;1\n3.5;260\n",
        "\ufeffMovie ID\tStars\r\n1\t5\r\n\r\n260\t3.5",
        "userId,movieId,rating\n7,1,5.0\n7,260,3.5\n",
        "1,5\n260,3.5\n",
        "1::5\n260::3.5\n",
        "movie_id,imdb_id,tmdb_id,rating,average_rating,title\n"
        '1,114709,862,5.0,3.9,"Toy Story (1995)"\n260,76759,11,3.5,4.1,"Star Wars, IV"\n',
    ],
)
def test_ids_and_stars_are_found_in_any_usual_form(tmp_path: Path, text: str) -> None:
    read_back = read(tmp_path, text)
    assert read_back.by_id
    assert [(row.movie, row.stars, row.time) for row in read_back.rows] == [
        ("1", 5.0, None),
        ("260", 3.5, None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        'title,rating\n"Matrix, The (1999)",5\nHeat (1995),4\n',
        '"Matrix, The (1999)",5\nHeat (1995),4\n',
        'Date,Name,Year,Rating\n2001-05-31,"Matrix, The",1999,5\n2001-06-01,Heat,1995,4\n',
        "movie;rating\nMatrix, The (1999);5\nHeat (1995);4\n",
    ],
)
def test_titles_stand_in_for_ids(tmp_path: Path, text: str) -> None:
    read_back = read(tmp_path, text)
    assert not read_back.by_id
    assert [(row.movie, row.stars) for row in read_back.rows] == [
        ("Matrix, The (1999)", 5.0),
        ("Heat (1995)", 4.0),
    ]


def test_one_title_among_ids_makes_all_titles(tmp_path: Path) -> None:
    """A movie may be called 300, but nobody's id is Heat."""
    read_back = read(tmp_path, "movie,rating\n300,5\nHeat,4\n")
    assert not read_back.by_id
    assert read_back.rows[0].movie == "300"


def test_times_are_seconds_or_dates(tmp_path: Path) -> None:
    text = (
        "movie_id,rating,date\n1,5,978300760\n2,4,2000-12-31T22:12:40\n3,3,2000-12-31T22:12:40Z\n"
    )
    assert [row.time for row in read(tmp_path, text).rows] == [978300760] * 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n\n", "holds no lines"),
        ("movie_id,rating\n", "holds no ratings"),
        ("movie_id,when\n1,2\n", "no column for rating"),
        ("colour,rating\nred,5\n", "no column for the movie"),
        ("1,2,3,4,5\n", "5 columns and no header"),
        ("movie_id,rating\n1,five\n", "line 2: the rating is no number: '1,five'"),
        ("movie_id,rating\n1,nan\n", "line 2: the rating is no number"),
        ("movie_id,rating\n1\n", "line 2: missing field"),
        ("movie_id,rating\n,5\n", "line 2: the movie is missing"),
        ("movie_id,rating,time\n1,5,noon\n", "line 2: the time is neither"),
        ("movie_id,rating,time\n1,5,1e300\n", "line 2: the time is neither"),
        ("user,movie,rating\n1,1,5\n2,1,5\n", "several people"),
        (b"movie_id,rating\n1,5\0\n", "line 2: NUL byte"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_or_nothing_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(DataError, match="is no file"):
            read_rated(path)


@given(
    st.lists(
        st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 1, 3, 4.5, 5]), st.integers(0)),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(["::", "\t", ";", "|", ","]),
    st.booleans(),
)
def test_what_is_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, float, int]],
    separator: str,
    headed: bool,
) -> None:
    lines = [separator.join(map(str, (m, s, t % 2**36))) for m, s, t in rows]
    if headed:
        lines.insert(0, separator.join(("movieId", "rating", "timestamp")))
    read_back = read(tmp_path_factory.getbasetemp(), "\n".join(lines))
    assert read_back.rows == [
        Rated(number, str(movie), stars, time % 2**36)
        for number, (movie, stars, time) in enumerate(rows, 1 + headed)
    ]


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_raise_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    with contextlib.suppress(DataError):
        read(tmp_path_factory.getbasetemp(), data)
