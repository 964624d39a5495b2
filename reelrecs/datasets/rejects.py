"""What becomes of lines that break their layout: the first one raises, or all are kept apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from reelrecs.atomic_write import write_whole
from reelrecs.errors import DataError, MalformedRow

OnError = Literal["fail", "skip"]


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """One line as it stood in the file."""

    file: str
    line: int  # from 1
    offset: int  # bytes before it in the file
    cause: str
    text: bytes
    column: str = ""
    value: str = ""


class Rejects:
    """Collects bad lines under `skip`; raises MalformedRow at the first under `fail`."""

    def __init__(self, on_error: OnError = "fail") -> None:
        self.on_error = on_error
        self.lines: list[RejectedLine] = []
        self.counts: Counter[str] = Counter()
        """Lines left out, by cause; and duplicates, which are no bad lines."""

    def add(
        self,
        file: str,
        line: int,
        offset: int,
        cause: str,
        text: bytes,
        column: str = "",
        value: str = "",
    ) -> None:
        """Take note of a bad line; `line` counts from 1. `column` is where it is wrong, if one."""
        if self.on_error == "fail":
            raise MalformedRow(file, line, offset, cause, text, column, value)
        self.counts[cause] += 1
        self.lines.append(RejectedLine(file, line, offset, cause, text, column, value))

    def add_row(self, table: str, row: int, cause: str, column: str, value: str) -> None:
        """Take note of a bad row of a table that has no lines; `row` counts from 0."""
        if self.on_error == "fail":
            raise DataError(
                f"{table}, row {row} (from 0), column {column}: {cause}: {value!a}; mend the row, "
                "or leave such rows out with data build --on-error skip"
            )
        self.counts[cause] += 1

    def leave_out(self, cause: str, count: int) -> None:
        """Count rows that are left out and are no bad ones."""
        if count:
            self.counts[cause] += count

    def write_to(self, file: BinaryIO) -> None:
        """The rejected lines, tab-separated: file, line, byte, cause, the line's own bytes."""
        for bad in self.lines:
            head = f"{bad.file}\t{bad.line}\t{bad.offset}\t{bad.cause}\t"
            file.write(head.encode() + bad.text + b"\n")

    def write(self, path: Path) -> None:
        """Write them to a file, whole or not at all; raises StorageError."""
        write_whole(path, self.write_to)
