"""Everybody's lists in one file: the same lists, whole or not at all."""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reelrecs import config
from reelrecs.batch import read_user_ids, write_lists
from reelrecs.cli import run
from reelrecs.engine import Engine
from reelrecs.errors import DataError, InvalidRequest, NotFound, ScorerError, StorageError
from reelrecs.kernels.pool import ThreadBudget
from reelrecs.many_lists import schema_of
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.protocols import BatchScorer
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from tests.asking import lists_of
from tests.models import fixed_engine
from tests.worlds import random_triples, store_of

COLUMNS = [
    ("user_id", pa.int64()), ("rank", pa.int32()), ("movie_id", pa.int64()), ("score", pa.float32())
]  # fmt: skip


def rows_of(path: Path) -> list[dict[str, object]]:
    table = pq.read_table(path)
    assert table.schema.remove_metadata() == pa.schema(COLUMNS)
    rows: list[dict[str, object]] = table.to_pylist()
    return rows


def recommended(engine: Engine, users: Sequence[int], limit: int) -> list[dict[str, object]]:
    """The same rows asked for one by one."""
    return [
        {
            "user_id": user,
            "rank": item.rank,
            "movie_id": item.movie.movie_id,
            "score": item.score,
        }
        for user in users
        for item in engine.recommend(user, limit)
    ]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_batch_is_what_recommend_gives_user_by_user(
    sample_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(config, "BATCH_USERS", 7)
    monkeypatch.setattr(config, "BATCH_GROUP", 2)
    monkeypatch.setattr(sample_engine, "threads", ThreadBudget(threads))
    users = [15, 671, *range(1, 31)]
    heard: list[int] = []
    path = tmp_path / "lists.parquet"
    done = write_lists(sample_engine, path, 12, users, heard.append)
    write_lists(sample_engine, tmp_path / "again.parquet", 12, users)
    assert (tmp_path / "again.parquet").read_bytes() == path.read_bytes()
    assert rows_of(path) == recommended(sample_engine, list(users), 12)
    assert done == (32, 32 * 12, 0)
    assert heard == [7, 7, 7, 7, 4]
    stored = pq.ParquetFile(path)
    assert [stored.metadata.row_group(at).num_rows for at in range(stored.num_row_groups)] == [
        14 * 12,
        14 * 12,
        4 * 12,
    ]
    assert stored.schema_arrow.metadata[b"dataset_digest"].decode() == sample_engine.store.digest


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_threads_are_started_than_the_command_line_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    started: list[str] = []
    start = threading.Thread.start

    def note_and_start(thread: threading.Thread) -> None:
        started.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", note_and_start)
    words = ["--threads", str(threads), "--models-dir", str(tmp_path), "batch", "--output"]
    assert run([*words, str(tmp_path / "lists.parquet")]) == 0
    helpers = [name for name in started if name.startswith("reelrecs-helper")]
    assert len(helpers) == threads - 1


def test_everybody_is_served_by_ascending_id_and_short_lists_are_counted(tmp_path: Path) -> None:
    """In this world one user has seen everything, so their list is empty."""
    world = [
        *random_triples(5, users=30, movies=40, most=20),
        *((99, m, 4.0) for m in range(1, 41)),
    ]
    store = store_of(world)
    path = tmp_path / "lists.parquet"
    with fixed_engine(store) as engine:
        done = write_lists(engine, path, 10)
        assert rows_of(path) == recommended(engine, list(store.user_ids), 10)
    assert done.users == 31
    assert done.short == 31 - np.sum(np.bincount(pq.read_table(path)["user_id"])[1:] == 10)
    assert done.short >= 1


def test_a_scorer_of_ones_own_needs_no_batches(sample_engine: Engine) -> None:
    class ByYearScorer:
        def score(self, query: Query, candidates: Candidates) -> Candidates:
            assert candidates.features is not None
            year = candidates.features.column("movie_year")
            return Candidates(
                candidates.movies,
                candidates.channels,
                candidates.retrieval_scores,
                candidates.features,
                np.ascontiguousarray(year),
                candidates.features,
            )

    scorer = ByYearScorer()
    assert not isinstance(scorer, BatchScorer)
    assert isinstance(sample_engine.pipeline.scorer, BatchScorer)
    with fixed_engine(sample_engine.store, scorer) as engine:
        queries = [engine.query(user, 10) for user in (1, 2)]
        many = lists_of(engine.pipeline, queries)
        for query, one in zip(queries, many, strict=True):
            alone, _ = engine.pipeline.run_one(query)
            assert np.array_equal(one.movies, alone.movies)


def test_a_scorer_that_shuffles_is_caught(sample_engine: Engine) -> None:
    class Shuffling:
        def score_all(self, queries: Queries, candidates: CandidateBatch) -> CandidateBatch:
            backwards = np.arange(len(candidates.rows))[::-1]
            return candidates.reordered(candidates.indptr, backwards)

    faulty = replace(sample_engine.pipeline, scorer=Shuffling())
    with pytest.raises(RuntimeError, match="changed which candidates"):
        faulty.run_one(sample_engine.query(1, 10))


def test_what_cannot_be_served_leaves_nothing(sample_engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "lists.parquet"
    with pytest.raises(InvalidRequest, match="1 to 9066"):
        write_lists(sample_engine, path, 9067)
    with pytest.raises(NotFound, match="no user 9999"):
        write_lists(sample_engine, path, 10, [1, 9999])
    with pytest.raises(StorageError, match="there is no folder"):
        write_lists(sample_engine, tmp_path / "none" / "lists.parquet")
    with pytest.raises(StorageError, match="is a folder"):
        write_lists(sample_engine, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ScorerError("away"), KeyboardInterrupt()])
def test_an_end_half_way_leaves_the_old_file(
    sample_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(config, "BATCH_USERS", 5)
    path = tmp_path / "lists.parquet"
    path.write_text("the old one")

    def stop(users: int) -> None:
        raise error

    with pytest.raises(type(error)):
        write_lists(sample_engine, path, 10, range(1, 40), stop)
    assert path.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_user_files_hold_one_id_a_line(sample_engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "users.txt"
    path.write_bytes(b"\xef\xbb\xbf3\r\n\r\n 1 \n3\n671")
    assert read_user_ids(sample_engine, path) == [3, 1, 671]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("1\n\n9999\n", NotFound, r"users\.txt, line 3: no user 9999 in ml-latest-small"),
        ("1\nmany\n", DataError, r"users\.txt, line 2: id 'many': .* numbers such as 1;"),
        ("1\n007\n", DataError, "line 2: id '007'"),
        ("-5\n", NotFound, "line 1: no user -5"),
        ("", DataError, "holds no user ids"),
        ("\n\n", DataError, "holds no user ids"),
    ],
)
def test_a_wrong_line_is_named(
    sample_engine: Engine, tmp_path: Path, text: str, error: type[Exception], said: str
) -> None:
    path = tmp_path / "users.txt"
    path.write_text(text)
    with pytest.raises(error, match=said):
        read_user_ids(sample_engine, path)
    with pytest.raises(DataError, match="is no file"):
        read_user_ids(sample_engine, tmp_path / "none.txt")


def test_the_command_writes_and_says_where(
    sample_engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    users = tmp_path / "users.txt"
    users.write_text("15\n1\n")
    path = tmp_path / "lists.parquet"
    ask = ["batch", "--output", str(path), "--users", str(users), "--limit", "7"]
    assert run(["--profile", "fixed", *ask]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{path}\n"
    assert "14 rows for 2 users" in printed.err
    assert rows_of(path) == recommended(sample_engine, [15, 1], 7)


@pytest.mark.parametrize(
    ("code", "arguments", "said"),
    [
        (7, ["--output", "/nowhere/at/all.parquet"], "there is no folder /nowhere/at"),
        (7, ["--output", "/proc/lists.parquet"], "cannot write /proc/lists.parquet"),
        (2, ["--output", "lists.parquet", "--limit", "0"], "1 to 9066"),
        (3, ["--output", "lists.parquet", "--users", "/nowhere"], "/nowhere is no file"),
        (6, ["--output", "lists.parquet", "--scorer", "127.0.0.1:1"], "no scorer answers"),
    ],
)
def test_mistakes_are_one_line_and_a_code(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["batch", *arguments]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    """A real process, stopped while it writes."""
    with subprocess.Popen(
        [sys.executable, "-m", "reelrecs", "batch", "--limit", "500", "--output", "l.parquet"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            end = time.monotonic() + 60
            while not list(tmp_path.iterdir()):
                assert time.monotonic() < end
                assert process.poll() is None, "it ended before it could be stopped"
                time.sleep(0.005)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert re.search("interrupted$", said.strip())
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_tables_of_arrow_are_of_the_contract(sample_engine: Engine) -> None:
    assert schema_of(sample_engine.store) == pa.schema(COLUMNS)
