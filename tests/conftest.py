"""Settings every test shares: quick and repeatable hypothesis, caches of our own."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from reelrecs.engine import Engine

settings.register_profile("reelrecs", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("reelrecs")


class Logged:
    """The package's log lines, from INFO on."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    @property
    def lines(self) -> list[str]:
        """What was logged since the beginning or the last `clear`."""
        return [record.getMessage() for record in self._caplog.records]

    def clear(self) -> None:
        """Forget what was logged."""
        self._caplog.clear()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    """Hear what the package logs."""
    caplog.set_level(logging.INFO, "reelrecs")
    return Logged(caplog)


@pytest.fixture(scope="session", autouse=True)
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder for the whole run, so that no test reads or leaves a person's own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REELRECS_CACHE_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def sample_engine(cache_dir: Path) -> Iterator[Engine]:
    """An engine over the embedded sample."""
    with Engine.open(models_dir=cache_dir / "no-models") as engine:
        yield engine
