"""Text read record by record, with the line and byte each begins at: slow, and misses nothing.

The quick reader (`text_rows`) cannot say where a bad row stands, and cannot read some files at all;
this one is asked then.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

from reelrecs.datasets.imports.opening import Opened
from reelrecs.datasets.imports.text_form import UNIT, TextForm, fields_of

MOST_LINES = 1_000
"""Lines that one quoted field may run over: beyond, its quote was never closed."""

_ENDS = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")


class Record(NamedTuple):
    """One row of a text file."""

    line: int  # from 1
    offset: int  # bytes before it in the file, unpacked
    text: str  # without its line end
    fields: list[str]
    cause: str  # what is wrong with its form; "" where nothing is


class _Line(NamedTuple):
    number: int
    offset: int
    text: str  # without its end
    end: str
    cause: str


def records(file: Opened, form: TextForm) -> Iterator[Record]:
    """All records that are not blank, the header left out."""
    lines = _Ahead(_lines(file, form))
    headed = form.header is not None
    for line in lines:
        if not line.text.strip():
            continue
        if headed:
            headed = False
            continue
        if line.cause:
            yield Record(line.number, line.offset, line.text, [], line.cause)
            continue
        whole = line.text
        if form.quotes and _is_open(whole, form.separator):
            longer = _closed(lines, line, form)
            if longer is None:
                yield Record(line.number, line.offset, whole, [], "truncated quoted field")
                continue
            whole = longer
        fields = fields_of(whole, form.separator, form.quotes)
        cause = ""
        if len(fields) != form.columns:
            cause = "missing field" if len(fields) < form.columns else "too many fields"
        yield Record(line.number, line.offset, whole, fields, cause)


class _Ahead:
    """An iterator of lines that can be looked into and be put back."""

    def __init__(self, lines: Iterator[_Line]) -> None:
        self._lines = lines
        self.waiting: list[_Line] = []

    def __iter__(self) -> Iterator[_Line]:
        return self

    def __next__(self) -> _Line:
        return self.waiting.pop() if self.waiting else next(self._lines)


def _closed(lines: _Ahead, first: _Line, form: TextForm) -> str | None:
    """A record that runs over several lines; None, and nothing taken, where it never ends."""
    taken: list[_Line] = []
    parts = [first.text, first.end]
    while len(taken) < MOST_LINES:
        line = next(lines, None)
        if line is None or line.cause:
            break
        taken.append(line)
        parts.append(line.text)
        if '"' in line.text and not _is_open("".join(parts), form.separator):
            return "".join(parts)
        parts.append(line.end)
    lines.waiting.extend(reversed(taken))
    return None


def _is_open(text: str, separator: str) -> bool:
    """Whether a field's quote is not closed by the end of the text."""
    if '"' not in text:
        return False
    if separator not in (" ", UNIT) and len(separator) > 1:
        text, separator = text.replace(separator, UNIT), UNIT
    at = 0
    while at <= len(text):
        if text.startswith('"', at):
            at += 1
            while True:
                at = text.find('"', at)
                if at < 0:
                    return True
                if not text.startswith('""', at):
                    break
                at += 2
        following = text.find(separator, at)
        if following < 0:
            return False
        at = following + 1
    return False


def _lines(file: Opened, form: TextForm) -> Iterator[_Line]:
    """Lines with their numbers and the bytes before them."""
    errors = "surrogateescape" if form.encoding == "utf-8" else "replace"
    decoder = codecs.getincrementaldecoder(form.encoding)(errors)
    one_byte = form.encoding in ("latin-1", "windows-1252", "ascii")
    number, offset, rest, skipped = 1, form.mark, "", form.mark
    for block in _with_end(file.blocks()):
        if skipped and block is not None:
            block, skipped = block[skipped:], max(skipped - len(block), 0)
        text = rest + (decoder.decode(b"", True) if block is None else decoder.decode(block))
        rest = ""
        for match in _ENDS.finditer(text):
            part = match[0]
            bare = part.rstrip("\r\n")
            if block is not None and (match.end() == len(text)):
                rest = part  # an end of CR LF may be cut in two
                break
            if not part:
                break
            yield _Line(number, offset, bare, part[len(bare) :], _cause(bare))
            number += 1
            offset += len(part) if one_byte or (part.isascii() and "utf-16" not in form.encoding) \
                else len(part.encode(form.encoding, "surrogateescape"))  # fmt: skip


def _with_end(blocks: Iterator[bytes]) -> Iterator[bytes | None]:
    yield from blocks
    yield None


def _cause(text: str) -> str:
    if "\0" in text:
        return "NUL byte"
    if not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text):
        return "wrong encoding (not utf-8)"
    return ""
