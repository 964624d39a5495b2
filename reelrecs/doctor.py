"""Examines an installation: each finding says what is so, and what to do where it is amiss."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from reelrecs import config
from reelrecs.config import EMBEDDED_SCORER, LOCAL_SCORER
from reelrecs.datasets import locate
from reelrecs.datasets.ids import Ids
from reelrecs.datasets.times import day_of
from reelrecs.engine import Engine
from reelrecs.errors import DataError, ReelRecsError, StorageError
from reelrecs.learning.later_data import age_of
from reelrecs.learning.model_folder import load_model
from reelrecs.store.cache import cache_folder, log_path, open_live, open_store

PACKAGES = ("numba", "numpy", "pyarrow", "scipy", "grpcio", "protobuf", "click")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    good: bool
    what: str
    detail: str


def examine(data_dir: str | None, models_dir: str) -> list[Finding]:
    """Look at everything a recommendation needs, in the order in which it needs it."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", lambda: f"{platform.python_version()} on {platform.platform()}"),
        ("packages", _packages),
        ("cores", lambda: str(os.cpu_count())),
        ("cache folder", lambda: _writable(cache_folder())),
        ("models folder", lambda: _writable(Path(models_dir))),
        ("data set", lambda: _data(data_dir)),
        ("store", lambda: _store(data_dir)),
        ("what it means", lambda: _meaning(data_dir)),
        ("ratings that arrived", lambda: _log(data_dir)),
        ("model", lambda: _model(data_dir, models_dir)),
        ("recommendation", lambda: _recommendation(data_dir, models_dir, LOCAL_SCORER)),
        ("scorer over gRPC", lambda: _recommendation(data_dir, models_dir, EMBEDDED_SCORER)),
    ]
    return [_finding(what, check) for what, check in checks]


def _finding(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(True, what, check())
    except (ReelRecsError, OSError, PackageNotFoundError) as error:
        return Finding(False, what, str(error))


def _packages() -> str:
    return ", ".join(f"{name} {version(name)}" for name in PACKAGES)


def _writable(folder: Path) -> str:
    nearest = folder
    while not nearest.exists():
        nearest = nearest.parent
    with tempfile.TemporaryFile(dir=nearest):
        return f"{folder.resolve()} can be written"


def _data(data_dir: str | None) -> str:
    dataset = locate(None if data_dir is None else Path(data_dir))
    return f"{dataset.name} at {dataset.path}"


def _store(data_dir: str | None) -> str:
    store = open_store(locate(None if data_dir is None else Path(data_dir)))
    return (
        f"{store.user_count:,} users, {store.movie_count:,} movies, "
        f"{store.rating_count:,} ratings; user ids are {_kind(store.user_ids)}, movie ids "
        f"{_kind(store.movie_ids)}; digest {store.digest} verified"
    )


def _kind(ids: Ids) -> str:
    return "text" if ids.is_text else "whole numbers"


def _meaning(data_dir: str | None) -> str:
    store = open_store(locate(None if data_dir is None else Path(data_dir)))
    both = (store.user_ids, store.movie_ids)
    kinds = ["text" if ids.is_text else "whole numbers" for ids in both]
    lowest, highest = store.file_scale
    times = "no times: row order"
    if store.has_times:
        first, last = int(store.by_user.times.min()), store.latest_timestamp
        times = f"from {day_of(first)} to {day_of(last)}"
    said = (f"user ids {kinds[0]}, movie ids {kinds[1]}; {store.feedback} {lowest:g} to "
            f"{highest:g}; {times}")  # fmt: skip
    return f"{said}; guessed: {'; '.join(store.guesses)}" if store.guesses else said


def _log(data_dir: str | None) -> str:
    """Where ratings that arrive are kept, and whether what is there is whole."""
    dataset = locate(None if data_dir is None else Path(data_dir))
    path = log_path(dataset)
    if path is None:
        raise StorageError("no home folder is known: let REELRECS_LOG_DIR name a folder for them")
    live = open_live(dataset)
    compacted = live.place
    live.now()
    if live.log is None or not live.log.exists():
        return f"none; {_writable(path.parent)}"
    damage = live.log.damage()
    if damage:
        raise DataError(f"the log {path} is damaged: {damage}; restore it")
    waiting = live.place - compacted
    advice = "; compact makes opening faster" if waiting > config.LOG_RECORDS_TO_COMPACT else ""
    return f"{path}: {live.place:,} records, {waiting:,} of them not in the store yet{advice}"


def _model(data_dir: str | None, models_dir: str) -> str:
    store = open_store(locate(None if data_dir is None else Path(data_dir)))
    model = load_model(store, Path(models_dir), quiet=True)
    age = age_of(model)
    since = "" if age is None else f"; trained on an earlier state of the data: {age}"
    return f"profile {model.ranker.profile} with {len(model.ranker.names)} terms{since}"


def _recommendation(data_dir: str | None, models_dir: str, scorer: str) -> str:
    live = open_live(locate(None if data_dir is None else Path(data_dir)))
    model = load_model(live.now(), Path(models_dir), quiet=True)
    with Engine(live, scorer, model=model) as engine:
        result = engine.recommend(engine.store.user_ids[0])
    return f"{len(result)} movies for user {result.user_id}, scorer {scorer}"
