"""`python -m reelrecs.bench.live`: what ratings cost that arrive, and lists while they do.

It works on a copy of the data set's store, with a log of its own in a temporary folder: the data's
own log and store are never touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from reelrecs.datasets import locate
from reelrecs.engine import Engine
from reelrecs.errors import ReelRecsError
from reelrecs.store.cache import compact, open_store, store_path
from reelrecs.store.incoming import Rating
from reelrecs.store.store import Store
from reelrecs.table import table_lines, visible

SEED = 20260101
"""Draws who rates what."""

WRITERS = 16
"""Threads that share commits."""

TOGETHER = 64
"""Ratings that one writer hands in at once."""


class Figure(NamedTuple):
    """A line of the table."""

    what: str
    value: str
    beside: str = ""


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="Data set [default: as the CLI].")
@click.option("--appends", type=click.IntRange(min=1), default=2_000, show_default=True)
@click.option("--arrived", type=click.IntRange(min=1), default=100_000, show_default=True)
@click.option("--requests", type=click.IntRange(min=10), default=300, show_default=True)
def main(data_dir: Path | None, appends: int, arrived: int, requests: int) -> None:
    """Time appends, lists over a long log, and compaction with requests beside it."""
    try:
        with _copy(data_dir) as path:
            for line in table_lines(("what", "figure", "beside"), _all(path, *(appends, arrived,
                                    requests))):  # fmt: skip
                click.echo(visible(line))
    except ReelRecsError as error:
        click.echo(f"reelrecs.bench.live: {visible(str(error))}", err=True)
        sys.exit(error.exit_code)


@contextmanager
def _copy(data_dir: Path | None) -> Iterator[Path]:
    """A store of the same data in a folder of its own, whose log lies there, too."""
    dataset = locate(data_dir)
    open_store(dataset)
    source = dataset.path if dataset.is_store else store_path(dataset)
    before = os.environ.get("REELRECS_LOG_DIR")
    with tempfile.TemporaryDirectory(prefix="reelrecs-live-") as folder:
        copy = Path(folder) / f"{dataset.name}.arrow"
        shutil.copyfile(source, copy)
        os.environ["REELRECS_LOG_DIR"] = folder
        try:
            yield copy
        finally:
            store_path(locate(copy)).unlink(missing_ok=True)  # what was compacted
            os.environ.pop("REELRECS_LOG_DIR")
            if before is not None:
                os.environ["REELRECS_LOG_DIR"] = before


def _all(path: Path, appends: int, arrived: int, requests: int) -> list[Figure]:
    with Engine.open(path) as engine:
        store = engine.store
        ratings = _drawn(store, 3 * appends + arrived)
        asked = store.user_ids.at(
            np.random.default_rng(SEED).integers(0, store.user_count, requests)
        )
        ask = [partial(engine.recommend, one) for one in asked]
        _timed(ask)
        empty = _timed(ask)
        parts = [ratings[start : start + appends] for start in range(0, 3 * appends, appends)]
        figures = [*_appended(engine, *parts)]
        took = _timed([lambda: engine.recommend(asked[0])])[0]
        figures.append(Figure("first list after that, with the merge", f"{took:.1f} ms"))
        start = time.perf_counter()
        engine.append_many(ratings[3 * appends :])
        took = time.perf_counter() - start
        figures.append(Figure(f"{arrived:,} ratings in one call", f"{took:.2f} s"))
        _timed(ask)
        full = _timed(ask)
        ratio = np.median(full) / np.median(empty)
        figures.append(
            Figure(
                f"recommend with {engine.store.rating_count - store.rating_count:,} in the log",
                f"{np.median(full):.2f} ms",
                f"{ratio:.2f} x the empty log's {np.median(empty):.2f}",
            )
        )
        start = time.perf_counter()
        done = compact(locate(path))
        took = time.perf_counter() - start
        whole = f"a store of {done.ratings:,} ratings"
        figures.append(Figure(f"compact {done.events:,} records", f"{took:.2f} s", whole))
        engine.append_many(ratings[:appends])
        figures.append(_compacted(path, ask))
    return figures


def _drawn(store: Store, count: int) -> list[Rating]:
    """Ratings by users of the data of its movies, in order of time."""
    rng = np.random.default_rng(SEED)
    users = store.user_ids.at(rng.integers(0, store.user_count, count))
    movies = store.movie_ids.at(rng.integers(0, store.movie_count, count))
    highest, first = store.file_scale[1], store.latest_timestamp
    return [
        Rating(user, movie, highest, first + at)
        for at, (user, movie) in enumerate(zip(users, movies, strict=True))
    ]


def _appended(
    engine: Engine, alone: list[Rating], together: list[Rating], shared: list[Rating]
) -> Iterator[Figure]:
    def append(one: Rating) -> float:
        return _timed([lambda: engine.append_many([one])])[0]

    start = time.perf_counter()
    waited = [append(one) for one in alone]
    yield _rate("one writer", waited, time.perf_counter() - start)
    groups = [together[at : at + TOGETHER] for at in range(0, len(together), TOGETHER)]
    start = time.perf_counter()
    waited = _timed([partial(engine.append_many, group) for group in groups])
    yield _rate(f"one writer, {TOGETHER} at once", waited, time.perf_counter() - start, TOGETHER)
    start = time.perf_counter()
    with ThreadPoolExecutor(WRITERS) as threads:
        waited = list(threads.map(append, shared))
    yield _rate(f"{WRITERS} writers", waited, time.perf_counter() - start)


def _rate(who: str, waited: list[float], seconds: float, each: int = 1) -> Figure:
    p50, p99 = np.percentile(waited, [50, 99])
    return Figure(
        f"append, acknowledged, {who}",
        f"{each * len(waited) / seconds:,.0f}/s",
        f"P50 {p50:.2f} ms, P99 {p99:.2f} ms",
    )


def _compacted(path: Path, ask: Sequence[Callable[[], object]]) -> Figure:
    """`compact` in a process of its own, as beside a service, while lists are asked for."""
    quiet = np.median(_timed(ask))
    command = [sys.executable, "-m", "reelrecs", "--data-dir", str(path), "compact"]
    ended = threading.Event()
    waited: list[float] = []

    def keep_asking() -> None:
        at = 0
        while not ended.is_set():
            waited.extend(_timed([ask[at % len(ask)]]))
            at += 1

    asking = threading.Thread(target=keep_asking)
    asking.start()
    start = time.perf_counter()
    try:
        subprocess.run(command, check=True, capture_output=True)
    finally:
        took = time.perf_counter() - start
        ended.set()
        asking.join()
    slowest, p99 = max(waited), np.percentile(waited, 99)
    return Figure(
        "compact by a process of its own",
        f"{took:.2f} s",
        f"lists meanwhile: median {np.median(waited):.2f} ms, P99 {p99:.2f}, slowest {slowest:.2f} "
        f"= {slowest / quiet:.1f} x the median before",
    )


def _timed(calls: Sequence[Callable[[], object]]) -> list[float]:
    """Milliseconds of each."""
    took = []
    for call in calls:
        start = time.perf_counter()
        call()
        took.append((time.perf_counter() - start) * 1e3)
    return took


if __name__ == "__main__":
    main()
