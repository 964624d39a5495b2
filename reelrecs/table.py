"""Rows as aligned text, in which nothing that came from the data can steer a terminal."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import click

_OBEYED = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters: C0, DEL, C1; escape sequences begin with one
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi marks: text that reads as another
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff"  # lone surrogates, which no encoding can write
    "]"
)


class Heading(str):
    """A line that is bold on a terminal."""

    __slots__ = ()


def visible(text: str) -> str:
    r"""The text with every character that would be obeyed shown as an escape: `\x1b`, `\u202e`.

    For people to read: a backslash of the text itself stays as it is.
    """
    return _OBEYED.sub(_escape, text)


def json_safe(document: str) -> str:
    """JSON text with those characters as JSON escapes; it parses to the same values."""
    return _OBEYED.sub(
        lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", document
    )


def styled(line: str, terminal: bool) -> str:
    """A line ready to print: visible, and bold where it is a heading on a terminal."""
    text = visible(line)
    return click.style(text, bold=True) if terminal and isinstance(line, Heading) else text


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Aligned columns under a `Heading`, numbers to the right, never cut."""
    names = [visible(column) for column in columns]
    cells = [[_shown(value) for value in row] for row in rows]
    widths = [
        max([_width(name), *(_width(row[place]) for row in cells)])
        for place, name in enumerate(names)
    ]
    numeric = [
        all(isinstance(row[place], int | float) for row in rows) for place in range(len(columns))
    ]

    def line(texts: Sequence[str]) -> str:
        padded = [
            " " * (width - _width(text)) + text if right else text + " " * (width - _width(text))
            for text, width, right in zip(texts, widths, numeric, strict=True)
        ]
        return "  ".join(padded).rstrip()

    return [Heading(line(names)), *(line(row) for row in cells)]


def html_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], note: str = "") -> str:
    """The same for a notebook, a note below it; nothing of the data is taken for markup."""
    parts = ["<table><thead><tr>", *(f"<th>{_escaped(name)}</th>" for name in columns)]
    parts.append("</tr></thead><tbody>")
    for row in rows:
        cells = "".join(f"<td>{_escaped(_shown(value))}</td>" for value in row)
        parts.append(f"<tr>{cells}</tr>")
    parts.append("</tbody></table>")
    return "".join(parts) + (f"<p>{_escaped(note)}</p>" if note else "")


def cut(text: str, width: int) -> str:
    """As much of a visible text as fits into so many columns of a terminal."""
    for at, char in enumerate(text):
        width -= _width(char)
        if width < 0:
            return text[:at]
    return text


def _escaped(text: str) -> str:
    return html.escape(visible(text))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else visible(str(value))


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
