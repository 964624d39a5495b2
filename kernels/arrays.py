"""What kernels call the arrays they take: one name for each kind, with its type of number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

Offsets: TypeAlias = NDArray[np.int64]
"""CSR offsets, and positions in long arrays."""

Rows: TypeAlias = NDArray[np.int32]
"""Rows of users or movies, and counts of them."""

Entries: TypeAlias = NDArray[np.uint32]
"""Places in the ratings of all users."""

Times: TypeAlias = NDArray[np.int64]
"""Seconds since 1970."""

Floats: TypeAlias = NDArray[np.float32]
"""Ratings, scores, features, parameters."""

Doubles: TypeAlias = NDArray[np.float64]
"""What is added up over many terms."""

Words: TypeAlias = NDArray[np.uint64]
"""Sets of genres as bits, and 64-bit limits."""

Bits: TypeAlias = NDArray[np.uint16]
"""Up to sixteen retrieval channels as bits."""

Mask: TypeAlias = NDArray[np.bool_]
Years: TypeAlias = NDArray[np.int16]
Bytes: TypeAlias = NDArray[np.uint8]

int64 = cast(Callable[[Any], int], np.int64)
"""A whole number of 64 bits. To numba a plain 0 and an int32 are types of their own, for which it
compiles a function that takes them once more."""
