"""A cut of a data set: what a system may see, and what it must then find."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.datasets.ids import Id
from reelrecs.errors import DataError
from reelrecs.evaluation.questions import Questions
from reelrecs.evaluation.ties import in_hashed_order
from reelrecs.store.columns import RatingsByUser
from reelrecs.store.store import Store
from reelrecs.store.subset import restrict


@dataclass(frozen=True, slots=True)
class Split:
    """A training store, and q questions with the movies people went on to watch.

    Movie rows are those of the full store. No target stands in the history of its question. A user
    may ask several questions; figures are then averaged by user first.
    """

    name: str
    train: Store
    source: RatingsByUser  # where the histories are read
    rows: NDArray[np.int64]  # [q] rows of `source`, ascending
    lengths: NDArray[np.int64]  # [q] how much of the row is history, from its start
    users: NDArray[np.int32]  # [q] rows of `train`, -1 = unknown to it
    as_of: NDArray[np.int64] | None  # [q] when it is asked; None = nobody is told
    user_ids: list[Id]  # [n] who asks, ascending
    owners: NDArray[np.int64]  # [q] place in `user_ids`, ascending
    indptr: NDArray[np.int64]  # [q + 1] ends of the targets
    targets: NDArray[np.int32]  # movie rows held out, per question in time order
    has_moment: bool = True  # whether there is a moment that could be told
    part: str = ""  # what sets it apart from the other cuts of its protocol

    def __len__(self) -> int:
        return len(self.rows)

    def ask(self, block: slice) -> Questions:
        """Some of the questions, with copies of their histories and of nothing later."""
        lengths = self.lengths[block]
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        within = np.arange(indptr[-1]) - np.repeat(indptr[:-1], lengths)
        at = np.repeat(self.source.indptr[self.rows[block]], lengths) + within
        return Questions(
            self.users[block],
            indptr,
            self.source.movies[at],
            self.source.ratings[at],
            self.source.times[at],
            None if self.as_of is None else self.as_of[block],
        )

    def targets_of(self, place: int) -> NDArray[np.int32]:
        """What is to be found for a question."""
        return self.targets[self.indptr[place] : self.indptr[place + 1]]

    def withheld(self) -> Split:
        """The same with the moment of asking kept from the systems."""
        return replace(self, as_of=None)

    @property
    def request_time(self) -> str:
        """Whether systems are told the moment of asking: given, withheld, or none there is."""
        if not self.has_moment:
            return "none"
        return "withheld" if self.as_of is None else "given"


def last_out(store: Store, cut: int = 0) -> Split:
    """Leave-last-out: each user's last rating is held out, asked for at its own time.

    `cut` = 1 hides the last rating altogether and holds out the one before: a validation cut,
    on which tuning is allowed; 2 the one before that.
    """
    store = in_hashed_order(store)
    lengths = np.diff(store.by_user.indptr)
    from_end = np.repeat(lengths, lengths) - 1 - store.by_user.places()
    name = f"last-out, cut {cut}" if cut else "last-out"
    held = (from_end == cut) & np.repeat(lengths > cut + 1, lengths)
    train = train_on(name, store, from_end > cut, held)
    return split_of(name, store, train, held)


def random_out(store: Store, seed: int) -> Split:
    """One random rating of each user is held out; what came after it stays visible.

    So there is no moment at which such a question could have been asked.
    """
    store = in_hashed_order(store)
    lengths = np.diff(store.by_user.indptr)
    chosen = np.random.default_rng(seed).integers(0, lengths)
    held = (store.by_user.places() == np.repeat(chosen, lengths)) & np.repeat(lengths > 1, lengths)
    name = f"random-out, seed {seed}"
    train = train_on(name, store, ~held, held)
    split = split_of(name, store, train, held)
    whole = np.diff(split.train.by_user.indptr)[split.users]
    return replace(
        split,
        source=split.train.by_user,
        rows=split.users.astype(np.int64),
        lengths=whole,
        as_of=None,
        has_moment=False,
    )


def time_ranks(store: Store) -> NDArray[np.int64]:
    """[ratings] the place of each among all ratings in time, ties by hash."""
    ranks = np.empty(store.rating_count, np.int64)
    ranks[store.rating_order] = np.arange(store.rating_count)
    return ranks


def held_after(store: Store, first: float, last: float) -> tuple[NDArray[np.bool_], ...]:
    """Which ratings stand before the share `first` of all in time, and which from there to `last`.

    `store` is in hashed order. Raises DataError where all ratings have one time.
    """
    times = store.by_user.times
    if times.min() == times.max():
        raise DataError("all ratings have one timestamp: there is no split by time")
    ranks = time_ranks(store)
    at, until = (round(share * store.rating_count) for share in (first, last))
    return ranks < at, (ranks >= at) & (ranks < until)


def temporal(store: Store, first: float, last: float = 1.0, name: str = "temporal") -> Split:
    """A global cut in time: trained before the share `first` of all ratings, asked up to `last`.

    Only users who had rated before the cut are asked, all at the moment of the first rating after
    it; all they watched after it counts. What comes after `last` is not seen at all.
    """
    store = in_hashed_order(store)
    seen, held = held_after(store, first, last)
    named = f"{name}, ratings {first:.0%} to {last:.0%} in time"
    train = train_on(named, store, seen, held)
    asked = held & (train.rows >= 0)[store.by_user.owners()]
    if not asked.any():
        raise DataError(
            f"nobody in {store.name} rated on both sides of the cut ({named}): use last-out"
        )
    moment = store.by_user.times[held].min()
    split = split_of(named, store, train, asked, together=True)
    return replace(split, as_of=np.full(len(split), moment))


class Training(NamedTuple):
    """What systems are fitted on."""

    store: Store
    rows: NDArray[np.int32]  # [users of the full store] their rows in it, -1 where it lacks them


def train_on(name: str, store: Store, seen: NDArray[np.bool_], held: NDArray[np.bool_]) -> Training:
    """The training store; raises DataError where a side of the cut is empty."""
    if not seen.any() or not held.any():
        raise DataError(f"{store.name} is too small for {name}: nobody has enough ratings")
    known = np.bincount(store.by_user.owners()[seen], minlength=store.user_count) > 0
    rows = np.where(known, np.cumsum(known) - 1, -1).astype(np.int32)
    return Training(restrict(store, seen), rows)


def split_of(
    name: str,
    store: Store,
    train: Training,
    held: NDArray[np.bool_],
    together: bool = False,
) -> Split:
    """Questions for these ratings of `store`, each asked at its own time after all before it.

    `together`: one question a user, at the first of theirs, with all of them as targets.
    """
    at = np.flatnonzero(held)
    rows, places = store.by_user.owners()[at], store.by_user.places()[at]
    starts = np.ones(len(at), np.bool_)
    if together:
        starts[1:] = rows[1:] != rows[:-1]
    first = np.flatnonzero(starts)
    askers, owners = np.unique(rows[first], return_inverse=True)
    return Split(
        name,
        train.store,
        store.by_user,
        rows[first],
        places[first],
        train.rows[rows[first]],
        store.by_user.times[at[first]],
        store.user_ids.at(askers),
        owners.astype(np.int64),
        np.concatenate([first, [len(at)]]),
        store.by_user.movies[at],
    )
