"""Lists by a real Ray cluster on this machine: the bytes of one machine, also when workers die."""

import os
import signal
import socket
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reelrecs import config
from reelrecs.batch import job_of, write_job
from reelrecs.constraints import Constraints
from reelrecs.engine import Engine
from reelrecs.errors import ScorerError
from tests.by_ray.workers import workers

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")

from reelrecs.ray_batch import Opening, ray_blocks  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # Ray warns of its own code
    pytest.mark.usefixtures("cluster"),
]

LIMIT = 600
"""Long enough that a worker's part takes some tenths of a second."""


@pytest.fixture
def opening(sample_engine: Engine, tmp_path: Path) -> Opening:
    return Opening.of(sample_engine, None, str(tmp_path / "no-models"))


def test_a_killed_worker_changes_no_byte(
    sample_engine: Engine, tmp_path: Path, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "RAY_BLOCKS", 1)  # of this process: seven parts
    wanted = Constraints(not_genres=["Horror"])
    users = list(sample_engine.store.user_ids)[:420]
    job = job_of(sample_engine, LIMIT, users, constraints=wanted)
    alone, together = tmp_path / "alone.parquet", tmp_path / "together.parquet"
    heard: list[int] = []
    killed: list[tuple[int, int]] = []
    ended = threading.Event()

    def kill_one() -> None:
        """As soon as two workers are there and one part has been made."""
        while not ended.wait(0.02):
            at_work = workers()
            if len(at_work) == 2 and heard:
                killed.append((at_work[0], sum(heard)))
                os.kill(at_work[0], signal.SIGKILL)
                return

    killer = threading.Thread(target=kill_one)
    killer.start()
    try:
        done = write_job(
            sample_engine, together, job, heard.append, partial(ray_blocks, opening=opening)
        )
    finally:
        ended.set()
        killer.join()
    expected = write_job(sample_engine, alone, job)
    assert done == expected
    assert sum(heard) == len(job.users)
    assert together.read_bytes() == alone.read_bytes()
    ((process, so_far),) = killed
    assert 0 < so_far < len(job.users)
    end = time.monotonic() + 30
    while process in workers():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_workers_with_other_data_are_refused(
    sample_engine: Engine, tmp_path: Path, opening: Opening, mine: Path
) -> None:
    """They would answer, and nobody would see that it is of something else."""
    path = tmp_path / "lists.csv"
    job = job_of(sample_engine, 5, [1, 2])

    def fault(wrong: Opening) -> str:
        with pytest.raises(ScorerError) as caught:
            write_job(sample_engine, path, job, blocks=partial(ray_blocks, opening=wrong))
        assert not path.exists()
        return str(caught.value)

    assert "is not that of the batch" in fault(opening._replace(data_dir=str(mine)))
    assert "there is no model at" in fault(opening._replace(profile="learned"))


def test_nobody_at_the_address(sample_engine: Engine, opening: Opening) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        ray.shutdown()
        blocks = ray_blocks(
            sample_engine, job_of(sample_engine, 5, [1]), opening=opening, address=address
        )
        with pytest.raises(ScorerError, match=f"no Ray cluster at {address}: .*refused"):
            next(blocks)


def test_nobody_to_recommend_to_needs_no_cluster(sample_engine: Engine, opening: Opening) -> None:
    job: Any = job_of(sample_engine, 5)._replace(users=[])
    assert list(ray_blocks(sample_engine, job, opening=opening, address="nowhere")) == []
