"""What is timed: each case is named once and used by every bench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.context import build_query
from reelrecs.datasets import Dataset, locate
from reelrecs.datasets.files import open_files
from reelrecs.datasets.ratings import HIGHEST_STARS, LOWEST_STARS
from reelrecs.datasets.text import read_bytes
from reelrecs.engine import Engine
from reelrecs.kernels import knn, parse
from reelrecs.kernels.knn import SparseRows
from reelrecs.load import open_store
from reelrecs.pipeline import Trace
from reelrecs.stages import Candidates, Query
from reelrecs.store import Store

RATINGS_FILES = {
    "ml-1m": ("ratings.dat", b"::", False),
    "csv": ("ratings.csv", b",", True),
}
"""Layout to (ratings file, separator, whether it has a header)."""


class World:
    """A data set, an engine over it and one user's request at every stage, made when first used."""

    def __init__(self, data_dir: Path | None) -> None:
        self.dataset: Dataset = locate(data_dir)

    @cached_property
    def ratings_text(self) -> tuple[NDArray[np.uint8], bytes]:
        """The ratings file in memory, without its header, and what stands between fields."""
        name, separator, headed = RATINGS_FILES[self.dataset.layout.name]
        text = read_bytes(open_files(self.dataset.path), name)
        start = int(np.argmax(text == ord("\n"))) + 1 if headed else 0
        return text[start:], separator

    @cached_property
    def store(self) -> Store:
        """The open store."""
        return open_store(self.dataset)

    @cached_property
    def engine(self) -> Engine:
        """An engine with its embedded scorer running."""
        return Engine(self.store)

    @cached_property
    def users(self) -> list[int]:
        """Ids of 200 users, drawn with a seed: one request each makes a fair sample."""
        return np.random.default_rng(1).choice(self.store.user_ids, 200).tolist()  # type: ignore[no-any-return]

    @cached_property
    def query(self) -> Query:
        """The user with the median number of ratings."""
        lengths = np.diff(self.store.by_user.indptr)
        row = int(np.argsort(lengths, kind="stable")[len(lengths) // 2])
        return build_query(self.store, row, config.DEFAULT_LIMIT)

    @cached_property
    def candidates(self) -> Candidates:
        """That user's candidates after the filters, with features."""
        pipeline = self.engine.pipeline
        found = pipeline.candidates(self.query, Trace())
        return pipeline.described(self.query, found, Trace())

    @cached_property
    def scored(self) -> Candidates:
        """The same with scores."""
        return self.engine.pipeline.scorer.score(self.query, self.candidates)


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to time; `prepare` returns the call, `items` what one call handles."""

    name: str
    prepare: Callable[[World], Callable[[], object]]
    unit: str = "call"
    items: Callable[[World], int] = lambda _: 1
    rounds: int = 200


def _requests(world: World) -> Callable[[], object]:
    turn = iter(range(10**9))
    users, engine = world.users, world.engine
    return lambda: engine.recommend(users[next(turn) % len(users)])


def _parse(world: World) -> Callable[[], object]:
    text, separator = world.ratings_text
    return lambda: parse.parse_ratings(text, separator, LOWEST_STARS, HIGHEST_STARS)


def _knn_everybody(world: World) -> Callable[[], object]:
    store = world.store
    people = SparseRows(store.by_user.indptr, store.by_user.movies, store.by_user.ratings)
    raters = SparseRows(store.by_movie.indptr, store.by_movie.users, store.by_movie.ratings)
    rows = np.arange(store.user_count, dtype=np.int32)
    return lambda: knn.nearest(people, rows, raters, store.user_norm, config.NEIGHBOURS)


CASES = (
    Case("parse ratings", _parse, "rating", lambda w: w.store.rating_count, 20),
    Case("read all tables", lambda w: w.dataset.read, "rating", lambda w: w.store.rating_count, 5),
    Case("open store", lambda w: (w.store, lambda: open_store(w.dataset))[1]),
    Case("context", lambda w: lambda: build_query(w.store, w.query.user_row, 20)),
    Case("thunder", lambda w: lambda: w.engine.pipeline.sources[0].find(w.query)),
    Case("phoenix", lambda w: lambda: w.engine.pipeline.sources[1].find(w.query)),
    Case("candidates, filtered", lambda w: lambda: w.engine.pipeline.candidates(w.query, Trace())),
    Case("features", lambda w: lambda: w.engine.pipeline.described(w.query, w.candidates, Trace())),
    Case(
        "score over gRPC", lambda w: lambda: w.engine.pipeline.scorer.score(w.query, w.candidates)
    ),
    Case("re-rank", lambda w: lambda: w.engine.pipeline.reranker.rerank(w.query, w.scored)),
    Case("recommend, whole", _requests, rounds=600),
    Case("kNN of every user", _knn_everybody, "user", lambda w: w.store.user_count, 3),
)
