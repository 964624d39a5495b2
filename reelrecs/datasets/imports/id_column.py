"""Ids gathered batch by batch: each distinct one is kept once, each row as its number.

A column is of whole numbers where every value is one in plain form: no sign, no leading zero, 64
bits; `1.0` is 1 in it. Anything else makes the column text, and each id what the person wrote.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reelrecs.datasets.imports.growing import Growing
from reelrecs.datasets.tables import IdColumn

NO_ID = frozenset({"", "na", "nan", "null", "none", "n/a", "<na>", "\\n"})
"""What stands for "nothing" in files, in small letters: never somebody's id."""

PLAIN = r"^(0|[1-9][0-9]{0,18})(\.0*)?$"
"""A whole number as an id that is a number may be written."""

MERGE_CHUNKS = 64
"""Batches after which their distinct ids are brought together."""


class IdBuilder:
    """Builds a column of ids; bad ones are reported batch by batch and stay as any id."""

    def __init__(self, expected: int = 0) -> None:
        self._expected = expected
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._fresh: list[Any] = []
        self._words: Any = None
        self._codes = Growing(np.int32, self._expected)

    def add(self, values: Any) -> NDArray[np.bool_]:
        """Take a batch; where its values are no ids [n]."""
        encoded, missing = _encoded(values)
        self._fresh.append(encoded)
        if len(self._fresh) == MERGE_CHUNKS:
            self._merge()
        return missing

    def finish(self) -> CodedIds:
        """All batches as one column."""
        self._merge()
        words, codes = self._words, self._codes.finish()
        self.clear()
        if words is None:
            return CodedIds(codes, pa.array([], pa.int64()))
        if not pa.types.is_int64(words.type):
            numbers = _as_numbers(words)
            if numbers is None:
                return CodedIds(codes, words)
            again = numbers.dictionary_encode()
            if len(again.dictionary) < len(words):  # 1 and 1.0
                codes = again.indices.to_numpy()[codes]
            return CodedIds(codes, again.dictionary)
        if pc.any(pc.less(words, 0)).as_py():
            words = words.cast(pa.large_string())
        return CodedIds(codes, words)

    def _merge(self) -> None:
        """Bring the distinct ids of the last batches together with those before."""
        if not self._fresh:
            return
        fresh = _merged(self._fresh)
        self._fresh = []
        words, codes = fresh.dictionary, fresh.indices.to_numpy(zero_copy_only=False)
        if self._words is None:
            self._words = words
        else:
            if words.type != self._words.type:
                words = words.cast(pa.large_string())
                self._words = self._words.cast(pa.large_string())
            place = pc.index_in(words, value_set=self._words)
            new = place.is_null()
            count = len(self._words)
            self._words = pa.concat_arrays([self._words, words.filter(new)])
            places = pc.fill_null(place, 0).to_numpy().astype(np.int32)
            where = np.flatnonzero(new.to_numpy(zero_copy_only=False))
            places[where] = np.arange(count, count + len(where), dtype=np.int32)
            codes = places[codes]
        self._codes.extend(codes)


class CodedIds:
    """A column of ids: its distinct values (int64 or large_string), the place of each row's."""

    def __init__(self, codes: NDArray[np.int32], values: Any) -> None:
        self.codes, self.values = codes, values

    @property
    def is_text(self) -> bool:
        """Whether they are text rather than numbers."""
        return not pa.types.is_int64(self.values.type)

    def column(
        self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice, count: int | None = None
    ) -> IdColumn:
        """The ids of these rows, of the first `count`."""
        return self.of_codes(self.codes[:count][rows])

    def of_codes(self, codes: NDArray[np.int32]) -> IdColumn:
        """The ids of these codes."""
        if self.is_text:
            return pa.DictionaryArray.from_arrays(pa.array(codes), self.values)
        return np.asarray(self.values.to_numpy()[codes], np.int64)

    def shown(self, codes: NDArray[np.int32]) -> list[str]:
        """The ids of these codes as text."""
        return [str(value) for value in self.values.take(pa.array(codes)).to_pylist()]


