"""Ids as people wrote them: whole numbers of 64 bits, or text; never renumbered.

A column of ids stands beside its ratings, `Ids` are the distinct ones in ascending order, in which
the place of an id is its row. Text is ordered by its UTF-8 bytes, and looked up where it stands: in
Arrow memory, by binary search, so that a million ids cost no more than their letters.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reelrecs.errors import InvalidRequest, one_line
from reelrecs.kernels import csr

Id: TypeAlias = int | str
"""One id; of all users, and of all movies, either all are numbers or all are text."""

IdColumn: TypeAlias = NDArray[np.int64] | pa.DictionaryArray
"""One id a rating, movie or user: numbers, or int32 indices into a large_string dictionary.

The dictionary may stand in any order and hold what no row uses; there are no nulls.
"""

PLAIN = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
"""A whole number in the one form that an id which is a number has."""

LONGEST_SHOWN = 80
"""Letters of an id in a message."""

FEW = 64
"""A dictionary this many times smaller than the ids is looked up word by word: a hash table of all
ids would cost more."""


class Ids:
    """Distinct ids in ascending order: the row of an id is its place. Immutable.

    `values` are int64 numbers or an Arrow array of large strings, strictly ascending.
    """

    __slots__ = ("_bytes", "_numbers", "_offsets", "_texts")

    def __init__(self, values: NDArray[np.int64] | pa.Array) -> None:
        self._texts: pa.Array | None = None
        if isinstance(values, np.ndarray):
            self._numbers = values
            return
        self._texts = values
        _, offsets, letters = values.buffers()
        self._offsets: NDArray[np.int64] = (
            np.frombuffer(offsets, np.int64, len(values) + 1, 8 * values.offset)
            if len(values)
            else np.zeros(1, np.int64)
        )
        self._bytes = memoryview(letters if letters is not None else b"")

    def __len__(self) -> int:
        return len(self._numbers if self._texts is None else self._texts)

    def __getitem__(self, row: int) -> Id:
        at = range(len(self))[row]
        if self._texts is None:
            return int(self._numbers[at])
        return self._letters(at).decode()

    def __iter__(self) -> Iterator[Id]:
        return (self[row] for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ids) and bool(self.to_arrow().equals(other.to_arrow()))

    def __hash__(self) -> int:
        return hash((len(self), *(self[row] for row in range(min(len(self), 3)))))

    @property
    def is_text(self) -> bool:
        """Whether they are text rather than numbers."""
        return self._texts is not None

    @property
    def values(self) -> NDArray[np.int64] | pa.Array:
        """All of them, as they were given."""
        return self._numbers if self._texts is None else self._texts

    def to_arrow(self) -> pa.Array:
        """All of them: int64 or large_string."""
        return pa.array(self._numbers) if self._texts is None else self._texts

    def column(self) -> IdColumn:
        """All of them, as a column of one row each."""
        if self._texts is None:
            return self._numbers
        rows = pa.array(np.arange(len(self), dtype=np.int32))
        return pa.DictionaryArray.from_arrays(rows, self._texts)

    def row(self, wanted: Id) -> int:
        """The row of an id of this kind, -1 where there is none."""
        if self._texts is None:
            if not isinstance(wanted, int) or not -(2**63) <= wanted < 2**63:
                return -1
            at = int(np.searchsorted(self._numbers, np.int64(wanted)))
            return at if at < len(self) and self._numbers[at] == wanted else -1
        if not isinstance(wanted, str):
            return -1
        letters = wanted.encode("utf-8", "surrogatepass")
        at = bisect_left(range(len(self)), letters, key=self._letters)
        return at if at < len(self) and self._letters(at) == letters else -1

    def rows_of(self, column: IdColumn) -> NDArray[np.int32]:
        """[n] the row of each id of a column, -1 where there is none; the kinds need not agree."""
        if isinstance(column, np.ndarray):
            if self._texts is not None:
                return self.rows_of(as_text(column))
            return self._rows_of_numbers(column)
        if len(column.dictionary) == 0:
            return np.zeros(0, np.int32)
        if self._texts is None:
            numbers = [_number(text) for text in column.dictionary.to_pylist()]
            rows = np.array([-1 if n is None else self.row(n) for n in numbers], np.int32)
        elif len(column.dictionary) * FEW < len(self):
            rows = np.array([self.row(text) for text in column.dictionary.to_pylist()], np.int32)
        else:
            found = pc.fill_null(pc.index_in(column.dictionary, value_set=self._texts), -1)
            rows = _numpy(found, np.int32)
        of_each: NDArray[np.int32] = rows[_numpy(column.indices, np.int32)]
        return of_each

    def at(self, rows: NDArray[np.integer[Any]]) -> list[Id]:
        """The ids of these rows."""
        if self._texts is None:
            return list(self._numbers[rows].tolist())
        return list(self.take(rows).to_pylist())

    def take(self, rows: NDArray[np.integer[Any]]) -> pa.Array:
        """The ids of these rows: int64 or large_string."""
        if self._texts is None:
            return pa.array(self._numbers[rows])
        return self._texts.take(pa.array(rows))

    def of_rows(self, rows: NDArray[np.integer[Any]]) -> Ids:
        """Some of these, by ascending row."""
        return Ids(self._numbers[rows] if self._texts is None else self.take(rows))

    def joined(self, column: IdColumn) -> Ids:
        """These and the ids of a column of the same kind; the very same if it has no others."""
        missing = np.flatnonzero(self.rows_of(column) < 0)
        if len(missing) == 0:
            return self
        others, _ = coded(take_ids(column, missing))
        if self._texts is None:
            return Ids(np.union1d(self._numbers, others.values))
        both = pa.concat_arrays([self._texts, others.values])
        return Ids(both.take(pc.sort_indices(both)))

    def parse(self, text: str) -> Id:
        """What a person typed as an id of this kind; raises InvalidRequest.

        "10" is the number 10 where ids are numbers, and the text "10" where they are text.
        """
        if self._texts is not None:
            return text
        number = _number(text)
        if number is None:
            raise InvalidRequest(f"id {_shown(text)}: {self._kind()}")
        return number

    def checked(self, given: object) -> Id:
        """What a program gave as an id of this kind; raises InvalidRequest.

        A whole number stands for its text where ids are text, a text of one for the number where
        they are numbers.
        """
        if isinstance(given, str):
            return self.parse(str(given))
        if isinstance(given, (int, np.integer)) and not isinstance(given, bool):
            return str(given) if self.is_text else int(given)
        raise InvalidRequest(f"id {_shown(given)}: {self._kind()}")

    def ascend(self) -> bool:
        """Whether they are in order, each once: what every look-up rests on."""
        if self._texts is None:
            return bool((self._numbers[1:] > self._numbers[:-1]).all())
        return len(self) < 2 or bool(pc.all(pc.less(self._texts[:-1], self._texts[1:])).as_py())

    def _kind(self) -> str:
        """What ids look like here, for messages."""
        sample = f" such as {one_line(str(self[0]), LONGEST_SHOWN)}" if len(self) else ""
        return f"ids of this data are {'text' if self.is_text else 'whole numbers'}{sample}"

    def _letters(self, row: int) -> bytes:
        return bytes(self._bytes[self._offsets[row] : self._offsets[row + 1]])

    def _rows_of_numbers(self, column: NDArray[np.int64]) -> NDArray[np.int32]:
        codes = None
        if len(column) > len(self):
            column, codes = csr.rows_of_ids(column)
        at = np.searchsorted(self._numbers, column)
        at[at == len(self)] = 0
        known = self._numbers[at] == column if len(self) else np.zeros(len(column), np.bool_)
        rows = np.where(known, at, -1).astype(np.int32)
        return rows if codes is None else rows[codes]


def coded(column: IdColumn) -> tuple[Ids, NDArray[np.int32]]:
    """The distinct ids of a column, and for each of its rows [n] the row of its id among them."""
    if isinstance(column, np.ndarray):
        distinct, codes = csr.rows_of_ids(column)
        return Ids(distinct), codes
    indices = _numpy(column.indices, np.int32)
    used = np.zeros(len(column.dictionary), np.bool_)
    used[indices] = True
    words = np.flatnonzero(used)
    order = words[_numpy(pc.sort_indices(column.dictionary.take(pa.array(words))), np.uint64)]
    texts = column.dictionary.take(pa.array(order)).cast(pa.large_string())
    fresh = np.ones(len(order), np.bool_)  # a dictionary may hold a word twice
    if len(order) > 1:
        fresh[1:] = pc.not_equal(texts[1:], texts[:-1]).to_numpy(zero_copy_only=False)
    codes_of = np.zeros(len(used), np.int32)
    codes_of[order] = np.cumsum(fresh, dtype=np.int32) - 1
    if not fresh.all():
        texts = texts.filter(pa.array(fresh))
    return Ids(texts), codes_of[indices]


def column_of(ids: Sequence[Id]) -> IdColumn:
    """A column of these ids: numbers where all are, and of 64 bits, else text."""
    if all(isinstance(one, (int, np.integer)) and -(2**63) <= one < 2**63 for one in ids):
        return np.array(ids, np.int64)
    return pa.array([str(one) for one in ids], pa.large_string()).dictionary_encode()


def as_text(column: IdColumn) -> pa.DictionaryArray:
    """The same column as text: numbers by their digits."""
    if not isinstance(column, np.ndarray):
        return column
    distinct, codes = csr.rows_of_ids(column)
    words = pa.array(distinct).cast(pa.large_string())
    return pa.DictionaryArray.from_arrays(pa.array(codes), words)


def of_one_kind(one: IdColumn, other: IdColumn) -> tuple[IdColumn, IdColumn]:
    """Two columns of the same things: where one is text, the numbers of the other become text."""
    if isinstance(one, np.ndarray) == isinstance(other, np.ndarray):
        return one, other
    return as_text(one), as_text(other)


def take_ids(column: IdColumn, index: NDArray[np.integer[Any]]) -> IdColumn:
    """The ids at these positions."""
    return column[index] if isinstance(column, np.ndarray) else column.take(pa.array(index))


def _number(text: str) -> int | None:
    return int(text) if len(text) < 1000 and PLAIN.fullmatch(text) else None


def _shown(given: object) -> str:
    return one_line(repr(given), LONGEST_SHOWN)


def _numpy(values: pa.Array, kind: type[np.generic]) -> NDArray[Any]:
    """The numbers of an Arrow array without nulls, as they stand in its memory."""
    if len(values) == 0:
        return np.zeros(0, kind)
    size = np.dtype(kind).itemsize
    return np.frombuffer(values.buffers()[1], kind, len(values), size * values.offset)
