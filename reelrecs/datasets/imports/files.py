"""Other people's files of ratings: text of many forms, JSON lines, Parquet, Feather, Arrow."""

from __future__ import annotations

from pathlib import Path

from reelrecs.datasets.imports.arrow_rows import open_arrow
from reelrecs.datasets.imports.choices import Choices, FileChoices
from reelrecs.datasets.imports.columns import MOVIES, RATINGS, Table
from reelrecs.datasets.imports.json_rows import JsonRows
from reelrecs.datasets.imports.opening import STDIN, Opened
from reelrecs.datasets.imports.rows import Rows
from reelrecs.datasets.imports.tables import Imported, import_rows
from reelrecs.datasets.imports.text_rows import TextRows
from reelrecs.datasets.rejects import Rejects
from reelrecs.errors import DataError


def import_files(
    ratings: Path, movies: Path | None, rejects: Rejects, choices: Choices | None = None
) -> Imported:
    """Tables from files; raises DataError, and MalformedRow for a bad line of a text file."""
    choices = Choices() if choices is None else choices
    movie_rows = None if movies is None else open_rows(movies, choices.movies, MOVIES)
    return import_rows(open_rows(ratings, choices.ratings, RATINGS), movie_rows, rejects, choices)


def open_rows(path: Path, choices: FileChoices, table: Table) -> Rows:
    """The rows of a file of any format; "-" is standard input."""
    if str(path) != STDIN:
        found = open_arrow(path)
        if found is not None:
            return found
    file = Opened(path)
    if str(path) == STDIN:
        found = open_arrow(file.path)
        if found is not None:
            found.name = file.name
            found.keep(file)
            return found
    if _is_json(file):
        return JsonRows(file)
    return TextRows(file, choices, table)


def _is_json(file: Opened) -> bool:
    head = file.head(1 << 12).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:1] == b"[" and head[1:].lstrip()[:1] == b"{":
        raise DataError(f"{file.name} is one JSON list; write one object a line (JSON lines)")
    return head[:1] == b"{"
