"""Small files in the forms that well-known data come in, and what each must be read as."""

import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reelrecs.datasets.feedback import Feedback
from reelrecs.datasets.ids import Id, IdColumn
from reelrecs.datasets.imports.choices import Choices, FileChoices
from reelrecs.datasets.imports.files import import_files
from reelrecs.datasets.imports.tables import import_frames
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.tables import Tables
from reelrecs.errors import DataError, InvalidRequest, MalformedRow
from reelrecs.store.build import store_of


def read(
    folder: Path,
    text: str | bytes,
    movies: str | None = None,
    choices: Choices | None = None,
    rejects: Rejects | None = None,
) -> Tables:
    path = folder / "mine.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    table = None
    if movies is not None:
        table = folder / "movies.csv"
        table.write_text(movies)
    return import_files(path, table, rejects or Rejects(), choices).tables


def listed(column: IdColumn) -> list[Id]:
    return column.tolist() if isinstance(column, np.ndarray) else column.to_pylist()


def ratings(values: str, name: str = "rating") -> str:
    rows = "".join(f"{n % 3},{n},{value}\n" for n, value in enumerate(values.split()))
    return f"user_id,item_id,{name}\n{rows}"


def test_each_text_id_is_its_own(tmp_path: Path) -> None:
    tables = read(tmp_path, "user_id,item_id,rating\nu1,a,5\nu10,a,4\nu2,a,3\n")
    store = store_of(tables, "mine")
    assert [store.user_ids[store.user_row(user)] for user in ("u1", "u10", "u2")] == [
        "u1", "u10", "u2"
    ]  # fmt: skip


def test_an_amazon_header_has_products_by_parent_asin(tmp_path: Path) -> None:
    text = (
        "rating,title,text,asin,parent_asin,user_id,timestamp\n"
        "5.0,Five Stars,ok,B001,P001,AE1,1588687728923\n"
        "4.0,Five Stars,\"two\nlines, and a comma\",B002,P002,AE2,1588615855070\n"
    )  # fmt: skip
    tables = read(tmp_path, text)
    assert listed(tables.ratings.movies) == ["P001", "P002"]
    assert tables.ratings.times.tolist() == [1588687728, 1588615855]


def test_people_of_one_name_are_several(tmp_path: Path) -> None:
    text = "user_id,user,movie_id,rating\n" + "".join(f"{n},Anonymous,7,4\n" for n in (3, 4, 5))
    assert listed(read(tmp_path, text).ratings.users) == [3, 4, 5]


@pytest.mark.parametrize("values", ["1 1 1", "0 1 1", "True False True", "yes no yes", "-1 1 1"])
def test_likes(tmp_path: Path, values: str) -> None:
    tables = read(tmp_path, ratings(values))
    assert tables.feedback is Feedback.LIKES
    liked = [value in ("1", "True", "yes") for value in values.split()]
    assert tables.ratings.stars.tolist() == [5.0 if one else 1.0 for one in liked]


@pytest.mark.parametrize(
    ("values", "wrong", "scale"),
    [
        ("1 2 3 4 5 6 7 8 9 10 11", "11", (1, 10)),
        ("0.5 1 1.5 2 2.5 3 3.5 4 4.5 5 25", "25", (0.5, 5)),
    ],
)
def test_one_outlier_is_a_bad_row(
    tmp_path: Path, values: str, wrong: str, scale: tuple[float, float]
) -> None:
    text = ratings(values)
    with pytest.raises(MalformedRow) as caught:
        read(tmp_path, text)
    row = text.splitlines()[-1]
    assert str(caught.value) == (
        f"mine.csv, line 12 (byte {text.index(row)}), column rating: rating out of range "
        f"{scale[0]:g} to {scale[1]:g} ('{wrong}'): '{row}'; mend the line, or leave such lines "
        "out with data build --on-error skip"
    )
    rejects = Rejects("skip")
    tables = read(tmp_path, text, rejects=rejects)
    assert (len(tables.ratings), tables.scale, len(rejects.lines)) == (len(values.split()) - 1,
                                                                     scale, 1)  # fmt: skip
    said = read(tmp_path, text, choices=Choices(highest=float(wrong)))
    assert said.scale[1] == float(wrong)


@pytest.mark.parametrize("name", ["rating", "plays"])
def test_play_counts(tmp_path: Path, name: str) -> None:
    text = f"user_id,item_id,{name}\n1,1,12\n1,2,1\n1,3,40\n1,4,13883\n"
    tables = read(tmp_path, text)
    assert tables.feedback is Feedback.COUNTS
    twelve, one, forty, most = tables.ratings.stars.tolist()
    assert 3.5 <= one < 4.0 == twelve < forty < most == 5.0


