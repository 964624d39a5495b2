"""A log on a disk that is full at one size of its files or another, and then is not."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

from reelrecs.errors import StorageError
from reelrecs.ratings_log.events import Arrival
from reelrecs.ratings_log.log_file import RatingsLog
from tests.ratings_log.killing import begun


def grow_to(path: Path, limit: int) -> None:
    """Append until the file may not grow, then let it grow and append on; ends with 0 if it can."""
    log, number = RatingsLog(path), 0
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    acknowledged = []
    try:
        for number in range(400):
            log.append([[Arrival(1, number, 3.0, number, str(number))]])
            acknowledged.append(number)
    except StorageError:
        pass
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    log.append([[Arrival(1, number, 3.0, number, str(number))]])
    if number not in acknowledged:
        acknowledged.append(number)
    times = RatingsLog(path).after(0, False, False).times.tolist()
    os._exit(0 if times == acknowledged else 5)


def limit_each_size(folder: Path, step: int) -> str:
    """Fill the disk, so to say, at every size from nothing on."""
    limits = range(0, 200_000, step)
    for limit in limits:
        path = folder / f"limit-{limit}" / "x.db"
        child = begun(lambda _, path=path, limit=limit: grow_to(path, limit))  # type: ignore[misc]
        _, status = os.waitpid(child.pid, 0)
        os.close(child.told)
        if status != 0:
            raise SystemExit(f"with files of at most {limit} bytes: status {status}")
        shutil.rmtree(path.parent)
    return f"{len(limits)} sizes at which the disk is full and then is not: nothing lost"
