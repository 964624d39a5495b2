"""Lines of a pipe, as they come."""

from __future__ import annotations

from collections.abc import Generator
from typing import BinaryIO

from reelrecs import config
from reelrecs.ingest.source import Record, lines_of, parsed
from reelrecs.ratings_log.group_commit import waiting


class StandardInput:
    """A pipe says nothing twice, so how far it was read is not kept: whoever sends gives keys."""

    name = ""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe

    def records(self, position: str | None) -> Generator[Record | None, None, None]:
        """See `Source`."""
        reader = lines_of("standard input")
        lines = iter(lambda: self._pipe.readline(config.LONGEST_RECORD), b"")
        number = 0
        for group in waiting(lines, config.LOG_GROUP):
            for line in group:
                number += 1
                where = f"standard input, line {number:,}"
                yield Record(parsed(reader, line, where), number)
            yield None

    def written(self, after: object) -> str:
        """See `Source`."""
        return str(after)
