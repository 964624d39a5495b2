"""`reelrecs-fast data ...` in this process, and its data sets put to use."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

import reelrecs
from reelrecs import data
from reelrecs.cli import run
from reelrecs.datasets import locate
from reelrecs.errors import DataError
from reelrecs.store.cache import open_store


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def done(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """What a command that succeeds prints on stdout and stderr."""
    code = run(arguments)
    out, err = capsys.readouterr()
    assert code == 0, err
    return out, err


def failed(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    """The one line of a command that fails with this code and prints no data."""
    assert run(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def write_csv(folder: Path, name: str = "mine.csv", extra: str = "") -> Path:
    rows = [f"u{u:02},i{i:02},{2.5 + (u * i) % 6 / 2},{1000 * u + i}"
            for u in range(1, 13) for i in range(u, u + 15)]  # fmt: skip
    path = folder / name
    path.write_text("user_id,item_id,rating,timestamp\n" + "\n".join(rows) + "\n" + extra)
    return path


def test_list_names_every_set(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = done(capsys, "data", "list", "--format", "json")
    listed = {entry["name"]: entry for entry in json.loads(out)}
    assert listed["ml-1m"]["md5"] == "c4d9eecfca2ab87c1945afe126590906"
    assert listed["ml-latest"]["md5"] == "not pinned"
    assert done(capsys, "data", "list")[0].count("files.grouplens.org") == len(listed) == 8


def test_info_tells_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = done(capsys, "--data-dir", str(data.SAMPLE), "data", "info", "--format", "json")
    facts = json.loads(out)
    assert (facts["ratings"], facts["users"], facts["movies"]) == (100_004, 671, 9066)
    assert (facts["first"], facts["last"]) == ("1995-01-09", "2016-10-16")


def test_build_from_ones_own_csv_and_recommend_from_it(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    out, err = done(capsys, "data", "build", "--ratings", str(write_csv(here)))
    assert out == "mine.arrow\n"
    assert "user = user_id, item = item_id, rating = rating, time = timestamp" in err
    assert "user ids (user_id) are text" in err
    assert "  u01, i01, 3.0, 1001" in err
    out, _ = done(capsys, "--data-dir", "mine.arrow", "recommend", "--user-id", "u01",
                  "--limit", "3")  # fmt: skip
    assert "i1" in out
    store = open_store(locate(Path("mine.arrow")))
    assert list(store.user_ids)[:2] == ["u01", "u02"]
    assert "already" in failed(capsys, 2, "--data-dir", "mine.arrow", "data", "build")


def test_bad_lines_stop_or_are_kept_apart(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    path = write_csv(here, extra="u01,i01\nu01,i01,nine,5\nu01,i01,5.0,99999\n")
    line = failed(capsys, 3, "data", "build", "--ratings", str(path))
    assert "mine.csv, line 182" in line
    assert not (here / "mine.arrow").exists()
    _, err = done(capsys, "data", "build", "--ratings", str(path), "--on-error", "skip")
    assert "1 x missing field" in err
    assert "1 x not a number" in err
    assert "1 x duplicate (user, movie), the later kept" in err
    kept = (here / "rejected-lines.txt").read_text().splitlines()
    assert [line.split("\t")[-1] for line in kept] == ["u01,i01", "u01,i01,nine,5"]


def test_skipping_holds_for_a_movielens_folder_too(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    folder = here / "ml-mine"
    folder.mkdir()
    (folder / "movies.csv").write_text("movieId,title,genres\n2,Two (1990),Drama\n")
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,2,3,4\nbad\n2,2,3,4\n")
    assert "line 3" in failed(capsys, 3, "--data-dir", str(folder), "data", "info")
    done(capsys, "--data-dir", str(folder), "data", "build", "--on-error", "skip",
         "--rejected", "out.txt")  # fmt: skip
    assert (here / "out.txt").read_bytes().endswith(b"\tbad\n")
    out, _ = done(capsys, "--data-dir", str(folder), "data", "info", "--format", "json")
    assert json.loads(out)["ratings"] == 2


def test_synthesize_makes_a_data_set_and_a_report(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    out, err = done(capsys, "--data-dir", str(data.SAMPLE), "data", "synthesize", "--ratings",
                    "150000", "--output", "big.arrow", "--format", "json")  # fmt: skip
    assert {row["of"] for row in json.loads(out)["degrees"]} == {"users", "movies"}
    assert "big.arrow" in err
    out, _ = done(capsys, "--data-dir", "big.arrow", "data", "info", "--format", "json")
    assert json.loads(out)["ratings"] == pytest.approx(150_000, rel=0.1)
    assert "ask for" in failed(capsys, 2, "data", "synthesize", "--ratings", "3")


def test_other_failures_are_one_line(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    write_csv(here)
    assert "no file" in failed(capsys, 3, "data", "build", "--ratings", "absent.csv")
    assert ".arrow" in failed(capsys, 2, "data", "build", "--ratings", "mine.csv", "--output", "x")
    assert "there are" in failed(capsys, 2, "data", "download", "netflix")
    assert "no http" in failed(capsys, 9, "data", "download", "ml-1m", "--mirror", "ftp://x")
    (here / "torn.arrow").write_bytes(b"ARROW1 and no more")
    assert "no whole store" in failed(capsys, 3, "--data-dir", "torn.arrow", "data", "info")


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_a_table_in_memory_is_a_data_set(make: type) -> None:
    users, items = np.divmod(np.arange(180), 15)
    table = make({"user": users + 1, "item": users + items, "rating": 2.5 + (users * items) % 6 / 2,
                  "ts": np.arange(180)})  # fmt: skip
    with reelrecs.open(table) as engine:
        assert engine.store.rating_count == 180
        assert len(engine.recommend(3, limit=2).items) == 2
    with pytest.raises(DataError, match="give a pandas"):
        reelrecs.open(7)


def test_options_say_what_a_file_does_not(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    rows = "".join(f"{i % 7 + 1}|x{u}|i{i}\n" for u in range(3) for i in range(u, u + 9))
    (here / "odd.txt").write_text(rows, encoding="utf-16")
    (here / "titles.csv").write_text(
        "what;called;kind;made\n" + "".join(f"i{i};{i};a, b;19{i + 10}\n" for i in range(12))
    )
    _, err = done(
        capsys, "data", "build", "--ratings", "odd.txt", "--no-header", "--separator", "pipe",
        "--user-column", "2", "--item-column", "3", "--rating-column", "1", "--feedback", "counts",
        "--movies", "titles.csv", "--movies-item-column", "what", "--title-column", "called",
        "--genres-column", "kind", "--year-column", "made",
    )  # fmt: skip
    assert "user = column 2, item = column 3, rating = column 1" in err
    assert "column 1: counts, 1 to 7" in err
    store = open_store(locate(Path("odd.arrow")))
    assert (store.feedback, list(store.user_ids)) == ("counts", ["x0", "x1", "x2"])
    row = store.movie_row("i11")
    assert (store.raw_title(row), store.movie_years[row], store.genres_of(row)) == (
        "11", 1921, ["a", "b"],
    )  # fmt: skip
    out, _ = done(capsys, "--data-dir", "odd.arrow", "data", "info", "--format", "json")
    facts = json.loads(out)
    assert (facts["feedback"], facts["file_scale"]) == ("counts", "1 to 7")
    assert "the order of the rows" in " ".join(facts["guessed"])
    assert "no times" in facts["first"]
    assert "--user-column" in failed(capsys, 2, "data", "build", "--ratings", "titles.csv",
                                     "--user-column", "nobody")  # fmt: skip
    assert "--separator" in failed(capsys, 2, "data", "build", "--ratings", "odd.txt",
                                   "--separator", "abc")  # fmt: skip
    assert "--encoding" in failed(capsys, 2, "data", "build", "--ratings", "odd.txt",
                                  "--encoding", "klingon")  # fmt: skip
    assert "go with" in failed(capsys, 2, "data", "build", "--no-header")


def test_nothing_of_others_is_written_over(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    path = str(write_csv(here))
    theirs = pa.table({"a": [1]})
    feather.write_feather(theirs, str(here / "mine.arrow"))
    before = (here / "mine.arrow").read_bytes()
    line = failed(capsys, 7, "data", "build", "--ratings", path)
    assert "--output" in line
    assert "--force" in line
    assert (here / "mine.arrow").read_bytes() == before
    done(capsys, "data", "build", "--ratings", path, "--force")
    done(capsys, "data", "build", "--ratings", path)  # ours now
    (here / "rejected-lines.txt").write_text("my diary\n")
    assert "--rejected" in failed(capsys, 7, "data", "build", "--ratings", path,
                                  "--on-error", "skip")  # fmt: skip
    pq.write_table(theirs, here / "lists.parquet")
    batch = ("--data-dir", "mine.arrow", "batch", "--output", "lists.parquet", "--limit", "2")
    assert "--force" in failed(capsys, 7, *batch)
    done(capsys, *batch, "--force")
    done(capsys, *batch)
    (here / "figures.png").write_bytes(b"a picture of somebody's")
    for option in ("--per-user", "--plot"):
        name = "lists.parquet" if option == "--per-user" else "figures.png"
        assert option in failed(capsys, 7, "--data-dir", "mine.arrow", "evaluate", option, name)


def test_what_is_no_movielens_folder_is_told_of_build(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    write_csv(here)
    line = failed(capsys, 3, "--data-dir", str(here), "data", "info")
    assert "data build --ratings" in line
