"""Functions that only kernels call, for tests to call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from reelrecs.kernels.jit import kernel

P = ParamSpec("P")
R = TypeVar("R")


def entry(inner: Callable[P, R]) -> Callable[P, R]:
    """The same function, compiled so that Python can call it."""
    return kernel(cast(Callable[P, R], cast(Any, inner).py_func))
