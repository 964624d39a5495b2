"""Data to stdout as a table, JSON or csv; progress to stderr, and only where someone watches."""

from __future__ import annotations

import contextlib
import csv
import json
import logging
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from reelrecs.table import table_lines

WAIT_ON_TERMINAL, WAIT_ELSEWHERE = 0.3, 2.0
"""Seconds of quiet before progress is said: most commands are done by then, and a log should
hold only what took long."""


def print_rows(
    format_: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], as_json: object
) -> None:
    """Print rows under their column names, or `as_json` where JSON is asked for."""
    if format_ == "json":
        click.echo(json.dumps(as_json, ensure_ascii=False, indent=2))
    elif format_ == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        for line in table_lines(columns, rows):
            click.echo(line)


def note(message: str) -> None:
    """One line for the person, beside the data."""
    click.echo(f"reelrecs-fast: {message}", err=True)


class _Told(logging.Handler):
    """The one place where log records reach the person.

    What is under way (INFO) is kept for `progress_line`; what they must know (WARNING and above)
    is a line on stderr at once.
    """

    current = "starting"

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message of an INFO record; print any higher one."""
        if record.levelno <= logging.INFO:
            self.current = record.getMessage()
            return
        if sys.stderr.isatty():
            click.echo("\r\x1b[K", err=True, nl=False)
        note(self.format(record))


_told = _Told(logging.INFO)


def listen() -> None:
    """Hear the package's log records from now on; calling it again changes nothing."""
    package = logging.getLogger("reelrecs")
    package.setLevel(logging.INFO)
    package.addHandler(_told)


@contextlib.contextmanager
def progress_line() -> Iterator[None]:
    """Say what is being waited for, after a moment, on stderr.

    On a terminal the line counts seconds and vanishes; elsewhere each message is one line, and
    only if it takes long.
    """
    done = threading.Event()
    terminal = sys.stderr.isatty()
    wait = WAIT_ON_TERMINAL if terminal else WAIT_ELSEWHERE
    _told.current = "starting"

    def show() -> None:
        start, said = time.monotonic(), ""
        while not done.wait(wait):
            if terminal:
                waited = f"{time.monotonic() - start:.0f} s"
                click.echo(f"\r\x1b[K{_told.current} … {waited}", err=True, nl=False)
            elif _told.current != said:
                said = _told.current
                note(f"{said} …")
        if terminal:
            click.echo("\r\x1b[K", err=True, nl=False)

    watcher = threading.Thread(target=show, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
