"""The log: what is acknowledged is there, in order, each once; what is forgotten is nowhere."""

import os
import shutil
import sqlite3
import threading
import time
import warnings
from pathlib import Path

import pytest

from reelrecs.errors import DataError, InvalidRequest, StorageError
from reelrecs.ratings_log.events import Arrival, Events, Kind, checksum
from reelrecs.ratings_log.group_commit import GroupCommit, waiting
from reelrecs.ratings_log.log_file import RatingsLog


@pytest.fixture
def log(tmp_path: Path) -> RatingsLog:
    return RatingsLog(tmp_path / "logs" / "mine.db")


def rows(log: RatingsLog, after: int = 0) -> list[tuple]:
    """(kind, user, movie, value, time) of each event."""
    found = log.after(after, False, False)
    return list(
        zip(
            found.kinds.tolist(), found.users.tolist(), found.movies.tolist(),
            found.values.tolist(), found.times.tolist(), strict=True,
        )
    )  # fmt: skip


def test_nothing_is_made_before_the_first_rating(log: RatingsLog) -> None:
    assert (log.exists(), log.last(), log.identity(), log.damage()) == (False, 0, "", "")
    assert len(log.after(0, False, False)) == 0
    assert not log.path.parent.exists()


def test_what_was_appended_is_there_in_order(log: RatingsLog) -> None:
    assert log.append([[Arrival(1, 2, 3.5, 10), Arrival(-1, 2**62, 4.0, -5)], []]) == [2, 0]
    assert log.append([[Arrival(1, 2, 1.0, 11)]]) == [1]
    assert rows(log) == [(0, 1, 2, 3.5, 10), (0, -1, 2**62, 4.0, -5), (0, 1, 2, 1.0, 11)]
    assert rows(log, 2) == [(0, 1, 2, 1.0, 11)]
    assert log.last() == 3
    again = RatingsLog(log.path)
    assert rows(again) == rows(log)
    assert again.identity() == log.identity() != ""
    assert again.damage() == ""


def test_a_commit_waits_for_the_disk(log: RatingsLog) -> None:
    log.append([[Arrival(1, 2, 3.5, 10)]])
    with log._writing.opened() as link:
        assert link.execute("PRAGMA synchronous").fetchone() == (2,)
        assert link.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_text_ids_stay_text(log: RatingsLog) -> None:
    log.append([[Arrival("007", "ünï", 4.0, 1), Arrival("7", "=A1", 3.0, 1)]])
    found = log.after(0, True, True)
    assert found.users.to_pylist() == ["007", "7"]
    assert found.movies.to_pylist() == ["ünï", "=A1"]


def test_ids_of_data_whose_kind_has_changed(log: RatingsLog) -> None:
    log.append([[Arrival(7, 8, 4.0, 1)]])
    assert log.after(0, True, True).users.to_pylist() == ["7"]
    log.forget("7")
    assert log.after(0, True, False).kinds.tolist() == [Kind.ERASED, Kind.FORGET_USER]
    log.append([[Arrival("letters", 8, 4.0, 1)]])
    with pytest.raises(DataError, match="cannot read the log"):
        log.after(0, False, False)


def test_keys_make_sending_again_harmless(log: RatingsLog) -> None:
    one, other = Arrival(1, 2, 3.0, None, "a"), Arrival(1, 2, 4.0, None, "a")
    assert log.append([[one, one]]) == [1]
    assert log.append([[one], [Arrival(5, 5, 5.0, 1, "b")]]) == [0, 1]
    refused, kept = log.append([[Arrival(9, 9, 1.0), other], [Arrival(6, 6, 1.0, 2)]])
    assert isinstance(refused, InvalidRequest)
    assert "another rating" in str(refused)
    assert kept == 1
    assert [row[1] for row in rows(log)] == [1, 5, 6]


