"""A case: one thing to time."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from reelrecs.bench.fixture import REQUESTS, Fixture


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to time; `prepare` returns the call, `items` what one call handles.

    `warmup` calls come before the clock starts: they compile kernels and touch mapped pages.
    `beside` names the case that does the same work our way, where this is another package's.
    """

    name: str
    prepare: Callable[[Fixture], Callable[[], object]]
    unit: str = "call"
    items: Callable[[Fixture], int] = lambda _: 1
    rounds: int = REQUESTS
    warmup: int = 3
    needs_model: bool = False
    needs_text: bool = False
    package: str = ""  # that has to be installed
    beside: str = ""

    @property
    def installed(self) -> bool:
        """Whether its package is there."""
        return not self.package or importlib.util.find_spec(self.package) is not None


def ratings(fixture: Fixture) -> int:
    """What a call handles: all ratings."""
    return fixture.store.rating_count


def users(fixture: Fixture) -> int:
    """All users."""
    return fixture.store.user_count


def many_users(fixture: Fixture) -> int:
    """The users whose lists are made together."""
    return len(fixture.many_users)
