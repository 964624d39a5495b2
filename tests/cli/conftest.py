"""What tests of commands share."""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def heard() -> Iterator[None]:
    """Let SIGHUP be heard, which tests that run under nohup would pass on as ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def temp() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as short:
        yield Path(short)
