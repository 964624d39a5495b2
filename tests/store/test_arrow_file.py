"""Files of named arrays: what is written comes back as views; a broken file is never trusted."""

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from reelrecs.errors import StorageError
from reelrecs.store import arrow_file

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
    assert pa.total_allocated_bytes() == before, "reading must map, not copy"
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


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    arrow_file.write(path, NAMED, {"version": "old"})

    def fails(file: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="no space left"):
        arrow_file.write_whole(path, fails)
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
