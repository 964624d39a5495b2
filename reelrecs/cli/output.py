"""Data to stdout as a table, JSON or csv; messages and progress to stderr, one line each.

All that a command says goes through here, so that no title, id or file name can steer a terminal
or a spreadsheet. What would be obeyed is shown as an escape (`table.visible`), in JSON as a JSON
escape, which loses nothing. In csv a text that a spreadsheet would run as a formula gets an
apostrophe in front; numbers stay numbers. Characters that the output's encoding lacks become `?`.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TextIO, cast

from reelrecs.errors import StorageError
from reelrecs.table import cut, json_safe, styled, table_lines, visible

WAIT_ON_TERMINAL, WAIT_ELSEWHERE = 0.3, 2.0
"""Seconds of quiet before progress is said: most commands are done by then, and a log should
hold only what took long."""

BAR = 24
"""Characters of a progress bar."""

FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""What begins a formula in a spreadsheet; the wide forms count where people type them."""

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)
_CLEAR = "\r\x1b[K"
_one_at_a_time = threading.RLock()  # for what is written to stderr by several threads


def print_rows(
    format_: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], as_json: object
) -> None:
    """Print rows under their column names, or `as_json` where JSON is asked for."""
    if format_ == "json":
        document = json.dumps(as_json, ensure_ascii=False, indent=2)
        if not _can_write(document, sys.stdout):
            document = json.dumps(as_json, indent=2)
        _write(json_safe(document) + "\n")
    elif format_ == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([csv_cell(column) for column in columns])
        writer.writerows([csv_cell(value) for value in row] for row in rows)
        _write(text.getvalue())
    else:
        print_lines(table_lines(columns, rows))


def print_lines(lines: Iterable[str]) -> None:
    """Print text for people, or a path; a `table.Heading` is bold on a terminal."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    _write("".join(f"{styled(line, terminal)}\n" for line in lines))


def csv_cell(value: Any) -> Any:
    """The value as csv has it: text visible, and marked by `'` where a spreadsheet would run it."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(FORMULA) and not _NUMBER.fullmatch(text) else text


def note(message: str) -> None:
    """One line for the person, beside the data."""
    _say(f"reelrecs-fast: {visible(message)}\n")


def note_lines(text: str) -> None:
    """Lines of somebody else's message, each visible."""
    for line in text.splitlines():
        _say(f"{visible(line)}\n")


def log_line(line: str) -> None:
    """A line of a log, to stderr."""
    _say(f"{visible(line)}\n")


class _Watched:
    """A stream that remembers why it could not be written: other errors are not its own."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.fault: OSError | None = None

    def write(self, text: str) -> int:
        """As the stream does it; raises OSError."""
        try:
            return self.stream.write(text)
        except OSError as fault:
            self.fault = fault
            raise

    def flush(self) -> None:
        """As the stream does it; raises OSError."""
        try:
            self.stream.flush()
        except OSError as fault:
            self.fault = fault
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def printing(command: Callable[[], int]) -> tuple[int, OSError | None]:
    """Run a command that prints; its exit code, and why its output was not written, if it was not.

    That is a BrokenPipeError where the reader has seen enough. What is left of the output is then
    given up, so that nothing more is said of it at exit.
    """
    if sys.stdout is None:
        return command(), None
    code, stdout = 0, _Watched(sys.stdout)
    with contextlib.redirect_stdout(cast(TextIO, stdout)):
        try:
            code = command()
            stdout.flush()
        except OSError as error:
            if error is not stdout.fault:
                raise
            _give_up(stdout.fileno())
    return code, stdout.fault


def _give_up(stream: int) -> None:
    """Send what is left in a stream's buffer nowhere, so that the interpreter ends in peace."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream)
    os.close(nowhere)


def _write(text: str) -> None:
    """Write to stdout; raises OSError, and StorageError where there is no stdout."""
    if sys.stdout is None:
        raise StorageError("standard output is closed; open it, or send it to a file")
    if not _can_write(text, sys.stdout):
        text = text.encode(sys.stdout.encoding, "replace").decode(sys.stdout.encoding)
    sys.stdout.write(text)


def _can_write(text: str, stream: TextIO | None) -> bool:
    try:
        text.encode((stream.encoding if stream else None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _say(text: str) -> None:
    """Write to stderr; where that cannot be written either, there is nobody left to tell."""
    if sys.stderr is None:
        return
    with _one_at_a_time:
        try:
            sys.stderr.write(_progress.cleared() + text)
            sys.stderr.flush()
        except OSError:
            _give_up(sys.stderr.fileno())


class _Progress(logging.Handler):
    """What is under way, and the one place where log records reach the person.

    An INFO record says what is waited for; `progress_line` shows it. What they must know (WARNING
    and above) is a line on stderr at once.
    """

    stage = "starting"
    measure = ""
    shown = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message of an INFO record; print any higher one."""
        if record.levelno <= logging.INFO:
            self.stage, self.measure = record.getMessage(), ""
        else:
            note(self.format(record))

    def show(self, seconds: float) -> None:
        """Show it on a terminal, on one line that the next call writes over."""
        line = f"{visible(self.stage)} {self.measure}… {seconds:.0f} s"
        with _one_at_a_time:
            _say(cut(line, os.get_terminal_size(sys.stderr.fileno()).columns - 1))
            self.shown = True

    def cleared(self) -> str:
        """What to write before anything else on a terminal: it removes the line shown."""
        shown, self.shown = self.shown, False
        return _CLEAR if shown else ""


_progress = _Progress(logging.INFO)


def listen() -> None:
    """Hear the package's log records from now on; calling it again changes nothing."""
    package = logging.getLogger("reelrecs")
    package.setLevel(logging.INFO)
    package.addHandler(_progress)


def progress(stage: str, done: float, total: float | None, unit: str = "") -> None:
    """Say how far a long stage is; a bar where the total is known, on terminals only."""
    measure = f"{done:,g}"
    if total:
        full = int(BAR * done / total)
        measure = f"[{'#' * full}{'.' * (BAR - full)}] {measure} of {total:,g}"
    _progress.stage, _progress.measure = stage, f"{measure} {unit}".rstrip() + " "


@contextlib.contextmanager
def progress_line() -> Iterator[None]:
    """Say what is being waited for, after a moment, on stderr.

    On a terminal the line counts seconds and vanishes; elsewhere each stage is one line, and
    only if it takes long.
    """
    done = threading.Event()
    terminal = sys.stderr is not None and sys.stderr.isatty()
    wait = WAIT_ON_TERMINAL if terminal else WAIT_ELSEWHERE
    _progress.stage, _progress.measure = "starting", ""

    def show() -> None:
        start, said = time.monotonic(), ""
        while not done.wait(wait):
            if terminal:
                _progress.show(time.monotonic() - start)
            elif _progress.stage != said:
                said = _progress.stage
                note(f"{said} …")

    watcher = threading.Thread(target=show, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        _say("")
