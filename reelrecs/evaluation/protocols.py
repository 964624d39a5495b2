"""The protocols by name: which questions people are taken to ask, and what is known by then."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.errors import DataError, InvalidRequest
from reelrecs.evaluation.splits import (
    Split,
    held_after,
    last_out,
    random_out,
    split_of,
    temporal,
    train_on,
)
from reelrecs.evaluation.ties import in_hashed_order
from reelrecs.store.store import Store

log = logging.getLogger(__name__)

TEST_FROM = 0.9
"""Share of ratings before the global cut in time: the customary last tenth is the test."""

VALIDATION_FROM = 0.8
"""Share of ratings before the cut on which tuning is allowed; it ends where the test begins."""

NEW_MOVIES_FROM = 0.95
"""Share of ratings before new movies are asked for: half of the last tenth has shown them by then,
for of a movie nobody has rated yet only its description is known."""

STRANGERS = 0.1
"""Share of the users who are asked about as strangers: a tenth leaves the models nearly whole."""

LADDER = (0, 1, 2, 3, 5, 10, 20, 50)
"""Lengths of history at which strangers are asked about; 0 is somebody new."""

NEW_MOVIE_RATINGS = ((0, 0), (1, 4), (5, None))
"""Ratings that a new movie has when it is asked for, from and to: none, few, some."""

FEWEST_ASKED = 20
"""Users on both sides of the cut below whom a split by time says too little to be the default."""


class Protocol(NamedTuple):
    """One way of asking."""

    cut: Callable[[Store, int], Sequence[Split]]  # a store and a seed to one or several cuts
    tells_time: bool  # whether systems are told the moment of asking unless otherwise chosen
    several: bool = False  # whether there may be several cuts


def fold_in(store: Store, seed: int) -> Split:
    """Leave-last-out of a tenth of the users, drawn at random, who can be asked about as strangers.

    See `reelrecs.evaluation.fold_in`.
    """
    whole = last_out(store)
    drawn = _drawn(len(whole), seed)
    return replace(
        whole,
        name=f"fold-in, seed {seed}",
        rows=whole.rows[drawn],
        lengths=whole.lengths[drawn],
        users=whole.users[drawn],
        as_of=None if whole.as_of is None else whole.as_of[drawn],
        user_ids=[whole.user_ids[at] for at in drawn],
        owners=np.arange(len(drawn)),
        indptr=np.arange(len(drawn) + 1),
        targets=whole.targets[drawn],
    )


def successive(store: Store) -> Split:
    """Every rating of the last tenth is a question at its own moment, by whoever gave it.

    The history is all that person had rated by then, nothing for those who come after the cut; the
    training store is fixed at the cut, as a model trained last night is.
    """
    store = in_hashed_order(store)
    seen, held = held_after(store, TEST_FROM, 1.0)
    name = f"successive, ratings {TEST_FROM:.0%} to 100% in time"
    return split_of(name, store, train_on(name, store, seen, held), held)


def cold(store: Store, seed: int) -> list[Split]:
    """A tenth of the users is unknown: the next movie after their first k ratings, for each k.

    What all others rated is known, whenever they did; k = 0 asks for somebody new. Rungs that
    nobody reaches are left out.
    """
    store = in_hashed_order(store)
    strangers = np.zeros(store.user_count, np.bool_)
    strangers[_drawn(store.user_count, seed)] = True
    theirs = strangers[store.by_user.owners()]
    name = f"cold, seed {seed}"
    train = train_on(name, store, ~theirs, theirs)
    places = store.by_user.places()
    rungs = []
    for k in LADDER:
        held = theirs & (places == k)
        if held.any():
            split = split_of(f"{name}, after {k} ratings", store, train, held)
            rungs.append(replace(split, part=f"{k} ratings"))
    return rungs


def new_movies(store: Store) -> list[Split]:
    """Movies first rated in the last tenth, asked for in its second half: how well they are found.

    Users had rated before, and all are asked at one moment. First all such movies, then those which
    nobody, few or some had rated by then.
    """
    store = in_hashed_order(store)
    old, _ = held_after(store, TEST_FROM, 1.0)
    seen, held = held_after(store, NEW_MOVIES_FROM, 1.0)
    name = f"new-movies, ratings {NEW_MOVIES_FROM:.0%} to 100% in time"
    train = train_on(name, store, seen, held)
    owners, movies = store.by_user.owners(), store.by_user.movies
    is_new = np.bincount(movies[old], minlength=store.movie_count) == 0
    before = np.bincount(owners[seen], minlength=store.user_count)
    moment = store.by_user.times[held].min()
    held &= is_new[movies] & (before > 0)[owners]
    if not held.any():
        raise DataError(
            f"nobody in {store.name} who had rated before goes on to movies that are new "
            f"({name}): use temporal"
        )
    counts = train.store.movie_rating_counts[movies]
    parts = []
    for low, high in ((0, None), *NEW_MOVIE_RATINGS):
        some = held & (counts >= low) & (counts <= (counts.max() if high is None else high))
        if some.any():
            split = split_of(name, store, train, some, together=True)
            named = _ratings_named(low, high)
            parts.append(
                replace(
                    split,
                    name=f"{name}, {named}",
                    part=named,
                    lengths=before[split.rows],  # other movies may stand before the first target
                    as_of=np.full(len(split), moment),
                )
            )
    return parts


PROTOCOLS: dict[str, Protocol] = {
    "temporal": Protocol(lambda store, seed: [temporal(store, TEST_FROM)], True),
    "temporal-validation": Protocol(
        lambda store, seed: [temporal(store, VALIDATION_FROM, TEST_FROM, "temporal-validation")],
        True,
    ),
    "successive": Protocol(lambda store, seed: [successive(store)], True),
    "cold": Protocol(cold, True, True),
    "new-movies": Protocol(lambda store, seed: new_movies(store), True, True),
    "last-out": Protocol(lambda store, seed: [last_out(store)], False),
    "validation": Protocol(lambda store, seed: [last_out(store, cut=1)], False),
    "random-out": Protocol(lambda store, seed: [random_out(store, seed)], False),
    "fold-in": Protocol(lambda store, seed: [fold_in(store, seed)], False),
}

REQUEST_TIMES = ("given", "withheld")
"""Whether systems are told the moment of asking."""


def cuts(
    protocol: str | None, store: Store, seed: int, request_time: str | None = None
) -> list[Split]:
    """The cuts of this protocol (None: `default_protocol`), which share their training store.

    `request_time` is one of REQUEST_TIMES; None is the protocol's own: cuts in global time and the
    cold ladder tell it, leave-one-out does not, as in papers. Raises InvalidRequest and DataError.
    """
    protocol = default_protocol(store) if protocol is None else protocol
    if protocol not in PROTOCOLS:
        raise InvalidRequest(f"no protocol {protocol}: choose one of {', '.join(PROTOCOLS)}")
    if request_time not in (None, *REQUEST_TIMES):
        raise InvalidRequest(f"request time {request_time!r}: choose given or withheld")
    chosen = PROTOCOLS[protocol]
    splits = chosen.cut(store, seed)
    told = chosen.tells_time if request_time is None else request_time == "given"
    if request_time == "given" and not all(split.has_moment for split in splits):
        raise InvalidRequest(f"{protocol} has no moment of asking: leave --request-time out")
    return [split if told else split.withheld() for split in splits]


def split_by(
    protocol: str | None, store: Store, seed: int, request_time: str | None = None
) -> Split:
    """The only cut of this protocol; raises InvalidRequest where it has several."""
    require_single(protocol)
    return cuts(protocol, store, seed, request_time)[0]


def require_single(protocol: str | None) -> None:
    """Raise InvalidRequest for a protocol of several cuts."""
    if protocol in PROTOCOLS and PROTOCOLS[protocol].several:
        raise InvalidRequest(f"{protocol} has several cuts: choose a protocol of one, as temporal")


def default_protocol(store: Store) -> str:
    """The protocol "temporal" where times are real enough for it, else "last-out", and a log line.

    Real enough: the data has them, they differ, and FEWEST_ASKED users or more rated on both sides
    of the cut.
    """
    if not store.has_times:
        log.warning(f"{store.name} has no times: the protocol is last-out")
        return "last-out"
    try:
        asked = len(temporal(store, TEST_FROM))
    except DataError:
        asked = 0
    if asked >= FEWEST_ASKED:
        return "temporal"
    log.warning(
        f"only {asked} users of {store.name} rated on both sides of a cut in time: the protocol is "
        "last-out"
    )
    return "last-out"


def _drawn(count: int, seed: int) -> NDArray[np.int64]:
    """A share of STRANGERS of so many, at least one, ascending."""
    wanted = max(1, round(count * STRANGERS))
    return np.sort(np.random.default_rng(seed).choice(count, wanted, replace=False))


def _ratings_named(low: int, high: int | None) -> str:
    if high is None:
        return "all new movies" if low == 0 else f"{low} ratings or more"
    return f"{low} ratings" if low == high else f"{low} to {high} ratings"
