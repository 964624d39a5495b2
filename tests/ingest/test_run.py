"""From a source into the log: each record once, whoever dies in between."""

from __future__ import annotations

import io
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reelrecs.cli import run
from reelrecs.datasets import locate
from reelrecs.engine import Engine
from reelrecs.errors import DataError, InvalidRequest
from reelrecs.ingest.followed_file import FollowedFile
from reelrecs.ingest.run import Ingest
from reelrecs.ingest.standard_input import StandardInput
from reelrecs.ratings_log.events import Arrival, Step
from reelrecs.ratings_log.log_file import RatingsLog
from reelrecs.store.cache import open_live


def logged_users(mine: Path) -> list[int]:
    """Who stands in the log of a data set, in order of arrival."""
    log = open_live(locate(mine)).log
    assert log is not None
    return log.after(0, False, False).users.tolist()


def call(capsys: pytest.CaptureFixture[str], mine: Path, *words: str, code: int = 0) -> str:
    assert run(["--data-dir", str(mine), "ingest", *words]) == code
    return capsys.readouterr().err


def test_a_step_is_written_with_its_ratings_or_not_at_all(tmp_path: Path) -> None:
    log = RatingsLog(tmp_path / "log.db")
    assert log.position("a") is None
    assert log.append_step(Step("a", None, "1"), [Arrival(1, 2, 3.0, 4, "k")]) == 1
    assert log.append_step(Step("b", None, "7"), []) == 0
    assert (log.position("a"), log.position("b"), log.position("c")) == ("1", "7", None)
    with pytest.raises(DataError, match="a is read by another ingest"):
        log.append_step(Step("a", None, "2"), [Arrival(5, 2, 3.0, 4)])
    with pytest.raises(InvalidRequest, match="key 'k' is another rating's"):
        log.append_step(Step("a", "1", "2"), [Arrival(6, 2, 3.0, 4), Arrival(6, 2, 1.0, 4, "k")])
    assert log.position("a") == "1"
    assert log.append_step(Step("a", "1", "2"), [Arrival(1, 2, 3.0, 4, "k")]) == 0
    assert log.position("a") == "2"
    assert log.after(0, False, False).users.tolist() == [1]


def test_a_log_of_before_there_were_steps_takes_them(tmp_path: Path) -> None:
    log = RatingsLog(tmp_path / "log.db")
    log.append([[Arrival(1, 2, 3.0, 4)]])
    assert log.position("a") is None
    log.append_step(Step("a", None, "1"), [Arrival(2, 2, 3.0, 4)])
    assert log.position("a") == "1"
    assert log.after(0, False, False).users.tolist() == [1, 2]


def test_a_bad_record_stops_before_itself_or_is_passed_over(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.csv"
    path.write_text("900,1,4\n901,1,9\n902,1\n903,1,3\n")
    words = ("--from", f"file://{path}", "--once")
    for _ in range(2):  # it is met again
        said = call(capsys, mine, *words, code=3)
        assert "new.csv, byte 8: rating 9: mine has ratings from 0.5 to 5" in said
    said = call(capsys, mine, *words, "--on-error", "skip")
    assert "skipped: new.csv, byte 16: no rating: '902,1'" in said
    assert "1 new rating of mine kept, 2 records skipped" in said
    assert logged_users(mine) == [900, 903]
    assert "0 new ratings of mine kept\n" in call(capsys, mine, *words)


def test_a_key_of_another_rating_is_one_bad_record(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.jsonl"
    told = [(900, "a"), (901, "a"), (900, "a"), (902, "b"), (903, "b")]
    path.write_text(
        "".join(
            json.dumps({"user": user, "movie": 1, "rating": 4, "time": 5, "key": key}) + "\n"
            for user, key in told
        )
    )
    words = ("--from", f"file://{path}", "--once")
    said = call(capsys, mine, *words, code=3)
    assert "new.jsonl, byte 62: key 'a' is another rating's" in said
    assert logged_users(mine) == [900]
    assert "2 records skipped" in call(capsys, mine, *words, "--on-error", "skip")
    assert logged_users(mine) == [900, 902]
    assert "skipped" not in call(capsys, mine, *words, "--on-error", "skip")


def test_a_pipe_is_kept_as_it_comes(mine: Path) -> None:
    with Engine.open(mine) as engine:
        pipe = io.BytesIO(b"user,movie,rating\n900,1,4\n\n901,2,3")
        reading = Ingest(engine, StandardInput(pipe))
        reading.run()
        assert reading.kept == 2
        with pytest.raises(DataError, match=r"standard input, line 2: no item: 'x'"):
            Ingest(engine, StandardInput(io.BytesIO(b"902,1,4\nx\n903,1,4\n"))).run()
    assert logged_users(mine) == [900, 901, 902]


def test_two_that_read_one_file_do_not_double_it(mine: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("900,1,4\n")
    with Engine.open(mine) as engine:
        first, second = (Ingest(engine, FollowedFile(path, follow=False)) for _ in range(2))
        first.run()
        with pytest.raises(DataError, match="is read by another ingest"):
            second.run()
    assert logged_users(mine) == [900]


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("--from", "x"), 2, "give -, file://PATH or kafka://HOST:PORT/TOPIC"),
        (("--from", "file:///no/such/file"), 3, "cannot read /no/such/file: no such file"),
        (("--from", "kafka://a:1"), 2, "write kafka://HOST:PORT/TOPIC"),
        (("--from", "kafka:///b"), 2, "write kafka://HOST:PORT/TOPIC"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    mine: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, line: str
) -> None:
    assert line in call(capsys, mine, *words, code=code)


def ingesting(mine: Path, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "reelrecs", "--data-dir", str(mine), "ingest", "--from"]
    return subprocess.Popen([*command, f"file://{path}"], stderr=subprocess.PIPE, text=True)


def wait_for(mine: Path, count: int) -> None:
    end = time.monotonic() + 60
    while len(logged_users(mine)) < count and time.monotonic() < end:
        time.sleep(0.02)


def test_killed_anywhere_it_keeps_every_record_once(mine: Path, tmp_path: Path) -> None:
    """The file grows and is rotated meanwhile; what follows it is killed without a word."""
    path, rng, count = tmp_path / "new.csv", random.Random(7), 0
    path.write_bytes(b"")
    for turn in range(6):
        with ingesting(mine, path) as following:
            aim = len(logged_users(mine)) + rng.randrange(300)
            with path.open("ab", buffering=0) as file:
                for _ in range(rng.randrange(400, 800)):
                    count += 1
                    file.write(b"%d,1,4\n" % (1000 + count))
            wait_for(mine, min(aim, count))
            following.kill()
            following.communicate()
        if turn % 2:
            path.rename(tmp_path / f"new.csv.{turn}")
            path.write_bytes(b"")
    with ingesting(mine, path) as following:
        path.write_bytes(b"%d,1,4\n" % (1001 + count))
        count += 1
        wait_for(mine, count)
        following.send_signal(signal.SIGTERM)
        _, said = following.communicate(timeout=60)
    assert following.returncode == 0
    assert "new rating" in said
    assert logged_users(mine) == [1000 + number for number in range(1, count + 1)]
