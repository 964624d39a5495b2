"""A real process of `serve`, for tests that send it signals."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Served:
    """A running `serve`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.address = ""

    def ready(self) -> str:
        """Wait until it says that it is ready; where it listens."""
        assert self.process.stderr is not None
        line = ""
        while "ready: scoring" not in line:
            line = self.process.stderr.readline()
            assert line, "serve ended early"
        self.address = line.split(" on ")[1].split(";")[0]
        return self.address

    def ended_by(self, number: int) -> tuple[int, str]:
        """Send the signal; the exit code and what was said after it."""
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=60)
        return self.process.returncode, rest


@contextmanager
def served(temp: Path, *arguments: str, before: tuple[str, ...] = ()) -> Iterator[Served]:
    command = [sys.executable, "-m", "reelrecs", *before, "serve", "--address", "127.0.0.1:0"]
    command += ["--drain-notice", "0.3", "--no-request-log"]
    with subprocess.Popen(
        [*command, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temp)},
    ) as process:
        try:
            yield Served(process)
        finally:
            process.kill()
