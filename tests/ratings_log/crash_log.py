"""Evidence that no acknowledged rating is lost: `python -m tests.ratings_log.crash_log`.

Four writers append, one process follows a file into the log, one compacts, one trains, one asks for
lists, and each is killed (SIGKILL) at random moments and begun anew. A writer tells what it is
about to append and what was acknowledged; what it was not told of it sends again under the same
key. Then:

    lost       acknowledged and not in the log
    doubled    in the log twice
    invented   in the log and never sent

must all be 0, the log must be whole, and the store that was compacted on the way must be, to the
bit, the one built anew from data and log. Before that a writer's file may grow to every size in
turn, where the disk is full from then on, and then it may grow again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from reelrecs.datasets import locate
from reelrecs.engine import Engine
from reelrecs.ingest.followed_file import FollowedFile
from reelrecs.ingest.run import Ingest
from reelrecs.learning.model_file import save_model
from reelrecs.learning.model_folder import model_path
from reelrecs.ratings_log.events import Arrival
from reelrecs.ratings_log.log_file import RatingsLog
from reelrecs.store.cache import compact, log_path, open_live, open_store, store_path
from tests.models import learned_model_of
from tests.ratings_log.full_disk import limit_each_size
from tests.ratings_log.killing import begun, ended

WRITERS = 4
FOLLOWER = 2000
"""Who rates in the file that is followed."""

MOVIES = 45


def data_in(folder: Path) -> Path:
    """A small data set."""
    place = folder / "mine"
    place.mkdir()
    (place / "movies.csv").write_text(
        "movieId,title,genres\n"
        + "".join(f"{m},Film {m} (1990),Drama\n" for m in range(1, MOVIES + 1))
    )
    (place / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n"
        + "".join(f"{u},{m},4.0,{m}\n" for u in range(1, 31) for m in range(u, u + 15))
    )
    return place


def write_for_ever(log: RatingsLog, writer: int, first: int, tell: Callable[[str], None]) -> None:
    """Append one rating after the other; its time is its number, by which it is known."""
    number = first
    while True:
        tell(f"s{number}\n")
        one = Arrival(1000 + writer, number % MOVIES + 1, 3.0, number, f"{writer}-{number}")
        log.append([[one]])
        tell(f"a{number}\n")
        number += 1
        time.sleep(random.random() * 0.004)


def follow_for_ever(data: Path, path: Path) -> None:
    with Engine.open(data) as engine:
        Ingest(engine, FollowedFile(path, follow=True)).run()


class Followed:
    """A file that grows, a line a rating whose time is its number, and is rotated at times."""

    def __init__(self, path: Path) -> None:
        self.path, self.lines = path, 0
        path.write_bytes(b"")

    def grow(self, count: int) -> None:
        with self.path.open("ab") as file:
            for _ in range(count):
                file.write(b"%d,%d,3,%d\n" % (FOLLOWER, self.lines % MOVIES + 1, self.lines))
                self.lines += 1

    def rotate(self) -> None:
        self.path.rename(self.path.with_name(f"{self.path.name}.{self.lines}"))
        self.path.write_bytes(b"")

    def read_rest(self, data: Path) -> None:
        with Engine.open(data) as engine:
            Ingest(engine, FollowedFile(self.path, follow=False)).run()


def compact_for_ever(data: Path) -> None:
    while True:
        compact(locate(data))
        time.sleep(random.random() * 0.05)


def train_for_ever(data: Path, models: Path) -> None:
    """Leave a model of the present state, as `train` does."""
    while True:
        store = open_store(locate(data))
        save_model(learned_model_of(store), model_path(store, models))


def ask_for_ever(data: Path, models: Path) -> None:
    while True:
        with Engine.open(data, models_dir=models) as engine:
            for _ in range(20):
                if not len(engine.recommend(1)):
                    os._exit(9)


class Writers:
    """What each writer has said: what it sent and what was acknowledged."""

    def __init__(self) -> None:
        self.sent: list[set[int]] = [set() for _ in range(WRITERS)]
        self.acknowledged: list[set[int]] = [set() for _ in range(WRITERS)]
        self._rest = [b""] * WRITERS

    def hear(self, writer: int, told: int) -> None:
        """Take in all that has been said."""
        with contextlib.suppress(BlockingIOError):
            while said := os.read(told, 1 << 16):
                self._rest[writer] += said
        *lines, self._rest[writer] = self._rest[writer].split(b"\n")
        for line in lines:
            (self.sent if line[:1] == b"s" else self.acknowledged)[writer].add(int(line[1:]))

    def next_of(self, writer: int) -> int:
        """The number to go on with: what was sent and not acknowledged is sent again."""
        self._rest[writer] = b""
        open_ = self.sent[writer] - self.acknowledged[writer]
        return min(open_, default=len(self.acknowledged[writer]))


def kill_at_random(folder: Path, kills: int, seed: int) -> str:
    """Run everything, kill so many times, and count; raises SystemExit where a count is not 0."""
    rng = random.Random(seed)
    data, models = data_in(folder), folder / "models"
    path = log_path(locate(data))
    assert path is not None
    compact(locate(data))
    ask_once(data, models)
    heard = Writers()
    log, followed = RatingsLog(path), Followed(folder / "grows.csv")
    works: list[Callable[[Callable[[str], None]], None]] = [
        *(
            lambda tell, writer=writer: write_for_ever(  # type: ignore[misc]
                log, writer, heard.next_of(writer), tell
            )
            for writer in range(WRITERS)
        ),
        lambda _: follow_for_ever(data, followed.path),
        lambda _: compact_for_ever(data),
        lambda _: train_for_ever(data, models),
        lambda _: ask_for_ever(data, models),
    ]
    children = [begun(work) for work in works]
    counted: Counter[str] = Counter()
    for kill in range(kills):
        followed.grow(rng.randrange(20))
        time.sleep(rng.random() * 0.06)
        if kill % 97 == 96:
            followed.rotate()
        at = rng.randrange(len(works))
        ended(children[at])
        if at < WRITERS:
            heard.hear(at, children[at].told)
        os.close(children[at].told)
        counted[("writers", "ingest", "compact", "train", "asking")[max(0, at - WRITERS + 1)]] += 1
        for writer in range(WRITERS):
            if writer != at:
                heard.hear(writer, children[writer].told)
        children[at] = begun(works[at])
    for at, child in enumerate(children):
        ended(child)
        if at < WRITERS:
            heard.hear(at, child.told)
    followed.read_rest(data)
    return f"{kills} kills ({dict(counted)}): {judged(data, log, heard, followed.lines)}"


def ask_once(data: Path, models: Path) -> None:
    with Engine.open(data, models_dir=models) as engine:
        engine.recommend(1)


def judged(data: Path, log: RatingsLog, heard: Writers, lines: int) -> str:
    """The counts, where all is well; raises SystemExit otherwise."""
    if log.damage():
        raise SystemExit(f"the log is damaged: {log.damage()}")
    found = log.after(0, False, False)
    held = Counter(zip(found.users.tolist(), found.times.tolist(), strict=True))
    acknowledged = {(1000 + w, n) for w in range(WRITERS) for n in heard.acknowledged[w]}
    acknowledged |= {(FOLLOWER, number) for number in range(lines)}
    sent = {(FOLLOWER, number) for number in range(lines)}
    sent |= {(1000 + w, n) for w in range(WRITERS) for n in heard.sent[w]}
    lost, invented = acknowledged - set(held), set(held) - sent
    doubled = [one for one, count in held.items() if count > 1]
    if lost or invented or doubled:
        raise SystemExit(f"lost {lost}, invented {invented}, doubled {doubled}")
    stepwise = open_live(locate(data))
    place, digest = stepwise.place, stepwise.now().digest
    store_path(locate(data)).unlink()
    if open_store(locate(data)).digest != digest:
        raise SystemExit("the store built anew is another")
    return (
        f"{len(acknowledged):,} acknowledged, {lines:,} of them lines of a file, 0 lost, "
        f"0 doubled, 0 invented; {len(held):,} in the log, {place:,} of them compacted; "
        "built anew the same bits"
    )


def main() -> None:
    """Run what is asked for, in folders of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--limits", type=int, default=499, metavar="STEP")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["REELRECS_LOG_DIR"] = str(folder / "logs")
        os.environ.setdefault("REELRECS_CACHE_DIR", str(folder / "cache"))
        print(limit_each_size(folder, asked.limits), flush=True)
        print(kill_at_random(folder, asked.kills, asked.seed))


if __name__ == "__main__":
    main()
