"""Real servers over small data, on loopback."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from reelrecs.serving.live_engine import LiveEngine
from reelrecs.web.app import application

EVIL = "<script>alert(1)</script> & \"Quotes' \u202e"
"""A title that must be read and never run."""


@contextmanager
def served(live: LiveEngine, **choices: Any) -> Iterator[httpx.Client]:
    """A client of a server that runs until the block ends."""
    app = application(live, **choices)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            base = f"http://localhost:{port}"
            with httpx.Client(base_url=base, timeout=30, trust_env=False) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveEngine]:
    with LiveEngine(str(data_in(tmp_path_factory.mktemp("web"))), "none") as live:
        yield live


def data_in(parent: Path) -> Path:
    """Movies 1 to 60, the last with a title that bites, and 30 users with 15 ratings each."""
    folder = parent / "mine"
    folder.mkdir()
    genres = ("Drama", "Comedy", "Drama|Comedy")
    rows = [f"{m},Film {m} ({1940 + m}),{genres[m % 3]}" for m in range(1, 60)]
    evil = EVIL.replace('"', '""')
    rows.append(f'60,"{evil}",Drama')
    (folder / "movies.csv").write_text("movieId,title,genres\n" + "\n".join(rows) + "\n")
    ratings = [
        f"{u},{m},{4 + (u * m) % 3 / 2},{m * 100 + u}"
        for u in range(1, 31)
        for m in (*range(u, u + 14), 60)
    ]
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n" + "\n".join(ratings) + "\n"
    )
    return folder


@pytest.fixture(scope="module")
def client(live: LiveEngine) -> Iterator[httpx.Client]:
    with served(live) as client:
        yield client


@pytest.fixture
def client_of() -> Iterator[Callable[..., httpx.Client]]:
    """Makes clients of applications of one's own."""
    with ExitStack() as running:
        yield lambda live, **choices: running.enter_context(served(live, **choices))
