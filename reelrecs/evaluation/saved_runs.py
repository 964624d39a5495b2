"""Every user's figures in a Parquet file, so that runs of two days or two programs are compared.

One row for each system, cut and user: `system, part, user_id`, then one column for each metric; the
settings, one a cut, stand in the file's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reelrecs.atomic_write import write_whole
from reelrecs.errors import DataError, InvalidRequest
from reelrecs.evaluation.bootstrap import Interval, bootstrap_all, paired_differences
from reelrecs.evaluation.runner import Result, Setting

FORMAT = "reelrecs.evaluation/2"

PerUser: TypeAlias = dict[str, NDArray[np.float64]]  # metric to [users]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two systems of two files, metric by metric."""

    ours: str
    theirs: str
    part: str  # the cut; "" where the protocol has one
    our_means: dict[str, Interval]
    their_means: dict[str, Interval]
    differences: dict[str, Interval]  # ours less theirs, paired by user


class SavedRun(NamedTuple):
    """What a file holds of one cut."""

    setting: Setting
    systems: dict[str, PerUser]


def save(path: Path, results: Sequence[Result]) -> None:
    """Write all systems' values per user, whole or not at all; raises StorageError."""
    import pyarrow.parquet as pq

    tables = [
        pa.table(
            {
                "system": pa.array([result.system] * len(result.user_ids)),
                "part": pa.array([result.setting.part] * len(result.user_ids)),
                "user_id": result.user_ids,
                **result.per_user,
            }
        )
        for result in results
    ]
    settings = {result.setting.part: asdict(result.setting) for result in results}
    metadata = {"format": FORMAT, "settings": json.dumps(list(settings.values()))}
    table = pa.concat_tables(tables).replace_schema_metadata(metadata)

    def write_table(file: BinaryIO) -> None:
        pq.write_table(table, file)

    write_whole(path, write_table)


def load(path: Path) -> list[SavedRun]:
    """Read what `save` wrote, cut by cut, users ascending; raises DataError for any other file."""
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        metadata = table.schema.metadata or {}
        if metadata.get(b"format") != FORMAT.encode():
            raise DataError(f"{path} holds no evaluation: write one with evaluate --per-user")
        settings = [Setting(**one) for one in json.loads(metadata[b"settings"])]
        names, parts = (np.asarray(table[name].to_pylist()) for name in ("system", "part"))
        ids = np.asarray(table["user_id"].to_pylist())
        values = {column: table[column].to_numpy() for column in table.column_names[3:]}
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} cannot be read: write it anew with evaluate --per-user") from error
    runs = []
    for setting in settings:
        systems: dict[str, PerUser] = {}
        for name in dict.fromkeys(names.tolist()):
            rows = np.flatnonzero((names == name) & (parts == setting.part))
            rows = rows[np.argsort(ids[rows], kind="stable")]
            systems[name] = {column: of_column[rows] for column, of_column in values.items()}
        runs.append(SavedRun(setting, systems))
    return runs


def compare_files(ours: Path, theirs: Path) -> list[Pair]:
    """What each system of `ours` gains over the same of `theirs`; or the only two, whatever named.

    Raises InvalidRequest where the two were not asked the same, so that users would not pair.
    """
    our_runs, their_runs = load(ours), load(theirs)
    if len(our_runs) != len(their_runs):
        raise InvalidRequest(
            f"{ours} and {theirs} differ in the number of cuts ({len(our_runs)}, "
            f"{len(their_runs)}): compare runs on the same data with the same options"
        )
    return [
        pair
        for mine, yours in zip(our_runs, their_runs, strict=True)
        for pair in _pairs(ours, theirs, mine, yours)
    ]


def _pairs(ours: Path, theirs: Path, mine: SavedRun, yours: SavedRun) -> list[Pair]:
    """The systems of one cut, side by side."""
    setting, our_systems, their_systems = mine.setting, mine.systems, yours.systems
    other = asdict(yours.setting)
    for part, value in asdict(setting).items():
        if value != other[part]:
            raise InvalidRequest(
                f"{ours} and {theirs} differ in {part} ({value}, {other[part]}): "
                "compare runs on the same data with the same options"
            )
    pairs = [(name, name) for name in our_systems if name in their_systems]
    if not pairs and len(our_systems) == len(their_systems) == 1:
        pairs = [(next(iter(our_systems)), next(iter(their_systems)))]
    if not pairs:
        raise InvalidRequest(
            f"{ours} and {theirs} share no system: compare {', '.join(our_systems)} "
            f"with one of {', '.join(their_systems)} by files that hold one each"
        )
    return [
        Pair(
            our_name,
            their_name,
            setting.part,
            bootstrap_all(our_systems[our_name], setting.seed),
            bootstrap_all(their_systems[their_name], setting.seed),
            paired_differences(our_systems[our_name], their_systems[their_name], setting.seed),
        )
        for our_name, their_name in pairs
    ]
