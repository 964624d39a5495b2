"""How a text file is written: encoding, separator, quotes, header; found from a look at it."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from reelrecs.datasets.imports.choices import FileChoices
from reelrecs.datasets.imports.columns import Table, known
from reelrecs.datasets.imports.opening import Opened
from reelrecs.datasets.times import seconds_of_date
from reelrecs.errors import DataError, InvalidRequest

SEPARATORS = ("::", "\t", ";", "|", ",")
"""The one that cuts the first line and most of a sample into the same number of fields, two at
least; of equals the first here. Commas stand in many a title. Runs of blanks come last."""

BLANKS = " "
"""The separator that is any run of blanks."""

SEPARATOR_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|",
                   "space": BLANKS, "blank": BLANKS, "blanks": BLANKS}  # fmt: skip

SAMPLE_BYTES, SAMPLE_LINES = 1 << 20, 200
"""What is looked at to find out how a file is written."""

LOOSE_QUOTES = 3
"""Lines of a sample with a quote that surrounds nothing from which quotes are letters."""

UNIT = "\x1f"
"""Stands for a separator of more than one byte inside, where no text holds it."""

MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


@dataclass(frozen=True, slots=True)
class TextForm:
    """How a file is written."""

    encoding: str
    mark: int  # bytes of the byte order mark
    separator: str
    quotes: bool
    header: list[str] | None
    columns: int
    odd: bool  # what only the careful reader can read: NUL bytes, loose quotes, mixed encodings


def form_of(file: Opened, choices: FileChoices, table: Table) -> TextForm:
    """Look at the file once through and at its first lines closely; raises DataError."""
    head = file.head(SAMPLE_BYTES)
    encoding, mark, mixed = _encoding(file, head, choices.encoding)
    text = head[mark:].decode(encoding, "replace")
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()][:SAMPLE_LINES]
    if not lines:
        raise DataError(f"{file.name} holds no lines; give a file with at least one rating")
    whole = lines[:-1] if len(lines) > 1 and len(head) == SAMPLE_BYTES else lines
    separator = _separator(whole, choices.separator)
    quotes = _quoted(whole, separator)
    rows = [fields_of(line, separator, quotes) for line in whole]
    header = choices.header if choices.header is not None else _has_header(rows, table)
    survey = _survey(file) if encoding == "utf-8" else Survey(False, False, True)
    odd = mixed or survey.nul or (quotes and survey.odd_quotes)
    if (quotes and len(separator) > 1) or (quotes and separator == BLANKS):
        odd = odd or survey.quotes
    names = [name.strip() for name in rows[0]] if header else None
    return TextForm(encoding, mark, separator, quotes, names, len(rows[0]), odd)


def fields_of(line: str, separator: str, quotes: bool) -> list[str]:
    """The fields of one line."""
    if separator == BLANKS:
        return line.split() if not (quotes and '"' in line) else next(
            csv.reader([" ".join(line.split())], delimiter=" ")
        )  # fmt: skip
    if quotes and '"' in line:
        if len(separator) > 1:
            line, separator = line.replace(separator, UNIT), UNIT
        try:
            return next(csv.reader([line], delimiter=separator))
        except csv.Error:
            return line.split(separator)
    return line.split(separator)


def decode_name(name: str) -> str:
    """A separator as a person names it; raises InvalidRequest."""
    separator = SEPARATOR_NAMES.get(name, name)
    if separator in SEPARATORS or (len(separator) == 1 and not separator.isalnum()):
        return separator
    raise InvalidRequest(
        f"--separator {name!a}: give one character that is no letter or digit, or :: or tab or "
        "blanks"
    )


@dataclass(frozen=True, slots=True)
class Survey:
    """What the bytes of a whole file hold."""

    nul: bool
    odd_quotes: bool
    quotes: bool


def _survey(file: Opened) -> Survey:
    nul, count = False, 0
    for block in file.blocks():
        nul = nul or b"\0" in block
        count += block.count(b'"')
    return Survey(nul, count % 2 == 1, count > 0)


def _encoding(file: Opened, head: bytes, said: str | None) -> tuple[str, int, bool]:
    """Encoding, length of its mark, and whether some lines are not in it."""
    if said is not None:
        try:
            codecs.lookup(said)
        except LookupError:
            raise InvalidRequest(
                f"--encoding {said!a} is unknown; give utf-8, utf-16, latin-1 or windows-1252"
            ) from None
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return encoding, len(mark), False
    if said is not None:
        return "utf-16-le" if said.casefold() in ("utf-16", "utf16") else said, 0, False
    even, odd = head[0:4096:2], head[1:4096:2]
    if len(head) >= 4 and odd.count(0) > len(odd) * 0.4 and even.count(0) < len(even) * 0.1:
        return "utf-16-le", 0, False
    if len(head) >= 4 and even.count(0) > len(even) * 0.4 and odd.count(0) < len(odd) * 0.1:
        return "utf-16-be", 0, False
    fits, wrong = 0, bytearray()
    for line in _foreign_lines(file):
        try:
            line.decode("utf-8")
            fits += 1
        except UnicodeDecodeError:
            wrong += line
    if not wrong:
        return "utf-8", 0, False
    if fits > wrong.count(b"\n"):
        return "utf-8", 0, True
    try:
        wrong.decode("windows-1252")
    except UnicodeDecodeError:
        return "latin-1", 0, False
    return "windows-1252", 0, False


def _foreign_lines(file: Opened) -> Iterator[bytes]:
    """Lines that hold more than ASCII; a block that is valid UTF-8 counts as one."""
    rest = b""
    for block in file.blocks():
        whole = rest + block
        if whole.isascii():
            rest = b""
            continue
        cut = max(whole.rfind(b"\n"), whole.rfind(b"\r")) + 1
        ready, rest = whole[:cut], whole[cut:]
        yield from _lines_if_mixed(ready)
    yield from _lines_if_mixed(rest)


def _lines_if_mixed(block: bytes) -> Iterator[bytes]:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        yield from (line for line in block.splitlines(True) if not line.isascii())
    else:
        if not block.isascii():
            yield block


def _separator(lines: list[str], said: str | None) -> str:
    if said is not None:
        return decode_name(said)
    best, most = ",", (False, 0)
    for separator in (*SEPARATORS, BLANKS):
        quotes = _quoted(lines, separator)
        widths = [len(fields_of(line, separator, quotes)) for line in lines]
        width, times = max(Counter(widths).items(), key=lambda item: (item[0] > 1, item[1]))
        fit = (widths[0] == width, times)
        if width > 1 and fit > most:
            best, most = separator, fit
    return best


def _quoted(lines: list[str], separator: str) -> bool:
    """Whether quotes surround fields: where fields begin with one, they also end with one.

    In commas and semicolons quotes are usual: there it takes several lines to say that they are
    letters. Elsewhere all must agree.
    """
    mark = r"[ \t]+" if separator == BLANKS else re.escape(separator)
    begun = re.compile(rf'(?:^|{mark})"')
    ended = re.compile(rf'(?:^|(?<=\n)|{mark})"(?:[^"]|"")*"(?={mark}|$)')
    good = bad = 0
    for line in lines:
        if '"' in line:
            opened, closed = len(begun.findall(line)), len(ended.findall(line))
            good += closed > 0
            bad += opened > 0 and closed == 0
    if separator in (",", ";"):
        return bad < LOOSE_QUOTES or good >= bad
    return good > 0 and bad == 0


def _has_header(rows: list[list[str]], table: Table) -> bool:
    first = [field.strip() for field in rows[0]]
    if any(_is_number(field) for field in first):
        return False
    if any(known(field, table) for field in first):
        return True
    return any(any(_is_number(field) for field in row) for row in rows[1:4])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return len(text) >= 8 and text[0].isdigit() and seconds_of_date(text) is not None
    return text.casefold().lstrip("+-") not in ("nan", "inf", "infinity")
