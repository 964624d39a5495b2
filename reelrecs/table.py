"""Rows as aligned text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import click


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Aligned columns, numbers to the right, never cut; the heading bold on a terminal."""
    cells = [[_shown(value) for value in row] for row in rows]
    widths = [
        max([_width(column), *(_width(row[place]) for row in cells)])
        for place, column in enumerate(columns)
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

    return [click.style(line(columns), bold=True), *(line(row) for row in cells)]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