def _encoded(values: Any) -> tuple[Any, NDArray[np.bool_]]:
    """A batch as a DictionaryArray of int64 or large_string, and where no id stands."""
    if pa.types.is_dictionary(values.type):
        words, indices = values.dictionary, values.indices.cast(pa.int32())
    else:
        plain = _plain(values)
        encoded = plain.dictionary_encode()
        words, indices = encoded.dictionary, encoded.indices
    missing = np.asarray(indices.is_null().to_numpy(zero_copy_only=False), np.bool_)
    codes = pc.fill_null(indices, 0).to_numpy(zero_copy_only=False)
    if len(words) == 0:
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(["?"], pa.large_string())
                                              ), missing  # fmt: skip
    words = _plain(words)
    if pa.types.is_int64(words.type):
        none = np.asarray(words.is_null().to_numpy(zero_copy_only=False), np.bool_)
    else:
        words = pc.utf8_trim_whitespace(words)
        lower = pc.utf8_lower(words)
        none = pc.fill_null(pc.is_in(lower, pa.array(sorted(NO_ID), pa.large_string())), True)
        none = np.asarray(pc.or_(none, words.is_null()).to_numpy(zero_copy_only=False), np.bool_)
    if none.any():
        missing = missing | none[codes]
        good = np.flatnonzero(~none)
        fill = words[int(good[0])] if len(good) else pa.scalar(0).cast(words.type)
        words = pc.if_else(pa.array(none), fill, words)
    again = words.dictionary_encode()  # blanks or fills may have made two words one
    if len(again.dictionary) < len(words):
        codes = again.indices.to_numpy()[codes]
        words = again.dictionary
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), words), missing


def _plain(values: Any) -> Any:
    """Values as int64 where they are whole numbers of 64 bits, else as large_string."""
    kind = values.type
    if pa.types.is_int64(kind):
        return values
    if pa.types.is_integer(kind):
        try:
            return values.cast(pa.int64())
        except pa.ArrowInvalid:  # beyond 64 bits with a sign
            return values.cast(pa.large_string())
    if pa.types.is_floating(kind):
        values = values.cast(pa.float64())
        numbers = values.to_numpy(zero_copy_only=False)
        none = ~np.isfinite(numbers)
        with np.errstate(invalid="ignore"):
            whole = none | ((numbers == np.floor(numbers)) & (np.abs(numbers) < 2.0**63))
        if whole.all():
            return pa.array(np.where(none, 0, numbers).astype(np.int64), mask=none)
        texts = [None if bad else repr(number) for number, bad in
                 zip(numbers.tolist(), none.tolist(), strict=True)]  # fmt: skip
        return pa.array(texts, pa.large_string())
    try:
        return values.cast(pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([None if v is None else str(v) for v in values.to_pylist()],
                        pa.large_string())  # fmt: skip


def _merged(chunks: list[Any]) -> Any:
    """Several DictionaryArrays as one with one dictionary."""
    kinds = {chunk.dictionary.type for chunk in chunks}
    if len(kinds) > 1:
        chunks = [
            pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.large_string()))
            for chunk in chunks
        ]
    if len(chunks) == 1:
        return chunks[0]
    unified = pa.chunked_array(chunks).unify_dictionaries()
    codes = pa.chunked_array([chunk.indices for chunk in unified.chunks]).combine_chunks()
    if isinstance(codes, pa.ChunkedArray):
        codes = pa.concat_arrays(codes.chunks)
    return pa.DictionaryArray.from_arrays(codes, unified.chunk(0).dictionary)


def _as_numbers(words: Any) -> Any:
    """Words as int64 where all are plain whole numbers, else None."""
    if not pc.all(pc.match_substring_regex(words, PLAIN)).as_py():
        return None
    if pc.any(pc.match_substring(words, ".")).as_py():
        words = pc.replace_substring_regex(words, r"\.0*$", "")
    try:
        return words.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
