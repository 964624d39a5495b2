"""The second half of the data, as it came: what is served while ratings arrive, rating by rating.

Everything is trained on the first half of time. Then the rest is appended in order, and before some
of the ratings, evenly spaced, the one who gave it is asked for: is its movie in their list? Three
ways to serve are compared:

    frozen     store and model as they were at the half; the history of who asks is up to date
    live       the same model over the store with everything that has arrived
    retrained  live, and the model is trained anew on all of it after each tenth
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.datasets.feedback import MOVIELENS_SCALE, Feedback
from reelrecs.datasets.ids import Ids, take_ids
from reelrecs.engine import Engine
from reelrecs.errors import DataError
from reelrecs.evaluation.bootstrap import bootstrap_all
from reelrecs.evaluation.splits import held_after
from reelrecs.evaluation.tables import Report, Table, plus_minus, three, verdict
from reelrecs.evaluation.ties import in_hashed_order
from reelrecs.learning.later_data import over
from reelrecs.learning.train import train
from reelrecs.ratings_log.events import Events, Kind
from reelrecs.scorer.model import ScoringModel
from reelrecs.stages.user_context import query_of_history
from reelrecs.store.overlay import with_events
from reelrecs.store.store import Store
from reelrecs.store.subset import restrict

log = logging.getLogger(__name__)

TRAINED_UNTIL = 0.5
"""Share of the ratings, in order of time, that everything is trained on."""

TENTHS = 10
"""Parts of the rest after each of which the model is trained anew."""

QUESTIONS = 2_000
"""Ratings that are asked for: an interval of ± .02, at some hours for the largest sets."""

WAYS = ("frozen", "live", "retrained")


class _Question(NamedTuple):
    """One rating of the second half."""

    place: int  # in the order of arrival
    row: int  # of the user in the whole store
    length: int  # of the history
    movie: int
    time: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What each way to serve came to, question by question."""

    dataset: str
    k: int
    seed: int
    arrived: int
    tenths: NDArray[np.int64]  # [questions] in which part of the second half
    newcomers: NDArray[np.bool_]  # [questions] by somebody the first half does not hold
    hits: dict[str, NDArray[np.float64]]  # way to [questions] 1 where the movie is in the list
    seconds_per_list: dict[str, float]  # with the merging of what arrived since the last


