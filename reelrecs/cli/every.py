"""Work that a running service has done beside it, now and then, by a child of low priority."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

log = logging.getLogger(__name__)

NICENESS = 10
"""Of the children: requests come first."""


class Every:
    """Runs a command of ours every so many minutes until it is ended; never two at a time.

    `what` it is stands before what it says: its last line where it fails, and where it does not if
    it is `telling`.
    """

    def __init__(
        self, minutes: float, words: Sequence[str], what: str, telling: bool = False
    ) -> None:
        self._words, self._what, self._telling = words, what, telling
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
                log.warning(f"{self._what} could not be begun: {error}")
                continue
            _, said = self._child.communicate()
            lines = said.strip().splitlines() or [f"exit code {self._child.returncode}"]
            if self._ended.is_set() or self._child.returncode == -signal.SIGTERM:
                continue  # who ends a service may tell all of its processes at once
            if self._child.returncode != 0:
                log.warning(f"{self._what} failed: {lines[-1]}")
            elif self._telling:
                log.warning(f"{self._what}: {lines[-1].removeprefix('reelrecs-fast: ')}")
