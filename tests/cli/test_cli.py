"""The command line as people meet it: real processes, streams, exit codes, one-line errors."""

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelrecs.cli import run
from reelrecs.cli.recommend import explained_lines
from reelrecs.pipeline.trace import Trace
from reelrecs.results import Movie, Reason, Recommendation, RecommendationList, Related


def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "reelrecs", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
        check=False,
    )


def fails_with(code: int, *arguments: str, **environment: str) -> str:
    """The one line on stderr of a command that must fail with this code and print nothing."""
    done = call(*arguments, **environment)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.endswith("…")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("reelrecs-fast: ")
    return lines[0]


def test_json_is_the_contract_and_the_same_bytes_in_every_process() -> None:
    arguments = ("recommend", "--user-id", "15", "--format", "json")
    first = call(*arguments, PYTHONHASHSEED="1")
    again = call("--threads", "1", *arguments, PYTHONHASHSEED="2")
    assert first.returncode == 0, first.stderr
    assert first.stdout == again.stdout
    document = json.loads(first.stdout)
    assert {"user_id", "dataset", "recommendations"} <= set(document)
    assert (document["user_id"], document["dataset"]) == (15, "ml-latest-small")
    assert len(document["recommendations"]) == 20
    for place, row in enumerate(document["recommendations"]):
        assert list(row) == [
            "rank",
            "movie_id",
            "title",
            "year",
            "genres",
            "score",
            "sources",
            "explanation",
        ]
        assert row["rank"] == place + 1
        told = row["explanation"]
        assert sum(told["contributions"].values()) == pytest.approx(told["total"])
        assert 0 <= row["score"] <= 1


def test_table_and_csv_hold_the_same_twenty_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recommend", "--user-id", "15", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert run(["recommend", "--user-id", "15"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(rows) == len(lines) - 1 == 20
    for row, line in zip(rows, lines[1:], strict=True):
        assert row["title"] in line
        assert line.split()[:2] == [row["rank"], row["movie_id"]]


def test_explain_tells_the_case_for_each_movie(capsys: pytest.CaptureFixture[str]) -> None:
    fixed = ["--profile", "fixed", "recommend", "--user-id", "15", "--explain"]
    assert run([*fixed, "--limit", "3"]) == 0
    text = capsys.readouterr().out
    assert text.count("score   cf ") == 3
    assert text.count("similar users liked it") == 3
    assert "because you liked" in text
    assert run([*fixed, "--format", "csv"]) == 0
    header = capsys.readouterr().out.splitlines()[0]
    assert header.endswith("cf,genre_overlap,collaborative,popularity,year,variety")


