"""Data sets made for a test: odd titles, fingerprints, and what is no data set."""

import csv
import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.datasets import locate
from reelrecs.errors import DataError


def write_small(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,2,3.5,4\n")
    (folder / "movies.csv").write_text("movieId,title,genres\n2,Jumanji (1995),Adventure\n")
    return folder


TITLES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(st.lists(TITLES, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_titles_that_the_csv_module_writes_are_read(
    titles: list[str], end: str, every: bool
) -> None:
    out = io.StringIO()
    quoting = csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL
    writer = csv.writer(out, lineterminator=end, quoting=quoting)
    writer.writerow(("movieId", "title", "genres"))
    writer.writerows((number, title, "Drama") for number, title in enumerate(titles, 1))
    with TemporaryDirectory() as folder:
        (Path(folder) / "movies.csv").write_bytes(out.getvalue().encode())
        (Path(folder) / "ratings.csv").write_bytes(b"userId,movieId,rating,timestamp\n1,1,3,4\n")
        tables = locate(Path(folder)).read()
    assert tables.movies is not None
    assert tables.movies.ids.tolist() == list(range(1, len(titles) + 1))
    assert list(tables.movies.titles) == titles
    assert set(tables.movies.genres) == {("Drama",)}


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    folder = write_small(tmp_path / "a")
    first = locate(folder).fingerprint()
    assert locate(folder).fingerprint() == first
    (folder / "notes.txt").write_text("not read, so not part of it")
    assert locate(folder).fingerprint() == first
    (folder / "links.csv").write_text("movieId,imdbId,tmdbId\n2,0113497,8844\n")
    second = locate(folder).fingerprint()
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,2,4.5,4\n")
    third = locate(folder).fingerprint()
    assert len({first, second, third}) == 3
    seen = set()
    for stars in ("3.5", "4.5"):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/ratings.csv", f"userId,movieId,rating,timestamp\n1,2,{stars},4\n")
            archive.writestr("a/movies.csv", "movieId,title,genres\n2,Jumanji (1995),Adventure\n")
        seen.add(locate(path).fingerprint())
    assert len(seen) == 2


def test_what_is_no_data_set_says_so_in_one_line(tmp_path: Path) -> None:
    empty_zip, no_zip, torn = tmp_path / "e.zip", tmp_path / "n.zip", tmp_path / "t.zip"
    empty_zip.write_bytes(b"")
    no_zip.write_bytes(b"hello")
    with zipfile.ZipFile(torn, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ratings.csv", b"userId,movieId,rating,timestamp\n" + b"1,2,3.5,4\n" * 99)
        archive.writestr("movies.csv", b"movieId,title,genres\n2,Jumanji (1995),Adventure\n")
    whole = torn.read_bytes()
    at = whole.index(b"ratings.csv") + 20
    torn.write_bytes(whole[:at] + bytes(20) + whole[at + 20 :])
    bare = tmp_path / "bare"
    bare.mkdir()
    half = write_small(tmp_path / "half")
    (half / "movies.csv").unlink()
    above = tmp_path / "above"
    (above / "ml-1m").mkdir(parents=True)
    (above / "read.me").write_text("x")
    other = tmp_path / "other"
    other.mkdir()
    (other / "photo.jpg").write_bytes(b"x")
    for path, part in [
        (tmp_path / "absent", "does not exist"),
        (empty_zip, "is empty"),
        (no_zip, "neither a folder nor a zip"),
        (torn, "damaged zip"),
        (bare, "holds no files"),
        (half, "has ratings.csv but no movies.csv"),
        (above, "give " + str(above / "ml-1m")),
        (other, "no data set in a MovieLens layout"),
    ]:
        with pytest.raises(DataError, match=r".") as caught:
            locate(path).read()
        assert part in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["ratings.csv", "movies.csv"])
@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is empty"),
        (b"\xff\xfeu\0s\0", "UTF-16"),
        (b"1,2,3.5,4\n", "not with the header"),
        (b"user;movie\n", "not with the header"),
        (None, "holds no"),
    ],
)
def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, name: str, content: bytes | None, part: str
) -> None:
    folder = write_small(tmp_path / "a")
    header = (folder / name).read_bytes().split(b"\n")[0]
    (folder / name).write_bytes(header if content is None else content)
    with pytest.raises(DataError) as caught:
        locate(folder).read()
    assert name in str(caught.value)
    assert part in str(caught.value)