def test_counts_of_one_thing_add_up_and_nothing_played_is_left_out(tmp_path: Path) -> None:
    rejects = Rejects()
    text = "user,artistID,plays\n1,7,3\n1,7,4\n1,8,0\n1,9,7\n"
    tables = read(tmp_path, text, rejects=rejects)
    assert listed(tables.ratings.movies) == [7, 9]
    assert tables.ratings.stars.tolist() == [4.0, 4.0]
    assert sum(rejects.counts.values()) == 2


def test_no_rating_column_is_interactions(tmp_path: Path) -> None:
    tables = read(tmp_path, "user_id,item_id\n1,2\n3,4\n")
    assert tables.feedback is Feedback.NONE
    assert tables.ratings.stars.tolist() == [4.0, 4.0]


@pytest.mark.parametrize(
    ("movies", "titles", "genres"),
    [
        ("id,title,genres\n1,One,\"[{'id': 16, 'name': 'Animation'}, {'id': 1, 'name': 'B'}]\"\n",
         ["One"], [("Animation", "B")]),
        ('book_id,authors,title\n1,"Collins, Suzanne",Hunger\n', ["Hunger"], [()]),
        ("show_id,title\n1,24\n", ["24"], [()]),
        ('id,name,categories\n1,A,"[""x"", ""y""]"\n', ["A"], [("x", "y")]),
        ("movieId,title,genre,year\n1,300,\"Action, War\",2006.0\n", ["300"], [("Action", "War")]),
    ],
)  # fmt: skip
def test_movie_tables(
    tmp_path: Path, movies: str, titles: list[str], genres: list[tuple[str, ...]]
) -> None:
    told = read(tmp_path, "user_id,movie_id,rating\n5,1,4\n", movies).movies
    assert (told.titles, told.genres) == (titles, genres)
    if "2006" in movies:
        assert told.years.tolist() == [2006]


def test_more_genres_than_bits(tmp_path: Path) -> None:
    rows = "".join(f'{n},Film {n},"common|g{n}"\n' for n in range(100))
    tables = read(
        tmp_path,
        "user_id,movie_id,rating\n" + "".join(f"1,{n},4\n" for n in range(100)),
        f"movie_id,title,genres\n{rows}",
    )
    store = store_of(tables, "mine")
    assert len(store.genres) == 64
    assert [store.genres_of(row) for row in (0, 99)] == [["common", "g0"], ["common", "g99"]]


@pytest.mark.parametrize(
    ("ids", "kept"),
    [
        (["8440682697", "104000100187"], [8440682697, 104000100187]),
        (["18446744073709551615", "5"], ["18446744073709551615", "5"]),
        (["-5", "5"], ["-5", "5"]),
        (["05", "5"], ["05", "5"]),
        (["+5", "5"], ["+5", "5"]),
        (["1.0", "2"], [1, 2]),
        (["1.0", "x"], ["1.0", "x"]),
        (["1.5", "2"], ["1.5", "2"]),
    ],
)
def test_ids_are_what_the_person_wrote(tmp_path: Path, ids: list[str], kept: list[Id]) -> None:
    text = "user_id,item_id,rating\n" + "".join(f"{one},1,4\n" for one in ids)
    assert listed(read(tmp_path, text).ratings.users) == kept


def test_ids_of_columns(tmp_path: Path) -> None:
    def users(column: pa.Array) -> list[Id]:
        table = pa.table({"user_id": column, "item_id": [1, 2], "rating": [4, 5]})
        pq.write_table(table, tmp_path / "r.parquet")
        read = import_files(tmp_path / "r.parquet", None, Rejects()).tables
        return listed(read.ratings.users)

    assert users(pa.array([2**64 - 1, 5], pa.uint64())) == [str(2**64 - 1), "5"]
    assert users(pa.array([2**63 - 1, 5], pa.uint64())) == [2**63 - 1, 5]
    assert users(pa.array([-5, 5])) == ["-5", "5"]
    assert users(pa.array([1.0, 2.0])) == [1, 2]


@pytest.mark.parametrize("none", ["", "NA", "NaN", "null", "None", "nan"])
def test_nothing_is_no_id(tmp_path: Path, none: str) -> None:
    text = f"user_id,item_id,rating\n1,1,4\n{none},2,5\n"
    with pytest.raises(MalformedRow, match=r"line 3 .*column user_id: missing field"):
        read(tmp_path, text)
    tables = read(tmp_path, text, rejects=Rejects("skip"))
    assert listed(tables.ratings.users) == [1]


def test_two_equally_good_guesses_are_a_question(tmp_path: Path) -> None:
    text = "user_id,customer_id,item_id,rating\n1,5,2,4\n"
    with pytest.raises(DataError, match="'user_id' and 'customer_id' could each be the user; say "
                                        "which with --user-column"):  # fmt: skip
        read(tmp_path, text)
    said = Choices(FileChoices({"user": "customer_id"}))
    assert listed(read(tmp_path, text, choices=said).ratings.users) == [5]
    with pytest.raises(InvalidRequest, match="--user-column 'who'"):
        read(tmp_path, text, choices=Choices(FileChoices({"user": "who"})))


