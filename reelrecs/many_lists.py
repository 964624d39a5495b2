"""Many people's lists as one object, and the table that it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reelrecs.datasets.ids import Id
from reelrecs.errors import NotFound
from reelrecs.frames import Tabular
from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.trace import Trace
from reelrecs.results import RecommendationList, recommendations_of, shortage
from reelrecs.store.store import Store
from reelrecs.table import html_table, table_lines

_SHOWN = 5
"""Lists of which a notebook or a terminal shows the first movie."""


class RecommendationLists(Tabular):
    """Everybody's lists in the order in which they were asked for.

    `lists[user_id]` is one user's `RecommendationList`, `lists.at(3)` the fourth; iterating gives
    all. Memory is some hundred bytes a movie of a list.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._people: list[int] = []  # rows of users, -1 for those the store does not hold
        self._ranked: list[Candidates] = []
        self._notes: list[str] = []
        self._as_of: list[int] = []
        self._places: dict[int, int] = {}  # of each row, where it was first asked for

    def extend(self, queries: Sequence[Query], ranked: Sequence[Candidates]) -> None:
        """Take the lists of these queries in."""
        for query, one in zip(queries, ranked, strict=True):
            self._places.setdefault(query.user_row, len(self._people))
            self._people.append(query.user_row)
            self._ranked.append(replace(one, features=None, terms=None))
            self._notes.append(shortage(self._store, query, len(one)))
            self._as_of.append(query.as_of)

    @property
    def user_ids(self) -> list[Id | None]:
        """Whose lists these are; None for somebody the store does not hold."""
        return [self._store.user_ids[row] if row >= 0 else None for row in self._people]

    def at(self, position: int) -> RecommendationList:
        """The list that was asked for at this place, from 0; raises IndexError."""
        ranked = self._ranked[position]
        row = self._people[position]
        return RecommendationList(
            self._store.user_ids[row] if row >= 0 else None,
            self._store.name,
            recommendations_of(self._store, ranked, None),
            Trace(),
            self._notes[position],
            self._as_of[position],
        )

    def __getitem__(self, user_id: Id) -> RecommendationList:
        row = self._store.user_row(user_id)
        if row not in self._places:
            raise NotFound(f"no list of user {user_id} was asked for: ask recommend_many for it")
        return self.at(self._places[row])

    def __len__(self) -> int:
        return len(self._people)

    def __iter__(self) -> Iterator[RecommendationList]:
        return (self.at(position) for position in range(len(self)))

    def to_arrow(self) -> Any:
        """Columns user_id, rank, movie_id, score: what `batch` writes; strangers have no id."""
        return lists_table(self._store, self._people, self._ranked)

    def __repr__(self) -> str:
        rows = sum(map(len, self._ranked))
        return f"<{len(self):,} lists of {self._store.name}, {rows:,} movies in all>"

    def __str__(self) -> str:
        return "\n".join([repr(self), *table_lines(_COLUMNS, self._first_movies())])

    def _repr_html_(self) -> str:
        return html_table(_COLUMNS, self._first_movies(), repr(self))

    def _first_movies(self) -> list[list[object]]:
        first = [self.at(position) for position in range(min(len(self), _SHOWN))]
        return [[one.user_id, len(one), one[0].movie.title if len(one) else None] for one in first]


_COLUMNS = ("user_id", "movies", "first of them")


def schema_of(store: Store) -> pa.Schema:
    """The columns of a table of lists; ids are int64 or strings, as the data has them."""
    return pa.schema(
        [
            ("user_id", pa.string() if store.user_ids.is_text else pa.int64()),
            ("rank", pa.int32()),
            ("movie_id", pa.string() if store.movie_ids.is_text else pa.int64()),
            ("score", pa.float32()),
        ]
    )


def lists_table(store: Store, users: Sequence[int], lists: Sequence[Candidates]) -> pa.Table:
    """The ranked lists of these user rows; where a row is -1 the user_id is null."""
    schema = schema_of(store)
    lengths = [len(one) for one in lists]
    owners = np.repeat(np.array(users, np.int32), lengths)
    ids = store.user_ids.take(np.maximum(owners, 0)).cast(schema.types[0])
    if (owners < 0).any():
        ids = pc.if_else(pa.array(owners >= 0), ids, pa.scalar(None, ids.type))
    nothing = np.zeros(0, np.int32)
    movies = np.concatenate([nothing, *(one.movies for one in lists)])
    ranks = [np.arange(1, length + 1, dtype=np.int32) for length in lengths]
    scores = [one.scores for one in lists if one.scores is not None]
    columns = [
        ids,
        np.concatenate([nothing, *ranks]),
        store.movie_ids.take(movies).cast(schema.types[2]),
        np.concatenate([np.zeros(0, np.float32), *scores]),
    ]
    return pa.table(columns, schema=schema)
