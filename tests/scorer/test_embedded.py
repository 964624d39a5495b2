"""The scorer's own service: started when asked, private, gone when nobody holds it."""

import gc
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from reelrecs.errors import ScorerError
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix
from reelrecs.scorer import wire
from reelrecs.scorer.embedded import EmbeddedScorer
from reelrecs.scorer.local import LocalScorer
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.socket_folder import PREFIX, SOCKET, YOUNG, YOUNG_EMPTY, remove_stale_folders
from reelrecs.stages.user_context import build_query
from tests.worlds import random_triples, store_of

MODEL = ScoringModel.fixed(store_of(random_triples(9), movie_count=65))
QUERY = build_query(MODEL.store, 0, 5)


def batch(count: int = 8, seed: int = 0) -> Candidates:
    rng = np.random.default_rng(seed)
    values = rng.random((count, 10), dtype=np.float32)
    movies = rng.permutation(65)[:count].astype(np.int32)
    return Candidates(movies, features=FeatureMatrix(wire.CANDIDATE_COLUMNS, values))


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of one test, with a short path as sockets need."""
    with tempfile.TemporaryDirectory() as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        yield Path(short)


def held() -> tuple[int, int]:
    """Open files and threads of this process."""
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def settled(at_most: tuple[int, int]) -> tuple[int, int]:
    """What is held once what is ending has ended; gRPC ends its threads in its own time."""
    end = time.monotonic() + 10
    while any(now > most for now, most in zip(held(), at_most, strict=True)):
        if time.monotonic() > end:
            break
        time.sleep(0.05)
    return held()


def test_nothing_is_started_before_somebody_asks(temp: Path) -> None:
    before = held()
    with EmbeddedScorer(MODEL) as scorer:
        assert held() == before
        assert list(temp.iterdir()) == []
        scorer.score(QUERY, batch())
        assert len(list(temp.iterdir())) == 1


def test_it_is_private_and_leaves_nothing_behind(temp: Path) -> None:
    with EmbeddedScorer(MODEL) as scorer:
        path = Path(scorer.address.removeprefix("unix:"))
        assert path.is_socket()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        mine = scorer.score(QUERY, batch())
    assert list(temp.iterdir()) == []
    ours = LocalScorer(MODEL).score(QUERY, batch())
    assert mine.scores is not None
    assert ours.scores is not None
    assert mine.scores.tobytes() == ours.scores.tobytes()


def test_it_finds_another_place_where_paths_are_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with EmbeddedScorer(MODEL) as scorer:
        assert scorer.address.startswith("127.0.0.1:")
        scorer.score(QUERY, batch())
    assert list(deep.iterdir()) == []


def test_many_threads_start_one_service_and_get_the_same_answers(temp: Path) -> None:
    queries = [build_query(MODEL.store, row, 5) for row in range(12)]
    expected = [LocalScorer(MODEL).score(query, batch(8, at)) for at, query in enumerate(queries)]
    with EmbeddedScorer(MODEL) as scorer:
        with ThreadPoolExecutor(8) as eight:
            together = list(
                eight.map(lambda at: scorer.score(queries[at], batch(8, at)), [*range(12)] * 4)
            )
        assert len(list(temp.iterdir())) == 1
    for at, one in enumerate(together):
        ours = expected[at % 12].scores
        assert ours is not None
        assert one.scores is not None
        assert one.scores.tobytes() == ours.tobytes()


def test_dropped_without_close_it_is_gone_at_once(temp: Path) -> None:
    gc.collect()
    EmbeddedScorer(MODEL).score(QUERY, batch())
    before = settled(held())
    gc.disable()
    try:
        for _ in range(30):
            EmbeddedScorer(MODEL).score(QUERY, batch())
            assert list(temp.iterdir()) == [], "it took the garbage collector, or more"
    finally:
        gc.enable()
    files, threads = settled(before)
    assert files <= before[0] + 2
    assert threads <= before[1] + 2


def test_closed_it_refuses_in_one_line(temp: Path) -> None:
    scorer = EmbeddedScorer(MODEL)
    scorer.score(QUERY, batch())
    scorer.close()
    scorer.close()
    with pytest.raises(ScorerError, match="the scorer is closed: open another engine"):
        scorer.score(QUERY, batch())
    never_asked = EmbeddedScorer(MODEL)
    never_asked.close()
    with pytest.raises(ScorerError, match="is closed"):
        never_asked.score(QUERY, batch())
    assert list(temp.iterdir()) == []


@pytest.mark.parametrize("turn", range(5))
def test_closed_by_another_thread_while_eight_ask(temp: Path, turn: int) -> None:
    scorer = EmbeddedScorer(MODEL)
    errors: list[Exception] = []
    answered = threading.Semaphore(0)

    def ask() -> None:
        try:
            while True:
                scorer.score(QUERY, batch())
                answered.release()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        answered.acquire()
    closer = threading.Thread(target=scorer.close)
    closer.start()
    for thread in (closer, *threads):
        thread.join(10)
        assert not thread.is_alive()
    assert len(errors) == 8
    assert all(isinstance(error, ScorerError) for error in errors), errors
    assert all("closed" in str(error) for error in errors), errors
    assert list(temp.iterdir()) == []


LEFT_OPEN = """
import sys
from reelrecs.engine import Engine
from tests.worlds import random_triples, store_of
engine = Engine(store_of(random_triples(9)), "embedded")
assert len(engine.recommend(1)) > 0
print("asked", flush=True)
if sys.argv[1:]:
    sys.stdin.read()
