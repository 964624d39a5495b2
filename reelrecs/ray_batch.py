"""Everybody's lists by the workers of a Ray cluster: the same bytes as one machine writes."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from reelrecs import config
from reelrecs.batch import Block, Job, block_of, in_parts
from reelrecs.datasets import locate
from reelrecs.engine import Engine
from reelrecs.errors import InvalidRequest, ReelRecsError, ScorerError, one_line

LOCAL = "local"
"""The address that means a cluster of this machine's own, made for one batch."""

_ANSWER = pa.schema([("lists", pa.binary()), ("lengths", pa.binary()), ("fault", pa.string())])
"""A row is a block of lists, or what kept the worker from making one."""


class Opening(NamedTuple):
    """How a worker opens what the engine has open; the folders must be there on every machine."""

    data_dir: str
    models_dir: str
    profile: str

    @classmethod
    def of(cls, engine: Engine, data_dir: str | None, models_dir: str) -> Opening:
        """That of an engine which was opened by these settings."""
        path = locate(None if data_dir is None else Path(data_dir)).path
        return cls(str(path.resolve()), str(Path(models_dir).resolve()), engine.profile.name)


def ray_blocks(
    engine: Engine, job: Job, *, opening: Opening, address: str = LOCAL
) -> Generator[Block, None, None]:
    """The blocks of a job in order, made by as many workers as the cluster has cores.

    For `batch.write_job`. A worker opens store and model once. One that is killed is started again
    and does its part again; Ray lets workers run no further ahead than its memory holds. Before all
    else a worker makes one list that this process has made as well: where it differs in one bit,
    data, model or version are others there, and nothing is written. Raises InvalidRequest where Ray
    is not installed, ScorerError where it cannot be reached or a worker fails.
    """
    if len(job.users) == 0:
        return
    ray = _ray()
    sample = block_of(engine, job, job.users[:1])
    parts = [
        {"users": np.array(part, np.int32).tobytes()}
        for part in in_parts(job.users, config.RAY_BLOCKS * config.BATCH_USERS)
    ]
    given = {
        "opening": opening,
        "job": job._replace(users=list(job.users[:1])),
        "sample": _packed(sample.table),
    }
    with _connected(ray, address, engine.threads.count), _told(ray):
        workers = min(len(parts), max(int(ray.cluster_resources().get("CPU", 1)), 1))
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order, context.enable_progress_bars = True, False
        answers = ray.data.from_items(parts, override_num_blocks=len(parts)).map_batches(
            _Worker,
            fn_constructor_kwargs=given,
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=1,
        )
        _hush()
        for answer in answers.iter_rows():
            if answer["fault"]:
                raise ScorerError(f"a Ray worker cannot make lists: {answer['fault']}")
            lengths = np.frombuffer(answer["lengths"], np.int64)
            yield Block(pa.ipc.open_stream(answer["lists"]).read_all(), lengths.tolist())


class _Worker:
    """A process of the cluster with a store and a model of its own.

    It opens them at its first part, and says in its answer what went wrong: Ray would start a
    worker that raises again and again, for nothing.
    """

    def __init__(self, opening: Opening, job: Job, sample: bytes) -> None:
        self._opening, self._job, self._sample = opening, job, sample
        self._engine: Engine | None = None

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The blocks of each part that the batch names."""
        try:
            engine = self._engine = self._engine or self._opened()
            rows: list[tuple[bytes, bytes, str | None]] = [
                (_packed(block.table), np.array(block.lengths, np.int64).tobytes(), None)
                for users in batch["users"].to_pylist()
                for part in in_parts(np.frombuffer(users, np.int32).tolist(), config.BATCH_USERS)
                for block in [block_of(engine, self._job, part)]
            ]
        except ReelRecsError as error:
            rows = [(b"", b"", str(error))]
        return pa.table([list(column) for column in zip(*rows, strict=True)], schema=_ANSWER)

    def _opened(self) -> Engine:
        """The engine; raises ScorerError where its lists are not those of the asking process."""
        data_dir, models_dir, profile = self._opening
        engine = Engine.open(data_dir, models_dir=models_dir, profile=profile, threads=1)
        if _packed(block_of(engine, self._job, self._job.users).table) != self._sample:
            raise ScorerError(
                f"its lists on {os.uname().nodename} are not those of this process; have the same "
                "data, model and versions on every machine"
            )
        return engine


def _packed(table: pa.Table) -> bytes:
    """A table as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _ray() -> Any:
    """The package, asked to send no statistics about its use to anybody and to say little."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InvalidRequest("--ray needs the package ray: pip install 'reelrecs[ray]'") from error
    return ray


def _hush() -> None:
    """Keep what Ray logs about a batch in Ray's own files."""
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.CRITICAL + 1)


@contextmanager
def _connected(ray: Any, address: str, cores: int) -> Iterator[None]:
    """Have a cluster until the block ends; one that this process has joined already is left."""
    if ray.is_initialized():
        yield
        return
    own = {"num_cpus": cores, "include_dashboard": False} if address == LOCAL else {}
    try:
        _require_listener(address)
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        reason = one_line(str(error), 200)
        raise ScorerError(f"no Ray cluster at {address}: {reason}; start one, or say local") from (
            error
        )
    try:
        yield
    finally:
        ray.shutdown()


def _require_listener(address: str) -> None:
    """Raise OSError at once where HOST:PORT takes no calls: Ray itself would try for minutes."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), config.RAY_CONNECT_SECONDS).close()


@contextmanager
def _told(ray: Any) -> Iterator[None]:
    """Turn what Ray says of a failed worker into one line."""
    try:
        yield
    except ray.exceptions.RayError as error:
        last = one_line(str(error).strip().splitlines()[-1], 300)
        raise ScorerError(f"a Ray worker failed: {last}; see the logs of Ray") from error
