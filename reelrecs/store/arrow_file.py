"""Named arrays in one Arrow IPC file: written whole or not at all, read as views of mapped memory.

The table has one row; each column is a large list holding one array. That keeps arrays of different
lengths in a single self-describing file which any Arrow implementation can open (the idea of CSR
matrices in Arrow columns is LensKit's).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reelrecs.atomic_write import write_whole

Array: TypeAlias = NDArray[Any] | pa.Array


class NotReadable(Exception):
    """The file is absent, cut short or no file of named arrays."""


def write(path: Path, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write the arrays (numpy arrays of numbers, Arrow arrays of strings) and the metadata.

    Arrays of several dimensions are stored flat, their shape beside them. Raises StorageError when
    the folder or the disk refuses.
    """
    columns, fields = [], []
    for name, values in arrays.items():
        flat = values if isinstance(values, pa.Array) else pa.array(values.reshape(-1))
        column = pa.LargeListArray.from_arrays(pa.array([0, len(flat)], pa.int64()), flat)
        shape = json.dumps(values.shape if isinstance(values, np.ndarray) else [len(flat)])
        columns.append(column)
        fields.append(pa.field(name, column.type, metadata={"shape": shape}))
    schema = pa.schema(fields, metadata=dict(metadata))
    batch = pa.RecordBatch.from_arrays(columns, schema=schema)

    def write_batch(file: BinaryIO) -> None:
        with pa.ipc.new_file(file, schema) as writer:
            writer.write_batch(batch)

    write_whole(path, write_batch)


def read(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Open the file memory-mapped: numpy views without a copy, strings as Arrow arrays.

    Raises NotReadable for anything that is not a whole file of this kind.
    """
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        if reader.num_record_batches != 1:
            raise NotReadable(f"{path} holds {reader.num_record_batches} record batches, not one")
        batch = reader.get_batch(0)
        arrays = {
            field.name: _view(column, json.loads(field.metadata[b"shape"]))
            for field, column in zip(batch.schema, batch.columns, strict=True)
        }
    except (OSError, pa.ArrowException, AttributeError, TypeError, ValueError, KeyError) as error:
        raise NotReadable(f"{path}: {error}") from error
    metadata = {
        key.decode(): value.decode() for key, value in (batch.schema.metadata or {}).items()
    }
    return arrays, metadata


def _view(column: pa.LargeListArray, shape: list[int]) -> Array:
    """The one list of a column; by its buffer, for `to_numpy` would import pandas where it is."""
    values = column.values
    if not pa.types.is_primitive(values.type):
        return values
    return np.frombuffer(values.buffers()[1], values.type.to_pandas_dtype(), len(values)).reshape(
        shape
    )