def test_a_forgotten_rating_cannot_come_back_by_its_key(log: RatingsLog) -> None:
    one = Arrival(1, 2, 3.0, 7, "a")
    log.append([[one]])
    log.forget(1, 2)
    assert log.append([[one]]) == [0]


def test_what_is_forgotten_is_not_in_the_file(log: RatingsLog) -> None:
    log.append([[Arrival("somebody-known", "a-film", 4.5, 77, "a key of somebody-known")]])
    log.append([[Arrival("another", "a-film", 4.5, 78)]])
    log.close()
    log.forget("somebody-known", "a-film")
    log.close()
    content = b"".join(path.read_bytes() for path in log.path.parent.iterdir())
    assert content.count(b"somebody-known") == 1, "in the mark that it is to be forgotten"
    found = log.after(0, True, True)
    assert found.kinds.tolist() == [Kind.ERASED, Kind.RATING, Kind.FORGET_RATING]
    assert found.movies.to_pylist() == ["a-film"] * 3
    assert found.users.to_pylist() == ["", "another", "somebody-known"]


def test_forgetting_one_movie_leaves_the_others(log: RatingsLog) -> None:
    log.append([[Arrival(1, 2, 3.0, 7), Arrival(1, 3, 3.0, 7), Arrival(2, 2, 3.0, 7)]])
    log.forget(1, 2)
    kinds = [Kind.ERASED, Kind.RATING, Kind.RATING, Kind.FORGET_RATING]
    assert [row[0] for row in rows(log)] == kinds
    log.forget(1)
    assert [row[0] for row in rows(log)][:3] == [Kind.ERASED, Kind.ERASED, Kind.RATING]


def test_a_clock_that_jumps_back_does_not_take_arrivals_along(
    log: RatingsLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = [1000.0, 500.0, 2000.0, -5.0]
    for moment in moments:
        monkeypatch.setattr(time, "time", lambda moment=moment: moment)
        log.append([[Arrival(1, 1, 3.0)]])
    assert [row[4] for row in rows(log)] == [1000, 1000, 2000, 2000]


def test_a_changed_byte_in_a_record_is_found(log: RatingsLog) -> None:
    log.append([[Arrival(1, number, 3.0, 7) for number in range(20)]])
    log.close()
    link = sqlite3.connect(log.path)
    link.execute("UPDATE events SET value = 5.0 WHERE place = 13")
    link.commit()
    link.close()
    with pytest.raises(DataError, match="record 13 is not as it was written"):
        log.after(0, False, False)
    assert len(log.after(13, False, False)) == 7


@pytest.mark.parametrize(
    "row",
    [
        (1, 0, 1, 2, None, 5), (1, 0, None, 2, 3.0, 5), (1, 1, 1, None, None, None),
        (1, 2, 1, 2, None, None), (1, 3, 1, 2, None, None), (1, 7, 1, 2, 3.0, 5),
        (1, 0, 1, 2, 3.0, 10**15),
    ],
)  # fmt: skip
def test_events_that_say_what_none_does_are_refused(row: tuple) -> None:
    with pytest.raises(ValueError, match="record 1"):
        Events.of([(*row, checksum(*row))], False, False)


@pytest.mark.parametrize("content", [b"", b"rubbish" * 999, b"SQLite format 3\0" + bytes(4000)])
def test_another_file_in_its_place_is_one_line(log: RatingsLog, content: bytes) -> None:
    log.path.parent.mkdir()
    log.path.write_bytes(content)
    for ask in (log.last, log.identity, lambda: log.after(0, False, False)):
        with pytest.raises(DataError, match="cannot read the log of ratings") as caught:
            ask()
        assert "\n" not in str(caught.value)
    with pytest.raises(StorageError, match="cannot write the log of ratings"):
        log.append([[Arrival(1, 1, 3.0, 1)]])
    assert log.path.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="REELRECS_LOG_DIR"):
        RatingsLog(tmp_path / "file" / "x.db").append([[Arrival(1, 1, 3.0, 1)]])


