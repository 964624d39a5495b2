"""Files that grow, are rotated and cut off: every line once, in order, or a word about it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs import config
from reelrecs.datasets.imports.arriving import Arriving
from reelrecs.errors import DataError
from reelrecs.ingest.followed_file import FollowedFile

HEADER = b"user,movie,rating\n"


def read(
    path: Path, position: str | None, accept_gap: bool = False, most: int | None = None
) -> tuple[list[str], str | None]:
    """The users whose lines come from there on, `most` records of them, and where that ends."""
    source = FollowedFile(path, follow=False, accept_gap=accept_gap)
    users = []
    for number, record in enumerate(one for one in source.records(position) if one is not None):
        if number == most:
            break
        position = source.written(record.after)
        if isinstance(record.rating, Arriving):
            users.append(record.rating.user)
        else:
            assert record.rating is None, record.rating
    return users, position


class Writer:
    """Writes numbered lines, and does to the file what log rotation does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._rotated = 0
        path.write_bytes(HEADER)

    def lines(self, count: int) -> None:
        with self.path.open("ab") as file:
            for _ in range(count):
                self.count += 1
                file.write(b"%d,1,4\n" % self.count)

    def rotate(self) -> None:
        """Rename it; those renamed before move on by one."""
        self._move_on()
        self.path.rename(self._beside(1))
        self._begin_again()

    def copy_and_cut(self) -> None:
        """The same by a copy, with the file cut off in its place."""
        self._move_on()
        shutil.copy(self.path, self._beside(1))
        self._begin_again()

    def _move_on(self) -> None:
        for number in range(self._rotated, 0, -1):
            self._beside(number).rename(self._beside(number + 1))
        self._rotated += 1

    def _begin_again(self) -> None:
        self.path.write_bytes(HEADER)
        later = time.time() + 100 * self._rotated  # than all before, however quick this test is
        os.utime(self._beside(1), (later, later))

    def rewrite(self) -> None:
        """As an editor saves: another file of the same content."""
        content = self.path.read_bytes()
        self.path.unlink()
        self.path.write_bytes(content)

    def _beside(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("lines"), st.integers(1, 400)),
        st.tuples(st.sampled_from(["rotate", "copy_and_cut", "rewrite"])),
        st.tuples(st.just("read"), st.one_of(st.none(), st.integers(1, 300))),
    ),
    max_size=14,
)


@given(ACTIONS)
def test_every_line_is_read_once_and_in_order(tmp_path_factory, actions) -> None:
    """Whatever is done to the file between runs, and wherever those were killed."""
    writer = Writer(tmp_path_factory.mktemp("followed") / "ratings.csv")
    seen, position = [], None
    for name, *arguments in [*actions, ("read", None)]:
        if name == "read":
            users, position = read(writer.path, position, most=arguments[0])
            seen += users
        elif name == "lines" or position is not None:  # nobody looks for files of before the first
            getattr(writer, name)(*arguments)
    assert seen == [str(number) for number in range(1, writer.count + 1)]


def test_what_is_gone_is_said_and_passed_over_only_if_told(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes(HEADER + b"1,1,4\n")
    _, position = read(path, None)
    path.write_bytes(HEADER + b"2,1,4\n3,1,4\n")
    with pytest.raises(DataError, match="is not the file that was read up to byte 24"):
        read(path, position)
    assert read(path, position, accept_gap=True)[0] == ["2", "3"]
    path.unlink()
    with pytest.raises(DataError, match=r"cannot read .*ratings.csv: no such file"):
        read(path, position, accept_gap=True)


def test_a_line_that_goes_on_after_it_was_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes(b"1,1,4")
    users, position = read(path, None)
    assert users == ["1"]
    with path.open("ab") as file:
        file.write(b".5\n2,1,3\n")
    source = FollowedFile(path, follow=False)
    broken, good = (one.rating for one in source.records(position) if one is not None)
    assert isinstance(broken, DataError)
    assert "a line that was read goes on here" in str(broken)
    assert isinstance(good, Arriving)
    path.write_bytes(b"1,1,4\n2,1,3\n")
    assert read(path, position)[0] == ["2"]


def test_a_line_without_an_end_waits_for_it_while_the_file_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes(b"1,1,4\n2,1,")
    records = FollowedFile(path, follow=True).records(None)
    assert next(records).rating.user == "1"
    assert next(records) is None
    with path.open("ab") as file:
        file.write(b"3\n")
    assert next(one for one in records if one is not None).rating.user == "2"


def test_a_file_that_is_rotated_while_it_is_followed(tmp_path: Path, monkeypatch) -> None:
    """Its writer goes on in the old one for a moment."""
    monkeypatch.setattr(config, "FOLLOW_SECONDS", 0.01)
    monkeypatch.setattr(config, "ROTATION_SECONDS", 0.2)
    writer = Writer(tmp_path / "ratings.csv")
    records = FollowedFile(writer.path, follow=True).records(None)

    def users(count: int) -> list[str]:
        said = (one.rating for one in records if one is not None and one.rating is not None)
        return [next(said).user for _ in range(count)]

    writer.lines(2)
    old = writer.path.open("ab")
    assert users(2) == ["1", "2"]
    writer.rotate()
    assert next(one for one in records if one is None) is None
    with old:
        old.write(b"3,1,4\n")
    writer.count = 3
    writer.lines(2)
    assert users(3) == ["3", "4", "5"]
    writer.copy_and_cut()
    writer.lines(1)
    assert users(1) == ["6"]


def test_what_is_no_text_or_no_rating_is_told_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes(b"1,1,4\n\xff\xfe,1,4\n2,1\n\n3,1,4\n")
    said = [one.rating for one in FollowedFile(path, False).records(None) if one is not None]
    assert [type(one) for one in said] == [Arriving, DataError, DataError, type(None), Arriving]
    assert str(said[1]) == "ratings.csv, byte 6: no UTF-8 text"
    assert str(said[2]).startswith("ratings.csv, byte 13: no rating: '2,1'")