@pytest.mark.parametrize("profile", ["pretrained", "fixed"])
def test_every_profile_that_needs_no_training_can_be_named(
    profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--profile", profile, "recommend", "--user-id", "15", "--limit", "3"]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 4
    assert "train" not in shown.err, "nobody is advised against what they asked for"


def test_what_is_related_is_told_apart_from_reasons() -> None:
    """No score counts these people, so they are no reason; nobody is not worth a line."""

    def lines(similar_users: int) -> list[str]:
        related = Related(similar_users)
        terms, found = {"sequence.next": 1.0}, {"sequence.next": 0.5}
        reason = Reason(terms, 1.0, "points", ["rated by many"], found, None, [], [], related)
        item = Recommendation(1, Movie(7, "Heat", 1995, ["Crime"]), 1.0, ["sequence"], reason)
        return list(explained_lines(RecommendationList(None, "mine", [item], Trace())))

    assert [line.strip() for line in lines(59)[1:]] == [
        "rated by many",
        "score   sequence 1.0000 = 1.0000 (points)",
        "found   sequence by next",
        "also liked by 59 people who like what you like",
    ]
    assert lines(1)[4].strip() == "also liked by 1 person who likes what you like"
    assert len(lines(0)) == 4


def test_user_and_search_print_what_the_data_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["user", "--user-id", "15", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["rating_count"] == 1700
    assert run(["search", "--title", "matrix, the"]) == 0
    assert "The Matrix" in capsys.readouterr().out


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    code = (
        "import sys\n"
        "from reelrecs.cli import run\n"
        "run(['--help']); run(['recommend', '--help'])\n"
        "heavy = {'numpy', 'numba', 'scipy', 'sklearn', 'grpc', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("code", "arguments", "words"),
    [
        (4, ("recommend", "--user-id", "99999"), "no user 99999"),
        (4, ("search", "--title", "zzzzqqq"), "no title"),
        (2, ("recommend", "--user-id", "1", "--limit", "0"), "1 to 9066"),
        (2, ("recommend", "--user-id", "1", "--limit", "1000000"), "1 to 9066"),
        (3, ("--data-dir", "/nowhere/at/all", "recommend", "--user-id", "1"), "/nowhere/at/all"),
        (6, ("recommend", "--user-id", "1", "--scorer", "127.0.0.1:1"), "no scorer answers"),
        (8, ("recommend", "--user-id", "1", "--scorer", "not an address"), "address"),
        (8, ("serve", "--address", "127.0.0.1:99999"), "99999"),
    ],
)
def test_mistakes_are_one_line_and_a_code(
    code: int, arguments: tuple[str, ...], words: str
) -> None:
    assert words in fails_with(code, *arguments)


def test_wrong_options_are_click_errors_with_code_2() -> None:
    done = call("recommend", "--user-id", "many")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert call("recommnd").returncode == 2


def test_empty_and_broken_data_are_named(mine: Path) -> None:
    ratings = mine / "ratings.csv"
    whole = ratings.read_text()
    ratings.write_text("")
    assert "ratings.csv" in fails_with(3, "--data-dir", str(mine), "recommend", "--user-id", "1")
    ratings.write_text(whole.replace("3,4,4.0,4\n", "3,4,four,4\n"))
    line = fails_with(3, "--data-dir", str(mine), "recommend", "--user-id", "1")
    assert "ratings.csv, line 33" in line
    assert "3,4,four,4" in line
    (mine / "movies.csv").unlink()
    assert "movies.csv" in fails_with(3, "--data-dir", str(mine), "recommend", "--user-id", "1")


def test_an_older_model_serves_and_says_so_and_a_damaged_one_is_refused(
    mine: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    ask = ("--data-dir", str(mine), "--models-dir", str(models), "recommend", "--user-id", "1")
    trained = call("--data-dir", str(mine), "--models-dir", str(models), "train")
    assert trained.returncode == 0, trained.stderr
    model = Path(trained.stdout.strip())
    assert model.parent == models
    assert call(*ask).returncode == 0
    with (mine / "ratings.csv").open("a") as file:
        file.write("12,30,1.0,99\n")
    older = call(*ask)
    assert older.returncode == 0
    assert "is older than mine: +1 ratings, +0 users, +0 movies" in older.stderr
    assert older.stderr.count("older than mine") == 1
    model.write_bytes(model.read_bytes()[:100])
    assert "run train again" in fails_with(5, *ask)
    for needs_none in (("search", "--title", "Film"), ("similar", "--movie-id", "3")):
        done = call("--data-dir", str(mine), "--models-dir", str(models), *needs_none)
        assert done.returncode == 0, done.stderr


def test_a_models_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = fails_with(7, "--models-dir", str(tmp_path / "file"), "train")
    assert "choose a folder" in line


def test_options_come_from_variables_too(mine: Path) -> None:
    done = call(
        "recommend",
        "--user-id",
        "1",
        "--format",
        "json",
        REELRECS_DATA_DIR=str(mine),
        REELRECS_RECOMMEND_LIMIT="3",
    )
    document = json.loads(done.stdout)
    assert document["dataset"] == "mine"
    assert len(document["recommendations"]) == 3


def test_a_short_list_is_explained_on_stderr(mine: Path) -> None:
    done = call("--data-dir", str(mine), "recommend", "--user-id", "1", "--limit", "400")
    assert done.returncode == 0
    assert "of the 400 asked for" in done.stderr


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """A running `serve` on a free port; stops by Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "reelrecs", "serve", "--address", "127.0.0.1:0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    line = ""
    while "scoring" not in line:
        line = process.stderr.readline()
        assert line, "serve ended early"
    yield line.split(" on ")[1].split(";")[0]
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in rest


def test_a_running_service_scores_like_the_embedded_one(service: str) -> None:
    ask = ("recommend", "--user-id", "15", "--format", "json")
    remote = call(*ask, "--scorer", service)
    assert remote.returncode == 0, remote.stderr
    assert remote.stdout == call(*ask).stdout
    assert call(*ask, "--scorer", f"127.0.0.1:1,{service}").stdout == remote.stdout
    assert "in use" in fails_with(8, "serve", "--address", service)


def test_a_scorer_of_other_data_is_refused(service: str, mine: Path) -> None:
    line = fails_with(
        6, "--data-dir", str(mine), "recommend", "--user-id", "1", "--scorer", service
    )
    assert "other data" in line


def test_a_scorer_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        start = time.monotonic()
        fails_with(6, "recommend", "--user-id", "1", "--scorer", address)
        assert time.monotonic() - start < 30


def test_doctor_finds_all_well_and_says_what_is_not(mine: Path, tmp_path: Path) -> None:
    well = call("doctor", "--format", "json")
    assert well.returncode == 0, well.stdout
    findings = json.loads(well.stdout)["findings"]
    assert all(finding["ok"] for finding in findings)
    ill = call("--data-dir", str(tmp_path / "none"), "doctor")
    assert ill.returncode == 1
    assert "FAIL" in ill.stdout


def test_benchmark_prints_percentiles() -> None:
    done = call("benchmark", "--requests", "30", "--concurrent", "3", "--format", "json")
    figures = json.loads(done.stdout)
    assert figures["requests"] == 30
    assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["max_ms"]


def test_warmup_says_when_it_is_ready() -> None:
    done = call("warmup")
    assert done.returncode == 0
    assert "ready in" in done.stderr
