"""What happened on the way to a list."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from reelrecs.pipeline.candidates import Rows

T = TypeVar("T")


@dataclass(slots=True)
class Trace:
    """What happened on the way to a list."""

    seconds: dict[str, float] = field(default_factory=dict)  # by stage, in order
    found: dict[str, int] = field(default_factory=dict)  # by source
    removed: dict[str, Rows] = field(default_factory=dict)  # movie rows, by filter
    relaxed: tuple[str, ...] = ()  # filters that were given up, in order

    def why_removed(self, movie_row: int) -> list[str]:
        """The filters that would not let this movie pass; empty if it stayed or was not found."""
        return [name for name, rows in self.removed.items() if movie_row in rows]

    def timed(self, stage: str, work: Callable[[], T]) -> T:
        """Do the work and add its time to the stage's."""
        start = time.perf_counter()
        result = work()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start
        return result
