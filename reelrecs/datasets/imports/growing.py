"""An array that grows where it lies, so that gathering a column never holds it twice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST = 1 << 16
"""Entries of the first piece of memory."""

GROWTH = 1.1
"""How much larger the next is: the system moves large pieces without copying them."""


class Growing:
    """Numbers of one type, added at the end.

    Room for the number expected is taken at once: memory that is never written to costs nothing.
    """

    def __init__(self, kind: type[np.generic], expected: int = 0) -> None:
        self._values: NDArray[Any] = np.empty(max(expected, LEAST), kind)
        self._count = 0

    def extend(self, values: NDArray[Any]) -> None:
        """Add these."""
        wanted = self._count + len(values)
        if wanted > len(self._values):
            self._values.resize(max(wanted, int(len(self._values) * GROWTH)), refcheck=False)
        self._values[self._count : wanted] = values
        self._count = wanted

    def finish(self) -> NDArray[Any]:
        """All of them; there is nothing left here."""
        values, self._values = self._values, np.empty(0, self._values.dtype)
        values.resize(self._count, refcheck=False)
        self._count = 0
        return values
