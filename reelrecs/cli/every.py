"""Work that a running service has done beside it, now and then, by a child of low priority."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence

log = logging.getLogger(__name__)

NICENESS = 10
"""Of the children: requests come first."""


class Every:
    """Runs a command of ours every so many minutes until it is ended; never two at a time."""

    def __init__(self, minutes: float, words: Sequence[str]) -> None:
        self._words = words
        self._seconds = 60 * minutes
        self._ended = threading.Event()
        self._child: subprocess.Popen[str] | None = None
        threading.Thread(target=self._run, name="reelrecs-every", daemon=True).start()

    def end(self) -> None:
        """Run no more, and end what is running: whatever it writes appears whole or not at all."""
        self._ended.set()
        child = self._child
        if child is not None:
            child.terminate()

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            command = [sys.executable, "-m", "reelrecs", *self._words]
            try:
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                )
                os.setpriority(os.PRIO_PROCESS, self._child.pid, NICENESS)
            except OSError as error:
                log.warning(f"{self._words[-1]} could not be begun: {error}")
                continue
            _, said = self._child.communicate()
            if self._child.returncode != 0 and not self._ended.is_set():
                lines = said.strip().splitlines() or [f"exit code {self._child.returncode}"]
                log.warning(f"{self._words[-1]} failed: {lines[-1]}")
