"""`rate`, `forget` and `compact` as people type them."""

import json
import signal
import time
from pathlib import Path

import grpc
import pytest

from reelrecs.cli import run
from reelrecs.cli.every import Every
from reelrecs.datasets import locate
from reelrecs.proto import (
    rating_pb2,
    rating_pb2_grpc,
    recommendation_pb2,
    recommendation_pb2_grpc,
)
from reelrecs.store.cache import open_live
from tests.cli.served import served
from tests.conftest import Logged

HEADER = "user_id,movie_id,rating,timestamp\n"


def call(
    capsys: pytest.CaptureFixture[str], mine: Path, *words: str, code: int = 0
) -> tuple[str, str]:
    assert run(["--data-dir", str(mine), *words]) == code, capsys.readouterr().err
    printed = capsys.readouterr()
    return printed.out, printed.err


def info(capsys: pytest.CaptureFixture[str], mine: Path) -> dict:
    return json.loads(call(capsys, mine, "data", "info", "--format", "json")[0])


def listed(capsys: pytest.CaptureFixture[str], mine: Path, user: str) -> list[int]:
    out, _ = call(capsys, mine, "recommend", "--user-id", user, "--format", "json")
    return [one["movie_id"] for one in json.loads(out)["recommendations"]]


def test_rate_forget_and_compact(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = listed(capsys, mine, "1")[0]
    one = ("rate", "--user-id", "1", "--movie-id", str(first), "--rating", "5")
    _, said = call(capsys, mine, *one, "--time", "2020-02-03")
    assert said == "reelrecs-fast: 1 new rating of mine kept\n"
    assert first not in listed(capsys, mine, "1")
    facts = info(capsys, mine)
    assert (facts["ratings"], facts["last"]) == (451, "2020-02-03")
    assert (facts["log_records"], facts["log_records_in_store"]) == (1, 0)

    out, said = call(capsys, mine, "compact")
    assert out.strip() == facts["store"]
    assert "1 records of the log went into a store of 451 ratings" in said
    assert info(capsys, mine)["log_records_in_store"] == 1
    assert "0 records" in call(capsys, mine, "compact")[1]

    call(capsys, mine, "forget", "--user-id", "1", "--movie-id", str(first))
    assert info(capsys, mine)["ratings"] == 450
    assert "all ratings by user 1 forgotten" in call(capsys, mine, "forget", "--user-id", "1")[1]
    assert info(capsys, mine)["users"] == 29
    call(capsys, mine, "forget", "--user-id", "1", code=4)
    found = json.loads(call(capsys, mine, "doctor", "--format", "json")[0])["findings"]
    line = next(one["detail"] for one in found if one["what"] == "ratings that arrived")
    assert "3 records, 2 of them not in the store yet" in line


@pytest.mark.parametrize(
    "content",
    [
        HEADER + "90,1,4.5,2020-01-01\n\n91,2,5,1577836800000\n",
        "90\t1\t4.5\t1577836800\n91\t2\t5\t1577836800\n",
        '{"user": 90, "movie": 1, "rating": 4.5, "time": 1577836800}\n'
        '{"user": "91", "movie": 2, "rating": "5", "key": "k"}\n',
        "\ufeffrating;key;userId;itemId\n4.5;a;90;1\n5;;91;2\n",
    ],
)
def test_files_of_every_form(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    file = tmp_path / "more.txt"
    file.write_text(content, encoding="utf-8")
    assert "2 new ratings" in call(capsys, mine, "rate", "--file", str(file))[1]
    facts = info(capsys, mine)
    assert (facts["users"], facts["ratings"]) == (32, 452)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1,2,9,\n", "line 4: rating 9: mine has ratings from 0.5 to 5"),
        ("x,2,3,\n", "line 4: id 'x'"),
        ("1,2\n", "line 4: no rating"),
        (",2,3,\n", "line 4: no user"),
        ("1,2,3,someday\n", "line 4: a time that is none"),
        ("1,2,3,2999-01-01\n", "line 4: time 32472144000 lies in the future"),
        ('{"user": 1\n', "line 4: no JSON object"),
        ('"1,2\n', "line 4: "),
    ],
)
def test_a_bad_line_is_named_and_what_stands_before_it_is_kept(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    file = tmp_path / "more.csv"
    file.write_text(f"{HEADER}90,1,4.5,\n91,1,4.5,\n{line}92,1,4,\n")
    _, told = call(capsys, mine, "rate", "--file", str(file), code=3)
    assert said in told
    assert "2 new ratings were kept" in told
    assert info(capsys, mine)["users"] == 32


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("rate",), 2, "give --user-id, --movie-id and --rating, or --file"),
        (("rate", "--user-id", "1", "--rating", "3"), 2, "or --file"),
        (("rate", "--file", "x", "--user-id", "1"), 2, "leave the other options out"),
        (("rate", "--file", "no-such-file"), 3, "cannot read no-such-file"),
        (("rate", "--user-id", "1", "--movie-id", "1", "--rating", "good"), 2, "0.5 to 5"),
        (
            ("rate", "--user-id", "1", "--movie-id", "1", "--rating", "3", "--time", "soon"),
            2,
            "no date",
        ),
        (("rate", "--user-id", "1", "--movie-id", "m1", "--rating", "3"), 2, "whole numbers"),
        (("forget", "--user-id", "999"), 4, "no user 999"),
        (("forget", "--user-id", "1", "--movie-id", "45"), 4, "has not rated movie 45"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    mine: Path, capsys: pytest.CaptureFixture[str], words: tuple, code: int, said: str
) -> None:
    _, told = call(capsys, mine, *words, code=code)
    assert said in told.splitlines()[-1]


