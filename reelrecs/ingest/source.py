"""What ratings are read from, record by record, and how far."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple, Protocol

from reelrecs.datasets.imports.arriving import Arriving, ArrivingLines
from reelrecs.errors import DataError


class Record(NamedTuple):
    """One record of a source."""

    rating: Arriving | DataError | None  # None: a header, or a blank line
    after: object  # how far the source has been read then; `Source.written` tells what is kept


class Source(Protocol):
    """Where records come from, in an order that is the same whenever it is read."""

    name: str
    """By which the log knows how far it has been read; "" where that cannot be known."""

    def records(self, position: str | None) -> Generator[Record | None, None, None]:
        """Records from a position that was kept on, None wherever no more are there by now.

        Raises DataError where records are gone that were not read yet.
        """
        ...

    def written(self, after: object) -> str:
        """What the log keeps of a place in the source."""
        ...


def lines_of(name: str) -> ArrivingLines:
    """What reads the lines of a file, pipe or topic."""
    return ArrivingLines(name, "mend it, or pass such records over by --on-error skip")


def parsed(lines: ArrivingLines, data: bytes, where: str) -> Arriving | DataError | None:
    """What a record's bytes say, or why they say nothing."""
    try:
        return lines.read(data.decode("utf-8"), where)
    except UnicodeDecodeError:
        return DataError(f"{where}: no UTF-8 text")
    except DataError as error:
        return error
