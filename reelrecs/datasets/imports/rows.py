"""What the importer reads from, whatever the file: named columns, in batches, bad rows named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, Protocol

from reelrecs.datasets.rejects import Rejects


class Shape(Enum):
    """What a column's values are like: decides only how they are read fastest."""

    WORDS = "few distinct values"
    TEXT = "many"


class BadValue(NamedTuple):
    """What is wrong with a row."""

    column: str
    cause: str
    value: str


class Rows(Protocol):
    """A table of somebody's, read in batches from its beginning as often as need be."""

    name: str
    columns: list[str]
    headed: bool
    odd_shape: bool  # whether rows were passed over for their form, as far as has been read

    def expected(self) -> int:
        """About how many rows there are; 0 where that cannot be known cheaply."""
        ...

    def sample(self) -> list[list[Any]]:
        """The first rows."""
        ...

    def said(self) -> str:
        """How it is written, for people."""
        ...

    def batches(self, places: Sequence[int], shapes: Sequence[Shape]) -> Iterator[list[Any]]:
        """Arrow arrays of the columns at these places, batch by batch."""
        ...

    def report(self, bad: Mapping[int, BadValue], rejects: Rejects) -> None:
        """Name bad rows, each by its number among the rows of the batches; may raise."""
        ...
