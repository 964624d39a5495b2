"""Processes that work until they are killed."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from typing import NamedTuple


class Child(NamedTuple):
    """A process to be killed."""

    pid: int
    told: int  # what it writes to us


def begun(work: Callable[[Callable[[str], None]], None]) -> Child:
    """A child that does the work until it is killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        os.set_blocking(reading, False)
        return Child(pid, reading)
    code = 1
    try:
        os.close(reading)
        random.seed(os.getpid())
        work(lambda text: os.write(writing, text.encode()) and None)
    except BaseException as error:
        sys.stderr.write(f"{error!r}\n")
        code = 8
    finally:
        os._exit(code)


def ended(child: Child) -> None:
    os.kill(child.pid, signal.SIGKILL)
    _, status = os.waitpid(child.pid, 0)
    if os.WIFEXITED(status):
        raise SystemExit(f"a process ended by itself with {os.WEXITSTATUS(status)}")
