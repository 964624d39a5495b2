"""The one place that says how kernels are compiled."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, cast

import numba
import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from reelrecs.kernels.code_cache import CodeCache

P = ParamSpec("P")
R = TypeVar("R")
Arrays = TypeVarTuple("Arrays")

if hasattr(os, "register_at_fork"):
    # A child forked while another thread compiles would wait for that thread's lock for ever.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of arrays on its first call and keep the machine code on disk.

    Serial and without the GIL: threads come from `reelrecs.kernels.pool`, so a kernel cannot
    trip numba's threading layers, and two requests run truly side by side. No fastmath: NaN and
    the order of additions mean something, so results are the same bits everywhere on one machine.
    """
    compiled: Any = numba.njit(nogil=True, no_cfunc_wrapper=True)(function)
    compiled._cache = CodeCache(function)
    return cast(Callable[P, R], compiled)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a small helper into every kernel that calls it; it has no cache file of its own."""
    return cast(Callable[P, R], numba.njit(
        nogil=True, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only kernels call, once for all of them."""
    compiled: Any = numba.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    return cast(Callable[P, R], compiled)


def as_readonly_contiguous(*arrays: *Arrays) -> tuple[*Arrays]:
    """Show arrays as contiguous and read-only, so that a kernel compiles once for all callers.

    To numba a writable and a read-only array (a mapped store's) are different types.
    """
    return cast(tuple[*Arrays], tuple(_readonly(values) for values in arrays))


def _readonly(values: Any) -> Any:
    flags = values.flags if isinstance(values, np.ndarray) else None
    if flags is not None and flags.c_contiguous and not flags.writeable:
        return values
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view
