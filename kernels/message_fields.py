"""Fields of a packed protobuf message, counted before it is unpacked.

Two bytes of a message can become an object of sixty: four million of them cost half a second and
hundreds of megabytes, which no limit on what a message holds can prevent once it is unpacked.
"""

from __future__ import annotations

import numpy as np

from reelrecs.kernels.arrays import Bytes
from reelrecs.kernels.jit import as_readonly_contiguous, inlined, kernel


def count_field(message: bytes, field: int) -> int:
    """How often a field of this number stands in the message; -1 for what is no message.

    Groups, which proto3 does not have, are no message either.
    """
    (data,) = as_readonly_contiguous(np.frombuffer(message, np.uint8))
    return int(_count(data, field))


@kernel
def _count(data: Bytes, field: int) -> int:
    count = 0
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if at < 0:
            return -1
        kind = tag & 7
        if tag >> 3 == field:
            count += 1
        if kind == 0:
            _, at = _varint(data, at)
            if at < 0:
                return -1
        elif kind == 1:
            at += 8
        elif kind == 2:
            length, at = _varint(data, at)
            if at < 0 or length < 0 or length > len(data) - at:
                return -1
            at += int(length)
        elif kind == 5:
            at += 4
        else:
            return -1
    return count if at == len(data) else -1


@inlined
def _varint(data: Bytes, at: int) -> tuple[np.int64, int]:
    """The number that begins there and where the next thing begins; there -1 if it has no end."""
    value = np.int64(0)
    for place in range(10):
        if at >= len(data):
            return np.int64(0), -1
        byte = np.int64(data[at])
        at += 1
        value |= (byte & np.int64(127)) << np.int64(7 * place)
        if byte < 128:
            return value, at
    return np.int64(0), -1
