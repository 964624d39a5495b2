"""Stores with right digests and wrong arrays, one fault each: none reaches a kernel."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.store import arrow_file, invariants
from reelrecs.store.build import compile_tables
from reelrecs.store.columns import COLUMNS
from reelrecs.store.digests import array_digests, content_digest
from reelrecs.store.store import Store
from tests.worlds import Triple, random_triples, store_of, tables_of, triples

Arrays = dict[str, Any]


def write_crafted(path: Path, named: Arrays, metadata: dict[str, str]) -> Path:
    """A store of these arrays by somebody who knows how digests are made."""
    digest = content_digest(array_digests(named), [f"genre {at}" for at in range(5)])
    told = metadata | {"name": "crafted", "source": "", "digest": digest}
    told["genres"] = '["genre 0", "genre 1", "genre 2", "genre 3", "genre 4"]'
    arrow_file.write(path, named, told)
    return path


@pytest.fixture
def world() -> tuple[Arrays, dict[str, str]]:
    named, metadata = compile_tables(tables_of(random_triples(4), 70))
    return {name: values if isinstance(values, pa.Array) else values.copy()
            for name, values in named.items()}, metadata  # fmt: skip


def at(name: str, place: int, value: Any) -> Callable[[Arrays], None]:
    def put(named: Arrays) -> None:
        named[name][place] = value

    return put


def swap(name: str, one: int, other: int) -> Callable[[Arrays], None]:
    def put(named: Arrays) -> None:
        values = named[name]
        values[one], values[other] = values[other].copy(), values[one].copy()

    return put


def whole(name: str, change: Callable[[Any], Any]) -> Callable[[Arrays], None]:
    def put(named: Arrays) -> None:
        named[name] = change(named[name])

    return put


def emptied_user(named: Arrays) -> None:
    named["user_indptr"][1] = 0


def wrapped_ends(named: Arrays) -> None:
    """Ends whose differences are positive, for they wrap round."""
    named["movie_indptr"][1:3] = 2**63 - 1, -(2**63)


BROKEN: dict[str, tuple[Callable[[Arrays], None], str]] = {
    "no array": (lambda named: named.pop("user_norm"), "user_norm"),
    "no titles": (lambda named: named.pop("movie_titles"), "movie_titles"),
    "an array more": (lambda named: named.update(movie_x=np.zeros(70, np.int8)), "movie_x"),
    "a type": (whole("user_times", lambda v: v.astype(np.int32)), "user_times is no"),
    "texts for numbers": (whole("user_norm", lambda v: pa.array(map(str, v), pa.large_string())),
                          "user_norm is no"),
    "narrow ids": (whole("user_ids", lambda v: v.astype(np.uint32)), "user_ids are uint32"),
    "ids that are no row": (whole("movie_ids", lambda v: v.reshape(2, -1)), "movie_ids"),
    "fewer ids": (whole("movie_ids", lambda v: v[:-1]), "is not as long"),
    "texts in another order": (whole("movie_ids", lambda v: pa.array(map(str, v),
                               pa.large_string())), "movie_ids do not ascend"),
    "a table": (whole("user_movies", lambda v: v.reshape(1, -1)), "user_movies"),
    "fewer times": (whole("user_times", lambda v: v[:-1]), "user_times is not as long"),
    "fewer ends": (whole("user_indptr", lambda v: v[:-1]), "user_indptr is not as long"),
    "fewer positions": (whole("movie_positions", lambda v: v[1:]), "movie_positions is not as"),
    "fewer titles": (whole("movie_titles", lambda v: v[1:]), "movie_titles is not as long"),
    "ids that descend": (swap("user_ids", 3, 4), "user_ids do not ascend"),
    "an id twice": (lambda named: at("movie_ids", 5, named["movie_ids"][4])(named), "movie_ids"),
    "a first end": (at("user_indptr", 0, 1), "user_indptr does not span"),
    "a negative end": (at("movie_indptr", 0, -1), "movie_indptr does not span"),
    "a last end": (lambda named: at("user_likes_indptr", -1, 2**40)(named), "user_likes_indptr"),
    "ends that descend": (at("movie_likes_indptr", 3, 2**40), "movie_likes_indptr descends"),
    "ends that wrap": (wrapped_ends, "movie_indptr descends"),
    "a user without ratings": (emptied_user, "without ratings"),
    "a movie too many": (at("user_movies", 7, 70), "user_movies"),
    "a negative movie": (at("user_movies", -1, -1), "user_movies"),
    "a user too many": (at("movie_users", 0, 40), "movie_users"),
    "a negative user": (at("movie_users", 9, -(2**31)), "movie_users"),
    "a position too far": (at("movie_positions", 4, 2**31 - 1), "movie_positions"),
    "a negative position": (at("movie_positions", -1, -1), "movie_positions"),
    "a liked movie too many": (at("user_likes", 2, 70), "user_likes"),
    "a liker too many": (at("movie_likes", 2, 2**30), "movie_likes"),
    "likers that descend": (swap("movie_likes", 0, 1), "movie_likes do not ascend"),
    "a rating that is none": (at("user_ratings", 8, np.nan), "user_ratings"),
    "an endless rating": (at("movie_ratings", 8, np.inf), "movie_ratings"),
    "a rating off the scale": (at("movie_ratings", 8, 6.0), "movie_ratings"),
    "times that descend": (at("user_times", 0, 2 * 10**9), "user_times"),
    "a later end": (whole("user_times", lambda v: v + 1), "user_times"),
    "a rank twice": (lambda named: at("user_activity_ranks", 0, named["user_activity_ranks"][1])
                     (named), "user_activity_ranks"),
    "a rank too many": (at("user_activity_ranks", 3, 40), "user_activity_ranks"),
    "ranks in another order": (swap("user_activity_ranks", 2, 30), "user_activity_ranks|movie_us"),
    "raters in another order": (swap("movie_users", 0, 1), "order of last activity"),
    "another count": (at("movie_rating_counts", 0, 2**31 - 1), "movie_rating_counts"),
    "another count of likes": (at("movie_like_counts", 0, -1), "movie_like_counts"),
    "an endless norm": (at("user_norm", 0, np.inf), "user_norm"),
    "a mean that is none": (at("movie_mean_ratings", 0, np.nan), "movie_mean_ratings"),
    "a genre too many": (at("movie_genres", 0, 2**63), "movie_genres"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_a_crafted_store_is_refused(
    tmp_path: Path, world: tuple[Arrays, dict[str, str]], fault: str
) -> None:
    named, metadata = world
    write_crafted(tmp_path / "good.arrow", named, metadata)
    Store.open(tmp_path / "good.arrow")
    breaks, reason = BROKEN[fault]
    breaks(named)
    write_crafted(tmp_path / "bad.arrow", named, metadata)
    with pytest.raises(arrow_file.NotReadable, match=reason):
        Store.open(tmp_path / "bad.arrow")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scale", "[0.5]"), ("scale", "5"), ("scale", "[NaN, NaN]"), ("scale", "[0.5, Infinity]"),
        ("mean_rating", "nan"), ("mean_rating", "much"), ("latest_timestamp", "never"),
        ("latest_timestamp", "5"), ("genres", "7"), ("genres", "["), ("name", None),
        ("digest", "0" * 32), ("format", "reelrecs.store/3"),
    ],
)  # fmt: skip
def test_metadata_that_make_no_sense_are_refused(
    tmp_path: Path, world: tuple[Arrays, dict[str, str]], key: str, value: str | None
) -> None:
    named, metadata = world
    path = write_crafted(tmp_path / "a.arrow", named, metadata)
    arrays, told = arrow_file.read(path)
    told.pop(key)
    arrow_file.write(path, arrays, told if value is None else told | {key: value})
    with pytest.raises(arrow_file.NotReadable) as caught:
        Store.open(path)
    assert "\n" not in str(caught.value)


@given(triples())
def test_whatever_is_built_holds_to_them(made: Sequence[Triple]) -> None:
    store = store_of(made, 18)
    invariants.check(store)
    assert set(COLUMNS) <= set(store.arrays)


INDICES = (
    "user_indptr", "user_movies", "movie_indptr", "movie_users", "movie_positions",
    "user_likes_indptr", "user_likes", "movie_likes_indptr", "movie_likes", "user_activity_ranks",
)  # fmt: skip


@given(st.sampled_from(INDICES), st.integers(0, 10**6), st.integers(0, 63))
def test_no_flipped_bit_of_an_index_leads_outside(name: str, place: int, bit: int) -> None:
    """Of what is accepted nothing is out of range; a slow twin of the checks that kernels need."""
    named, metadata = compile_tables(tables_of(random_triples(6), 70))
    values = named[name].copy()
    flipped = values.view(np.uint8)
    flipped[(8 * (place % len(values)) + bit // 8) % len(flipped)] ^= np.uint8(1 << bit % 8)
    store = Store(named | {name: values}, metadata | {"name": "world"})
    try:
        invariants.check(store)
    except invariants.Broken:
        return
    lists = [
        (store.by_user.indptr, store.by_user.movies, 70),
        (store.by_movie.indptr, store.by_movie.users, store.user_count),
        (store.likes.user_indptr, store.likes.movies, 70),
        (store.likes.movie_indptr, store.likes.users, store.user_count),
    ]
    for indptr, rows, count in lists:
        ends = indptr.tolist()
        assert ends == sorted(ends)
        assert (ends[0], ends[-1]) == (0, len(rows))
        assert all(0 <= row < count for row in rows.tolist())
    for user, position in zip(store.by_movie.users, store.by_movie.positions, strict=True):
        own = store.by_user.row(user)
        assert own.start <= own.start + position < own.stop
    assert sorted(store.user_activity_ranks.tolist()) == list(range(store.user_count))


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows longer than a block and blocks of many rows: a fault is found wherever it stands."""
    store = store_of(random_triples(8), 70)
    for block in (1, 7, 100):
        monkeypatch.setattr(invariants, "BLOCK", block)
        invariants.check(store)
        for place in range(0, store.rating_count, 11):
            movies = store.by_user.movies.copy()
            movies[place] = 70
            wrong = Store(store.arrays | {"user_movies": movies}, store.metadata)
            with pytest.raises(invariants.Broken, match="user_movies"):
                invariants.check(wrong)
