"""Small worlds with known answers, and strategies that make random ones."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from reelrecs.datasets.ids import Id, IdColumn, column_of
from reelrecs.datasets.tables import RELEASE_UNKNOWN, Movies, Ratings, Tables
from reelrecs.store.build import build_store
from reelrecs.store.store import Store

Triple = tuple[int, int, float]  # user id, movie id, stars; the order is the order of time

GENRES = ("Action", "Comedy", "Drama", "Horror", "Sci-Fi")


def tables_of(triples: Sequence[Triple], movie_count: int = 0) -> Tables:
    """Tables of these ratings, one second apart; movie m has year 1950 + m and one or two genres.

    `movie_count` adds movies nobody rated, so that empty rows exist.
    """
    movie_ids = sorted({movie for _, movie, _ in triples} | set(range(1, movie_count + 1)))
    return Tables(
        Ratings(
            np.array([user for user, _, _ in triples], np.int64),
            np.array([movie for _, movie, _ in triples], np.int64),
            np.array([stars for _, _, stars in triples], np.float32),
            1_000_000_000 + np.arange(len(triples), dtype=np.int64),
        ),
        Movies(
            np.array(movie_ids, np.int64),
            [f"Film {movie}, The ({1950 + movie % 60})" for movie in movie_ids],
            np.array([1950 + movie % 60 for movie in movie_ids], np.int16),
            [(GENRES[movie % 5], GENRES[movie // 5 % 5]) for movie in movie_ids],
            np.full(len(movie_ids), RELEASE_UNKNOWN, np.int32),
        ),
    )


def renamed(tables: Tables, users: Callable[[int], Id], movies: Callable[[int], Id]) -> Tables:
    """The same data under other ids: `users` and `movies` say what each number becomes."""

    def column(ids: IdColumn, name: Callable[[int], Id]) -> IdColumn:
        return column_of([name(int(one)) for one in ids])

    rated, known = tables.ratings, tables.movies
    assert known is not None
    return Tables(
        replace(rated, users=column(rated.users, users), movies=column(rated.movies, movies)),
        replace(known, ids=column(known.ids, movies)),
    )


def store_of(triples: Sequence[Triple], movie_count: int = 0) -> Store:
    """A store of these ratings, in a temporary file that lives as long as the mapping."""
    with tempfile.TemporaryDirectory() as folder:
        return build_store(
            Path(folder) / "world.arrow",
            "world",
            tables_of(triples, movie_count),
        )


def random_triples(seed: int, users: int = 40, movies: int = 60, most: int = 30) -> list[Triple]:
    """Ratings of two tastes: even users like even movies, odd users odd ones; user ids from 1."""
    rng = np.random.default_rng(seed)
    triples: list[Triple] = []
    for user in range(1, users + 1):
        chosen = rng.choice(
            np.arange(1, movies + 1), size=rng.integers(1, min(most, movies)), replace=False
        )
        for movie in chosen:
            stars = rng.integers(7, 11) if movie % 2 == user % 2 else rng.integers(1, 8)
            triples.append((user, int(movie), float(stars) / 2))
    return triples


@st.composite
def triples(draw: st.DrawFn, users: int = 12, movies: int = 15) -> list[Triple]:
    """Distinct (user, movie) pairs with half-star ratings, at least one."""
    pairs = draw(
        st.lists(
            st.tuples(st.integers(1, users), st.integers(1, movies)),
            unique=True,
            min_size=1,
            max_size=80,
        )
    )
    return [(user, movie, draw(st.integers(1, 10)) / 2) for user, movie in pairs]
