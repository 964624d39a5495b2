"""A store with what arrived is, to the bit, the store built from all of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelrecs.datasets.ids import Id, column_of
from reelrecs.datasets.tables import RELEASE_UNKNOWN, Movies, Ratings, Tables, Users
from reelrecs.errors import DataError
from reelrecs.ratings_log.events import Events, Kind, checksum
from reelrecs.store import invariants
from reelrecs.store.build import store_of
from reelrecs.store.overlay import with_events
from reelrecs.store.store import Store
from tests.worlds import random_triples


class Said(NamedTuple):
    """One event; the movie of a forgotten user is -1."""

    kind: Kind
    user: int
    movie: int
    stars: float = 0.0
    time: int = 0


Line = tuple[int, int, float, int]


def events_of(said: Sequence[Said], name: Any, start: int = 1) -> Events:
    rows = []
    for place, one in enumerate(said, start):
        given = one.kind is Kind.RATING
        row = (
            place,
            int(one.kind),
            None if one.kind is Kind.ERASED else name(one.user),
            None if one.kind is Kind.FORGET_USER else name(one.movie),
            one.stars if given else None,
            one.time if given else None,
        )
        rows.append((*row, checksum(*row)))
    return Events.of(rows, name is str, name is str)


def rebuilt(lines: Sequence[Line], said: Sequence[Said], name: Any) -> Store:
    """The store of a file to which everything was written as it came, and taken out again."""
    rated = {(user, movie): (stars, time, -1) for user, movie, stars, time in lines}
    ordered = {pair: at for at, pair in enumerate(rated)}
    movies = {movie for _, movie in rated} | set(range(1, 5))
    later: dict[int, None] = {}
    for at, one in enumerate(said, len(ordered)):
        if one.kind in (Kind.RATING, Kind.ERASED) and one.movie not in movies:
            later[one.movie] = None
        if one.kind is Kind.RATING:
            pair = (one.user, one.movie)
            if pair not in rated or rated[pair][1] <= one.time:
                rated[pair] = (one.stars, one.time, at)
                ordered[pair] = at
        elif one.kind is Kind.FORGET_RATING:
            rated.pop((one.user, one.movie), None)
        elif one.kind is Kind.FORGET_USER:
            rated = {pair: value for pair, value in rated.items() if pair[0] != one.user}
    pairs = sorted(rated, key=lambda pair: ordered[pair])
    known = sorted(movies)
    return store_of(
        Tables(
            Ratings(
                column([name(user) for user, _ in pairs], name),
                column([name(movie) for _, movie in pairs], name),
                np.array([rated[pair][0] for pair in pairs], np.float32),
                np.array([rated[pair][1] for pair in pairs], np.int64),
            ),
            Movies(
                column([name(movie) for movie in (*known, *later)], name),
                [f"Film {movie}" for movie in known] + [str(movie) for movie in later],
                np.array([1950 + m % 60 for m in known] + [0] * len(later), np.int16),
                [(f"G{m % 3}", f"H{m % 5}") for m in known] + [()] * len(later),
                np.full(len(known) + len(later), RELEASE_UNKNOWN, np.int32),
                {"imdb": [f"tt{m}" for m in known] + [""] * len(later)},
            ),
        ),
        "world",
    )


def column(ids: Sequence[Id], name: Any) -> Any:
    if name is int:
        return np.array(ids, np.int64)
    return pa.array([str(one) for one in ids], pa.large_string()).dictionary_encode()


def assert_equal(ours: Store, theirs: Store) -> None:
    assert set(ours.arrays) == set(theirs.arrays)
    for key, values in theirs.arrays.items():
        if isinstance(values, pa.Array):
            assert ours.arrays[key].equals(values), key
        else:
            assert ours.arrays[key].dtype == values.dtype, key
            assert ours.arrays[key].tobytes() == values.tobytes(), key
    assert ours.digest == theirs.digest
    told = {key: text for key, text in theirs.metadata.items() if key != "digest"}
    assert {key: text for key, text in ours.metadata.items() if key != "digest"} == told
    invariants.check(ours)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Line], list[Said], list[int]]:
    """Lines of a file, events, and where the events are cut into runs."""
    ids, times = st.integers(1, 9), st.integers(0, 6)
    stars = st.integers(1, 10).map(lambda halves: halves / 2)
    pairs = draw(st.lists(st.tuples(ids, ids), unique=True, min_size=1, max_size=40))
    lines = [(user, movie, draw(stars), draw(times)) for user, movie in pairs]
    more = st.integers(0, 12)
    event = st.one_of(
        st.builds(Said, st.just(Kind.RATING), more, more, stars, st.integers(-2, 9)),
        st.builds(Said, st.just(Kind.RATING), more, more, stars, st.integers(-2, 9)),
        st.builds(Said, st.just(Kind.FORGET_RATING), more, more),
        st.builds(Said, st.just(Kind.FORGET_USER), more, st.just(-1)),
        st.builds(Said, st.just(Kind.ERASED), st.just(-1), more),
    )
    said = draw(st.lists(event, max_size=25))
    cuts = draw(st.lists(st.integers(0, len(said)), max_size=4).map(sorted))
    return lines, said, cuts


def check(lines: list[Line], said: list[Said], cuts: list[int], name: Any) -> None:
    store = rebuilt(lines, [], name)
    for start, stop in zip([0, *cuts], [*cuts, len(said)], strict=True):
        theirs = None
        try:
            theirs = rebuilt(lines, said[:stop], name)
        except DataError:
            with pytest.raises(DataError, match="are forgotten"):
                with_events(store, events_of(said[start:stop], name))
            return
        store = with_events(store, events_of(said[start:stop], name))
        assert_equal(store, theirs)


@given(worlds())
@settings(max_examples=80)
def test_numbers(world: tuple[list[Line], list[Said], list[int]]) -> None:
    check(*world, int)


@given(worlds())
@settings(max_examples=30)
def test_texts(world: tuple[list[Line], list[Said], list[int]]) -> None:
    check(*world, str)


@pytest.mark.parametrize("seed", range(6))
def test_a_few_ratings_among_many_with_tied_times(seed: int) -> None:
    """The order of time is merged here and not made anew, for nobody's row moves."""
    rng = np.random.default_rng(seed)
    triples = random_triples(seed, users=60, movies=80, most=60)
    lines = [(u, m, stars, int(rng.integers(0, 40))) for u, m, stars in triples]
    said = []
    for _ in range(40):
        user, movie = int(rng.integers(1, 64)), int(rng.integers(1, 84))
        said.append(Said(Kind.RATING, user, movie, 4.5, int(rng.integers(-2, 44))))
    said[20] = Said(Kind.FORGET_RATING, lines[5][0], lines[5][1])
    check(lines, sorted(said, key=lambda one: one.user < 61), [3, 4, 20, 33], int)


