"""The log of exposures: many writers, a disk that fails. Kept light, for processes import this."""

import multiprocessing
import sqlite3
import threading

import pytest

from reelrecs.errors import DataError, StorageError
from reelrecs.experiments.exposures import Exposure, ExposureLog, read_exposures


def _add_twenty(path, start):
    start.wait(60)
    with ExposureLog(path) as log:
        for place in range(20):
            log.add(Exposure("e", "a", place, 1.0, [1]))


def test_processes_that_start_together_write_one_file(tmp_path):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    path = tmp_path / "exposures.db"
    workers = [context.Process(target=_add_twenty, args=(path, start)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(list(read_exposures(path, "e"))) == 60


def test_exposures_of_many_threads_are_all_written(tmp_path):
    path = tmp_path / "new" / "exposures.db"
    with ExposureLog(path) as one, ExposureLog(path) as other:

        def work(log, user):
            for place in range(50):
                log.add(Exposure("e", "a", user, float(place), [1, "x"], [0, -1]))

        threads = [
            threading.Thread(target=work, args=(log, user))
            for user, log in enumerate((one, other) * 3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = list(read_exposures(path, "e"))
    assert len(found) == 300
    assert found[0][4:] == ([1, "x"], [0, -1])
    assert list(read_exposures(path, "other")) == []


def test_a_disk_that_fails_stops_no_request_and_is_told(tmp_path, caplog):
    path = tmp_path / "exposures.db"
    with ExposureLog(path) as log:
        with sqlite3.connect(path) as link:
            link.execute("DROP TABLE exposures")
        link.close()
        log.add(Exposure("e", "a", 1, 1.0, [1]))
    assert "1 exposures were not written" in caplog.text
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="REELRECS_LOG_DIR"):
        ExposureLog(tmp_path / "file" / "exposures.db")
    with pytest.raises(DataError, match="--experiments"):
        list(read_exposures(tmp_path / "none.db", "e"))
    path.write_text("no database, and long enough to be looked at as one" * 30)
    with pytest.raises(DataError, match="restore"):
        list(read_exposures(path, "e"))
