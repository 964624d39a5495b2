"""The one place that says how kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of arrays on its first call and keep the machine code on disk.

    Serial and without the GIL: threads come from `reelrecs.kernels.pool`, so a kernel cannot
    trip numba's threading layers, and two requests run truly side by side. No fastmath: NaN and
    the order of additions mean something, so results are the same bits everywhere.
    """
    return numba.njit(nogil=True, cache=True)(function)  # type: ignore[no-any-return]


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a small helper into every kernel that calls it; it has no cache file of its own."""
    return numba.njit(nogil=True, forceinline=True)(function)  # type: ignore[no-any-return]


def as_readonly_contiguous(*arrays: NDArray[Any]) -> list[NDArray[Any]]:
    """Show arrays as contiguous and read-only, so that a kernel compiles once for all callers.

    To numba a writable and a read-only array (a mapped store's) are different types.
    """
    views = [np.ascontiguousarray(values).view() for values in arrays]
    for view in views:
        view.flags.writeable = False
    return views
