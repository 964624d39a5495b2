"""Everybody's lists in one file: many users a call, in memory that does not grow."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from reelrecs import config
from reelrecs.atomic_write import write_whole
from reelrecs.datasets.files import Folder
from reelrecs.datasets.ids import Id
from reelrecs.datasets.text import whole_lines
from reelrecs.engine import Engine, check_limit
from reelrecs.errors import DataError, InvalidRequest, NotFound, StorageError
from reelrecs.pipeline.queries import Queries
from reelrecs.store.store import Store


def schema_of(store: Store) -> pa.Schema:
    """The columns of a file of lists; ids are int64 or strings, as the data has them."""
    return pa.schema(
        [
            ("user_id", pa.string() if store.user_ids.is_text else pa.int64()),
            ("rank", pa.int32()),
            ("movie_id", pa.string() if store.movie_ids.is_text else pa.int64()),
            ("score", pa.float32()),
        ]
    )


class Written(NamedTuple):
    """What a batch came to."""

    users: int
    rows: int
    short: int  # users with fewer movies than asked for


def write_lists(
    engine: Engine,
    path: Path,
    limit: int = config.DEFAULT_LIMIT,
    user_ids: Sequence[Id] | None = None,
    progress: Callable[[int], None] = lambda users: None,
) -> Written:
    """Write each user's list, best first, in the order given (None: everybody by id).

    A user's rows are what `Engine.recommend` gives, in columns user_id, rank, movie_id, score. A
    name that ends in .csv or .jsonl asks for csv or JSON lines, any other for Parquet. The file
    appears whole or not at all. `progress` hears how many more users are done. Raises
    InvalidRequest, NotFound and StorageError before anything is computed, and ScorerError.
    """
    check_limit(limit)
    store = engine.store
    users = (
        range(store.user_count)
        if user_ids is None
        else [store.user_row(user_id) for user_id in user_ids]
    )
    if not path.parent.is_dir():
        raise StorageError(f"there is no folder {path.parent}: make it or choose another file")
    if path.is_dir():
        raise StorageError(f"{path} is a folder: give a file to write")
    lengths: list[int] = []

    def write_to(file: BinaryIO) -> None:
        told = {"dataset": store.name, "dataset_digest": store.digest}
        group: list[pa.Table] = []
        with (
            _table_writer(file, path.suffix, schema_of(store).with_metadata(told)) as write,
            closing(_blocks(engine, users, limit)) as blocks,
        ):
            for block in blocks:
                group.append(block.table)
                lengths.extend(block.lengths)
                if len(group) == config.BATCH_GROUP:
                    write(pa.concat_tables(group))
                    group.clear()
                progress(len(block.lengths))
            if group:
                write(pa.concat_tables(group))

    write_whole(path, write_to)
    return Written(len(users), sum(lengths), sum(length < limit for length in lengths))


def read_user_ids(engine: Engine, path: Path) -> list[Id]:
    """The ids in a file, one a line, each once; raises DataError or NotFound, naming the line.

    Blanks around an id are passed over unless the data's id has them too.
    """
    if not path.is_file():
        raise DataError(f"{path} is no file; give one user id a line")
    ids = engine.store.user_ids
    users: dict[Id, None] = {}
    if path.stat().st_size > 0:
        for line in whole_lines(Folder(path.parent), path.name, 0):
            text = line.raw.decode("utf-8", "replace")
            try:
                row = ids.row(text)
                row = row if row >= 0 else engine.store.user_row(text.strip())
            except InvalidRequest as error:
                raise DataError(
                    f"{path.name}, line {line.number}: {error}; give one user id a line"
                ) from error
            except NotFound as error:
                raise NotFound(f"{path.name}, line {line.number}: {error}") from error
            users[ids[row]] = None
    if not users:
        raise DataError(f"{path} holds no user ids; give one a line, or leave --users out")
    return list(users)


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


class _Block(NamedTuple):
    """Some users' lists."""

    table: pa.Table
    lengths: list[int]  # [users]


def _blocks(engine: Engine, users: Sequence[int], limit: int) -> Generator[_Block, None, None]:
    """The lists of `config.BATCH_USERS` user rows at a time, in order; few are made ahead."""
    starts = range(0, len(users), config.BATCH_USERS)
    parts = (users[start : start + config.BATCH_USERS] for start in starts)
    return engine.threads.in_order(lambda part: _block(engine, part, limit), parts)


def _block(engine: Engine, users: Sequence[int], limit: int) -> _Block:
    queries = Queries.of([engine.query_of_row(row, limit) for row in users])
    lists, _ = engine.pipeline.run(queries)
    counts, rows = lists.counts, lists.rows
    places = np.arange(len(rows)) - np.repeat(lists.indptr[:-1], counts)
    store, schema = engine.store, schema_of(engine.store)
    columns = [
        store.user_ids.take(np.repeat(np.array(users, np.int32), counts)).cast(schema.types[0]),
        (places + 1).astype(np.int32),
        store.movie_ids.take(rows.movies).cast(schema.types[2]),
        np.zeros(0, np.float32) if rows.scores is None else rows.scores,
    ]
    return _Block(pa.table(columns, schema=schema), counts.tolist())
