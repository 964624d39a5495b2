"""Whatever stands in the data, and wherever the output goes, printing is safe and complete."""

import contextlib
import csv
import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.cli import output, run
from reelrecs.cli.output import csv_cell, listen, note
from reelrecs.table import json_safe

EVIL = "\x1b]0;pwned\x07 \x9b31m \u202etxt.exe\u202c \x08\x7f \u2066x"
FORMULA = "=cmd|'/c calc'!A1"
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("recommend", "--user-id", "1"),
    ("recommend", "--user-id", "1", "--explain"),
    ("recommend", "--like", FORMULA, "--explain"),
    ("search", "--title", "film"),
    ("similar", "--movie-id", "5"),
    ("user", "--user-id", "1"),
    ("data", "info"),
    ("models", "list"),
    ("models", "show"),
    ("evaluate", "--systems", "popularity"),
    ("doctor",),
)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Titles, genres and a folder's name that would do something if they were obeyed."""
    folder = tmp_path / "evil\x1b[31m\u202ename"
    folder.mkdir()
    titles = [f"Film {EVIL} {movie} (1990)" for movie in range(1, 46)]
    titles[19] = FORMULA
    (folder / "movies.csv").write_text(
        "movieId,title,genres\n"
        + "".join(f"{at},{title},Dra\x1b[1mma\n" for at, title in enumerate(titles, 1)),
        encoding="utf-8",
    )
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n"
        + "".join(f"{u},{m},4.0,{m}\n" for u in range(1, 31) for m in range(u, u + 15))
    )
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("format_", ["table", "csv", "json"])
def test_nothing_in_the_data_is_obeyed(
    command: Sequence[str], format_: str, hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = hostile.parent / "models\x1b[32m"
    code = run(
        ["--data-dir", str(hostile), "--models-dir", str(models), *command, "--format", format_]
    )
    out, err = capsys.readouterr()
    assert code == 0, err
    assert not UNSAFE.search(out), UNSAFE.findall(out)
    assert not UNSAFE.search(err), UNSAFE.findall(err)
    if format_ == "json":
        assert json.loads(out) is not None
    if format_ == "csv":
        for row in csv.reader(io.StringIO(out)):
            assert not any(re.match(r"[=+@\t\r]|-\D", cell) for cell in row)


def test_a_title_is_shown_escaped_and_json_holds_it_unchanged(
    hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["--data-dir", str(hostile), "search", "--title", "film", "--limit", "1", "--format"]
    titles = {}
    for format_ in ("table", "csv", "json"):
        assert run([*ask, format_]) == 0
        titles[format_] = capsys.readouterr().out
    shown = r"\x1b]0;pwned\x07 \x9b31m \u202etxt.exe\u202c \x08\x7f \u2066x"
    assert shown in titles["table"]
    assert shown in titles["csv"]
    assert EVIL in json.loads(titles["json"])["movies"][0]["title"]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (FORMULA, "'" + FORMULA),
        ("+1+2", "'+1+2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-1+cmd", "'-1+cmd"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\t=1", r"\x09=1"),
        ("\r=1", r"\x0d=1"),
        ("-5", "-5"),
        ("+0.25", "+0.25"),
        ("-1e-3", "-1e-3"),
        (-0.5, -0.5),
        (-3, -3),
        (None, None),
        ("Heat (1995)", "Heat (1995)"),
        ("", ""),
        ("-", "'-"),
    ],
)
def test_csv_marks_what_a_spreadsheet_would_run(value: object, cell: object) -> None:
    assert csv_cell(value) == cell


def read_terminal(ours: int) -> str:
    """All that is written to the other end, until nobody holds it."""
    seen = b""
    with contextlib.suppress(OSError):  # which is how a terminal ends
        while more := os.read(ours, 65536):
            seen += more
    os.close(ours)
    return seen.decode()


def test_a_terminal_sees_bold_and_nothing_else(hostile: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "reelrecs", "--data-dir", str(hostile), "recommend", "--user-id",
         "1", "--explain"],
        stdout=theirs,
        stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    text = read_terminal(ours)
    assert process.wait(timeout=60) == 0
    assert "\x1b[1m  1  Film" in text
    rest = re.sub(r"\x1b\[[01]m|\x1b\[K|\r", "", text)
    assert not UNSAFE.search(rest), UNSAFE.findall(rest)


def process(*arguments: str, stdout: int = subprocess.PIPE, **environment: str):
    return subprocess.run(
        [sys.executable, "-m", "reelrecs", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=os.environ | environment,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
@pytest.mark.parametrize("format_", ["table", "csv", "json"])
def test_titles_that_the_encoding_lacks_are_replaced(
    encoding: str, format_: str, mine: Path
) -> None:
    movies = mine / "movies.csv"
    movies.write_text(movies.read_text().replace("Film", "Фильм"), encoding="utf-8")
    arguments = ("--data-dir", str(mine), "search", "--title", "45", "--format", format_)
    done = process(*arguments, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    text = done.stdout.decode(encoding)
    if format_ == "json":
        assert json.loads(text)["movies"][0]["title"] == "Фильм 45"
    else:
        assert ("Фильм 45" if encoding == "utf-8" else "????? 45") in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("data", "list", "--format", "table"),
        ("data", "list", "--format", "csv"),
        ("data", "list", "--format", "json"),
        ("recommend", "--user-id", "15", "--limit", "300", "--format", "json"),
        ("--help",),
        ("--version",),
        ("recommend", "--help"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_one_line_and_a_code(arguments: tuple[str, ...], unbuffered: str) -> None:
    with open("/dev/full", "wb") as full:
        done = process(*arguments, stdout=full.fileno(), PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 7, done.stderr
    lines = [
        line
        for line in done.stderr.decode().splitlines()
        if "ranked by" not in line and not line.endswith("…")
    ]
    assert len(lines) == 1, lines
    assert "no space left on device" in lines[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ("data", "list"),
        ("recommend", "--user-id", "15", "--limit", "300", "--format", "csv"),
        ("recommend", "--user-id", "15", "--limit", "300", "--format", "json"),
        ("--help",),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_nobody_reads_is_no_error(arguments: tuple[str, ...], unbuffered: str) -> None:
    """The reading end is closed before the command starts, so its first write must fail."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = process(*arguments, stdout=write, PYTHONUNBUFFERED=unbuffered)
    finally:
        os.close(write)
    assert done.returncode == 0
    assert b"Error" not in done.stderr
    assert b"Exception" not in done.stderr


def test_without_a_standard_output_the_failure_is_told() -> None:
    command = f"'{sys.executable}' -m reelrecs data list >&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_for_messages_does_not_cost_the_data(
    unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    command = f"'{sys.executable}' -m reelrecs recommend --user-id 15 2> /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 21


def test_a_mistake_is_one_line_whatever_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "--title", "zz\n\x1b[31mq"]) == 4
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert not UNSAFE.search(err)
    assert run(["no\x1b[31msuch"]) == 2
    assert not UNSAFE.search(capsys.readouterr().err)


def test_messages_and_log_records_are_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    listen()
    note("first\nsecond\x1b[31m")
    try:
        raise ValueError("third\nfourth")
    except ValueError:
        logging.getLogger("reelrecs.something").warning("odd\x9b", exc_info=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0] == r"reelrecs-fast: first\x0asecond\x1b[31m"
    assert lines[1].startswith(r"reelrecs-fast: odd\x9b")
    assert "third" in lines[1]


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
    st.text(), inner)))  # fmt: skip
def test_json_that_is_safe_to_print_says_the_same(value: object) -> None:
    printed = json_safe(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(printed) == value
    assert not UNSAFE.search(printed)


def test_what_is_under_way_is_shown_on_a_terminal_and_leaves_no_trace() -> None:
    """One line, cut to the width of the terminal and written over; a note removes it first."""
    code = (
        "import time, logging\n"
        "from reelrecs.cli.output import listen, note, progress, progress_line\n"
        "listen()\n"
        "with progress_line():\n"
        "    logging.getLogger('reelrecs.x').info('reading\\x1b[31m')\n"
        "    time.sleep(0.8)\n"
        "    progress('users ' + 'x' * 50, 12, 48)\n"
        "    time.sleep(0.5)\n"
        "    note('done')\n"
    )
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 60))
    running = subprocess.Popen([sys.executable, "-c", code], stdin=theirs, stderr=theirs)
    os.close(theirs)
    seen = read_terminal(ours)
    assert running.wait(timeout=60) == 0
    assert r"reading\x1b[31m … " in seen
    assert "users xxx" in seen
    lines = re.split(r"\r\x1b\[K|\r\n", seen)
    assert all(len(line) < 60 for line in lines)
    assert "reelrecs-fast: done" in lines
    assert seen.endswith(("\r\n", "\x1b[K"))


def test_elsewhere_each_stage_is_one_line_and_counting_is_silent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "WAIT_ELSEWHERE", 0.05)
    with output.progress_line():
        for done in range(20):
            output.progress("users", done, 20)
            time.sleep(0.02)
    assert capsys.readouterr().err == "reelrecs-fast: users …\n"
