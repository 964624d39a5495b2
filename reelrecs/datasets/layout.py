"""What a reader states about its layout, so that one can be chosen by what is in the folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reelrecs.datasets.files import Files
from reelrecs.datasets.rejects import Rejects
from reelrecs.datasets.tables import Tables


@dataclass(frozen=True, slots=True)
class Layout:
    """A way to lay out a data set in files, and the function that reads it."""

    name: str
    needs: tuple[str, ...]  # files without which there is nothing to read
    marks: tuple[str, ...]  # files that tell it from layouts with the same needs
    also: tuple[str, ...]  # files that are read where present
    read: Callable[[Files, Rejects], Tables]
    ratings_file: str  # where the ratings stand as text; "" where they do not
    separator: bytes  # between the fields of a rating
    has_header: bool  # whether the first line of the ratings names the fields

    def used(self, names: frozenset[str]) -> list[str]:
        """The files among `names` that this layout reads."""
        return [name for name in (*self.needs, *self.marks, *self.also) if name in names]
