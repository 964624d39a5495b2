"""What happened on the way to a list."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from reelrecs.pipeline.candidates import Rows


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

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to the stage's; nothing is added where it raises."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
