"""Ratings gathered batch by batch, as the numbers that stand in the file."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reelrecs.datasets.imports.growing import Growing

YES = frozenset({"true", "t", "yes", "y", "like", "liked", "up", "thumbs up", "thumbs_up", "+"})
NO = frozenset({"false", "f", "no", "n", "dislike", "disliked", "down", "thumbs down",
                "thumbs_down", "-"})  # fmt: skip
"""Words for liked and not liked, in small letters."""

MISSING, NO_NUMBER = "missing field", "not a number"

MOST_DISTINCT = 100_000
"""Distinct numbers whose rows are counted: no scale of stars has as many."""


class NumberBuilder:
    """Builds the column of ratings; NaN where there is none."""

    def __init__(self, expected: int = 0) -> None:
        self._values = Growing(np.float32, expected)
        self.counts: Counter[float] = Counter()
        """Rows by their number, of the first `MOST_DISTINCT` numbers."""
        self.has_words = False
        """Whether some were words for liked and not liked, or truth values."""

    def add(self, values: Any) -> dict[str, NDArray[np.bool_]]:
        """Take a batch; where it holds no numbers [n], by cause."""
        if pa.types.is_boolean(values.type):
            self.has_words = True
            values = values.cast(pa.int8())
        encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        words, indices = encoded.dictionary, encoded.indices
        null = np.asarray(indices.is_null().to_numpy(zero_copy_only=False), np.bool_)
        codes = pc.fill_null(indices, 0).to_numpy(zero_copy_only=False)
        if len(words) == 0:
            self._values.extend(np.full(len(codes), np.nan, np.float32))
            return {MISSING: null}
        parsed = [self._number(word) for word in words.to_pylist()]
        numbers = np.array([number for number, _ in parsed])
        rows = np.bincount(codes[~null], minlength=len(words))
        for number, count in zip(numbers.tolist(), rows.tolist(), strict=True):
            if count and math.isfinite(number) and (
                number in self.counts or len(self.counts) < MOST_DISTINCT
            ):  # fmt: skip
                self.counts[number] += count
        chunk = numbers.astype(np.float32)[codes]
        chunk[null] = np.nan
        self._values.extend(chunk)
        empty = np.array([cause == MISSING for _, cause in parsed])[codes] | null
        wrong = np.array([cause == NO_NUMBER for _, cause in parsed])[codes] & ~null
        return {MISSING: empty, NO_NUMBER: wrong}

    def finish(self) -> NDArray[np.float32]:
        """All batches as one column."""
        return self._values.finish()

    def _number(self, word: Any) -> tuple[float, str]:
        """The number and "", or NaN and what is wrong."""
        if word is None:
            return math.nan, MISSING
        if not isinstance(word, str):
            try:
                number = float(word)
            except (TypeError, ValueError):
                return math.nan, NO_NUMBER
            return (number, "") if _fits(number) else (math.nan, NO_NUMBER)
        text = word.strip()
        if not text:
            return math.nan, MISSING
        small = text.casefold()
        if small in YES or small in NO:
            self.has_words = True
            return float(small in YES), ""
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            return math.nan, NO_NUMBER
        return (number, "") if _fits(number) else (math.nan, NO_NUMBER)


def _fits(number: float) -> bool:
    """Whether a float32 holds it."""
    return math.isfinite(number) and abs(number) < 3e38