"""


def process(temp: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LEFT_OPEN, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temp)},
    )


def test_a_process_that_never_closes_leaves_nothing_at_its_end(temp: Path) -> None:
    with process(temp) as one:
        assert one.wait(120) == 0
    assert list(temp.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(temp: Path) -> None:
    with process(temp, "wait") as alive, process(temp, "wait") as killed:
        try:
            for one in (alive, killed):
                assert one.stdout is not None
                assert one.stdout.readline() == "asked\n"
            folders = set(temp.iterdir())
            assert len(folders) == 2
            for folder in folders:
                old = time.time() - 2 * YOUNG
                os.utime(folder, (old, old))
            killed.send_signal(signal.SIGKILL)
            killed.wait(10)
            with EmbeddedScorer(MODEL) as scorer:
                mine = Path(scorer.address.removeprefix("unix:")).parent
                (left,) = set(temp.iterdir()) - {mine}
                assert left in folders
                probe = socket.socket(socket.AF_UNIX)
                probe.connect(str(left / SOCKET))
                probe.close()
        finally:
            alive.kill()
            killed.kill()


def test_only_dead_sockets_of_our_own_are_removed(temp: Path) -> None:
    def aged(name: str, age: float, *files: str) -> Path:
        folder = temp / name
        folder.mkdir(0o700)
        for file in files:
            if file == SOCKET:
                with socket.socket(socket.AF_UNIX) as dead:
                    dead.bind(str(folder / file))
            else:
                (folder / file).write_text("precious")
        os.utime(folder, (time.time() - age,) * 2)
        return folder

    gone = {aged(f"{PREFIX}dead", 2 * YOUNG, SOCKET), aged(f"{PREFIX}empty", 2 * YOUNG_EMPTY)}
    kept = {
        aged(f"{PREFIX}young", 0.0, SOCKET),
        aged(f"{PREFIX}young-empty", 2 * YOUNG),
        aged(f"{PREFIX}data", 2 * YOUNG_EMPTY, "ratings.csv"),
        aged(f"{PREFIX}both", 2 * YOUNG_EMPTY, SOCKET, "ratings.csv"),
        aged("other", 2 * YOUNG_EMPTY, SOCKET),
    }
    open_to_all = aged(f"{PREFIX}open", 2 * YOUNG_EMPTY, SOCKET)
    open_to_all.chmod(0o755)
    link = temp / f"{PREFIX}link"
    link.symlink_to(temp / "other")
    file = temp / f"{PREFIX}file"
    file.write_text("precious")
    remove_stale_folders(temp)
    assert set(temp.iterdir()) == kept | {open_to_all, link, file}
    assert not any(folder.exists() for folder in gone)
    assert (temp / f"{PREFIX}both" / SOCKET).exists()
    remove_stale_folders(temp / "none")


def test_compiling_does_not_count_against_the_deadline(tmp_path: Path) -> None:
    """A new process with no kernel compiled: seconds of work, a deadline of a fraction of one."""
    code = (
        "from tests.scorer.test_embedded import MODEL, QUERY, batch\n"
        "from reelrecs.scorer.embedded import EmbeddedScorer\n"
        "from reelrecs.kernels.knn import _nearest\n"
        "assert not _nearest.signatures\n"
        "with EmbeddedScorer(MODEL, deadline=0.25) as scorer:\n"
        "    assert len(scorer.score(QUERY, batch()).scores) == 8\n"
    )
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), "REELRECS_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
