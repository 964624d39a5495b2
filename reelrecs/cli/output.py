"""Data to stdout as a table, JSON or csv; progress to stderr, and only where someone watches."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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


@contextlib.contextmanager
def progress_line() -> Iterator[Callable[[str], None]]:
    """Give a function that says what is being waited for; shown after a moment, on stderr.

    On a terminal the line counts seconds and vanishes; elsewhere each message is one line, and
    only if it takes long.
    """
    current = [""]
    done = threading.Event()
    terminal = sys.stderr.isatty()
    wait = WAIT_ON_TERMINAL if terminal else WAIT_ELSEWHERE

    def show() -> None:
        start, said = time.monotonic(), ""
        while not done.wait(wait):
            if terminal:
                waited = f"{time.monotonic() - start:.0f} s"
                click.echo(f"\r\x1b[K{current[0]} … {waited}", err=True, nl=False)
            elif current[0] != said:
                said = current[0]
                note(f"{said} …")
        if terminal:
            click.echo("\r\x1b[K", err=True, nl=False)

    watcher = threading.Thread(target=show, daemon=True)
    watcher.start()
    try:
        yield lambda message: current.__setitem__(0, message)
    finally:
        done.set()
        watcher.join()
