"""Named arrays in one Arrow IPC file: written whole or not at all, checked whenever it is read.

The table has one row; each column is a large list holding one array. That keeps arrays of different
lengths in a single self-describing file which any Arrow implementation can open (the idea of CSR
matrices in Arrow columns is LensKit's). A column's metadata hold the array's shape and digest, the
table's metadata a digest over all of them, so that one flipped bit in whatever is used is found.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa

from reelrecs.atomic_write import write_whole
from reelrecs.store.digests import Array as Array
from reelrecs.store.digests import array_digests, text_digest
from reelrecs.store.file_memory import FileMemory

CHECKSUM = "checksum"
"""Key of the digest over names, types, shapes, digests and all other metadata."""

NUMBERS = {
    pa.from_numpy_dtype(kind): np.dtype(kind)
    for kind in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64,
                 np.float16, np.float32, np.float64)
}  # fmt: skip
"""Arrow's types and numpy's of numbers that stand in a file as they stand in numpy's memory. (Arrow
knows the pairs too, but asks pandas.)"""


class NotReadable(Exception):
    """The file is absent, cut short, damaged or no file of named arrays; one line says which."""


class ArrowFile(NamedTuple):
    """What a file holds, checked against its digests."""

    arrays: dict[str, Array]
    metadata: dict[str, str]
    digests: dict[str, str]  # of each array
    memory: FileMemory  # of which the arrays are views


def write(path: Path, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write the arrays (numpy arrays of numbers, Arrow arrays of large strings) and the metadata.

    Arrays of several dimensions are stored flat, their shape beside them. Raises StorageError when
    the folder or the disk refuses.
    """
    kept = {name: _kept(name, values) for name, values in arrays.items()}
    columns, fields = [], []
    for name, digest in array_digests(kept).items():
        flat = (
            pa.array(kept[name].reshape(-1)) if isinstance(kept[name], np.ndarray) else kept[name]
        )
        shape = kept[name].shape if isinstance(kept[name], np.ndarray) else [len(flat)]
        facts = {"shape": json.dumps(shape), "digest": digest}
        columns.append(pa.LargeListArray.from_arrays(pa.array([0, len(flat)], pa.int64()), flat))
        fields.append(pa.field(name, columns[-1].type, metadata=facts))
    schema = pa.schema(fields, metadata=dict(metadata))
    schema = schema.with_metadata(dict(metadata) | {CHECKSUM: _checksum(schema)})
    batch = pa.RecordBatch.from_arrays(columns, schema=schema)

    def write_batch(file: BinaryIO) -> None:
        with pa.ipc.new_file(file, schema) as writer:
            writer.write_batch(batch)

    write_whole(path, write_batch)


def read(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays and the metadata: numpy views of memory of our own, strings as Arrow arrays.

    Raises NotReadable for anything that is not a whole, undamaged file of this kind.
    """
    file = read_checked(path)
    return file.arrays, file.metadata


def read_checked(path: Path, map_from: int | None = None) -> ArrowFile:
    """The same with its digests; files of more than `map_from` bytes are mapped, not copied."""
    try:
        memory = FileMemory(path, map_from)
        reader = pa.ipc.open_file(pa.py_buffer(memory.content))
        if reader.num_record_batches != 1:
            raise _Wrong(f"{reader.num_record_batches} record batches, not one")
        batch = reader.get_batch(0)
        metadata = _texts(batch.schema.metadata)
        if metadata.pop(CHECKSUM, None) != _checksum(batch.schema):
            raise _Wrong("no checksum or a wrong one: it is damaged or of another version")
        stated = {field.name: _texts(field.metadata) for field in batch.schema}
        if len(stated) != batch.num_columns:
            raise _Wrong("two arrays of one name")
        arrays = {
            name: _view(name, column, json.loads(facts["shape"]))
            for (name, facts), column in zip(stated.items(), batch.columns, strict=True)
        }
        digests = array_digests(arrays)
        for name, digest in digests.items():
            if digest != stated[name]["digest"]:
                raise _Wrong(f"array {name} is damaged")
    except (
        OSError, pa.ArrowException, ValueError, TypeError, KeyError, MemoryError, RecursionError
    ) as error:  # fmt: skip
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise NotReadable(f"{path}: {' '.join(reason.split())[:160]}") from error
    return ArrowFile(arrays, metadata, digests, memory)


class _Wrong(ValueError):
    """What is wrong with a file."""


def _texts(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in (metadata or {}).items()}


def _checksum(schema: pa.Schema) -> str:
    """The digest over all that a schema says but itself."""
    said = _texts(schema.metadata)
    said.pop(CHECKSUM, None)
    fields = [(field.name, str(field.type), _texts(field.metadata)) for field in schema]
    return text_digest(json.dumps([said, fields], sort_keys=True))


def _kept(name: str, values: Array) -> Array:
    """The array as a file holds it; raises TypeError for one that no file holds."""
    if isinstance(values, pa.Array) and pa.types.is_string(values.type):
        values = values.cast(pa.large_string())
    if isinstance(values, pa.Array):
        good = _is_kept(values.type) and values.null_count == 0
    else:
        good = values.dtype.kind in "iuf" and _is_kept(pa.from_numpy_dtype(values.dtype))
    if not good:
        raise TypeError(f"array {name} has nulls or a type that is read from no file")
    return values


def _is_kept(kind: pa.DataType) -> bool:
    return kind in NUMBERS or kind == pa.large_string()


def _view(name: str, column: pa.LargeListArray, shape: Any) -> Array:
    """The one list of a column, without a copy.

    By its buffer, for `to_numpy` would import pandas where it is; so all that Arrow allows and we
    do not write is refused: nulls, offsets, other types, lists that are not the whole.
    """
    if not pa.types.is_large_list(column.type):
        raise _Wrong(f"array {name} is of {column.type}, not a list")
    column.validate(full=True)
    values = column.values
    if not _is_kept(values.type):
        raise _Wrong(f"array {name} is of {values.type}, which is read from no file")
    whole = len(column) == 1 and column.offset == values.offset == 0
    if not whole or np.frombuffer(column.buffers()[1], np.int64, 2).tolist() != [0, len(values)]:
        raise _Wrong(f"array {name} is not one whole list")
    if column.buffers()[0] is not None or values.buffers()[0] is not None:
        raise _Wrong(f"array {name} has nulls")
    if not _fits(shape, len(values)):
        raise _Wrong(f"array {name} has {len(values)} values and the shape {shape}")
    if values.type == pa.large_string():
        return values
    kind = NUMBERS[values.type]
    if len(values) == 0:
        return np.zeros(shape, kind)
    view = np.frombuffer(values.buffers()[1], kind, len(values))
    if not view.flags.aligned:
        raise _Wrong(f"array {name} does not begin where a number may")
    return view.reshape(shape)


def _fits(shape: Any, length: int) -> bool:
    return (
        isinstance(shape, list)
        and all(type(size) is int and size >= 0 for size in shape)
        and math.prod(shape) == length
    )
