"""Everybody's lists in one file: many users a call, in memory that does not grow."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from pyarrow import csv

from reelrecs import config
from reelrecs.asking import check_limit
from reelrecs.atomic_write import write_whole
from reelrecs.constraints import Constraints
from reelrecs.datasets.ids import Id
from reelrecs.engine import Engine
from reelrecs.errors import InvalidRequest, StorageError
from reelrecs.id_files import read_ids
from reelrecs.many_lists import lists_table, schema_of
from reelrecs.pipeline.candidates import Mask


class Shard(NamedTuple):
    """One of several parts of all users; who is in it depends on the user's id and nothing else."""

    number: int  # from 1
    parts: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """What "2/4" says; raises InvalidRequest."""
        number, _, parts = text.partition("/")
        if not (number.isdecimal() and parts.isdecimal()) or not 1 <= int(number) <= int(parts):
            raise InvalidRequest(f"shard {text!r}: write the second of four as 2/4")
        return cls(int(number), int(parts))

    def holds(self, user_id: Id) -> bool:
        """Whether the user is in this shard: by xxHash64 of the id's text, on any machine."""
        return xxhash.xxh64_intdigest(str(user_id).encode()) % self.parts == self.number - 1

    def path(self, path: Path) -> Path:
        """Where this shard of a file stands: lists.2-of-4.parquet."""
        return path.with_name(f"{path.stem}.{self.number}-of-{self.parts}{path.suffix}")


class Job(NamedTuple):
    """Whose lists, and how they are asked for: see `Query`."""

    users: Sequence[int]  # rows
    limit: int
    as_of: int | None = None
    allowed: Mask | None = None
    include_seen: bool = False


class Block(NamedTuple):
    """Some users' lists."""

    table: pa.Table
    lengths: list[int]  # [users]


class Written(NamedTuple):
    """What a batch came to."""

    users: int
    rows: int
    short: int  # users with fewer movies than asked for


Workers: TypeAlias = Callable[[Engine, Job], Generator[Block, None, None]]
"""Who makes the lists of a job: blocks of `config.BATCH_USERS` users, in order."""


def job_of(
    engine: Engine,
    limit: int = config.DEFAULT_LIMIT,
    user_ids: Sequence[Id] | None = None,
    *,
    as_of: int | None = None,
    constraints: Constraints | None = None,
    shard: Shard | None = None,
) -> Job:
    """The lists of these users, in this order (None: everybody, by id), or of a shard of them.

    Raises InvalidRequest and NotFound.
    """
    store = engine.store
    check_limit(store, limit)
    users: Sequence[int] = range(store.user_count)
    if user_ids is not None:
        users = [store.user_row(user_id) for user_id in user_ids]
    if shard is not None:
        users = [row for row in users if shard.holds(store.user_ids[row])]
    if constraints is None:
        return Job(users, limit, as_of)
    return Job(users, limit, as_of, constraints.mask(store), constraints.include_seen)


def write_lists(
    engine: Engine,
    path: Path,
    limit: int = config.DEFAULT_LIMIT,
    user_ids: Sequence[Id] | None = None,
    progress: Callable[[int], None] = lambda users: None,
) -> Written:
    """Write the lists of these users (None: everybody's); see `job_of` and `write_job`."""
    return write_job(engine, path, job_of(engine, limit, user_ids), progress)


def write_job(
    engine: Engine,
    path: Path,
    job: Job,
    progress: Callable[[int], None] = lambda users: None,
    blocks: Workers | None = None,
) -> Written:
    """Write each user's list, best first, in the job's order.

    A user's rows are what `Engine.recommend` gives, in columns user_id, rank, movie_id, score. A
    name that ends in .csv or .jsonl asks for csv or JSON lines, any other for Parquet. The file
    appears whole or not at all. `progress` hears how many more users are done. `blocks` makes the
    lists of `config.BATCH_USERS` users at a time, in order, by this process unless given. Raises
    StorageError before anything is computed, and ScorerError.
    """
    if not path.parent.is_dir():
        raise StorageError(f"there is no folder {path.parent}: make it or choose another file")
    if path.is_dir():
        raise StorageError(f"{path} is a folder: give a file to write")
    store = engine.store
    lengths: list[int] = []

    def write_to(file: BinaryIO) -> None:
        told = {"dataset": store.name, "dataset_digest": store.digest}
        group: list[pa.Table] = []
        with (
            _table_writer(file, path.suffix, schema_of(store).with_metadata(told)) as write,
            closing((blocks or _blocks)(engine, job)) as made,
        ):
            for block in made:
                group.append(block.table)
                lengths.extend(block.lengths)
                if len(group) == config.BATCH_GROUP:
                    write(pa.concat_tables(group))
                    group.clear()
                progress(len(block.lengths))
            if group:
                write(pa.concat_tables(group))

    write_whole(path, write_to)
    return Written(len(job.users), sum(lengths), sum(length < job.limit for length in lengths))


def block_of(engine: Engine, job: Job, users: Sequence[int]) -> Block:
    """The lists of some of a job's users."""
    lists = engine.ranked_many(
        [
            engine.query_of_row(row, job.limit, job.as_of, job.allowed, job.include_seen)
            for row in users
        ]
    )
    return Block(lists_table(engine.store, users, lists), [len(one) for one in lists])


def read_user_ids(engine: Engine, path: Path) -> list[Id]:
    """The ids in a file, one a line, each once; raises DataError or NotFound, naming the line."""
    store = engine.store
    return read_ids(path, "user", store.user_ids, store.user_row, "leave --users out")


@contextmanager
def _table_writer(
    file: BinaryIO, suffix: str, schema: pa.Schema
) -> Iterator[Callable[[pa.Table], object]]:
    """What writes tables in the format that a file's name asks for."""
    if suffix == ".csv":
        with csv.CSVWriter(file, schema) as lines:
            yield lines.write_table
    elif suffix == ".jsonl":
        yield lambda table: file.writelines(
            f"{json.dumps(row, ensure_ascii=False)}\n".encode() for row in table.to_pylist()
        )
    else:
        with pq.ParquetWriter(file, schema) as writer:
            yield writer.write_table


def _blocks(engine: Engine, job: Job) -> Generator[Block, None, None]:
    """The lists of `config.BATCH_USERS` user rows at a time, in order; few are made ahead."""
    parts = in_parts(job.users, config.BATCH_USERS)
    return engine.threads.in_order(lambda part: block_of(engine, job, part), parts)


def in_parts(users: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """So many users at a time."""
    return (users[start : start + size] for start in range(0, len(users), size))
