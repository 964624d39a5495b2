"""What happened on the way to a list, and to all lists of a batch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Mask, Rows


class Stopwatch:
    """Adds the time of a `with` block to what stands under a name."""

    __slots__ = ("_name", "_seconds", "_start")

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self._seconds, self._name = seconds, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            before = self._seconds.get(self._name, 0.0)
            self._seconds[self._name] = before + time.perf_counter() - self._start


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

    def stage(self, name: str) -> Stopwatch:
        """Add the time that the block takes to the stage's; nothing is added where it raises."""
        return Stopwatch(self.seconds, name)


@dataclass(slots=True)
class BatchTrace:
    """What happened to the queries of a batch, kept as it came and told query by query."""

    clock: Trace = field(default_factory=Trace)  # seconds by stage, of all queries together
    found: dict[str, NDArray[np.int64]] = field(default_factory=dict)  # by source: [queries]
    filtered: CandidateBatch | None = None  # what the filters looked at
    masks: dict[str, Mask] = field(default_factory=dict)  # by filter: what it let pass of that
    completed: dict[int, Trace] = field(default_factory=dict)  # of queries looked at again

    def of(self, query: int) -> Trace:
        """One query's; the seconds are those of the whole batch."""
        again = self.completed.get(query)
        if again is not None:
            again.seconds = self.clock.seconds
            return again
        trace = Trace(self.clock.seconds)
        trace.found = {name: int(counts[query]) for name, counts in self.found.items()}
        if self.filtered is not None:
            own = slice(*self.filtered.indptr[query : query + 2].tolist())
            movies = self.filtered.rows.movies[own]
            trace.removed = {name: movies[~mask[own]] for name, mask in self.masks.items()}
        return trace
