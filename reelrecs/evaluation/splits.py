"""Cuts of a data set into what a system may see and what it must then find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reelrecs.errors import DataError, InvalidRequest
from reelrecs.store.store import Store
from reelrecs.store.subset import restrict


@dataclass(frozen=True, slots=True)
class Split:
    """A training store and, for some of its users, the movies they went on to watch.

    Movie rows are those of the full store. Every target user has at least one rating in `train`;
    no target stands in that user's training row.
    """

    name: str
    train: Store
    users: NDArray[np.int32]  # [n] rows in `train`, ascending
    indptr: NDArray[np.int64]  # [n + 1]
    targets: NDArray[np.int32]  # movie rows held out, per user in time order


def last_out(store: Store, cut: int = 0) -> Split:
    """Leave-last-out: each user's last rating is held out, ties in time by file order.

    `cut` = 1 hides the last rating altogether and holds out the one before: a validation cut,
    on which tuning is allowed; 2 the one before that.
    """
    lengths = np.diff(store.by_user.indptr)
    place = store.by_user.places()
    from_end = np.repeat(lengths, lengths) - 1 - place
    seen = from_end > cut
    held = (from_end == cut) & np.repeat(lengths > cut + 1, lengths)
    return _split(f"last-out, cut {cut}" if cut else "last-out", store, seen, held)


def fold_in(store: Store, seed: int) -> Split:
    """Leave-last-out of a tenth of the users, drawn at random, who can be asked about as strangers.

    See `reelrecs.evaluation.fold_in`.
    """
    whole = last_out(store)
    count = max(1, round(len(whole.users) * FOLD_IN_SHARE))
    drawn = np.random.default_rng(seed).choice(len(whole.users), count, replace=False)
    drawn.sort()
    return Split(
        f"fold-in, seed {seed}",
        whole.train,
        whole.users[drawn],
        np.arange(count + 1),
        whole.targets[drawn],
    )


def random_out(store: Store, seed: int) -> Split:
    """One random rating of each user is held out; what came after it stays visible."""
    lengths = np.diff(store.by_user.indptr)
    chosen = np.random.default_rng(seed).integers(0, lengths)
    held = store.by_user.places() == np.repeat(chosen, lengths)
    keep = np.repeat(lengths > 1, lengths)
    return _split(f"random-out, seed {seed}", store, ~held | ~keep, held & keep)


def temporal(store: Store, test_share: float) -> Split:
    """A global cut in time: the last `test_share` of all ratings are held out.

    Only users who had rated before the cut are asked about; all they watched after it counts.
    """
    times = store.by_user.times
    at = np.quantile(times, 1 - test_share, method="inverted_cdf")
    held = times > at
    if not held.any():
        raise DataError("all ratings have one timestamp: there is no split by time")
    return _split(f"temporal, last {test_share:.0%}", store, ~held, held)


PROTOCOLS: dict[str, Callable[[Store, int], Split]] = {
    "last-out": lambda store, seed: last_out(store),
    "validation": lambda store, seed: last_out(store, cut=1),
    "temporal": lambda store, seed: temporal(store, TEST_SHARE),
    "random-out": random_out,
    "fold-in": fold_in,
}

FOLD_IN_SHARE = 0.1
"""Share of the users who are asked about as strangers: a tenth leaves the models nearly whole."""

TEST_SHARE = 0.1
"""Share of ratings behind the global temporal cut: the customary tenth."""


def split_by(protocol: str, store: Store, seed: int) -> Split:
    """The split of this name; raises InvalidRequest."""
    if protocol not in PROTOCOLS:
        raise InvalidRequest(f"no protocol {protocol}: choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[protocol](store, seed)


def _split(name: str, store: Store, seen: NDArray[np.bool_], held: NDArray[np.bool_]) -> Split:
    if not seen.any() or not held.any():
        raise DataError(f"{store.name} is too small for {name}: nobody has enough ratings")
    train = restrict(store, seen)
    owners = store.by_user.owners()[held]
    rows = train.user_ids.rows_of(store.user_ids.column())[owners]
    known = rows >= 0
    rows, targets = rows[known], store.by_user.movies[held][known]
    if len(rows) == 0:
        raise DataError(
            f"nobody in {store.name} rated on both sides of the cut ({name}): use last-out"
        )
    users, counts = np.unique(rows, return_counts=True)
    return Split(name, train, users, np.concatenate([[0], np.cumsum(counts)]), targets)