def test_a_place_that_cannot_be_looked_at_is_no_empty_log(tmp_path: Path) -> None:
    log = RatingsLog(tmp_path / ("x" * 300))
    with pytest.raises(DataError, match="cannot read the log of ratings"):
        log.last()


def test_the_file_cut_at_any_byte_of_its_last_records_holds_the_first(
    log: RatingsLog, tmp_path: Path
) -> None:
    """Of a torn write-ahead log the commits before the tear stand, and none is half there."""
    log.append([[Arrival(0, 0, 1.0, 0)]])
    ends = []
    wal = Path(f"{log.path}-wal")
    for number in range(1, 6):
        log.append([[Arrival(number, number, 1.0, number)]])
        ends.append(wal.stat().st_size)
    whole, written = log.path.read_bytes(), wal.read_bytes()
    cut = tmp_path / "cut" / "x.db"
    cut.parent.mkdir()
    for size in range(len(written), ends[0] - 1, -1499):
        shutil.rmtree(cut.parent)
        cut.parent.mkdir()
        cut.write_bytes(whole)
        Path(f"{cut}-wal").write_bytes(written[:size])
        other = RatingsLog(cut)
        expected = 1 + sum(end <= size for end in ends)
        assert [row[1] for row in rows(other)] == list(range(expected))
        other.close()
    other.append([[Arrival(99, 99, 1.0, 99)]])
    assert [row[1] for row in rows(other)] == [*range(expected), 99]


def test_a_file_cut_short_is_found_and_never_read_as_a_shorter_log(log: RatingsLog) -> None:
    log.append([[Arrival(number, number, 1.0, number) for number in range(2000)]])
    log.close()
    whole = log.path.read_bytes()
    for size in (len(whole) - 1, len(whole) // 2, len(whole) - 4096, 5000, 4096):
        log.path.write_bytes(whole[:size])
        with pytest.raises(DataError, match="cannot read the log of ratings"):
            log.after(0, False, False)
        log.close()


def test_many_threads_share_commits_and_lose_nothing(log: RatingsLog) -> None:
    together = GroupCommit(log)
    together.append([Arrival(-1, -1, 1.0, 0)])

    def write(writer: int) -> None:
        for number in range(50):
            assert together.append([Arrival(writer, number, 2.0, number)]) == 1

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    found = rows(log)[1:]
    assert len(found) == 400
    for writer in range(8):
        assert [row[2] for row in found if row[1] == writer] == list(range(50))


def test_one_writers_mistake_is_nobody_elses(log: RatingsLog) -> None:
    together = GroupCommit(log)
    together.append([Arrival(1, 1, 1.0, 0, "a")])
    with pytest.raises(InvalidRequest, match="another rating"):
        together.append([Arrival(2, 2, 2.0, 0, "a")])
    assert together.append([Arrival(3, 3, 3.0, 0)]) == 1


def test_two_processes_make_the_log_at_once(log: RatingsLog) -> None:
    children = []
    for number in range(4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads
            child = os.fork()
        if child == 0:
            try:
                for at in range(10):
                    RatingsLog(log.path).append([[Arrival(number, at, 1.0, at)]])
            except BaseException:
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert sorted(row[1:3] for row in rows(log)) == [(n, at) for n in range(4) for at in range(10)]
    left = [path.name for path in log.path.parent.iterdir() if "unfinished" in path.name]
    assert left == []


def test_waiting_gives_all_in_order_and_passes_errors_on() -> None:
    groups = list(waiting(iter(range(1000)), 64))
    assert [number for group in groups for number in group] == list(range(1000))
    assert list(waiting(iter(()), 5)) == []

    def broken():
        yield 1
        raise KeyError("x")

    failing = waiting(broken(), 5)
    with pytest.raises(KeyError):
        [next(failing) for _ in range(3)]
    endless = waiting(iter(int, 1), 5)
    assert len(next(endless)) <= 5
