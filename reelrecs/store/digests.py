"""Digests of arrays: what tells damaged arrays from whole ones, and one content from another.

XXH3 (Y. Collet, https://xxhash.com) reads as fast as memory gives; zlib's CRC-32 takes five times
as long, hashlib's BLAKE2 twenty times. It finds accidents, not forgeries: who can write a file can
write its digests too, so files are checked for sense as well (`invariants`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from reelrecs.kernels import pool

Array: TypeAlias = NDArray[Any] | pa.Array
"""A numpy array of numbers or an Arrow array of large strings."""

BLOCK = 1 << 20
"""Bytes digested at a time: threads share the blocks of all arrays."""


def array_digests(arrays: Mapping[str, Array]) -> dict[str, str]:
    """For each array 32 hexadecimal digits that follow from its type, its shape and its values."""
    blocks: list[memoryview] = []
    ends = {}
    for name, values in arrays.items():
        for part in _parts(values):
            blocks += [part.data[at : at + BLOCK] for at in range(0, len(part), BLOCK)]
        ends[name] = len(blocks)
    found = [b""] * len(blocks)

    def digest(start: int, stop: int) -> None:
        for at in range(start, stop):
            found[at] = xxhash.xxh3_128_digest(blocks[at])

    pool.over_ranges(digest, len(blocks), chunks_per_thread=4)
    digests, start = {}, 0
    for name, stop in ends.items():
        digests[name] = text_digest(
            _kind(arrays[name]), *(part.hex() for part in found[start:stop])
        )
        start = stop
    return digests


def content_digest(digests: Mapping[str, str], genres: Sequence[str]) -> str:
    """The digest of a whole store: of all its arrays, in any order, and the names of genres."""
    return text_digest(json.dumps([digests, list(genres)], sort_keys=True))


def text_digest(*texts: str) -> str:
    """32 hexadecimal digits that follow from the texts and where one ends."""
    whole = "".join(f"{len(text)}:{text}" for text in texts)
    return xxhash.xxh3_128_hexdigest(whole.encode())


def _kind(values: Array) -> str:
    if isinstance(values, np.ndarray):
        return f"{values.dtype.str}{values.shape}"
    return f"text({len(values)},)"


def _parts(values: Array) -> list[NDArray[np.uint8]]:
    """The bytes that an array's values are, wherever in larger buffers they stand."""
    if isinstance(values, np.ndarray):
        return [np.ascontiguousarray(values).reshape(-1).view(np.uint8)]
    _, offsets, text = values.buffers()
    if len(values) == 0:
        return []
    ends = np.frombuffer(offsets, np.int64, len(values) + 1, 8 * values.offset)
    if ends[-1] == ends[0]:
        return [(ends - ends[0]).view(np.uint8)]
    return [
        (ends - ends[0]).view(np.uint8),
        np.frombuffer(text, np.uint8, ends[-1] - ends[0], ends[0]),
    ]
