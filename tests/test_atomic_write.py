"""Files that appear whole or not at all: what killed writers leave is removed, never a living's."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from reelrecs.atomic_write import scratch_folder, write_whole
from reelrecs.errors import StorageError

FILE_WRITER = """
import sys
from pathlib import Path
from reelrecs.atomic_write import write_whole

def write_to(file):
    file.write(b"half")
    file.flush()
    print("begun", flush=True)
    sys.stdin.readline()
    file.write(b" and half")

write_whole(Path(sys.argv[1]), write_to)
"""

FOLDER_WRITER = """
import sys
from pathlib import Path
from reelrecs.atomic_write import scratch_folder

with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_bytes(b"half")
    print("begun", flush=True)
    sys.stdin.readline()
    folder.rename(sys.argv[1])
"""

Begin = Callable[[str, Path], subprocess.Popen[bytes]]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Starts a writer in a process of its own and returns when it is in the middle."""
    writers: list[subprocess.Popen[bytes]] = []

    def start(code: str, path: Path) -> subprocess.Popen[bytes]:
        writer = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        writers.append(writer)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"begun\n"
        return writer

    yield start
    for writer in writers:
        writer.kill()
        writer.communicate()


def write_new(file: BinaryIO) -> None:
    file.write(b"new")


def test_what_a_killed_writer_left_goes_with_the_next_good_write(
    tmp_path: Path, begin: Begin
) -> None:
    path = tmp_path / "a.arrow"
    for _ in range(2):
        writer = begin(FILE_WRITER, path)
        writer.kill()
        writer.wait()
    assert len(os.listdir(tmp_path)) == 2, "kill -9 leaves something"
    write_whole(path, write_new)
    assert os.listdir(tmp_path) == ["a.arrow"]
    assert path.read_bytes() == b"new"


def test_what_a_living_writer_writes_stays(tmp_path: Path, begin: Begin) -> None:
    path = tmp_path / "a.arrow"
    writer = begin(FILE_WRITER, path)
    write_whole(path, write_new)
    assert len(os.listdir(tmp_path)) == 2
    assert path.read_bytes() == b"new"
    writer.communicate(b"go on\n")
    assert writer.returncode == 0
    assert path.read_bytes() == b"half and half"
    assert os.listdir(tmp_path) == ["a.arrow"]


def test_a_failed_write_removes_nothing_but_its_own(tmp_path: Path, begin: Begin) -> None:
    path = tmp_path / "a.arrow"
    writer = begin(FILE_WRITER, path)
    writer.kill()
    writer.wait()

    def fails(file: BinaryIO) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="no space left"):
        write_whole(path, fails)
    assert len(os.listdir(tmp_path)) == 1


def test_files_of_other_names_stay(tmp_path: Path) -> None:
    others = [
        ".a.arrow", ".a.arrow.original", ".a.arrow.b.abcdefgh.unfinished",
        ".xa.arrow.abcdefgh.unfinished", "a.arrow.abcdefgh.unfinished", ".a.arrow.abc.unfinished",
    ]  # fmt: skip
    for name in others:
        (tmp_path / name).write_bytes(b"somebody's")
    write_whole(tmp_path / "a.arrow", write_new)
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "a.arrow"])


def test_a_scratch_folder_goes_when_its_block_or_its_process_ends(
    tmp_path: Path, begin: Begin
) -> None:
    path = tmp_path / "a"
    killed, living = begin(FOLDER_WRITER, path), begin(FOLDER_WRITER, path)
    killed.kill()
    killed.wait()
    assert len(os.listdir(tmp_path)) == 2
    with scratch_folder(path) as folder:
        assert folder.parent == tmp_path
        (folder / "x").write_bytes(b"x")
        assert len(os.listdir(tmp_path)) == 2, "the killed one's is gone, ours is there"
    assert len(os.listdir(tmp_path)) == 1
    living.communicate(b"go on\n")
    assert living.returncode == 0
    assert os.listdir(tmp_path) == ["a"]
    assert os.listdir(path) == ["half"]


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose a folder"):
        write_whole(tmp_path / "file" / "a.arrow", write_new)
    with (
        pytest.raises(StorageError, match="choose a folder"),
        scratch_folder(tmp_path / "file" / "a"),
    ):
        pass
