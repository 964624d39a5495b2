import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.datasets import locate
from reelrecs.datasets.ratings import DUPLICATE, single
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.tables import Ratings, Tables
from reelrecs.errors import DataError, MalformedRow

RATINGS = b"userId,movieId,rating,timestamp\n1,2,3.5,4\n"
MOVIES = b"movieId,title,genres\n2,Jumanji (1995),Adventure\n3,Heat (1995),Action\n"
LINKS = b"movieId,imdbId,tmdbId\n2,0113497,8844\n"


def write(folder: Path, ratings: bytes = RATINGS, movies: bytes = MOVIES) -> Path:
    (folder / "ratings.csv").write_bytes(ratings)
    (folder / "movies.csv").write_bytes(movies)
    return folder


def rows(tables: Tables) -> list[tuple[int, int, float, int]]:
    ratings = tables.ratings
    columns = (ratings.users, ratings.movies, ratings.stars, ratings.times)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize(
    ("file", "line", "cause"),
    [
        ("ratings.csv", b"1,3,4.5", "missing field"),
        ("ratings.csv", b"1,three,4.5,9", "not a number"),
        ("ratings.csv", b"1,3,9.5,9", "rating out of range"),
        ("ratings.csv", b"4294967296,3,4.5,9", "number too large"),
        ("ratings.csv", b"-1,3,4.5,9", "negative number"),
        ("ratings.csv", b"1,3,4.5,\0", "NUL byte"),
        ("ratings.csv", b"1,3,4.5,\xff", "byte outside ASCII among numbers (wrong encoding?)"),
        ("ratings.csv", b'"1,3,4.5,9', "quoted or truncated field where a number belongs"),
        ("ratings.csv", b"1,3,4.5,9,9", "more than four fields"),
        ("ratings.csv", b"1,77,4.5,9", "movie not in the movie table"),
        ("movies.csv", b"4,Casino (1995)", "missing field"),
        ("movies.csv", b"4,Casino, The (1995),Crime", "too many fields"),
        ("movies.csv", b"four,Casino (1995),Crime", "not a number"),
        ("movies.csv", b"-4,Casino (1995),Crime", "negative number"),
        ("movies.csv", b"99999999999,Casino (1995),Crime", "number too large"),
        ("movies.csv", b"4,Cas\0ino (1995),Crime", "NUL byte"),
        ("movies.csv", "4,Misérables (1995),Crime".encode("latin-1"), "wrong encoding (not utf-8)"),
        ("movies.csv", b'4,"Casino (1995),Crime', "truncated quoted field"),
        ("movies.csv", b'4,"Casino" (1995),Crime', "truncated quoted field"),
        ("movies.csv", b"2,Jumanji again (1995),Crime", "movie id given twice"),
        ("links.csv", b"two,0113497,8844", "not a number"),
    ],
)
def test_a_bad_line_is_named_or_left_out(
    tmp_path: Path, file: str, line: bytes, cause: str
) -> None:
    whole = {"ratings.csv": RATINGS, "movies.csv": MOVIES, "links.csv": LINKS}
    head = whole[file]
    whole[file] += line + b"\n" + (b"1,3,5.0,10\n" if file == "ratings.csv" else b"")
    for name, content in whole.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MalformedRow) as caught:
        locate(tmp_path).read()
    error = caught.value
    assert (error.file, error.line, error.offset) == (file, head.count(b"\n") + 1, len(head))
    assert (error.cause, error.text) == (cause, line)
    assert "\n" not in str(error)
    assert "\0" not in str(error)

    rejects = Rejects("skip")
    tables = locate(tmp_path).read(rejects=rejects)
    assert rejects.counts == {cause: 1}
    kept = [(1, 2, 3.5, 4), (1, 3, 5.0, 10)] if file == "ratings.csv" else [(1, 2, 3.5, 4)]
    assert rows(tables) == kept
    assert tables.movies is not None
    assert tables.movies.titles == ["Jumanji (1995)", "Heat (1995)"]
    out = io.BytesIO()
    rejects.write_to(out)
    place = f"{file}\t{error.line}\t{error.offset}\t{cause}\t".encode()
    assert out.getvalue() == place + line + b"\n"


