"""The stores of data sets in the cache folder: opened where they match their source, else built."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from reelrecs import config
from reelrecs.errors import DataError, StorageError
from reelrecs.store import arrow_file
from reelrecs.store.build import build_store
from reelrecs.store.store import Store

if TYPE_CHECKING:
    from reelrecs.datasets import Dataset

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
    place = hashlib.blake2b(str(dataset.path.resolve()).encode(), digest_size=6).hexdigest()
    return cache_folder() / "stores" / f"{dataset.name}-{place}.arrow"


def open_store(dataset: Dataset) -> Store:
    """The data set's store: mapped if it matches its source, else parsed and built anew.

    A stale, truncated or foreign file is replaced, never trusted. Raises DataError when the data
    cannot be read and StorageError when the store cannot be written.
    """
    if dataset.is_store:
        return _open_built(dataset.path)
    path, source = store_path(dataset), dataset.fingerprint()
    try:
        store = Store.open(path)
    except arrow_file.NotReadable:
        pass
    else:
        if store.metadata.get("source") == source:
            return store
    log.info(f"reading {dataset.name} from {dataset.path}")
    return build_store(path, dataset.name, dataset.read(), source)


def _open_built(path: Path) -> Store:
    try:
        return Store.open(path)
    except arrow_file.NotReadable as error:
        raise DataError(f"{path} is no whole store of this version; build it again") from error
