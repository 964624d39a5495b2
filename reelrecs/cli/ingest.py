"""`ingest`: ratings from elsewhere, for as long as they come."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reelrecs.cli.options import Settings
from reelrecs.cli.output import note, progress_line
from reelrecs.cli.rate import STDIN, what_was_kept
from reelrecs.cli.serve import Signals
from reelrecs.errors import DataError, InvalidRequest

if TYPE_CHECKING:
    from reelrecs.ingest.source import Source

FILE, KAFKA = "file://", "kafka://"


@click.command()
@click.option(
    "--from",
    "named",
    metavar="SOURCE",
    required=True,
    help="- for standard input, file://PATH, or kafka://HOST:PORT/TOPIC.",
)
@click.option("--once", is_flag=True, help="End where the source ends by now; do not follow it.")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="What to do with a record that is no rating.",
)
@click.option(
    "--accept-gap", is_flag=True, help="Go on where records are gone that were not read yet."
)
@click.pass_obj
def ingest(settings: Settings, named: str, once: bool, on_error: str, accept_gap: bool) -> None:
    """Keep the ratings of a source in the data set's log, as they come, until interrupted.

    Records are csv or JSON lines, as for `rate --file`. How far a file or topic has been read is
    kept with its ratings: whatever ends this command, the next run goes on behind the last rating
    that was kept, and keeps none twice. A pipe's records are known again by their keys.
    """
    Signals()
    source = source_of(named, once, accept_gap)
    with settings.open_engine() as engine:
        from reelrecs.ingest.run import Ingest

        reading = Ingest(engine, source, skip=on_error == "skip")
        try:
            with progress_line():
                reading.run()
        finally:
            skipped = f", {reading.skipped:,} records skipped" if reading.skipped else ""
            note(f"{what_was_kept(engine, reading.kept)}{skipped}")


def source_of(named: str, once: bool, accept_gap: bool) -> Source:
    """The source of a name; raises InvalidRequest."""
    if named == STDIN:
        from reelrecs.ingest.standard_input import StandardInput

        if sys.stdin is None:
            raise DataError("standard input is closed; give a file")
        return StandardInput(sys.stdin.buffer)
    if named.startswith(FILE):
        from reelrecs.ingest.followed_file import FollowedFile

        return FollowedFile(Path(named.removeprefix(FILE)), not once, accept_gap)
    if named.startswith(KAFKA):
        from reelrecs.ingest.kafka_topic import KafkaTopic

        return KafkaTopic(named.removeprefix(KAFKA), not once, accept_gap)
    raise InvalidRequest(f"--from {named!r}: give -, file://PATH or kafka://HOST:PORT/TOPIC")
