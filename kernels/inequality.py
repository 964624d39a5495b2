"""How unequally something is spread."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def gini(amounts: NDArray[Any]) -> float:
    """The Gini coefficient: 0 where all are equal, towards 1 where one has everything; 0 of none.

    Amounts are not negative, in any order.
    """
    ordered = np.sort(amounts).astype(np.float64)
    n = len(ordered)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * ordered.sum() or 1.0))
