from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reelrecs.datasets.ids import Id, IdColumn
from reelrecs.datasets.imports.files import import_files
from reelrecs.datasets.imports.tables import Imported, import_frames
from reelrecs.datasets.ratings import DUPLICATE
from reelrecs.datasets.rejects import Rejects
from reelrecs.errors import DataError, MalformedRow

PLAIN = {
    "user_id": np.array([1, 1, 2], np.uint32),
    "item_id": np.array([10, 20, 10], np.uint32),
    "rating": np.array([3.5, 5.0, 0.5], np.float32),
    "timestamp": np.array([100, 200, 300], np.int64),
}
ROWS = [(1, 10, 3.5, 100), (1, 20, 5.0, 200), (2, 10, 0.5, 300)]


def ids(column: IdColumn) -> list[Id]:
    return column.tolist() if isinstance(column, np.ndarray) else column.to_pylist()


def rows(imported: Imported) -> list[tuple[Id, Id, float, int]]:
    ratings = imported.tables.ratings
    columns = (ratings.stars.tolist(), ratings.times.tolist())
    return list(zip(ids(ratings.users), ids(ratings.movies), *columns, strict=True))


def import_csv(folder: Path, text: str | bytes, on_error: str = "fail") -> Imported:
    path = folder / "r.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return import_files(path, None, Rejects("skip" if on_error == "skip" else "fail"))


@pytest.mark.parametrize("make", [dict, pa.table, pd.DataFrame, pl.DataFrame])
def test_frames_of_every_make(make: type) -> None:
    assert rows(import_frames(make(PLAIN))) == ROWS


@pytest.mark.parametrize(
    ("names", "extra"),
    [
        (("userId", "movieId", "rating", "timestamp"), {}),
        (("User-ID", "ISBN", "Book-Rating", "Date"), {}),
        (("reviewerID", "asin", "overall", "unixReviewTime"), {"summary": ["a", "b", "c"]}),
        (("uid", "iid", "score", "ts"), {"user_name": ["a", "b", "c"]}),
    ],
)
def test_synonyms_are_recognised_and_told(names: tuple[str, ...], extra: dict) -> None:
    table = dict(zip(names, PLAIN.values(), strict=True)) | extra
    imported = import_frames(pd.DataFrame(table)[sorted(table)])
    assert rows(imported) == ROWS
    assert list(imported.columns.values()) == list(names)


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": np.array([1, 1, 2], np.uint32)},
        {"user_id": np.array([1.0, 1.0, 2.0])},
        {"rating": np.array([3.5, 5.0, 0.5], np.float64)},
        {"rating": ["3.5", "5", ".5"]},
        {"timestamp": np.array([100, 200, 300], np.int32)},
        {"timestamp": np.array([100, 200, 300], "datetime64[s]")},
        {"timestamp": np.array([100_000, 200_000, 300_000], "datetime64[ms]")},
    ],
)
def test_types_are_converted(change: dict) -> None:
    assert rows(import_frames(pd.DataFrame(PLAIN | change))) == ROWS


def test_text_ids_stay_what_they_are() -> None:
    table = PLAIN | {"user_id": ["u10", "u10", "u2"], "item_id": ["b9", "a1", "b9"]}
    imported = import_frames(pa.table(table))
    assert rows(imported) == [("u10", "b9", 3.5, 100), ("u10", "a1", 5.0, 200),
                              ("u2", "b9", 0.5, 300)]  # fmt: skip
    assert imported.tables.movies.titles == ["b9", "a1"]
    assert "user ids (user_id) are text" in imported.notes
    movies = pd.DataFrame({"item": ["a1", "b9", "c3"], "name": ["A (1999)", "B", "1984"],
                           "genre": ["x|y", "", None], "year": [1, 2001, 2002]})  # fmt: skip
    told = import_frames(pa.table(table), movies).tables.movies
    assert ids(told.ids) == ["a1", "b9", "c3"]
    assert told.titles == ["A (1999)", "B", "1984"]
    assert told.years.tolist() == [1999, 2001, 2002]
    assert told.genres == [("x", "y"), (), ()]


def test_scales_and_milliseconds_are_brought_to_ours_and_told() -> None:
    table = PLAIN | {"rating": [7, 10, 1], "timestamp": [10**12, 10**12 + 1000, 10**12 + 2000]}
    imported = import_frames(table)
    assert rows(imported)[0] == (1, 10, 3.5, 10**9)
    assert list(imported.tables.scale) == [1, 10]
    assert "rating: stars, 1 to 10" in imported.notes
    assert "timestamp: milliseconds, from 2001-09-09 to 2001-09-09" in imported.notes
    without = import_frames({name: PLAIN[name] for name in ("user_id", "item_id", "rating")})
    assert [time for *_, time in rows(without)] == [0, 1, 2]
    assert any("no time column" in note for note in without.notes)
    assert not without.tables.has_times


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"user_id": [1, None, 2]}, "missing field"),
        ({"user_id": ["a", None, "b"]}, "missing field"),
        ({"user_id": [1.0, float("nan"), 2.0]}, "missing field"),
        ({"user_id": ["a", "NaN", "b"]}, "missing field"),
        ({"rating": [3.5, None, 0.5]}, "missing field"),
        ({"rating": [3.5, float("nan"), 0.5]}, "not a number"),
        ({"rating": ["3.5", "good", "0.5"]}, "not a number"),
        ({"rating": [3.5, -1, 0.5]}, "rating out of range 0.5 to 5"),
        ({"rating": [3.5, 101, 0.5]}, "rating out of range 0.5 to 5"),
        ({"timestamp": [100, None, 300]}, "missing field"),
    ],
)
def test_bad_rows_of_frames_are_named_or_left_out(change: dict, cause: str) -> None:
    table = pa.table(PLAIN | change)
    with pytest.raises(DataError, match=cause) as caught:
        import_frames(table)
    assert "row 1 " in str(caught.value)
    rejects = Rejects("skip")
    kept = rows(import_frames(table, rejects=rejects))
    assert [row[1:] for row in kept] == [ROWS[0][1:], ROWS[2][1:]]
    assert rejects.counts == {cause: 1}