def test_no_header_and_columns_by_number(tmp_path: Path) -> None:
    said = Choices(FileChoices({"user": "2", "item": "1"}, header=False))
    tables = read(tmp_path, "title,u1,5\nother,u2,4\n", choices=said)
    assert listed(tables.ratings.users) == ["u1", "u2"]
    assert listed(tables.ratings.movies) == ["title", "other"]


def test_frames_that_are_awkward() -> None:
    frame = pl.DataFrame({"user": ["b", "a"], "item": [1, 2], "rating": [4.0, 5.0]})
    categorical = frame.with_columns(pl.col("user").cast(pl.Categorical))
    assert listed(import_frames(categorical).tables.ratings.users) == ["b", "a"]
    mixed = pd.DataFrame({"user": [1, "x"], "item": [1, 2], "rating": [4.0, 5.0]})
    assert listed(import_frames(mixed).tables.ratings.users) == ["1", "x"]
    double = pd.DataFrame([[1, 2, 3, 4.0]], columns=["user", "user", "item", "rating"])
    with pytest.raises(DataError, match="'user' and 'user' could each be the user"):
        import_frames(double)


class Relation:
    """What a DuckDB relation offers, without DuckDB."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def arrow(self) -> pa.RecordBatchReader:
        """A reader, as newer versions answer."""
        return self._table.to_reader()


def test_relations() -> None:
    table = pa.table({"user": ["b", "a"], "item": [1, 2], "rating": [4.0, 5.0]})
    assert listed(import_frames(Relation(table)).tables.ratings.users) == ["b", "a"]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("latin-1", "Amélie"), ("windows-1252", "Schindler’s"), ("utf-16", "Фильм"), ("utf-8", "Фи")],
)
def test_encodings_are_found(tmp_path: Path, encoding: str, name: str) -> None:
    text = f"user_id,movie,rating\n1,{name},4\n"
    assert listed(read(tmp_path, text.encode(encoding)).ratings.movies) == [name]


def test_one_line_in_another_encoding_is_named(tmp_path: Path) -> None:
    lines = [b"user_id,movie,rating", *["1,Фильм,4".encode()] * 3, b"1,Am\xe9lie,5"]
    with pytest.raises(MalformedRow, match=r"line 5 .*wrong encoding"):
        read(tmp_path, b"\n".join(lines))


@pytest.mark.parametrize(
    ("times", "first"),
    [
        (["1365029107", "1365029108"], 1365029107),
        (["1365029107.75", "1365029108.5"], 1365029107),
        (["1365029107000000000", "1365029108000000000"], 1365029107),
        (["2013-04-03", "2013-04-04"], 1364947200),
        (["2013-04-03T22:45:07+02:00", "2013-04-04T00:00:00Z"], 1365021907),
        (["2013/04/03", "2013/04/04"], 1364947200),
        (["20130403", "20130404"], 1364947200),
    ],
)
def test_times(tmp_path: Path, times: list[str], first: int) -> None:
    text = "user,item,rating,time\n" + "".join(f"1,{n},4,{t}\n" for n, t in enumerate(times))
    tables = read(tmp_path, text)
    assert tables.ratings.times[0] == first
    assert any("from 2013-04-03 to 2013-04-0" in note for note in tables.notes)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(b"user,item,rating\n1,2,4\n")

    monkeypatch.setattr("sys.stdin", Stdin())
    assert len(import_files(Path("-"), None, Rejects()).tables.ratings) == 1


def test_a_folder_and_a_glob_of_parquet(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for part, users in enumerate(([1, 2], [3, 4])):
        table = pa.table({"user_id": users, "item_id": ["a", "b"], "rating": [4.0, 5.0]})
        pq.write_table(table, folder / f"{part}.parquet")
    for path in (folder, folder / "*.parquet"):
        tables = import_files(path, None, Rejects()).tables
        assert listed(tables.ratings.users) == [1, 2, 3, 4]
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        import_files(tmp_path / "none", None, Rejects())
    with pytest.raises(DataError, match="is no file"):
        import_files(folder / "*.feather", None, Rejects())


@pytest.mark.parametrize("name", ["torn.csv.gz", "torn.zip", "torn.parquet"])
def test_what_is_damaged_is_one_line(tmp_path: Path, name: str) -> None:
    whole = {
        "torn.csv.gz": gzip.compress(ratings("1 2 3").encode() * 50)[:40],
        "torn.zip": b"PK\x03\x04 and no more",
        "torn.parquet": b"PAR1 and no more",
    }
    (tmp_path / name).write_bytes(whole[name])
    with pytest.raises(DataError, match="damaged"):
        import_files(tmp_path / name, None, Rejects())
