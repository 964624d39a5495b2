"""Rows of a text file for the importer: by pyarrow where it can, record by record where not."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pyarrow as pa
from pyarrow import csv as pacsv

from reelrecs.datasets.imports.choices import FileChoices
from reelrecs.datasets.imports.columns import Table
from reelrecs.datasets.imports.opening import BLOCK, Opened
from reelrecs.datasets.imports.records import records
from reelrecs.datasets.imports.rows import BadValue, Shape
from reelrecs.datasets.imports.text_form import BLANKS, UNIT, form_of
from reelrecs.datasets.rejects import Rejects
from reelrecs.errors import DataError

RECORDS_AT_ONCE = 50_000
"""Records that the careful reader makes a batch of."""

MARGIN = 1.05
"""How much room is taken beyond the rows expected."""

WORDS = pa.dictionary(pa.int32(), pa.string())
"""How columns of few distinct values are read: each value once a batch."""


class TextRows:
    """The rows of one text file."""

    def __init__(self, file: Opened, choices: FileChoices, table: Table) -> None:
        self.name = file.name
        self._file = file
        self._form = form_of(file, choices, table)
        self.headed = self._form.header is not None
        self.columns = self._form.header or [f"column {n + 1}" for n in range(self._form.columns)]
        self.odd_shape = False
        """Whether rows were passed over for their form, as far as has been read."""

    def expected(self) -> int:
        """By the length of the first rows and the size of the file; 0 for a packed one."""
        head = self._file.head(BLOCK)
        if self._file.packed:
            return 0
        lines = max(head.count(b"\n"), head.count(b"\r"), 1)
        return int(self._file.path.stat().st_size / len(head) * lines * MARGIN)

    def sample(self) -> list[list[Any]]:
        """The first rows."""
        good = (record for record in records(self._file, self._form) if not record.cause)
        return [record.fields for record in islice(good, 3)]

    def said(self) -> str:
        """How the file is written, for people."""
        separator = {"\t": "tab", BLANKS: "blanks"}.get(self._form.separator, self._form.separator)
        parts = [f"separator {separator}"]
        if self._form.encoding != "utf-8":
            parts.append(self._form.encoding)
        if not self.headed:
            parts.append("no header")
        return ", ".join(parts)

    def batches(self, places: Sequence[int], shapes: Sequence[Shape]) -> Iterator[list[Any]]:
        """The columns at these places, as text, batch by batch; rows of a wrong form left out."""
        if self._form.odd:
            return self._carefully(places)
        return self._quickly(places, shapes)

    def report(self, bad: Mapping[int, BadValue], rejects: Rejects) -> None:
        """Name the rows of a wrong form and those with bad values, by their number among the good.

        In the order of the file; raises at the first where `rejects` are to fail.
        """
        row = 0
        last = max(bad, default=-1)
        for record in records(self._file, self._form):
            raw = record.text.encode("utf-8", "surrogateescape")
            if record.cause:
                rejects.add(self.name, record.line, record.offset, record.cause, raw)
                continue
            if row in bad:
                wrong = bad[row]
                rejects.add(
                    self.name, record.line, record.offset, wrong.cause, raw, wrong.column,
                    wrong.value,
                )  # fmt: skip
            row += 1
            if row > last and not self.odd_shape:
                return

    def _quickly(self, places: Sequence[int], shapes: Sequence[Shape]) -> Iterator[list[Any]]:
        names = [str(place) for place in range(self._form.columns)]
        wanted = [names[place] for place in places]
        separator = self._form.separator
        kinds = {
            name: WORDS if shape is Shape.WORDS else pa.string()
            for name, shape in zip(wanted, shapes, strict=True)
        }
        try:
            reader = pacsv.open_csv(
                _Utf8(self._file, self._form),
                pacsv.ReadOptions(block_size=BLOCK, column_names=names),
                pacsv.ParseOptions(
                    delimiter=separator if len(separator) == 1 and separator != BLANKS else UNIT,
                    quote_char='"' if self._form.quotes else False,
                    newlines_in_values=self._form.quotes,
                    invalid_row_handler=self._pass_over,
                ),
                pacsv.ConvertOptions(
                    include_columns=wanted,
                    column_types=kinds,
                    null_values=[],
                    strings_can_be_null=False,
                ),
            )
            for batch in reader:
                yield batch.columns
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                return
            reason = " ".join(str(error).split())[:200]
            raise NotQuick(f"{self.name} cannot be read ({reason!a})") from error

    def _carefully(self, places: Sequence[int]) -> Iterator[list[Any]]:
        texts: list[list[str]] = [[] for _ in places]
        for record in records(self._file, self._form):
            if record.cause:
                self.odd_shape = True
                continue
            for column, place in zip(texts, places, strict=True):
                column.append(record.fields[place])
            if len(texts[0]) == RECORDS_AT_ONCE:
                yield [pa.array(column, pa.string()) for column in texts]
                texts = [[] for _ in places]
        if texts[0]:
            yield [pa.array(column, pa.string()) for column in texts]

    def _pass_over(self, _row: Any) -> str:
        self.odd_shape = True
        return "skip"

    def be_careful(self) -> None:
        """Read record by record from now on."""
        self._form = replace(self._form, odd=True)


class NotQuick(DataError):
    """The quick reader gave up where the careful one may not."""


class _Utf8(io.RawIOBase):
    """The file as pyarrow reads it: UTF-8, one byte between fields, no mark and no header."""

    def __init__(self, file: Opened, form: Any) -> None:
        self._blocks = self._cleaned(file, form)
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes; none at the end."""
        while not self._ready:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._ready = memoryview(block)
        size = len(self._ready) if size < 0 else size
        part, self._ready = self._ready[:size], self._ready[size:]
        return bytes(part)

    @staticmethod
    def _cleaned(file: Opened, form: Any) -> Iterator[bytes]:
        """Whole lines at a time."""
        blocks = file.blocks()
        skipped, rest = form.mark, b""
        decoder = None if form.encoding == "utf-8" else codecs.getincrementaldecoder(form.encoding)(
            "replace"
        )  # fmt: skip
        headed = form.header is not None
        for block in blocks:
            if skipped:
                block, skipped = block[skipped:], max(skipped - len(block), 0)
            text = block if decoder is None else decoder.decode(block).encode()
            whole = rest + text
            cut = max(whole.rfind(b"\n"), whole.rfind(b"\r", 0, -1)) + 1
            ready, rest = whole[:cut], whole[cut:]
            if headed and ready:
                ready, headed = _without_first(ready), False
            yield _one_byte(ready, form.separator)
        if headed:
            rest = _without_first(rest)
        yield _one_byte(rest, form.separator)


def _without_first(text: bytes) -> bytes:
    """Without the first line that is not blank."""
    found = re.match(rb"\s*[^\r\n]*(?:\r\n|\r|\n|\Z)", text)
    return text[found.end() :] if found else text


def _one_byte(text: bytes, separator: str) -> bytes:
    if separator == BLANKS:
        return re.sub(rb"(?m)[ \t]*$", b"", re.sub(rb"[ \t]+", UNIT.encode(),
                      re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", text)))  # fmt: skip
    return text.replace(separator.encode(), UNIT.encode()) if len(separator) > 1 else text
