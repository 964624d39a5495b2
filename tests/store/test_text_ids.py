"""Text ids in a store's file: what no look-up could trust is refused when it is opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from reelrecs.store import arrow_file
from reelrecs.store.build import compile_tables
from reelrecs.store.store import Store
from tests.store.test_invariants import write_crafted
from tests.worlds import random_triples, renamed, tables_of

TABLES = renamed(tables_of(random_triples(4), 70), "u{}".format, "{:02d}".format)


def swapped(texts: pa.Array) -> pa.Array:
    order = np.arange(len(texts))
    order[[3, 4]] = 4, 3
    return texts.take(pa.array(order))


def not_utf8(texts: pa.Array) -> pa.Array:
    letters = bytearray(texts.buffers()[2].to_pybytes())
    letters[-1] = 0xFF
    return pa.LargeStringArray.from_buffers(len(texts), texts.buffers()[1], pa.py_buffer(letters))


def ends_that_descend(texts: pa.Array) -> pa.Array:
    ends = np.frombuffer(texts.buffers()[1], np.int64).copy()
    ends[3] = 0
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), texts.buffers()[2])


@pytest.mark.parametrize("name", ["user_ids", "movie_ids"])
@pytest.mark.parametrize(
    ("breaks", "reason"),
    [
        (swapped, "do not ascend"),
        (lambda texts: texts.take(pa.array([0, *range(len(texts) - 1)])), "do not ascend"),
        (lambda texts: texts[:-1], "not as long"),
        (not_utf8, "(?i)utf8"),
        (ends_that_descend, "(?i)offset|negative"),
    ],
)
def test_text_ids_that_no_look_up_can_trust_are_refused(
    tmp_path: Path, name: str, breaks: Callable[[pa.Array], pa.Array], reason: str
) -> None:
    named, metadata = compile_tables(TABLES)
    write_crafted(tmp_path / "good.arrow", named, metadata)
    Store.open(tmp_path / "good.arrow")
    write_crafted(tmp_path / "bad.arrow", named | {name: breaks(named[name])}, metadata)
    with pytest.raises(arrow_file.NotReadable, match=reason):
        Store.open(tmp_path / "bad.arrow")
