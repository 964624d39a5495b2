"""Ids that people list in a file, one a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reelrecs.datasets.files import Folder
from reelrecs.datasets.ids import Id, Ids
from reelrecs.datasets.text import whole_lines
from reelrecs.errors import DataError, InvalidRequest, NotFound


def read_ids(path: Path, what: str, ids: Ids, row_of: Callable[[Id], int], else_: str) -> list[Id]:
    """The ids in a file, one a line, each once, in the order of the file.

    `what` they are and what to do without such a file, `else_`, are for messages; `row_of` raises
    NotFound for an id that `ids` does not hold. Blanks around an id are passed over unless the
    data's id has them too. Raises DataError or NotFound, naming the line.
    """
    if not path.is_file():
        raise DataError(f"{path} is no file; give one {what} id a line")
    found: dict[Id, None] = {}
    if path.stat().st_size > 0:
        for line in whole_lines(Folder(path.parent), path.name, 0):
            text = line.raw.decode("utf-8", "replace")
            try:
                row = ids.row(text)
                row = row if row >= 0 else row_of(text.strip())
            except InvalidRequest as error:
                raise DataError(
                    f"{path.name}, line {line.number}: {error}; give one {what} id a line"
                ) from error
            except NotFound as error:
                raise NotFound(f"{path.name}, line {line.number}: {error}") from error
            found[ids[row]] = None
    if not found:
        raise DataError(f"{path} holds no {what} ids; give one a line, or {else_}")
    return list(found)
