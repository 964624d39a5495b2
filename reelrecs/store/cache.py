"""The stores of data sets in the cache folder: opened where they match their source, else built."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from reelrecs import config
from reelrecs.errors import DataError, StorageError
from reelrecs.store import arrow_file
from reelrecs.store.build import build_store
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


def open_store(dataset: Dataset) -> Store:
    """The data set's store: read if it matches its source, else parsed and built anew.

    A stale, damaged or foreign file is replaced, never trusted. Raises DataError when the data
    cannot be read and StorageError when the store cannot be written.
    """
    if dataset.is_store:
        return _open_built(dataset.path)
    path, source = store_path(dataset), dataset.fingerprint()
    try:
        store = Store.open(path)
    except arrow_file.NotReadable as error:
        if path.exists():
            log.warning(f"{error}; reading {dataset.name} from {dataset.path} again")
        else:
            log.info(f"reading {dataset.name} from {dataset.path}")
    else:
        if store.metadata.get("source") == source:
            return store
        log.info(f"reading {dataset.name} from {dataset.path}, which has changed")
    return build_cached(dataset, dataset.read(), source)


def build_cached(dataset: Dataset, tables: Tables, source: str) -> Store:
    """Build the data set's store from tables of the state that `source` is the fingerprint of.

    Raises DataError, and StorageError that says which variable names another cache folder.
    """
    try:
        return build_store(store_path(dataset), dataset.name, tables, source)
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
