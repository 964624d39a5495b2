"""Rows of JSON lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa

from reelrecs.datasets.imports.opening import Opened
from reelrecs.datasets.imports.rows import BadValue, Shape
from reelrecs.datasets.rejects import Rejects
from reelrecs.errors import DataError

OBJECTS_AT_ONCE = 50_000
LOOKED_AT = 100
"""Objects by which the columns are known."""


class JsonRows:
    """The rows of one file of JSON lines; an absent key is an empty value."""

    headed = True

    def __init__(self, file: Opened) -> None:
        self.name = file.name
        self._file = file
        self.odd_shape = False
        names: dict[str, None] = {}
        for line in islice(_lines(file), LOOKED_AT):
            if line.values is not None:
                names.update(dict.fromkeys(line.values))
        if not names:
            raise DataError(f"{file.name} holds no JSON objects; give one a line")
        self.columns = list(names)

    def expected(self) -> int:
        """It is not known."""
        return 0

    def sample(self) -> list[list[Any]]:
        """The first rows."""
        good = (line.values for line in _lines(self._file) if line.values is not None)
        return [[_text(values.get(name)) for name in self.columns] for values in islice(good, 3)]

    def said(self) -> str:
        """That it is JSON."""
        return "JSON lines"

    def batches(self, places: Sequence[int], shapes: Sequence[Shape]) -> Iterator[list[Any]]:
        """The values of these keys as text, batch by batch."""
        names = [self.columns[place] for place in places]
        columns: list[list[str | None]] = [[] for _ in names]
        for line in _lines(self._file):
            if line.values is None:
                self.odd_shape = True
                continue
            for column, name in zip(columns, names, strict=True):
                column.append(_text(line.values.get(name)))
            if len(columns[0]) == OBJECTS_AT_ONCE:
                yield [pa.array(column, pa.large_string()) for column in columns]
                columns = [[] for _ in names]
        if columns[0]:
            yield [pa.array(column, pa.large_string()) for column in columns]

    def report(self, bad: Mapping[int, BadValue], rejects: Rejects) -> None:
        """Name lines that are no objects, and rows with bad values, in the order of the file.

        Raises at the first where `rejects` are to fail.
        """
        row = 0
        for line in _lines(self._file):
            if line.values is None:
                rejects.add(self.name, line.number, line.offset, "no JSON object", line.raw)
                continue
            if row in bad:
                wrong = bad[row]
                rejects.add(self.name, line.number, line.offset, wrong.cause, line.raw,
                            wrong.column, wrong.value)  # fmt: skip
            row += 1


class _Line(NamedTuple):
    number: int
    offset: int
    raw: bytes
    values: dict[str, Any] | None


def _lines(file: Opened) -> Iterator[_Line]:
    rest, number, offset = b"", 1, 0
    for block in _blocks(file):
        whole = rest + block
        lines = whole.split(b"\n")
        rest = lines.pop()
        for raw in lines:
            if raw.strip():
                yield _Line(number, offset, raw, _object(raw))
            number += 1
            offset += len(raw) + 1


def _blocks(file: Opened) -> Iterator[bytes]:
    yield from file.blocks()
    yield b"\n"


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(raw, parse_int=str, parse_float=str)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _text(value: Any) -> str | None:
    """A value as text: numbers as they are written, lists and objects as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)
