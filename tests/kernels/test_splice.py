"""Kernels that put changed rows among unchanged ones, against naive twins."""

import numpy as np
import pytest

from reelrecs.kernels.splice import (
    Places,
    Raters,
    find_entries,
    find_places,
    map_entries,
    merge_raters,
    splice_rows,
)
from reelrecs.store.time_order import pair_hash


def rows_of(rng: np.random.Generator, count: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    lengths = rng.integers(0, most, count)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return indptr, rng.integers(0, 50, indptr[-1]).astype(np.int32)


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_taken_from_either_side(seed: int) -> None:
    rng = np.random.default_rng(seed)
    old_ends, old = rows_of(rng, 9, 4)
    fresh_ends, fresh = rows_of(rng, 5, 4)
    sources = rng.permutation(np.concatenate([np.arange(9), -1 - np.arange(5)])).astype(np.int32)
    expected = [
        old[old_ends[s] : old_ends[s + 1]] if s >= 0 else fresh[fresh_ends[-1 - s] : fresh_ends[-s]]
        for s in sources
    ]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in expected])]).astype(np.int64)
    out = np.empty(indptr[-1], np.int32)
    splice_rows(old_ends, old, sources, fresh_ends, fresh, indptr, out)
    assert out.tolist() == np.concatenate(expected).tolist()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("hash_shift", [0, 44, 62])
def test_entries_find_their_place_among_ties(seed: int, hash_shift: int) -> None:
    """Of 2-bit hashes many are equal, and the smaller entry then stands first."""
    rng = np.random.default_rng(seed)
    indptr = np.concatenate([[0], np.cumsum(rng.integers(1, 9, 12))]).astype(np.int64)
    count = int(indptr[-1])
    owners = np.repeat(np.arange(12), np.diff(indptr))
    movies = rng.integers(0, 9, count).astype(np.int32)
    times = rng.integers(0, 3, count)
    hashes = pair_hash(owners, movies) >> np.uint64(hash_shift)
    order = np.lexsort((np.arange(count), hashes, times))
    came = rng.random(count) < 0.3
    kept = order[~came[order]].astype(np.uint32)
    entries = order[came[order]]
    places = np.empty(len(entries), np.int64)
    find_places(kept, indptr, movies, times, hash_shift, entries, hashes[entries], places)
    assert np.insert(kept, places, entries).tolist() == order.tolist()


def test_what_is_gone_is_left_out() -> None:
    order = np.array([2, 0, 3, 1], np.uint32)
    kept = np.empty(4, np.uint32)
    count = map_entries(order, np.array([5, -1, 7, 0], np.int64), kept)
    assert kept[:count].tolist() == [7, 5, 0]


def test_entries_are_found_where_they_are() -> None:
    found = np.empty(4, np.int64)
    find_entries(
        np.array([0, 2, 3], np.int64), np.array([7, 8, 7], np.int32),
        np.array([0, 1, -1, 1], np.int32), np.array([8, 7, 7, 8], np.int32), found,
    )  # fmt: skip
    assert found.tolist() == [1, 2, -1, -1]


@pytest.mark.parametrize("seed", range(6))
def test_raters_are_merged_in_order_of_their_keys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    users, movies = 14, 6
    keys = rng.permutation(users).astype(np.int32)
    is_fresh = rng.random(users) < 0.4
    rated = rng.random((movies, users)) < 0.5

    def raters(chosen: np.ndarray) -> Raters:
        lists = [sorted(np.flatnonzero(row & chosen), key=lambda user: keys[user]) for row in rated]
        indptr = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
        flat = np.array([user for one in lists for user in one], np.int32)
        return Raters(indptr, flat, flat.astype(np.float32) / 2, flat * 3)

    expected = raters(np.ones(users, np.bool_))
    old, fresh = expected, raters(is_fresh)
    out = Raters(expected.indptr, *(np.zeros_like(part) for part in expected[1:]))
    own = np.arange(users, dtype=np.int32)
    places = Places(own, np.where(is_fresh, np.int32(-1), keys), np.arange(movies, dtype=np.int32))
    merge_raters(old, places, fresh, keys[fresh.users], out)
    for one, other in zip(out, expected, strict=True):
        assert list(one) == list(other)
