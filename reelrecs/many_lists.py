"""Many people's lists as one object, and the table that it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reelrecs.datasets.ids import Id
from reelrecs.errors import NotFound
from reelrecs.frames import Tabular
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates, Floats
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

    def __init__(
        self, store: Store, refused: dict[str, int], relevance: Callable[[Floats], Floats]
    ) -> None:
        self._store = store
        self._relevance = relevance  # see `Pipeline`
        self._refused = refused  # see `RecommendationList`
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
            recommendations_of(self._store, ranked, self._relevance, None),
            Trace(),
            self._notes[position],
            self._as_of[position],
            self._refused,
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
        lists = CandidateBatch.of(self._ranked)
        return lists_table(self._store, self._people, lists, self._relevance)

    def __repr__(self) -> str:
        rows = sum(map(len, self._ranked))
        lists, movies = f"list{'s' * (len(self) != 1)}", f"movie{'s' * (rows != 1)}"
        return f"<{len(self):,} {lists} of {self._store.name}, {rows:,} {movies} in all>"

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


def lists_table(
    store: Store,
    users: Sequence[int],
    lists: CandidateBatch,
    relevance: Callable[[Floats], Floats],
) -> pa.Table:
    """The ranked lists of these user rows; where a row is -1 the user_id is null.

    `relevance` makes of scores what is shown; see `Pipeline`.
    """
    schema, counts, rows = schema_of(store), lists.counts, lists.rows
    owners = np.repeat(np.array(users, np.int32), counts)
    ids = store.user_ids.take(np.maximum(owners, 0)).cast(schema.types[0])
    if (owners < 0).any():
        ids = pc.if_else(pa.array(owners >= 0), ids, pa.scalar(None, ids.type))
    places = np.arange(len(rows)) - np.repeat(lists.indptr[:-1], counts)
    columns = [
        ids,
        (places + 1).astype(np.int32),
        store.movie_ids.take(rows.movies).cast(schema.types[2]),
        np.zeros(0, np.float32) if rows.scores is None else relevance(rows.scores),
    ]
    return pa.table(columns, schema=schema)