def test_the_offending_text_is_cut_and_escaped(tmp_path: Path) -> None:
    write(tmp_path, RATINGS + b"\x1b[31m\xff" + b"x" * 500 + b"\n")
    with pytest.raises(MalformedRow) as caught:
        locate(tmp_path).read()
    assert "\\x1b[31m" in str(caught.value)
    assert "x" * 60 in str(caught.value)
    assert "x" * 80 not in str(caught.value)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_marks_and_blank_lines_are_no_faults(
    tmp_path: Path, end: bytes, mark: bytes, last: bool
) -> None:
    def told(text: bytes) -> bytes:
        text = mark + text.replace(b"\n", b"\n\n").replace(b"\n", end)
        return text if last else text.rstrip(b"\r\n")

    write(tmp_path, told(RATINGS + b"1,3,5.0,10\n"), told(MOVIES))
    tables = locate(tmp_path).read()
    assert rows(tables) == [(1, 2, 3.5, 4), (1, 3, 5.0, 10)]
    assert tables.movies is not None
    assert tables.movies.titles == ["Jumanji (1995)", "Heat (1995)"]
    bad = told(RATINGS + b"1,3,5.0,10\noops\n")
    write(tmp_path, bad, told(MOVIES))
    with pytest.raises(MalformedRow) as caught:
        locate(tmp_path).read()
    assert caught.value.offset == bad.index(b"oops")
    assert caught.value.line == bad[: bad.index(b"oops")].count(b"\n") + 1
    bad = told(MOVIES + b"oops\n")
    write(tmp_path, told(RATINGS), bad)
    with pytest.raises(MalformedRow) as caught:
        locate(tmp_path).read()
    assert (caught.value.file, caught.value.offset) == ("movies.csv", bad.index(b"oops"))


def test_utf_8_in_a_latin_1_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_bytes(b"1::2::3::4\n")
    (tmp_path / "users.dat").write_bytes(b"1::F::1::10::48067\n")
    (tmp_path / "movies.dat").write_bytes("2::Misérables, Les (1995)::Drama\n".encode())
    with pytest.raises(MalformedRow, match="utf-8 in a latin-1 file"):
        locate(tmp_path).read()


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b"2::X::1::10::0", None),
        (b"2::M::19::10::0", "unknown age bracket"),
        (b"2::M::18::21::0", "unknown occupation"),
        (b"2::M::18::10", "missing field"),
    ],
)
def test_users_of_ml_1m(tmp_path: Path, line: bytes, cause: str | None) -> None:
    (tmp_path / "ratings.dat").write_bytes(b"1::2::3::4\n")
    (tmp_path / "users.dat").write_bytes(b"1::F::1::10::48067\n" + line + b"\n")
    (tmp_path / "movies.dat").write_bytes(b"2::Jumanji (1995)::Drama\n")
    rejects = Rejects("skip")
    tables = locate(tmp_path).read(rejects=rejects)
    assert tables.users is not None
    assert tables.users.ids.tolist() == ([1, 2] if cause is None else [1])
    assert rejects.counts == ({} if cause is None else {cause: 1})


def test_of_duplicates_the_later_counts(tmp_path: Path) -> None:
    lines = b"1,3,1.0,50\n1,2,2.0,3\n1,3,2.0,60\n1,3,3.0,60\n1,3,4.0,7\n2,3,5.0,1\n"
    write(tmp_path, RATINGS + lines)
    rejects = Rejects()
    tables = locate(tmp_path).read(rejects=rejects)
    assert rows(tables) == [(1, 2, 3.5, 4), (1, 3, 3.0, 60), (2, 3, 5.0, 1)]
    assert rejects.counts == {DUPLICATE: 4}


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 3)), max_size=30))
def test_single_equals_a_plain_loop(entries: list[tuple[int, int, int]]) -> None:
    ratings = Ratings(
        np.array([user for user, _, _ in entries], np.int64),
        np.array([movie for _, movie, _ in entries], np.int64),
        np.arange(len(entries), dtype=np.float32),
        np.array([time for _, _, time in entries], np.int64),
    )
    best: dict[tuple[int, int], int] = {}
    for at, (user, movie, time) in enumerate(entries):
        if (user, movie) not in best or time >= entries[best[user, movie]][2]:
            best[user, movie] = at
    rejects = Rejects()
    assert single(ratings, rejects).stars.tolist() == sorted(best.values())
    assert rejects.counts[DUPLICATE] == len(entries) - len(best)


def test_nothing_left_is_an_error_even_when_skipping(tmp_path: Path) -> None:
    write(tmp_path, RATINGS.replace(b"3.5", b"x"))
    with pytest.raises(DataError, match="holds no ratings"):
        locate(tmp_path).read("skip")
    write(tmp_path, RATINGS.replace(b",2,", b",9,"))
    with pytest.raises(DataError, match="rates no movie"):
        locate(tmp_path).read("skip")


def test_the_rejected_lines_go_to_a_file(tmp_path: Path) -> None:
    rejects = Rejects("skip")
    rejects.add("a", 3, 14, "missing field", b"1,2")
    rejects.write(tmp_path / "rejected.txt")
    assert (tmp_path / "rejected.txt").read_bytes() == b"a\t3\t14\tmissing field\t1,2\n"
