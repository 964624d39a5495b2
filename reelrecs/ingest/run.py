"""The loop from a source into an engine's log."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from reelrecs import config
from reelrecs.datasets.imports.arriving import Arriving
from reelrecs.engine import Engine
from reelrecs.errors import DataError, InvalidRequest
from reelrecs.ingest.source import Source
from reelrecs.ratings_log.events import Step
from reelrecs.store.incoming import Rating, rating_of

log = logging.getLogger(__name__)


class Ingest:
    """Reads a source into the log, each record exactly once where its place can be kept.

    Ratings and how far the source has been read are one transaction. A record that is no rating
    ends it, and is met again next time; with `skip` it is named, counted and passed over.
    """

    def __init__(self, engine: Engine, source: Source, skip: bool = False) -> None:
        self.kept = 0  # ratings that are new
        self.skipped = 0
        self._engine, self._source, self._skip = engine, source, skip
        self._position = engine.position(source.name) if source.name else None
        self._waiting: list[tuple[Rating, Arriving, object]] = []  # with the place after each

    def run(self) -> None:
        """Read until the source has an end; raises DataError and StorageError.

        Whatever ends it, what is counted as kept is on the disk, and is not read again.
        """
        reached: object = None
        for record in self._source.records(self._position):
            if record is None:
                self._keep(reached)
                continue
            said = self._checked(record.rating)
            if isinstance(said, DataError):
                self._keep(reached)
                self._pass_over(said)
            elif said is not None:
                self._waiting.append((*said, record.after))
            reached = record.after
            if len(self._waiting) == config.LOG_GROUP:
                self._keep(reached)
        self._keep(reached)

    def _checked(
        self, said: Arriving | DataError | None
    ) -> tuple[Rating, Arriving] | DataError | None:
        if not isinstance(said, Arriving):
            return said
        try:
            return rating_of(self._engine.store, said), said
        except DataError as error:
            return error

    def _pass_over(self, error: DataError) -> None:
        if not self._skip:
            raise error
        self.skipped += 1
        if self.skipped <= config.SKIPPED_SHOWN:
            log.warning("skipped: %s", error)

    def _keep(self, reached: object) -> None:
        """Write what waits, and that the source has been read so far."""
        if reached is None:
            return
        waiting, self._waiting = self._waiting, []
        try:
            self._write([rating for rating, _, _ in waiting], reached)
        except InvalidRequest:  # a key of another rating: none is written; which it is, one by one
            for rating, said, after in waiting:
                try:
                    self._write([rating], after)
                except InvalidRequest as error:
                    self._pass_over(DataError(f"{said.where}: {error}"))

    def _write(self, ratings: Sequence[Rating], reached: object) -> None:
        if not self._source.name:
            self.kept += self._engine.append_many(ratings)
            return
        step = Step(self._source.name, self._position, self._source.written(reached))
        if ratings or step.after != step.before:
            self.kept += self._engine.append_step(step, ratings)
            self._position = step.after
