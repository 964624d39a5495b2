"""Settings every test shares: quick and repeatable hypothesis, folders of our own.

No test is red or green because of where it is run: the working folder, the models and the stores
are temporary, and the processes that tests start import the very package under test.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import reelrecs
from reelrecs.engine import Engine

settings.register_profile("reelrecs", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("reelrecs")

TESTS = Path(__file__).resolve().parent
PACKAGE = Path(reelrecs.__file__).resolve().parents[1]
"""The folder that holds the package under test: a checkout or site-packages."""


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
    """A cache folder for the whole run, so that no test reads or leaves a person's own.

    Models are looked for in an empty folder, and relative paths start in another one.
    """
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("REELRECS_")]:
            patch.delenv(name)
        patch.setenv("REELRECS_CACHE_DIR", str(folder))
        patch.setenv("REELRECS_LOG_DIR", str(tmp_path_factory.mktemp("logs")))
        patch.setenv("REELRECS_MODELS_DIR", str(tmp_path_factory.mktemp("models")))
        for folder_of_code in (TESTS.parent, PACKAGE):
            patch.setenv("PYTHONPATH", str(folder_of_code), prepend=os.pathsep)
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        yield folder


@pytest.fixture(scope="session")
def sample_engine(cache_dir: Path) -> Iterator[Engine]:
    """An engine over the embedded sample, with fixed weights."""
    with Engine.open(models_dir=cache_dir / "no-models", profile="fixed") as engine:
        yield engine


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A small data set of one's own."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "movies.csv").write_text(
        "movieId,title,genres\n" + "".join(f"{m},Film {m} (1990),Drama\n" for m in range(1, 46))
    )
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n"
        + "".join(f"{u},{m},4.0,{m}\n" for u in range(1, 31) for m in range(u, u + 15))
    )
    return folder
