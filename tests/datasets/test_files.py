"""Folders and zips: hostile zips cost little and end in one line; edits show in the fingerprint."""

import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from reelrecs import config
from reelrecs.datasets import locate
from reelrecs.datasets.files import SAMPLE_BLOCK, SAMPLE_BLOCKS, open_files
from reelrecs.errors import DataError

MB = 2**20


def bomb(path: Path, size: int, **stated: int) -> Path:
    """A zip whose ratings.csv unpacks to `size` zeros; its directory may state other sizes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("movies.csv", "movieId,title,genres\n2,Jumanji (1995),Adventure\n")
        with archive.open("ratings.csv", "w") as member:
            for _ in range(0, size, MB):
                member.write(bytes(MB))
    content = bytearray(path.read_bytes())
    last_entry = content.rindex(b"PK\x01\x02")
    for what, at in (("packed", 20), ("unpacked", 24)):
        if what in stated:
            content[last_entry + at : last_entry + at + 4] = struct.pack("<I", stated[what])
    path.write_bytes(content)
    return path


def refusal(path: Path) -> tuple[str, float]:
    """What is said of a zip, and the most memory in MB that it took."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            open_files(path).read("ratings.csv")
        return str(caught.value), tracemalloc.get_traced_memory()[1] / MB
    finally:
        tracemalloc.stop()


def test_a_bomb_is_refused_by_what_its_directory_says(tmp_path: Path) -> None:
    said, memory = refusal(bomb(tmp_path / "bomb.zip", 100 * MB))
    assert memory < 8
    assert "ratings.csv" in said
    assert "config.ZIP_RATIO" in said
    assert "\n" not in said


def test_a_member_beyond_the_limit_is_refused_whatever_its_ratio(tmp_path: Path) -> None:
    path = bomb(tmp_path / "big.zip", MB, packed=2**30, unpacked=config.ZIP_MEMBER_BYTES + 1)
    said, memory = refusal(path)
    assert memory < 8
    assert "config.ZIP_MEMBER_BYTES" in said


@pytest.mark.parametrize("stated", [0, 1000, 8 * MB])
def test_a_directory_that_states_too_little_bounds_what_is_unpacked(
    tmp_path: Path, stated: int
) -> None:
    said, memory = refusal(bomb(tmp_path / "bomb.zip", 100 * MB, unpacked=stated))
    assert memory < stated / MB + 8
    assert "damaged zip" in said


def test_a_directory_that_states_too_much_is_damage(tmp_path: Path) -> None:
    said, _ = refusal(bomb(tmp_path / "bomb.zip", MB, unpacked=2 * MB))
    assert "damaged zip" in said


def test_a_small_file_of_equal_rows_is_no_bomb(tmp_path: Path) -> None:
    path = bomb(tmp_path / "zeros.zip", 8 * MB)
    assert open_files(path).read("ratings.csv").nbytes == 8 * MB


def test_an_edit_between_the_samples_that_keeps_size_and_time_is_seen(tmp_path: Path) -> None:
    row = "1,2,3.5,4\n"
    size = 4 * SAMPLE_BLOCK * SAMPLE_BLOCKS
    text = "userId,movieId,rating,timestamp\n" + row * (size // len(row))
    ratings = tmp_path / "ratings.csv"
    ratings.write_text(text)
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n2,Jumanji (1995),Adventure\n")
    before, stamps = locate(tmp_path).fingerprint(), os.stat(ratings)
    at = size // (2 * (SAMPLE_BLOCKS - 1))  # half way between the first two samples
    with ratings.open("r+b") as file:
        file.seek(text.index("3.5", at))
        file.write(b"1.5")
    os.utime(ratings, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    assert os.stat(ratings).st_size == stamps.st_size
    assert os.stat(ratings).st_mtime_ns == stamps.st_mtime_ns
    assert locate(tmp_path).fingerprint() != before
