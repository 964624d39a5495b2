"""`evaluate` on the command line: one result in three forms, pictures, and one-line errors."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest

from reelrecs.cli import run
from tests.worlds import random_triples

FAST = "popularity,item-knn"

LAST = ("--protocol", "last-out")


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set of one's own, in GroupLens's csv layout."""
    folder = tmp_path_factory.mktemp("data") / "mine"
    folder.mkdir()
    genres = ("Drama", "Comedy", "Drama|Horror")
    (folder / "movies.csv").write_text(
        "movieId,title,genres\n"
        + "".join(f"{m},Film {m} ({1950 + m}),{genres[m % 3]}\n" for m in range(1, 61))
    )
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n"
        + "".join(
            f"{user},{movie},{stars},{at}\n"
            for at, (user, movie, stars) in enumerate(random_triples(9, 40, 60))
        )
    )
    return folder


@pytest.fixture(scope="module")
def alive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People who rate all through the time; three movies are first rated near its end."""
    folder = tmp_path_factory.mktemp("data") / "alive"
    folder.mkdir()
    (folder / "movies.csv").write_text(
        "movieId,title,genres\n" + "".join(f"{m},Film {m} (1990),Drama\n" for m in range(1, 64))
    )
    lines = []
    for user in range(1, 41):
        movies = [*((user * 7 + at * 11) % 60 + 1 for at in range(18)), 61 + user % 3]
        lines += [f"{user},{movie},4.0,{at * 100 + user}\n" for at, movie in enumerate(movies)]
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "".join(lines))
    return folder


def test_the_table_names_systems_metrics_and_ties(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = f"{FAST},user-knn,ease,fixed"
    assert run(["--data-dir", str(mine), "evaluate", "--systems", names, "--k", "5"]) == 0
    text = capsys.readouterr().out
    heading, lists, paired = text.split("\n\n")
    assert heading.startswith("mine, last-out: ")
    for metric in ("HR@5", "NDCG@5", "Recall@5", "MRR", "MAP@5"):
        assert metric in heading.splitlines()[1]
    figures = ("coverage", "novelty", "diversity", "calibration", "Gini", "fit s", "ms/question")
    for figure in figures:
        assert figure in lists.splitlines()[1]
    assert [line.split()[0] for line in heading.splitlines()[2:]] == names.split(",")
    assert "Difference from popularity" in paired
    assert len(paired.splitlines()) == 2 + 4
    assert "tie" in paired


def test_json_and_csv_hold_the_same_figures(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["--data-dir", str(mine), "evaluate", "--systems", FAST, "--protocol", "validation"]
    assert run([*ask, "--format", "json", "--against", "item-knn"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert run([*ask, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert document["split"] == "last-out, cut 1"
    assert (document["against"], document["k"], document["negatives"]) == ("item-knn", 10, None)
    assert {row["system"] for row in document["differences"]} == {"popularity"}
    for row in document["differences"]:
        assert row["tie"] == (row["low"] <= 0 <= row["high"])
    for system in document["systems"]:
        for metric, one in system["metrics"].items():
            (found,) = (
                row for row in rows if (row["system"], row["metric"]) == (system["system"], metric)
            )
            assert [float(found[part]) for part in ("mean", "low", "high")] == list(one.values())


def test_negatives_come_with_a_caution(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["--data-dir", str(mine), "evaluate", "--systems", "popularity", "--format", "json"]
    assert run([*ask, "--negatives", "10", "--protocol", "random-out", "--seed", "3"]) == 0
    done = capsys.readouterr()
    assert "flatter" in done.err
    assert json.loads(done.out)["split"] == "random-out, seed 3"
    assert run([*ask, "--protocol", "last-out"]) == 0
    assert capsys.readouterr().err == ""


def test_recall_of_the_embedded_sample(capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["evaluate", "--recall", "--systems", "fixed", "--protocol", "validation"]
    assert run([*ask, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = {row["source"]: row for row in document["recall"]["fixed"]}
    everything = rows["all together"]["recall"]
    assert everything["+ all"]["mean"] < everything["already_rated"]["mean"]
    assert 0.4 < everything["as served"]["mean"] < 0.8
    assert rows["thunder"]["candidates"]["already_rated"] <= 300


def test_the_tradeoff_is_printed_and_drawn(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "curve.svg"
    ask = ["--data-dir", str(mine), "evaluate", "--diversity", "0,0.2,0.5", "--systems", "fixed"]
    assert run([*ask, "--plot", str(picture)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[2:]] == ["0.0000", "0.2000", "0.5000"]
    assert "<svg" in picture.read_text()
    assert run([*ask, "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert run([*ask, "--format", "json"]) == 0
    points = json.loads(capsys.readouterr().out)["tradeoff"]["fixed"]
    assert [point["strength"] for point in points] == [0, 0.2, 0.5]


def test_bars_are_drawn_the_same_twice(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["--data-dir", str(mine), "evaluate", "--systems", FAST]
    for ending, start in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        first, again = tmp_path / f"first.{ending}", tmp_path / f"again.{ending}"
        for picture in (first, again):
            assert run([*ask, "--plot", str(picture)]) == 0
        assert first.read_bytes().startswith(start)
        assert first.read_bytes() == again.read_bytes()
    capsys.readouterr()


def test_kept_runs_are_compared(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(tmp_path / f"{name}.parquet") for name in FAST.split(",")]
    for name, file in zip(FAST.split(","), files, strict=True):
        assert (
            run(["--data-dir", str(mine), "evaluate", "--systems", name, "--per-user", file]) == 0
        )
    capsys.readouterr()
    assert run(["evaluate", "--compare", *files]) == 0
    text = capsys.readouterr().out
    assert "popularity" in text
    assert "item-knn" in text
    assert run(["evaluate", "--compare", *files, "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["comparison"]
    assert {row["metric"] for row in rows} >= {"HR@10", "NDCG@10", "MRR"}
    assert run(["evaluate", "--compare", *files, "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(rows)


def test_the_default_follows_the_times_and_says_so(
    mine: Path, alive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["evaluate", "--systems", FAST]
    assert run(["--data-dir", str(mine), *ask]) == 0
    done = capsys.readouterr()
    assert done.out.startswith("mine, last-out: ")
    assert "the protocol is last-out" in done.err
    assert "request time withheld; tied times by a hash" in done.out
    assert run(["--data-dir", str(mine), *ask, "--request-time", "given"]) == 0
    assert "request time given" in capsys.readouterr().out
    assert run(["--data-dir", str(alive), *ask]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("alive, temporal, ratings 90% to 100% in time: 40 users, ")
    assert "request time given; tied times by a hash of user and movie row" in first


def test_a_ladder_has_a_row_for_each_rung_and_its_files_compare(
    alive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = str(tmp_path / "kept.parquet")
    ask = ["--data-dir", str(alive), "evaluate", "--systems", FAST, "--protocol", "cold"]
    assert run([*ask, "--per-user", kept]) == 0
    tables = capsys.readouterr().out.split("\n\n")
    for table, metric in zip(tables[::2], ("HR@10", "NDCG@10"), strict=True):
        assert table.startswith(f"alive, cold, seed 0, {metric}: request time given; tied times")
    rows = [line.split() for line in tables[0].splitlines()[2:]]
    assert [row[0] for row in rows] == ["0", "1", "2", "3", "5", "10"]
    assert all(row[2] == "4" for row in rows)
    assert run([*ask, "--format", "json"]) == 0
    cuts = json.loads(capsys.readouterr().out)["cuts"]
    assert [cut["part"] for cut in cuts] == [f"{k} ratings" for k in (0, 1, 2, 3, 5, 10)]
    assert {(cut["users"], cut["request_time"]) for cut in cuts} == {(4, "given")}
    assert run(["evaluate", "--compare", kept, kept, "--format", "json"]) == 0
    compared = json.loads(capsys.readouterr().out)["comparison"]
    assert {row["part"] for row in compared} == {cut["part"] for cut in cuts}
    assert {row["difference"]["mean"] for row in compared} == {0.0}


@pytest.mark.parametrize("protocol", ["successive", "temporal-validation", "new-movies"])
def test_other_protocols_say_who_asked_what(
    alive: Path, protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["--data-dir", str(alive), "evaluate", "--systems", "recent,fixed"]
    assert run([*ask, "--protocol", protocol]) == 0
    text = capsys.readouterr().out
    assert re.match(rf"alive, {protocol}, ratings \d+% to \d+% in time(, HR@10)?: ", text)
    assert "request time given" in text
    assert "recent (last " in text


@pytest.mark.parametrize(
    ("code", "arguments", "words"),
    [
        (2, ("--protocol", "cold", "--recall"), "cold has several cuts"),
        (2, ("--protocol", "cold", "--plot", "a.png"), "cold has several cuts"),
        (2, ("--protocol", "random-out", "--request-time", "given"), "no moment of asking"),
        (2, ("--protocol", "cold", "--compare", "a", "b"), "--protocol does not go with"),
        (2, ("--systems", "popularity,none"), "no system 'none'"),
        (2, ("--protocol", "last"), "choose one of temporal, temporal-validation"),
        (2, (*LAST, "--systems", "popularity", "--against", "ease"), "'ease' was not evaluated"),
        (2, ("--recall", "--systems", "ease"), "no pipeline 'ease'"),
        (2, ("--recall", "--diversity", "0"), "ask one at a time"),
        (2, ("--recall", "--negatives", "9"), "--negatives does not go with --recall"),
        (2, ("--recall", "--plot", "a.png"), "--plot does not go with --recall"),
        (2, ("--diversity", "0,many"), "give numbers"),
        (2, (*LAST, "--diversity", ","), "name some"),
        (2, (*LAST, "--diversity", "3"), "strength from 0 to 1"),
        (2, ("--plot", "picture.pdf"), "ends in .png or .svg"),
        (3, ("--compare", "/no/a.parquet", "/no/b.parquet"), "cannot be read"),
    ],
)
def test_mistakes_are_one_line_and_a_code(
    mine: Path,
    code: int,
    arguments: tuple[str, ...],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["--data-dir", str(mine), "evaluate", *arguments]) == code
    done = capsys.readouterr()
    assert done.out == ""
    assert words in done.err
    assert len(done.err.splitlines()) == 1


def test_too_little_data_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n1,One (1990),Drama\n")
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,4.0,1\n")
    assert run(["--data-dir", str(tmp_path), "evaluate"]) == 3
    assert "too small" in capsys.readouterr().err


def test_without_matplotlib_a_plot_is_refused_before_any_work(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run(["--data-dir", str(mine), "evaluate", "--plot", "a.png"]) == 2
    assert "reelrecs[plot]" in capsys.readouterr().err
