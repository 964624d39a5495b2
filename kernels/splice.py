"""Compressed rows of which a few have changed, put together from the old ones and fresh ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Entries, Floats, Offsets, Rows, Times
from reelrecs.kernels.jit import inlined, kernel


class Raters(NamedTuple):
    """Who rated each movie, as compressed rows."""

    indptr: Offsets
    users: Rows
    ratings: Floats
    positions: Rows  # place in that user's time order


class Likers(NamedTuple):
    """Who likes each movie, as compressed rows."""

    indptr: Offsets
    users: Rows


class Places(NamedTuple):
    """Where the users of old rows are now."""

    rows: Rows  # [old users] new row, -1 = gone
    keys: Rows  # [old users] by which a movie's users are ordered, -1 = gone or fresh
    movies: Rows  # [new movies] old row, -1 = new


@kernel
def find_entries(
    indptr: Offsets,
    movies: Rows,
    users: Rows,
    wanted: Rows,
    entries: Offsets,
) -> None:
    """Fill entries [pairs]: where the row of users[p] holds the movie wanted[p], -1 = nowhere."""
    for pair in range(len(users)):
        entries[pair] = -1
        if users[pair] >= 0:
            for at in range(indptr[users[pair]], indptr[users[pair] + 1]):
                if movies[at] == wanted[pair]:
                    entries[pair] = at
                    break


@kernel
def splice_rows(
    old_indptr: Offsets,
    old: NDArray[Any],
    sources: Rows,
    fresh_indptr: Offsets,
    fresh: NDArray[Any],
    indptr: Offsets,
    out: NDArray[Any],
) -> None:
    """Fill the values of new rows: sources[row] is an old row, or -1 - fresh row."""
    for row in range(len(sources)):
        start, stop = indptr[row], indptr[row + 1]
        if sources[row] >= 0:
            begin = old_indptr[sources[row]]
            out[start:stop] = old[begin : begin + stop - start]
        else:
            begin = fresh_indptr[-1 - sources[row]]
            out[start:stop] = fresh[begin : begin + stop - start]


@kernel
def merge_raters(old: Raters, places: Places, fresh: Raters, keys: Rows, out: Raters) -> None:
    """Fill `out` from the old rows without the users who are gone or fresh, and the fresh rows.

    Both are in order of their keys; keys [fresh entries] are those of the fresh.
    """
    for movie in range(len(out.indptr) - 1):
        row = places.movies[movie]
        at = old.indptr[row] if row >= 0 else 0
        end = old.indptr[row + 1] if row >= 0 else 0
        new, new_end = fresh.indptr[movie], fresh.indptr[movie + 1]
        for place in range(out.indptr[movie], out.indptr[movie + 1]):
            while at < end and places.keys[old.users[at]] < 0:
                at += 1
            if at < end and (new == new_end or places.keys[old.users[at]] < keys[new]):
                out.users[place] = places.rows[old.users[at]]
                out.ratings[place] = old.ratings[at]
                out.positions[place] = old.positions[at]
                at += 1
            else:
                out.users[place] = fresh.users[new]
                out.ratings[place] = fresh.ratings[new]
                out.positions[place] = fresh.positions[new]
                new += 1


@kernel
def merge_likers(old: Likers, places: Places, fresh: Likers, out: Likers) -> None:
    """The same of likes, whose users stand in ascending order."""
    for movie in range(len(out.indptr) - 1):
        row = places.movies[movie]
        at = old.indptr[row] if row >= 0 else 0
        end = old.indptr[row + 1] if row >= 0 else 0
        new, new_end = fresh.indptr[movie], fresh.indptr[movie + 1]
        for place in range(out.indptr[movie], out.indptr[movie + 1]):
            while at < end and places.keys[old.users[at]] < 0:
                at += 1
            if at < end and (new == new_end or places.keys[old.users[at]] < fresh.users[new]):
                out.users[place] = places.rows[old.users[at]]
                at += 1
            else:
                out.users[place] = fresh.users[new]
                new += 1


@inlined
def _pair_hash(user: int, movie: int) -> np.uint64:
    """`pair_hash` of `reelrecs.store.time_order`, of one pair."""
    mixed = (np.uint64(user) << np.uint64(32)) + np.uint64(movie)
    mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@inlined
def _owner(indptr: Offsets, entry: int) -> int:
    """The row that an entry belongs to."""
    low, high = 0, len(indptr) - 1
    while low < high:
        middle = (low + high) >> 1
        if indptr[middle + 1] <= entry:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def find_places(
    order: Entries,
    indptr: Offsets,
    movies: Rows,
    times: Times,
    hash_shift: int,
    entries: Offsets,
    hashes: NDArray[np.uint64],
    places: Offsets,
) -> None:
    """Fill places [entries]: where each belongs in `order`, by time, then hash, then entry."""
    for at in range(len(entries)):
        entry = entries[at]
        low, high = 0, len(order)
        while low < high:
            middle = (low + high) >> 1
            other = np.int64(order[middle])
            older = times[other] < times[entry]
            if times[other] == times[entry]:
                mixed = _pair_hash(_owner(indptr, int(other)), movies[other])
                mixed = mixed >> np.uint64(hash_shift)
                older = mixed < hashes[at] or (mixed == hashes[at] and other < entry)
            if older:
                low = middle + 1
            else:
                high = middle
        places[at] = low


@kernel
def map_entries(order: Entries, new_entries: Offsets, kept: Entries) -> int:
    """Fill `kept` with the new places of the entries of `order` but the gone (-1); how many."""
    count = 0
    for at in range(len(order)):
        entry = new_entries[order[at]]
        if entry >= 0:
            kept[count] = entry
            count += 1
    return count
