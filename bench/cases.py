"""What is timed: each case is named once and used by every bench."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import grpc
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from reelrecs import config
from reelrecs.config import EMBEDDED_SCORER, FIXED, LEARNED, LOCAL_SCORER
from reelrecs.datasets import Dataset, locate
from reelrecs.datasets.feedback import HIGHEST_STARS, LOWEST_STARS
from reelrecs.datasets.files import open_files
from reelrecs.datasets.ids import Id
from reelrecs.datasets.text import read_bytes
from reelrecs.engine import Engine
from reelrecs.kernels import knn, parse
from reelrecs.kernels.knn import SparseRows
from reelrecs.learning.model_folder import load_model
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.lifting import find_all, rerank_all, score_all
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.trace import BatchTrace
from reelrecs.scorer import wire
from reelrecs.scorer.model import ScoringModel
from reelrecs.stages.user_context import build_query
from reelrecs.store.cache import open_store, store_path
from reelrecs.store.store import Store

REQUESTS = 200
"""Users whose requests are timed in turn: enough that one with a long history does not decide."""

LISTS = 3 * REQUESTS
"""Whole lists asked for: each of those users three times."""


class Asked(NamedTuple):
    """A request on its way through the stages."""

    queries: Queries
    evidence: Any
    candidates: CandidateBatch

    def described(self) -> tuple[Queries, CandidateBatch, Any]:
        """What featurizers are given."""
        return self.queries, self.candidates, self.evidence


class Fixture:
    """A data set, engines over it and one user's request at every stage, made when first used.

    What the cases start (engines, servers) is stopped when the fixture is closed.
    """

    def __init__(self, data_dir: Path | None, models_dir: Path) -> None:
        self.dataset: Dataset = locate(data_dir)
        self.models_dir = models_dir
        self.running = contextlib.ExitStack()
        self._engines: dict[tuple[str, str], Engine] = {}

    @cached_property
    def ratings_text(self) -> tuple[NDArray[np.uint8], bytes]:
        """The ratings file in memory, without its header, and what stands between fields."""
        layout = self.dataset.layout
        text = read_bytes(open_files(self.dataset.path), layout.ratings_file)
        start = int(np.argmax(text == ord("\n"))) + 1 if layout.has_header else 0
        return text[start:], layout.separator

    @property
    def has_text(self) -> bool:
        """Whether there is text to parse: a ready-made store has none."""
        return bool(self.dataset.layout.ratings_file)

    @cached_property
    def store(self) -> Store:
        """The open store."""
        return open_store(self.dataset)

    def engine(self, profile: str, scorer: str = LOCAL_SCORER) -> Engine:
        """An engine of the profile, whose scorer runs; raises ModelError as `model` does."""
        if (profile, scorer) not in self._engines:
            model = self.model if profile == LEARNED else ScoringModel.fixed(self.store)
            made = self.running.enter_context(Engine(self.store, scorer, model=model))
            self._engines[profile, scorer] = made
        return self._engines[profile, scorer]

    @cached_property
    def model(self) -> ScoringModel:
        """The trained model; raises ModelError where there is none or it cannot be used."""
        return load_model(self.store, self.models_dir, LEARNED)

    @cached_property
    def users(self) -> list[Id]:
        """Ids of users drawn with a seed: one request each makes a fair sample."""
        rows = np.random.default_rng(1).integers(0, self.store.user_count, REQUESTS)
        return self.store.user_ids.at(rows)

    def query(self) -> Query:
        """The user with the median number of ratings, looked at anew."""
        return build_query(self.store, self._median_user, config.DEFAULT_LIMIT)

    @cached_property
    def _median_user(self) -> int:
        lengths = np.diff(self.store.by_user.indptr)
        return int(np.argsort(lengths, kind="stable")[len(lengths) // 2])

    def asked(self, engine: Engine) -> Asked:
        """That user's request up to the candidates that the filters let pass."""
        queries, trace = Queries.of([self.query()]), BatchTrace()
        evidence = engine.pipeline.gathered(queries, trace)
        return Asked(queries, evidence, engine.pipeline.candidates(queries, evidence, trace))

    def featurized(self, engine: Engine) -> tuple[Queries, CandidateBatch]:
        """That user's candidates after the filters, with features."""
        asked = self.asked(engine)
        return asked.queries, engine.pipeline.featurized(*asked.described(), BatchTrace())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.running.close()


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to time; `prepare` returns the call, `items` what one call handles."""

    name: str
    prepare: Callable[[Fixture], Callable[[], object]]
    unit: str = "call"
    items: Callable[[Fixture], int] = lambda _: 1
    rounds: int = REQUESTS
    needs_model: bool = False
    needs_text: bool = False


def _requests(fixture: Fixture, profile: str, scorer: str) -> Callable[[], object]:
    engine, turn = fixture.engine(profile, scorer), itertools.cycle(fixture.users)
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
    path = fixture.dataset.path if fixture.dataset.is_store else store_path(fixture.dataset)
    return lambda: (fixture.dataset.fingerprint(), Store.read(path))


def _find(fixture: Fixture, profile: str, source: int) -> Callable[[], object]:
    pipeline, query = fixture.engine(profile).pipeline, fixture.query()
    evidence = pipeline.gathered(Queries.of([query]), BatchTrace())
    query.neighbours, query.preferences  # noqa: B018  they are read out of the history first

    def find() -> object:
        return find_all(pipeline.sources[source], Queries.of([query]), evidence)

    return find


def _features(fixture: Fixture, profile: str) -> Callable[[], object]:
    engine = fixture.engine(profile)
    described = fixture.asked(engine).described()
    return lambda: engine.pipeline.featurized(*described, BatchTrace())


def _score(fixture: Fixture, profile: str, scorer: str) -> Callable[[], object]:
    engine = fixture.engine(profile, scorer)
    featurized = fixture.featurized(engine)
    return lambda: score_all(engine.pipeline.scorer, *featurized)


def _bare_call(fixture: Fixture) -> Callable[[], object]:
    """A gRPC call of the learned scorer's bytes with nothing behind it: the machine's floor."""
    engine = fixture.engine(LEARNED)
    queries, candidates = fixture.featurized(engine)
    scored = score_all(engine.pipeline.scorer, queries, candidates).rows
    request = wire.score_request(fixture.store, queries.items, candidates).SerializeToString()
    answer = np.asarray(scored.terms.values if scored.terms else ()).tobytes()
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: answer)
    server = grpc.server(ThreadPoolExecutor(config.SERVICE_CONCURRENCY))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("bare.Bare", {"Call": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = fixture.running.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}"))
    fixture.running.callback(server.stop, None)
    call = channel.unary_unary("/bare.Bare/Call", None, None)
    return lambda: call(request)


def _rerank(fixture: Fixture, profile: str) -> Callable[[], object]:
    engine = fixture.engine(profile)
    queries, candidates = fixture.featurized(engine)
    scored = score_all(engine.pipeline.scorer, queries, candidates)
    return lambda: rerank_all(engine.pipeline.reranker, queries, scored)


def _evidence(fixture: Fixture) -> Callable[[], object]:
    pipeline = fixture.engine(LEARNED).pipeline
    return lambda: pipeline.gathered(Queries.of([fixture.query()]), BatchTrace())


def _ratings(fixture: Fixture) -> int:
    return fixture.store.rating_count


CASES = (
    Case("parse ratings", _parse, "rating", _ratings, 20, needs_text=True),
    Case("pyarrow csv, same rows", _pyarrow, "rating", _ratings, 20, needs_text=True),
    Case("read all tables", lambda f: f.dataset.read, "rating", _ratings, 5, needs_text=True),
    Case("open store", _open),
    Case("kNN of every user", _knn_everybody, "user", lambda f: f.store.user_count, 5),
    Case("fixed: context, neighbours", lambda f: lambda: f.query().neighbours),
    Case("fixed: thunder", lambda f: _find(f, FIXED, 0)),
    Case("fixed: phoenix", lambda f: _find(f, FIXED, 1)),
    Case("fixed: features", lambda f: _features(f, FIXED)),
    Case("fixed: score, kNN", lambda f: _score(f, FIXED, LOCAL_SCORER)),
    Case("fixed: score, kNN, gRPC", lambda f: _score(f, FIXED, EMBEDDED_SCORER)),
    Case("fixed: re-rank", lambda f: _rerank(f, FIXED)),
    Case("fixed: recommend", lambda f: _requests(f, FIXED, LOCAL_SCORER), rounds=LISTS),
    Case("fixed: recommend, gRPC", lambda f: _requests(f, FIXED, EMBEDDED_SCORER), rounds=LISTS),
    Case("bare gRPC call, same bytes", _bare_call, rounds=LISTS, needs_model=True),
    Case("learned: context", lambda f: f.query, needs_model=True),
    Case(
        "learned: evidence",
        _evidence,
        needs_model=True,
    ),
    Case("learned: sources", lambda f: _find(f, LEARNED, 0), needs_model=True),
    Case("learned: features", lambda f: _features(f, LEARNED), needs_model=True),
    Case("learned: score", lambda f: _score(f, LEARNED, LOCAL_SCORER), needs_model=True),
    Case("learned: score, gRPC", lambda f: _score(f, LEARNED, EMBEDDED_SCORER), needs_model=True),
    Case(
        "learned: recommend",
        lambda f: _requests(f, LEARNED, LOCAL_SCORER),
        rounds=LISTS,
        needs_model=True,
    ),
    Case(
        "learned: recommend, gRPC",
        lambda f: _requests(f, LEARNED, EMBEDDED_SCORER),
        rounds=LISTS,
        needs_model=True,
    ),
)