def test_what_is_known_of_a_user_goes_with_the_user() -> None:
    tables = Tables(
        Ratings(np.array([1, 2]), np.array([1, 1]), np.ones(2, np.float32), np.array([5, 6])),
        None,
        Users(np.array([1, 2]), {"town": ["one", "two"]}),
    )
    back = [Said(Kind.FORGET_USER, 1, -1), Said(Kind.RATING, 1, 4, 2.0, 9)]
    store = with_events(store_of(tables, "w"), events_of([Said(Kind.RATING, 0, 1, 3.0, 7)], int))
    assert store.arrays["user_town"].to_pylist() == ["", "one", "two"]
    store = with_events(store, events_of(back, int))
    assert store.arrays["user_town"].to_pylist() == ["", "", "two"]


def test_what_changes_nothing_is_the_very_same_store() -> None:
    store = rebuilt([(1, 1, 4.0, 50)], [], int)
    older = Said(Kind.RATING, 1, 1, 2.0, 49)
    unknown = Said(Kind.FORGET_USER, 7, -1)
    assert with_events(store, events_of([], int)) is store
    assert with_events(store, events_of([older, unknown], int)) is store


def test_times_far_apart_are_ordered_by_the_whole_hash() -> None:
    lines = [(user, movie, 3.0, 7) for user in range(1, 9) for movie in range(1, 9)]
    far = (9, 9, 3.0, 2**44)
    near = Said(Kind.RATING, 8, 9, 3.0, 7)
    gone = Said(Kind.FORGET_RATING, 9, 9)
    check([*lines, far], [near, near._replace(movie=10), gone, near], [1, 2, 3], int)


def test_a_scale_of_the_file_is_laid_onto_stars() -> None:
    store = rebuilt([(1, 1, 4.0, 50)], [], int)
    ten = Store(dict(store.arrays), store.metadata | {"file_scale": "[1.0, 10.0]"})
    rated = with_events(ten, events_of([Said(Kind.RATING, 1, 2, 10.0, 60)], int))
    assert rated.by_user.ratings.tolist() == [4.0, 5.0]


def test_more_genres_than_bits_have_their_texts() -> None:
    tables = Tables(
        Ratings(np.array([1]), np.array([1]), np.array([3.0], np.float32), np.array([5])),
        Movies(
            np.array([1, 2]),
            ["a", "b"],
            np.array([0, 0], np.int16),
            [tuple(f"g{n}" for n in range(70)), ()],
            np.full(2, RELEASE_UNKNOWN, np.int32),
        ),
    )
    store = with_events(store_of(tables, "w"), events_of([Said(Kind.RATING, 1, 3, 4.0, 6)], int))
    assert [len(store.genres_of(row)) for row in range(3)] == [70, 0, 0]
    movies = tables.movies
    assert movies is not None
    more = replace(
        movies,
        ids=column_of([1, 2, 3]),
        titles=["a", "b", "3"],
        years=np.zeros(3, np.int16),
        genres=[*movies.genres, ()],
        released=np.full(3, RELEASE_UNKNOWN, np.int32),
    )
    both = Ratings(
        np.array([1, 1]), np.array([1, 3]), np.array([3, 4], np.float32), np.array([5, 6])
    )
    assert_equal(store, store_of(replace(tables, ratings=both, movies=more), "w"))