def test_duplicates_and_unknown_movies_of_frames() -> None:
    doubled = {name: np.append(column, column[:1]) for name, column in PLAIN.items()}
    rejects = Rejects()
    assert len(rows(import_frames(doubled, rejects=rejects))) == 3
    assert rejects.counts == {DUPLICATE: 1}
    movies = {"movieId": [10], "title": ["Ten"]}
    imported = import_frames(PLAIN, movies)
    assert len(rows(imported)) == 3
    assert imported.tables.movies.titles == ["Ten", "20"]
    assert any("1 of 2 rated movies are not in the table" in note for note in imported.notes)
    with pytest.raises(DataError, match="holds none of the 2"):
        import_frames(PLAIN, {"movieId": [11], "title": ["Eleven"]})


@pytest.mark.parametrize("table", [[1, 2], "text", None])
def test_what_is_no_table_is_refused(table: object) -> None:
    with pytest.raises(DataError, match="give a pandas, polars or Arrow table"):
        import_frames(table)


def test_absent_columns_are_named() -> None:
    with pytest.raises(DataError, match=r"no column for item .* with --item-column"):
        import_frames({"user_id": [1], "rating": [2]})
    with pytest.raises(DataError, match="no usable row"):
        import_frames(pa.table(PLAIN).slice(0, 0))


@pytest.mark.parametrize(
    "text",
    [
        "user_id,item_id,rating,timestamp\n1,10,3.5,100\n1,20,5,200\n2,10,.5,300\n",
        "\ufeffuser_id,item_id,rating,timestamp\r\n1,10,3.5,100\r\n1,20,5,200\r\n2,10,.5,300",
        "1,10,3.5,100\n1,20,5,200\n2,10,.5,300\n",
        "1::10::3.5::100\n1::20::5::200\n2::10::.5::300\n",
        "user\titem\trating\ttime\n1\t10\t3.5\t100\n\n1\t20\t5\t200\n2\t10\t.5\t300\n",
        "user;item;rating;time\n1;10;3.5;100\n1;20;5;200\n2;10;.5;300\n",
        "rating,timestamp,item,user\n3.5,100,10,1\n5,200,20,1\n.5,300,10,2\n",
        'user,item,rating,ts,note\n1,10,3.5,100,"a,b"\n1,20,5,200,\n"2",10,.5,300,"say ""x"""\n',
        "user,item,rating,date,x\n1,10,3.5,1970-01-01T00:01:40,\n1,20,5,1970-01-01 00:03:20,\n"
        "2,10,.5,1970-01-01T00:05:00+00:00,\n",
    ],
)
def test_csv_of_many_makes(tmp_path: Path, text: str) -> None:
    assert rows(import_csv(tmp_path, text)) == ROWS


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("1,2,3", "missing field"),
        ("1,,3,4,x", "missing field"),
        ("1,2,3,4,5,6", "too many fields"),
        ("NA,2,3,4,5", "missing field"),
        ("1,2,good,4,5", "not a number"),
        ("1,2,500,4,5", "rating out of range 0.5 to 5"),
        ("1,2,3,soon,5", "not a time"),
        ("1,2,3,1e300,5", "not a time"),
        ("1,2,3,inf,5", "not a time"),
        ('1,2,3,4,"x', "truncated quoted field"),
        ("1,2,3,4,\0", "NUL byte"),
    ],
)
def test_bad_lines_of_csv_are_named(tmp_path: Path, line: str, cause: str) -> None:
    text = f"user,item,rating,time,note\n1,10,3.5,100,\n{line}\n1,20,5,200,\n"
    with pytest.raises(MalformedRow) as caught:
        import_csv(tmp_path, text)
    assert (caught.value.line, caught.value.offset) == (3, text.index(line))
    assert caught.value.cause == cause
    assert len(rows(import_csv(tmp_path, text, "skip"))) == 2


def test_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table(PLAIN | {"other": ["a", "b", "c"]}), tmp_path / "r.parquet")
    movies = pa.table({"movieId": [10, 20], "title": ["Ten (2010)", "Twenty"]})
    pq.write_table(movies, tmp_path / "m.parquet")
    imported = import_files(tmp_path / "r.parquet", tmp_path / "m.parquet", Rejects())
    assert rows(imported) == ROWS
    assert imported.tables.movies is not None
    assert imported.tables.movies.years.tolist() == [2010, 0]
    whole = (tmp_path / "r.parquet").read_bytes()
    (tmp_path / "r.parquet").write_bytes(whole[:-20])
    with pytest.raises(DataError, match="damaged Parquet"):
        import_files(tmp_path / "r.parquet", None, Rejects())


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "blank.csv").write_bytes(b"\n\n")
    (tmp_path / "other.csv").write_bytes(b"a,b,c\n1,2,3\n")
    for name, part in [("absent.csv", "no file"), ("empty.csv", "is empty"),
                       ("blank.csv", "no lines"), ("other.csv", "no column for")]:  # fmt: skip
        with pytest.raises(DataError, match=part):
            import_files(tmp_path / name, None, Rejects())
