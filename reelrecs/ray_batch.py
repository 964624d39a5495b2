"""Everybody's lists by the workers of a Ray cluster: the same bytes as one machine writes."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from reelrecs import config
from reelrecs.batch import Block, Job, block_of, in_parts
from reelrecs.datasets import locate
from reelrecs.engine import Engine
from reelrecs.errors import ReelRecsError, ScorerError
from reelrecs.ray_cluster import LOCAL, RayCluster

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
    cluster = RayCluster(address, engine.threads.count)
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
    with cluster.joined():
        for answer in cluster.answers(parts, _Worker, given):
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
