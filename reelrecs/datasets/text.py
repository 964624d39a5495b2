"""Small tables as lines of fields: what each says, where it begins, whether it is well formed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.datasets.files import Files
from reelrecs.datasets.rejects import Rejects
from reelrecs.errors import DataError

UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
MAX_ID = 2**32 - 1


class Line(NamedTuple):
    """One line, split into fields."""

    file: str
    number: int  # from 1
    offset: int  # bytes before it
    raw: bytes  # without its line end
    fields: list[str]


def read_bytes(files: Files, name: str) -> NDArray[np.uint8]:
    """All bytes of a file; raises DataError for an empty file and for UTF-16."""
    data = files.read(name)
    if len(data) == 0:
        raise DataError(f"{files.path.name}/{name} is empty; unpack the data set again")
    if data[:2].tobytes() in UTF16_MARKS:
        raise DataError(f"{files.path.name}/{name} is UTF-16; save it as UTF-8")
    return data


def read_lines(
    files: Files, name: str, separator: str, fields: int, encoding: str, rejects: Rejects
) -> Iterator[Line]:
    """Each line that has this many fields; bad lines go to `rejects`, blank ones nowhere.

    Text must be valid in its encoding ("utf-8" or "latin-1"; Latin-1 lines must not be UTF-8).
    """
    for line in whole_lines(files, name, 0):
        cause, parts = split(line.raw, separator, fields, encoding, quotes=False)
        if cause:
            rejects.add(name, line.number, line.offset, cause, line.raw)
        else:
            yield line._replace(fields=parts)


def read_csv(files: Files, name: str, header: tuple[str, ...], rejects: Rejects) -> Iterator[Line]:
    """The same for UTF-8 csv under this header, fields quoted where need be.

    Raises DataError for another header. A quoted field must end on its line.
    """
    check_header(files, name, header)
    for line in whole_lines(files, name, 1):
        cause, parts = split(line.raw, ",", len(header), "utf-8", quotes=True)
        if cause:
            rejects.add(name, line.number, line.offset, cause, line.raw)
        else:
            yield line._replace(fields=parts)


def check_header(files: Files, name: str, header: tuple[str, ...]) -> int:
    """The offset of the first line after the header; raises DataError for another header."""
    data = read_bytes(files, name)
    head = data[:4096].tobytes()
    first = head.split(b"\n", 1)[0]
    names = first.removeprefix(UTF8_MARK).decode("utf-8", "replace").rstrip("\r")
    if [part.strip(' "').casefold() for part in names.split(",")] != [n.casefold() for n in header]:
        raise DataError(
            f"{files.path.name}/{name} starts with {names[:80]!a}, not with the header "
            f"'{','.join(header)}'; build other tables with: reelrecs-fast data build"
        )
    return min(len(first) + 1, len(data))


def id_of(text: str) -> tuple[int, str]:
    """(id, "") or (0, what is wrong with it)."""
    if not (text.isascii() and text.isdigit()):
        negative = text[:1] == "-" and text[1:].isdigit()
        return 0, "negative number" if negative else "not a number"
    value = int(text) if len(text) < 4000 else MAX_ID + 1
    return (value, "") if value <= MAX_ID else (0, "number too large")


def whole_lines(files: Files, name: str, skip: int) -> Iterator[Line]:
    """The lines after the first `skip` that are not blank, not yet split."""
    data = read_bytes(files, name).tobytes()
    offset = len(UTF8_MARK) if data.startswith(UTF8_MARK) else 0
    for number, whole in enumerate(data[offset:].split(b"\n"), 1):
        raw = whole.removesuffix(b"\r")
        if raw and number > skip:
            yield Line(name, number, offset, raw, [])
        offset += len(whole) + 1


def split(
    raw: bytes, separator: str, fields: int, encoding: str, quotes: bool
) -> tuple[str, list[str]]:
    """("", the fields) or (the cause, nothing)."""
    if b"\0" in raw:
        return "NUL byte", []
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return f"wrong encoding (not {encoding})", []
    if encoding == "latin-1" and not raw.isascii() and is_utf8(raw):
        return "wrong encoding (utf-8 in a latin-1 file)", []
    parts = text.split(separator)
    if quotes and '"' in text:
        try:
            parts = next(csv.reader([text], strict=True))
        except csv.Error:
            return "truncated quoted field", []
    if len(parts) < fields:
        return "missing field", []
    return ("", parts) if len(parts) == fields else ("too many fields", [])


def is_utf8(raw: bytes) -> bool:
    """Whether these bytes are valid UTF-8."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
