"""Files of named arrays: what is written comes back as views; a broken file is never trusted."""

import json
import multiprocessing
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from reelrecs.atomic_write import write_whole
from reelrecs.errors import StorageError
from reelrecs.store import arrow_file
from reelrecs.store.digests import array_digests, text_digest

NAMED = {
    "ints": np.arange(5, dtype=np.int32),
    "table": np.arange(6, dtype=np.float64).reshape(2, 3),
    "empty": np.zeros(0, np.float32),
    "words": pa.array(["Amélie", "", "七人の侍"], pa.large_string()),
}


def test_round_trip_is_zero_copy(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    arrow_file.write(path, NAMED, {"k": "v"})
    before = pa.total_allocated_bytes()
    named, metadata = arrow_file.read(path)
    assert pa.total_allocated_bytes() == before, "arrays are views of the one copy of the file"
    assert metadata == {"k": "v"}
    np.testing.assert_array_equal(named["ints"], NAMED["ints"])
    assert named["ints"].dtype == np.int32
    np.testing.assert_array_equal(named["table"], NAMED["table"])
    assert len(named["empty"]) == 0
    assert named["words"].to_pylist() == ["Amélie", "", "七人の侍"]
    assert not named["ints"].flags.owndata
    assert not named["ints"].flags.writeable


@pytest.mark.parametrize("keep", [0, 1, 7, 100, 300, -1, -8])
def test_a_cut_file_is_not_readable(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.arrow"
    arrow_file.write(path, NAMED, {})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(arrow_file.NotReadable):
        arrow_file.read(path)


@pytest.mark.parametrize("content", [b"ARROW1", b"userId,movieId\n1,2\n", bytes(4096)])
def test_a_foreign_file_is_not_readable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.arrow"
    path.write_bytes(content)
    with pytest.raises(arrow_file.NotReadable):
        arrow_file.read(path)


def test_a_foreign_arrow_file_is_not_readable(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    table = pa.table({"x": [1, 2]})
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(arrow_file.NotReadable):
        arrow_file.read(path)


def test_no_flipped_bit_passes(tmp_path: Path) -> None:
    """Bits all over the file; what passes was in nothing that is used."""
    path = tmp_path / "a.arrow"
    arrow_file.write(path, NAMED, {"k": "v"})
    whole = path.read_bytes()
    rng = random.Random(3)
    refusals, passed = [], 0
    for at in range(rng.randrange(5), len(whole), 5):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        try:
            named, metadata = arrow_file.read(path)
        except arrow_file.NotReadable as error:
            refusals.append(str(error))
        else:
            passed += 1
            assert metadata == {"k": "v"}
            assert array_digests(named) == array_digests(NAMED)
    assert passed < 1.5 * len(refusals), "padding, and the schema in front that nobody reads"
    assert all(line.startswith(f"{path}: ") and "\n" not in line for line in refusals)


@pytest.mark.parametrize(
    ("name", "part"), [("ints", NAMED["ints"].tobytes()), ("words", "七".encode())]
)
def test_damage_names_the_array(tmp_path: Path, name: str, part: bytes) -> None:
    path = tmp_path / "a.arrow"
    arrow_file.write(path, NAMED, {})
    content = bytearray(path.read_bytes())
    content[content.rindex(part) + len(part) - 1] ^= 0x01
    path.write_bytes(content)
    with pytest.raises(arrow_file.NotReadable, match=f"array {name} is damaged"):
        arrow_file.read(path)


def one_list(values: pa.Array) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)


NUMBERS = pa.array([1, 2, 3], pa.int32())

FOREIGN: dict[str, tuple[pa.Array, Any, str]] = {
    "nulls": (one_list(pa.array([1, None, 3], pa.int32())), [3], "nulls"),
    "no strings": (one_list(pa.array(["a", None], pa.large_string())), [2], "nulls"),
    "a null list": (pa.array([None], pa.large_list(pa.int32())), [0], "whole list|nulls"),
    "two lists": (pa.array([[1], [2, 3]], pa.large_list(pa.int32())), [3], "whole list|length"),
    "no list": (NUMBERS[:1], [1], "not a list"),
    "small list": (pa.array([[1, 2, 3]], pa.list_(pa.int32())), [3], "not a list"),
    "bits": (one_list(pa.array([True, False, True])), [3], "bool"),
    "times": (one_list(pa.array([1, 2], pa.timestamp("s"))), [2], "timestamp"),
    "small strings": (one_list(pa.array(["a", "b"])), [2], "string"),
    "dictionary": (one_list(pa.array(["a"]).dictionary_encode()), [1], "dictionary"),
    "a longer shape": (one_list(NUMBERS), [4], "shape"),
    "a shape with a wildcard": (one_list(NUMBERS), [-1], "shape"),
    "a shape of wildcards": (one_list(NUMBERS), [-1, -3], "shape"),
    "a shape of fractions": (one_list(NUMBERS), [3.0], "shape"),
    "a shape that is none": (one_list(NUMBERS), "3", "shape"),
    "other digests": (one_list(NUMBERS), [3], "damaged"),
}


def write_foreign(
    path: Path, column: pa.Array, shape: Any, names: tuple[str, ...] = ("x",)
) -> None:
    """A file by a program that knows our metadata, right checksum and all, but not our limits."""
    facts = {"shape": json.dumps(shape), "digest": "0" * 32}
    fields = [pa.field(name, column.type, metadata=facts) for name in names]
    said = [{"k": "v"}, [(name, str(column.type), facts) for name in names]]
    checksum = text_digest(json.dumps(said, sort_keys=True))
    schema = pa.schema(fields, metadata={"k": "v", arrow_file.CHECKSUM: checksum})
    with pa.ipc.new_file(str(path), schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays([column] * len(names), schema=schema))


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_arrow_allows_and_we_do_not_write_is_refused(tmp_path: Path, kind: str) -> None:
    column, shape, reason = FOREIGN[kind]
    write_foreign(tmp_path / "x.arrow", column, shape)
    with pytest.raises(arrow_file.NotReadable, match=reason):
        arrow_file.read(tmp_path / "x.arrow")


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    write_foreign(tmp_path / "x.arrow", one_list(NUMBERS), [3], ("x", "x"))
    with pytest.raises(arrow_file.NotReadable, match="one name"):
        arrow_file.read(tmp_path / "x.arrow")


@pytest.mark.parametrize("values", [np.array([True]), np.array([1j]), pa.array([1, None])])
def test_what_cannot_be_read_is_not_written(tmp_path: Path, values: Any) -> None:
    with pytest.raises((TypeError, pa.ArrowException)):
        arrow_file.write(tmp_path / "a.arrow", {"x": values}, {})
    assert os.listdir(tmp_path) == []


def test_parts_of_arrays_are_written_as_what_they_show(tmp_path: Path) -> None:
    table = np.arange(24, dtype=np.int16).reshape(4, 6)
    words = pa.array(["one", "two", "", "three"], pa.large_string())
    parts = {"rows": table[1:3], "columns": table[:, ::2], "words": words[1:3], "none": words[:0]}
    arrow_file.write(tmp_path / "a.arrow", parts, {})
    named, _ = arrow_file.read(tmp_path / "a.arrow")
    assert named["rows"].tolist() == table[1:3].tolist()
    assert named["columns"].tolist() == table[:, ::2].tolist()
    assert named["words"].to_pylist() == ["two", ""]
    assert named["none"].to_pylist() == []


def test_nobody_needs_pandas(tmp_path: Path) -> None:
    arrow_file.write(tmp_path / "a.arrow", NAMED, {})
    code = """
import sys
sys.modules["pandas"] = None
from pathlib import Path
from reelrecs.store import arrow_file
arrow_file.read(Path(sys.argv[1]))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "a.arrow")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


CUT = """
import os, sys
from pathlib import Path
import numpy as np
from reelrecs.atomic_write import write_whole
from reelrecs.store import arrow_file

path, how = Path(sys.argv[1]), sys.argv[2]
arrow_file.write(path, {"x": np.arange(300_000)}, {})
named, _ = arrow_file.read(path)
size = os.path.getsize(path)
with path.open("r+b") as file:
    if how == "overwritten":
        file.write(bytes(size))
    else:
        file.truncate(size // 2 if how == "halved" else 0)
assert (named["x"] == np.arange(300_000)).all()
"""


@pytest.mark.parametrize("how", ["halved", "emptied", "overwritten"])
def test_arrays_outlive_what_others_do_to_the_file(tmp_path: Path, how: str) -> None:
    command = [sys.executable, "-c", CUT, str(tmp_path / "a.arrow"), how]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"signal or error {ended.returncode}: {ended.stderr}"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    arrow_file.write(path, NAMED, {"version": "old"})

    def fails(file: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="no space left"):
        write_whole(path, fails)
    assert arrow_file.read(path)[1] == {"version": "old"}
    assert os.listdir(tmp_path) == ["a.arrow"]


def test_a_path_that_cannot_be_a_folder_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose a folder"):
        arrow_file.write(tmp_path / "file" / "a.arrow", NAMED, {})


def _write_many(path: Path, mark: int) -> None:
    for _ in range(20):
        arrow_file.write(path, {"ints": np.full(10_000, mark, np.int32)}, {"mark": str(mark)})


def test_processes_that_write_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(path, mark)) for mark in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    named, metadata = arrow_file.read(path)
    assert (named["ints"] == int(metadata["mark"])).all()
    assert os.listdir(tmp_path) == ["a.arrow"]
