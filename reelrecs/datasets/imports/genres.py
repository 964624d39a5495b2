"""Genres as people write them: parted by marks, as JSON lists, as lists of named things."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from typing import Any

from reelrecs.datasets.movies import NO_GENRES

MARKS = ("|", ";", ",")
"""What parts genres, the first that a text holds; a comma may stand in a name."""


def genres_of(value: Any) -> tuple[str, ...]:
    """The names of genres in a value, each once, in order."""
    if value is None:
        return ()
    if isinstance(value, str):
        return _of_text(value.strip())
    if isinstance(value, Iterable):
        return _single(_name(part) for part in value)
    return _single([str(value)])


def _of_text(text: str) -> tuple[str, ...]:
    if text[:1] in "[{" and text[-1:] in "]}" and text:
        read = _parsed(text)
        if read is not None:
            return _single(_name(part) for part in (read if isinstance(read, list) else [read]))
        text = text[1:-1]
    mark = next((mark for mark in MARKS if mark in text), None)
    return _single(text.split(mark) if mark else [text])


def _parsed(text: str) -> Any:
    """What a JSON or Python list says; None where it is neither."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None


def _name(part: Any) -> str:
    """The name of one genre, which may be a thing with a name, or a path of categories."""
    if isinstance(part, dict):
        return str(part.get("name") or part.get("title") or part.get("id") or "")
    if isinstance(part, list | tuple):
        return str(part[-1]) if part else ""
    return "" if part is None else str(part)


def _single(names: Iterable[str]) -> tuple[str, ...]:
    plain = (name.strip().strip("'\"") for name in names)
    return tuple(dict.fromkeys(name for name in plain if name and name not in NO_GENRES))
