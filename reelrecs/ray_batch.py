"""Everybody's lists by the workers of a Ray cluster: the same bytes as one machine writes."""

from __future__ import annotations

import logging
import os
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

_ANSWER = pa.schema([("lists", pa.binary()), ("lengths", pa.binary())])


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
        for answer in answers.iter_rows():
            lengths = np.frombuffer(answer["lengths"], np.int64)
            yield Block(pa.ipc.open_stream(answer["lists"]).read_all(), lengths.tolist())


class _Worker:
    """A process of the cluster with a store and a model of its own."""

    def __init__(self, opening: Opening, job: Job, sample: bytes) -> None:
        self._engine = Engine.open(
            opening.data_dir, models_dir=opening.models_dir, profile=opening.profile, threads=1
        )
        self._job = job
        if _packed(block_of(self._engine, job, job.users).table) != sample:
            raise ScorerError(
                f"a worker on {os.uname().nodename} gives other lists than this process: its data, "
                "model or versions are others; make them the same on every machine"
            )

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The blocks of each part that the batch names."""
        lists, lengths = [], []
        for users in batch["users"].to_pylist():
            rows = np.frombuffer(users, np.int32).tolist()
            for part in in_parts(rows, config.BATCH_USERS):
                block = block_of(self._engine, self._job, part)
                lists.append(_packed(block.table))
                lengths.append(np.array(block.lengths, np.int64).tobytes())
        return pa.table([lists, lengths], schema=_ANSWER)


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
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InvalidRequest("--ray needs the package ray: pip install 'reelrecs[ray]'") from error
    return ray


@contextmanager
def _connected(ray: Any, address: str, cores: int) -> Iterator[None]:
    """Have a cluster until the block ends; one that this process has joined already is left."""
    if ray.is_initialized():
        yield
        return
    own = {"num_cpus": cores, "include_dashboard": False} if address == LOCAL else {}
    try:
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


@contextmanager
def _told(ray: Any) -> Iterator[None]:
    """Turn what Ray says of a failed worker into one line; our own errors stay what they are."""
    try:
        yield
    except ray.exceptions.RayError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ReelRecsError):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if isinstance(cause, ReelRecsError):
            raise cause from error
        last = str(error).strip().splitlines()[-1]
        raise ScorerError(f"a Ray worker failed: {one_line(last, 300)}; see Ray's logs") from error