def replay(
    store: Store, k: int = 10, seed: int = 0, questions: int = QUESTIONS, parts: int = TENTHS
) -> Replay:
    """Serve and append the second half of the data; raises DataError for data too small to.

    `seed` moves the ratings that are asked for; training is done anew after each of the `parts`.
    """
    store = _in_stars(in_hashed_order(store))
    seen, _ = held_after(store, TRAINED_UNTIL, 1.0)
    if seen.all() or not seen.any():
        raise DataError(f"{store.name} is too small to be replayed: it has one half only")
    base = restrict(store, seen)
    rest = store.rating_order[int(seen.sum()) :].astype(np.int64)
    asked = list(_questions(store, rest, seed, questions))
    log.info(f"training on the first half of {store.name}")
    model = train(base)
    tenths = np.array([one.place * parts // len(rest) for one in asked])
    hits = {way: np.zeros(len(asked)) for way in WAYS}
    seconds = dict.fromkeys(WAYS, 0.0)
    events = _events(store, rest)
    retrained, now, done = model, base, 0
    frozen = Engine(base, model=model)
    for at, one in enumerate(asked):
        if at % 50 == 0:
            log.info(f"replaying {one.place:,} of {len(rest):,} ratings")
        start = time.perf_counter()
        if at and tenths[at] > tenths[at - 1]:
            now, done = _until(now, events, done, int(tenths[at]) * len(rest) // parts)
            log.info(f"training on all until tenth {tenths[at]}")
            retrained = train(now)
            start = time.perf_counter()
        now, done = _until(now, events, done, one.place)
        merged = time.perf_counter() - start
        hits["frozen"][at], seconds_here = _hit(frozen, store, one, k)
        seconds["frozen"] += seconds_here
        for way, its in (("live", model), ("retrained", retrained)):
            hits[way][at], seconds_here = _hit_live(now, its, store, one, k)
            seconds[way] += seconds_here + merged
    frozen.close()
    known = base.user_ids.rows_of(store.user_ids.column()) >= 0
    return Replay(
        store.name,
        k,
        seed,
        len(rest),
        tenths,
        ~known[[one.row for one in asked]],
        hits,
        {way: total / len(asked) for way, total in seconds.items()},
    )


def replay_report(found: Replay) -> Report:
    """The figures as one table, csv rows and JSON."""
    intervals = bootstrap_all(found.hits, found.seed)
    behind = bootstrap_all(
        {way: hits - found.hits["retrained"] for way, hits in found.hits.items()}, found.seed
    )
    late = 2 * found.tenths > found.tenths.max()
    parts = {"early": ~late, "late": late, "newcomers": found.newcomers}
    hr = f"HR@{found.k}"
    rows, long = [], []
    for way, hits in found.hits.items():
        means = [float(hits[part].mean()) if part.any() else 0.0 for part in parts.values()]
        told = "" if way == "retrained" else verdict(behind[way])
        ms = found.seconds_per_list[way] * 1e3
        rows.append([way, plus_minus(intervals[way]), *means, told, round(ms, 1)])
        long.append([way, *three(intervals[way]), *means, *three(behind[way]), ms])
    heading = (
        f"{found.dataset}, replay: trained on the first half, {found.arrived:,} ratings appended, "
        f"{len(found.tenths):,} of them asked for"
    )
    columns = ("way", hr, *parts, "behind retrained", "ms a list")
    named = ("way", hr, "low", "high", *parts, "behind", "behind_low", "behind_high", "ms")
    document = {
        "dataset": found.dataset,
        "protocol": "replay",
        "k": found.k,
        "seed": found.seed,
        "questions": len(found.tenths),
        "newcomers": int(found.newcomers.sum()),
        "ways": [dict(zip(named, row, strict=True)) for row in long],
        "by_tenth": {
            way: [float(hits[found.tenths == tenth].mean()) for tenth in np.unique(found.tenths)]
            for way, hits in found.hits.items()
        },
    }
    return Report([Table(heading, columns, rows)], Table("", named, long), document)


def _in_stars(store: Store) -> Store:
    """The same store whose source has stars, so that what is appended is what is there."""
    told = {"feedback": str(Feedback.STARS), "file_scale": str(list(MOVIELENS_SCALE))}
    return Store(dict(store.arrays), store.metadata | told)


def _questions(store: Store, rest: NDArray[np.int64], seed: int, count: int) -> Iterator[_Question]:
    """Ratings of the second half that are asked for, in order of arrival."""
    count = min(count, len(rest))
    edges = np.linspace(0, len(rest), count + 1).astype(np.int64)
    rng = np.random.default_rng(seed)
    indptr = store.by_user.indptr
    for low, high in pairwise(edges.tolist()):
        place = int(rng.integers(low, high))
        entry = int(rest[place])
        row = int(np.searchsorted(indptr, entry, "right")) - 1
        yield _Question(
            place,
            row,
            entry - int(indptr[row]),
            int(store.by_user.movies[entry]),
            int(store.by_user.times[entry]),
        )


def _events(store: Store, rest: NDArray[np.int64]) -> Events:
    owners = store.by_user.owners()[rest]
    return Events(
        np.arange(1, len(rest) + 1),
        np.full(len(rest), Kind.RATING, np.int8),
        take_ids(store.user_ids.column(), owners),
        take_ids(store.movie_ids.column(), store.by_user.movies[rest]),
        store.by_user.ratings[rest],
        store.by_user.times[rest],
    )


def _until(store: Store, events: Events, done: int, place: int) -> tuple[Store, int]:
    """The store with all that arrived before a place."""
    part = np.arange(done, place)
    if len(part) == 0:
        return store, done
    some = Events(
        events.places[part],
        events.kinds[part],
        take_ids(events.users, part),
        take_ids(events.movies, part),
        events.values[part],
        events.times[part],
    )
    return with_events(store, some), place


def _hit(engine: Engine, whole: Store, one: _Question, k: int) -> tuple[float, float]:
    """1 where the movie is in the list of an engine, else 0; and the seconds it took."""
    start = time.perf_counter()
    rated = whole.by_user
    first = int(rated.indptr[one.row])
    history = slice(first, first + one.length)
    query = query_of_history(
        engine.store,
        rated.movies[history],
        rated.ratings[history],
        rated.times[history],
        k,
        _row(engine.store.user_ids, whole.user_ids, one.row),
        one.time,
    )
    ranked, _ = engine.pipeline.run_one(query)
    return float(one.movie in ranked.movies), time.perf_counter() - start


def _hit_live(
    now: Store, model: ScoringModel, whole: Store, one: _Question, k: int
) -> tuple[float, float]:
    start = time.perf_counter()
    with Engine(now, model=over(model, now)) as engine:
        hit, _ = _hit(engine, whole, one, k)
        return hit, time.perf_counter() - start


def _row(ids: Ids, whole: Ids, row: int) -> int:
    return ids.row(whole[row])
