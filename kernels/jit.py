"""The one place that says how kernels are compiled."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, cast

import numba
import numpy as np
from numba.core import event
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


class _NoCollecting(event.Listener):  # type: ignore[misc]
    """Puts off collecting garbage while numba compiles.

    A compiler makes millions of objects that stay until it is done; to look through them again and
    again takes a sixth of its time. Compilations nest, one thread at a time.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._was_on = False

    def on_start(self, _: event.Event) -> None:
        if self._depth == 0:
            self._was_on = gc.isenabled()
            gc.disable()
        self._depth += 1

    def on_end(self, _: event.Event) -> None:
        self._depth -= 1
        if self._depth == 0 and self._was_on:
            gc.enable()


event.register("numba:compile", _NoCollecting())


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of arrays on its first call and keep the machine code on disk.

    Serial and without the GIL: threads come from `reelrecs.kernels.pool`, so a kernel cannot
    trip numba's threading layers, and two requests run truly side by side. No fastmath: NaN and
    the order of additions mean something, so results are the same bits everywhere on one machine.
    """
    compiled: Any = numba.njit(nogil=True, no_cfunc_wrapper=True)(function)
    compiled._cache = CodeCache(function)
    return cast(Callable[P, R], compiled)


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only kernels call, with each of them.

    It has no way in from Python, which takes longer to compile than the function where it unpacks
    many arrays, and no cache file of its own.
    """
    return cast(Callable[P, R], _inside(numba.njit(**_INNER)(function)))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """The same for a small helper, which becomes part of whatever calls it."""
    return cast(Callable[P, R], _inside(numba.njit(**_INNER, forceinline=True)(function)))


def _inside(compiled: Any) -> Any:
    """See that a call from Python raises: it would run what is not there."""
    compiled._insert = _ignored
    compiled._compile_for_args = _refused
    return compiled


def _ignored(*_: object, **__: object) -> None:
    """No machine code is offered to callers from Python."""


def _refused(*_: object, **__: object) -> None:
    raise TypeError("only kernels call this function: it has no way in from Python")


_INNER = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


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
