"""What is timed: each case is named once and used by every bench."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import grpc
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from reelrecs import config
from reelrecs.config import LEARNED
from reelrecs.datasets import Dataset, locate
from reelrecs.datasets.files import open_files
from reelrecs.datasets.ratings import HIGHEST_STARS, LOWEST_STARS
from reelrecs.datasets.text import read_bytes
from reelrecs.engine import Engine
from reelrecs.kernels import knn, parse
from reelrecs.kernels.knn import SparseRows
from reelrecs.learning.model_folder import load_model, model_path
from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.trace import Trace
from reelrecs.scorer import wire
from reelrecs.stages.user_context import build_query
from reelrecs.store.cache import open_store
from reelrecs.store.store import Store

RATINGS_FILES = {
    "ml-1m": ("ratings.dat", b"::", False),
    "csv": ("ratings.csv", b",", True),
}
"""Layout to (ratings file, separator, whether it has a header)."""


class Fixture:
    """A data set, an engine over it and one user's request at every stage, made when first used."""

    def __init__(self, data_dir: Path | None, models_dir: Path) -> None:
        self.dataset: Dataset = locate(data_dir)
        self.models_dir = models_dir

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
    def fixed(self) -> Engine:
        """An engine of the fixed profile with its embedded scorer running."""
        return Engine(self.store)

    @cached_property
    def learned(self) -> Engine:
        """The same of the learned profile; raises ModelError where `train` has not been run."""
        return Engine(self.store, model=load_model(self.store, self.models_dir, LEARNED))

    @cached_property
    def users(self) -> list[int]:
        """Ids of 200 users, drawn with a seed: one request each makes a fair sample."""
        return np.random.default_rng(1).choice(self.store.user_ids, 200).tolist()  # type: ignore[no-any-return]

    @property
    def has_model(self) -> bool:
        """Whether the learned cases can run."""
        return model_path(self.store, self.models_dir).exists()

    def query(self) -> Query:
        """The user with the median number of ratings, looked at anew."""
        return build_query(self.store, self._median_user, config.DEFAULT_LIMIT)

    @cached_property
    def _median_user(self) -> int:
        lengths = np.diff(self.store.by_user.indptr)
        return int(np.argsort(lengths, kind="stable")[len(lengths) // 2])

    def featurized(self, engine: Engine) -> tuple[Query, Candidates]:
        """That user's candidates after the filters, with features."""
        query = self.query()
        found = engine.pipeline.candidates(query, Trace())
        return query, engine.pipeline.featurized(query, found, Trace())


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to time; `prepare` returns the call, `items` what one call handles."""

    name: str
    prepare: Callable[[Fixture], Callable[[], object]]
    unit: str = "call"
    items: Callable[[Fixture], int] = lambda _: 1
    rounds: int = 200
    needs_model: bool = False


def _requests(engine: Engine, users: list[int]) -> Callable[[], object]:
    turn = itertools.cycle(users)
    return lambda: engine.recommend(next(turn))


def _parse(fixture: Fixture) -> Callable[[], object]:
    text, separator = fixture.ratings_text
    return lambda: parse.parse_ratings(text, separator, LOWEST_STARS, HIGHEST_STARS)


def _pyarrow(fixture: Fixture) -> Callable[[], object]:
    """Pyarrow's own csv reader on the same rows, with commas, for comparison."""
    text, separator = fixture.ratings_text
    body = pa.py_buffer(text.tobytes().replace(separator, b","))
    names = csv.ReadOptions(column_names=["user", "movie", "rating", "time"])
    return lambda: csv.read_csv(pa.BufferReader(body), read_options=names)


def _knn_everybody(fixture: Fixture) -> Callable[[], object]:
    store = fixture.store
    users = SparseRows(store.by_user.indptr, store.by_user.movies, store.by_user.ratings)
    raters = SparseRows(store.by_movie.indptr, store.by_movie.users, store.by_movie.ratings)
    rows = np.arange(store.user_count, dtype=np.int32)
    return lambda: knn.nearest(users, rows, raters, store.user_norm, config.NEIGHBOURS)


def _open(fixture: Fixture) -> Callable[[], object]:
    open_store(fixture.dataset)
    return lambda: open_store(fixture.dataset)


def _find(engine: Engine, fixture: Fixture, source: int) -> Callable[[], object]:
    query, find = fixture.query(), engine.pipeline.sources[source].find
    return lambda: find(query)


def _features(engine: Engine, fixture: Fixture) -> Callable[[], object]:
    query, candidates = fixture.featurized(engine)
    return lambda: engine.pipeline.featurized(query, candidates, Trace())


def _score(engine: Engine, fixture: Fixture) -> Callable[[], object]:
    query, candidates = fixture.featurized(engine)
    return lambda: engine.pipeline.scorer.score(query, candidates)


def _bare_call(fixture: Fixture) -> Callable[[], object]:
    """A gRPC call of the scorer's very bytes with nothing behind it: the floor of the machine."""
    query, candidates = fixture.featurized(fixture.learned)
    scored = fixture.learned.pipeline.scorer.score(query, candidates)
    request = wire.score_request(fixture.store, [query], [candidates]).SerializeToString()
    answer = np.asarray(scored.terms.values if scored.terms else ()).tobytes()
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: answer)
    server = grpc.server(ThreadPoolExecutor(config.SERVICE_WORKERS))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("bare.Bare", {"Call": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    call = grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary("/bare.Bare/Call", None, None)
    return lambda: (server, call(request))


def _rerank(engine: Engine, fixture: Fixture) -> Callable[[], object]:
    query, candidates = fixture.featurized(engine)
    scored = engine.pipeline.scorer.score(query, candidates)
    return lambda: engine.pipeline.reranker.rerank(query, scored)


def _ratings(fixture: Fixture) -> int:
    return fixture.store.rating_count


CASES = (
    Case("parse ratings", _parse, "rating", _ratings, 20),
    Case("pyarrow csv, same rows", _pyarrow, "rating", _ratings, 20),
    Case("read all tables", lambda w: w.dataset.read, "rating", _ratings, 5),
    Case("open store", _open),
    Case("kNN of every user", _knn_everybody, "user", lambda w: w.store.user_count, 5),
    Case("fixed: context, neighbours", lambda w: lambda: w.query().neighbours),
    Case("fixed: thunder", lambda w: _find(w.fixed, w, 0)),
    Case("fixed: phoenix", lambda w: _find(w.fixed, w, 1)),
    Case("fixed: features", lambda w: _features(w.fixed, w)),
    Case("fixed: score, kNN, gRPC", lambda w: _score(w.fixed, w)),
    Case("fixed: re-rank", lambda w: _rerank(w.fixed, w)),
    Case("fixed: recommend", lambda w: _requests(w.fixed, w.users), rounds=600),
    Case("bare gRPC call, same bytes", _bare_call, rounds=600, needs_model=True),
    Case("learned: context", lambda w: w.query, needs_model=True),
    Case(
        "learned: sequence scores",
        lambda w: lambda: w.learned.pipeline.sources[0].find(w.query()),
        needs_model=True,
    ),
    Case("learned: features", lambda w: _features(w.learned, w), needs_model=True),
    Case("learned: score, gRPC", lambda w: _score(w.learned, w), needs_model=True),
    Case(
        "learned: recommend",
        lambda w: _requests(w.learned, w.users),
        rounds=600,
        needs_model=True,
    ),
)
