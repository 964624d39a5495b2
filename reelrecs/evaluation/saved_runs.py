"""Every user's figures in a Parquet file, so that runs of two days or two programs are compared.

One row for each system and user: `system, user_id`, then one column for each metric; the setting
stands in the file's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reelrecs.atomic_write import write_whole
from reelrecs.errors import DataError, InvalidRequest
from reelrecs.evaluation.bootstrap import Interval, bootstrap_all, paired_differences
from reelrecs.evaluation.runner import Result, Setting

FORMAT = "reelrecs.evaluation/1"

PerUser: TypeAlias = dict[str, NDArray[np.float64]]  # metric to [users]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two systems of two files, metric by metric."""

    ours: str
    theirs: str
    our_means: dict[str, Interval]
    their_means: dict[str, Interval]
    differences: dict[str, Interval]  # ours less theirs, paired by user


def save(path: Path, results: Sequence[Result]) -> None:
    """Write all systems' values per user, whole or not at all; raises StorageError."""
    import pyarrow.parquet as pq

    tables = [
        pa.table(
            {
                "system": pa.array([result.system] * len(result.user_ids)),
                "user_id": result.user_ids,
                **result.per_user,
            }
        )
        for result in results
    ]
    metadata = {"format": FORMAT, "setting": json.dumps(asdict(results[0].setting))}
    table = pa.concat_tables(tables).replace_schema_metadata(metadata)

    def write_table(file: BinaryIO) -> None:
        pq.write_table(table, file)

    write_whole(path, write_table)


def load(path: Path) -> tuple[Setting, dict[str, PerUser]]:
    """Read what `save` wrote: the setting, and metric values by system, users ascending.

    Raises DataError for any other file.
    """
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        metadata = table.schema.metadata or {}
        if metadata.get(b"format") != FORMAT.encode():
            raise DataError(f"{path} holds no evaluation: write one with evaluate --per-user")
        setting = Setting(**json.loads(metadata[b"setting"]))
        names = np.asarray(table["system"].to_pylist())
        ids = np.asarray(table["user_id"].to_pylist())
        values = {column: table[column].to_numpy() for column in table.column_names[2:]}
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} cannot be read: write it anew with evaluate --per-user") from error
    systems: dict[str, PerUser] = {}
    for name in dict.fromkeys(names.tolist()):
        rows = np.flatnonzero(names == name)
        rows = rows[np.argsort(ids[rows], kind="stable")]
        systems[name] = {column: column_values[rows] for column, column_values in values.items()}
    return setting, systems


def compare_files(ours: Path, theirs: Path) -> list[Pair]:
    """What each system of `ours` gains over the same of `theirs`; or the only two, whatever named.

    Raises InvalidRequest where the two were not asked the same, so that users would not pair.
    """
    setting, our_systems = load(ours)
    other, their_systems = load(theirs)
    for part, value in asdict(setting).items():
        if value != asdict(other)[part]:
            raise InvalidRequest(
                f"{ours} and {theirs} differ in {part} ({value}, {asdict(other)[part]}): "
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
            bootstrap_all(our_systems[our_name], setting.seed),
            bootstrap_all(their_systems[their_name], setting.seed),
            paired_differences(our_systems[our_name], their_systems[their_name], setting.seed),
        )
        for our_name, their_name in pairs
    ]
