"""The log of requests: one line of JSON for each, written by a thread of its own."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from reelrecs import config
from reelrecs.scorer.calls import Call
from reelrecs.scorer.lifetime import Closing


class RequestLog(Closing):
    """Writes who asked for how much, how it ended and how long it took, and nothing of content.

    Whoever reads slowly loses lines, and is told how many; no call waits for a line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lines: queue.Queue[str | None] = queue.Queue(config.REQUEST_LOG_LINES)
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="reelrecs-request-log", daemon=True)
        self._thread.start()

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
        try:
            self._lines.put_nowait(json.dumps(line))
        except queue.Full:
            self._lost += 1

    def close(self) -> None:
        """Write what is left, unless nobody reads it."""
        try:
            self._lines.put(None, timeout=config.CLOSING_GRACE)
        except queue.Full:
            return
        self._thread.join(config.CLOSING_GRACE)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            self._write(line)
            if self._lost:
                lost, self._lost = self._lost, 0
                self._write(json.dumps({"lost_lines": lost}))