def test_a_new_movie_is_said(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = ("rate", "--user-id", "1", "--movie-id", "900", "--rating", "3")
    assert "movie 900 is new to mine" in call(capsys, mine, *one)[1]
    out, _ = call(capsys, mine, "search", "--title", "900", "--format", "json")
    assert "900" in out


def test_a_log_without_a_home_is_said(
    mine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reelrecs.config.log_folder", lambda: None)
    one = ("rate", "--user-id", "1", "--movie-id", "2", "--rating", "3")
    assert "REELRECS_LOG_DIR" in call(capsys, mine, *one, code=2)[1]


def test_a_service_compacts_beside_its_work(mine: Path, tmp_path: Path) -> None:
    before = ("--data-dir", str(mine))
    with served(tmp_path, "--compact-every", "0.005", before=before) as service:
        with grpc.insecure_channel(service.ready()) as channel:
            stub = rating_pb2_grpc.RatingServiceStub(channel)
            rating = rating_pb2.Rating(user_id=1, movie_id=900, rating=4.0)
            stub.Append(rating_pb2.AppendRequest(ratings=[rating]), timeout=60)
            end = time.monotonic() + 120
            while open_live(locate(mine)).place < 1:
                assert time.monotonic() < end, "nothing was compacted"
                time.sleep(0.2)
            lists = recommendation_pb2_grpc.RecommendationServiceStub(channel)
            asked = recommendation_pb2.RecommendRequest(user_id=1)
            assert lists.Recommend(asked, timeout=60).recommendations
        code, said = service.ended_by(signal.SIGTERM)
    assert (code, said) == (0, "")


def test_a_command_that_fails_beside_a_service_is_said(logged: Logged) -> None:
    every = Every(0.0005, ("no-such-command",), "no-such-command")
    end = time.monotonic() + 60
    while not any("no-such-command failed" in line for line in logged.lines):
        assert time.monotonic() < end, "nothing was said"
        time.sleep(0.05)
    every.end()


def test_what_a_command_beside_a_service_decided_is_said(logged: Logged) -> None:
    every = Every(0.0005, ("recommend", "--user-id", "1"), "lists", telling=True)
    end = time.monotonic() + 60
    while not any("lists: ranked by what other data taught" in line for line in logged.lines):
        assert time.monotonic() < end, "nothing was said"
        time.sleep(0.05)
    every.end()
