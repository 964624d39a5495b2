"""The log of requests: one line of JSON for each, written by a thread of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from reelrecs import config
from reelrecs.scorer.calls import Call
from reelrecs.scorer.lifetime import Closing
from reelrecs.scorer.writer_thread import WriterThread


class RequestLog(Closing):
    """Writes who asked for how much, how it ended and how long it took, and nothing of content.

    Whoever reads slowly loses lines, and is told how many; no call waits for a line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lines: WriterThread[str] = WriterThread(
            self._written, "reelrecs-request-log", config.REQUEST_LOG_LINES, 1, config.CLOSING_GRACE
        )

    def began(self, method: str) -> None:
        """Nothing is written of a call that has not ended."""

    def ended(self, call: Call) -> None:
        """Line it up."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {
            "time": now.replace("+00:00", "Z"),
            "id": call.id,
            "method": call.method.lstrip("/"),
            "status": call.status.name,
            "users": call.users,
            "candidates": call.candidates,
            "ms": round(call.seconds * 1000, 3),
        }
        self._lines.add(json.dumps(line))

    def close(self) -> None:
        """Write what is left, unless nobody reads it."""
        self._lines.close()

    def _written(self, lines: list[str], lost: int) -> None:
        for line in lines:
            self._write(line)
        if lost:
            self._write(json.dumps({"lost_lines": lost}))
