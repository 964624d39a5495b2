"""The stores of data sets in the cache folder: opened where they match their source, else built."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reelrecs import config
from reelrecs.errors import DataError, StorageError
from reelrecs.ratings_log.log_file import RatingsLog
from reelrecs.store import arrow_file
from reelrecs.store.build import build_store
from reelrecs.store.live import LiveStore
from reelrecs.store.names import file_stem
from reelrecs.store.store import Store

if TYPE_CHECKING:
    from reelrecs.datasets import Dataset
    from reelrecs.datasets.tables import Tables

log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Where stores are kept; raises StorageError where that cannot be known."""
    folder = config.cache_folder()
    if folder is None:
        raise StorageError(
            "no home folder is known: let REELRECS_CACHE_DIR name a folder that can be written"
        )
    return folder


def store_path(dataset: Dataset) -> Path:
    """Where this data set's store stands; two folders of one name do not share a store."""
    stem = file_stem(dataset.name, str(dataset.path.resolve()))
    return cache_folder() / "stores" / f"{stem}.arrow"


def log_path(dataset: Dataset) -> Path | None:
    """Where this data set's log of ratings stands; None where no home folder is known."""
    folder, stem = config.log_folder(), file_stem(dataset.name, str(dataset.path.resolve()))
    return None if folder is None else folder / f"{stem}.db"


def open_store(dataset: Dataset) -> Store:
    """The data set as it is now, with the ratings of its log; as `open_live` otherwise."""
    return open_live(dataset).now()


def open_live(dataset: Dataset) -> LiveStore:
    """The data set's store and its log of ratings.

    The store is read if it matches its source, else parsed and built anew; a stale, damaged or
    foreign file is replaced, never trusted. Raises DataError when data or log cannot be read and
    StorageError when the store cannot be written.
    """
    path = log_path(dataset)
    ratings = None if path is None else RatingsLog(path)
    source = dataset.fingerprint()
    store = _kept(dataset, source)
    place = 0 if store is None else _compacted_until(store, ratings)
    if store is None or place < 0:
        return LiveStore(_anew(dataset, source), ratings)
    return LiveStore(store, ratings, place)


class Compacted(NamedTuple):
    """What a compaction came to."""

    events: int  # that the store holds now and did not before
    ratings: int  # in the store
    path: Path


def compact(dataset: Dataset) -> Compacted:
    """Write a store that holds the log's ratings too, aside, and put it in the old one's place.

    Who has the old one open reads on. The log keeps its records, for data files may change and the
    store is made from both then; opening skips those that the store has. Raises as `open_live`.
    """
    source = dataset.fingerprint()  # first: who changes files meanwhile makes the store stale
    live = open_live(dataset)
    before = live.place
    store = live.now()
    path = store_path(dataset)
    if live.log is not None and live.place > before:
        told = {
            "digest": store.digest,
            "source": source,
            "log": json.dumps([live.log.identity(), live.place]),
        }
        with _naming_the_folder():
            arrow_file.write(path, store.arrays, store.metadata | told)
    return Compacted(live.place - before, store.rating_count, path)


def _kept(dataset: Dataset, source: str) -> Store | None:
    """The store in the cache if it matches its source; of a built one, if it holds more."""
    path = store_path(dataset) if not dataset.is_store or config.cache_folder() else None
    if path is None or (dataset.is_store and not path.exists()):
        return None
    try:
        store = Store.open(path)
    except arrow_file.NotReadable as error:
        if path.exists():
            log.warning(f"{error}; reading {dataset.name} from {dataset.path} again")
        else:
            log.info(f"reading {dataset.name} from {dataset.path}")
        return None
    if store.metadata.get("source") == source:
        return store
    log.info(f"reading {dataset.name} from {dataset.path}, which has changed")
    return None


def _compacted_until(store: Store, ratings: RatingsLog | None) -> int:
    """The place in the log up to which the store holds it; -1 where it is of another log."""
    told = store.metadata.get("log")
    if told is None:
        return 0
    identity, place = json.loads(told)
    if ratings is not None and ratings.identity() == identity and ratings.last() >= place:
        return int(place)
    log.warning(
        f"the store of {store.name} holds ratings of a log that is gone or was set back; they are "
        "left out now"
    )
    return -1


def _anew(dataset: Dataset, source: str) -> Store:
    """The store of the data alone."""
    if dataset.is_store:
        return _open_built(dataset.path)
    return build_cached(dataset, dataset.read(), source)


def build_cached(dataset: Dataset, tables: Tables, source: str) -> Store:
    """Build the data set's store from tables of the state that `source` is the fingerprint of.

    Raises DataError, and StorageError that says which variable names another cache folder.
    """
    with _naming_the_folder():
        return build_store(store_path(dataset), dataset.name, tables, source)


@contextlib.contextmanager
def _naming_the_folder() -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        what = str(error).partition("; ")[0]
        raise StorageError(
            f"{what}; set REELRECS_CACHE_DIR to a folder that can be written"
        ) from error


def _open_built(path: Path) -> Store:
    try:
        return Store.open(path)
    except arrow_file.NotReadable as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise DataError(
            f"{path} is no whole store of this version ({reason}); build it again"
        ) from error
