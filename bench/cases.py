"""What is timed: each case is named once and used by every bench."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np

from reelrecs import config
from reelrecs.bench.case import Case, ratings, users
from reelrecs.bench.fixture import REQUESTS, Fixture
from reelrecs.bench.peers import PEERS
from reelrecs.bench.whole import WHOLE_CASES
from reelrecs.config import EMBEDDED_SCORER, FIXED, LEARNED, LOCAL_SCORER
from reelrecs.datasets.feedback import HIGHEST_STARS, LOWEST_STARS
from reelrecs.kernels import knn, parse
from reelrecs.kernels.knn import SparseRows
from reelrecs.pipeline.lifting import find_all, rerank_all, score_all
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.trace import BatchTrace
from reelrecs.scorer import wire
from reelrecs.store.cache import open_store, store_path
from reelrecs.store.store import Store

LISTS = 3 * REQUESTS
"""Whole lists asked for: each of those users three times."""


def _requests(fixture: Fixture, profile: str, scorer: str) -> Callable[[], object]:
    return fixture.asked_in_turn(fixture.engine(profile, scorer))


def _kept(fixture: Fixture) -> Callable[[], object]:
    for user in fixture.users:
        fixture.keeping.recommend(user)
    return fixture.asked_in_turn(fixture.keeping)


def _parse(fixture: Fixture) -> Callable[[], object]:
    text, separator = fixture.ratings_text
    return lambda: parse.parse_ratings(text, separator, LOWEST_STARS, HIGHEST_STARS)


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


STAGES = (
    Case("parse ratings", _parse, "rating", ratings, 20, needs_text=True),
    Case("read all tables", lambda f: f.dataset.read, "rating", ratings, 5, needs_text=True),
    Case("open store", _open),
    Case("kNN of every user", _knn_everybody, "user", users, 5),
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
    Case("learned: evidence", _evidence, needs_model=True),
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
    Case("learned: recommend, kept", _kept, rounds=LISTS, needs_model=True),
    Case(
        "learned: recommend, explained",
        lambda f: f.asked_in_turn(f.engine(LEARNED), explain=True),
        needs_model=True,
    ),
    Case(
        "learned: recommend, gRPC",
        lambda f: _requests(f, LEARNED, EMBEDDED_SCORER),
        rounds=LISTS,
        needs_model=True,
    ),
)

CASES = (*STAGES, *WHOLE_CASES, *PEERS)
"""In the order in which they are timed."""
