"""Masks hold inside retrieval: nothing else is recommended, lists are full where they can be."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelrecs import config
from reelrecs.engine import Engine
from reelrecs.kernels.pool import ThreadBudget
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates, Mask
from reelrecs.pipeline.lifting import features_of_all, rerank_all, score_all
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.trace import BatchTrace
from reelrecs.stages.user_context import build_query, query_of_history
from tests.models import learned_model_of
from tests.worlds import random_triples, store_of

STORE = store_of(random_triples(6, users=70, movies=280, most=60), movie_count=300)
MODELS = {"fixed": None, "learned": learned_model_of(STORE)}


@pytest.fixture(scope="module", params=list(MODELS))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with Engine(STORE, model=MODELS[request.param]) as engine:
        yield engine


def asked(seed: int, share: float, limit: int, include_seen: bool) -> Query:
    """Somebody who may be recommended about that share of all movies."""
    rng = np.random.default_rng(seed)
    allowed = rng.random(STORE.movie_count) < share
    row = int(rng.integers(-1, STORE.user_count))
    if row < 0:
        movies = rng.choice(STORE.movie_count, 9, replace=False)
        stars = np.full(9, 4.0, np.float32)
        return query_of_history(
            STORE, movies, stars, np.arange(9), limit, allowed=allowed, include_seen=include_seen
        )
    return build_query(STORE, row, limit, allowed=allowed, include_seen=include_seen)


def brute_force(engine: Engine, query: Query) -> list[int]:
    """The list out of everything that may be recommended."""
    pipeline, alone = engine.pipeline, Queries.of([query])
    movies = np.flatnonzero(query.open_movies(STORE.movie_count)).astype(np.int32)
    if len(movies) == 0:
        return []
    strengths = np.ones((len(movies), 1), np.float32)
    every = CandidateBatch.of([Candidates(movies, ("all.of_them",), strengths)])
    every = every.described(features_of_all(pipeline.featurizers[0], alone, every, None))
    scored = score_all(pipeline.scorer, alone, every)
    ranked = rerank_all(pipeline.reranker, alone, scored).lists(scored)
    return ranked.rows.movies.tolist()


@settings(max_examples=25)
@given(
    st.integers(0, 10_000),
    st.sampled_from([0.0, 0.01, 0.1, 0.35]),
    st.sampled_from([1, 20, 90]),
    st.booleans(),
)
def test_few_allowed_movies_are_ranked_as_by_brute_force(
    engine: Engine, seed: int, share: float, limit: int, include_seen: bool
) -> None:
    query = asked(seed, share, limit, include_seen)
    found, _ = engine.pipeline.run_one(query)
    assert found.movies.tolist() == brute_force(engine, query)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0, 1), st.integers(1, 300), st.booleans())
def test_lists_are_full_and_hold_nothing_else(
    engine: Engine, seed: int, share: float, limit: int, include_seen: bool
) -> None:
    query = asked(seed, share, limit, include_seen)
    found, _ = engine.pipeline.run_one(query)
    may = query.open_movies(STORE.movie_count)
    assert may[found.movies].all()
    assert len(set(found.movies.tolist())) == len(found) == min(limit, int(may.sum()))


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.3, 0.8]), st.booleans())
def test_sources_look_at_nothing_else(
    engine: Engine, seed: int, share: float, include_seen: bool
) -> None:
    """No place of theirs is taken by what is not allowed."""
    query = asked(seed, share, 20, include_seen)
    pipeline, alone, trace = engine.pipeline, Queries.of([query]), BatchTrace()
    evidence = pipeline.gathered(alone, trace)
    may = query.open_movies(STORE.movie_count)
    for source in pipeline.sources:
        found = pipeline.found_by(source, alone, evidence, trace).rows
        assert may[found.movies].all()
        if source.name == "sequence":
            chain = found.retrieval_scores[:, found.channels.index("sequence.markov_chain")]
            assert np.count_nonzero(chain) >= min(config.SEQUENCE_CANDIDATES[1], int(may.sum()))


class EverySeventh:
    """A filter of one's own, which looks at candidates."""

    name = "every_seventh"

    def keep(self, query: Query, candidates: Candidates) -> Mask:
        return np.asarray(candidates.movies % 7 == 3)


class Forbidden:
    """A source of one's own, which looks at no mask."""

    name = "forbidden"

    def find(self, query: Query) -> Candidates:
        movies = np.arange(0, STORE.movie_count, 2, dtype=np.int32)
        return Candidates(movies, ("forbidden.all",), np.ones((len(movies), 1), np.float32))


@pytest.mark.parametrize("limit", [5, 30, 60])
@pytest.mark.parametrize("profile", list(MODELS))
def test_a_filter_that_needs_candidates_leaves_lists_full(profile: str, limit: int) -> None:
    with Engine(STORE, model=MODELS[profile], filters=[EverySeventh()]) as engine:
        for row in range(0, STORE.user_count, 9):
            query = build_query(STORE, row, limit)
            found, trace = engine.pipeline.run_one(query)
            passes = np.flatnonzero(query.open_movies(STORE.movie_count)) % 7 == 3
            assert (found.movies % 7 == 3).all()
            assert len(found) == min(limit, int(passes.sum()))
            assert not trace.relaxed
            assert (trace.removed["every_seventh"] % 7 != 3).all()


def test_a_filter_that_may_give_way_holds_while_the_catalogue_has_enough() -> None:
    with Engine(STORE, filters=[EverySeventh()], relax=["every_seventh"]) as engine:
        few, trace = engine.pipeline.run_one(build_query(STORE, 3, 20))
        assert (few.movies % 7 == 3).all()
        assert trace.relaxed == ()
        many, trace = engine.pipeline.run_one(build_query(STORE, 3, 60))
        assert len(many) == 60
        assert trace.relaxed == ("every_seventh",)


def test_what_a_source_finds_beyond_the_mask_is_removed_and_told() -> None:
    query = asked(1, 0.3, 10, include_seen=False)
    with Engine(STORE, sources=[Forbidden()]) as engine:
        found, trace = engine.pipeline.run_one(query)
    assert query.allowed is not None
    assert query.allowed[found.movies].all()
    wrong = np.flatnonzero(~query.allowed[::2]) * 2
    assert set(wrong.tolist()) <= set(trace.removed["allowed"].tolist())


def same(one: Candidates, other: Candidates) -> None:
    """The same list to the last bit, and found by the same channels."""
    assert one.movies.tobytes() == other.movies.tobytes()
    assert one.scores is not None
    assert other.scores is not None
    assert one.scores.tobytes() == other.scores.tobytes()
    assert one.terms is not None
    assert other.terms is not None
    assert one.terms.columns == other.terms.columns
    assert one.terms.values.tobytes() == other.terms.values.tobytes()
    columns = [
        {name: part.retrieval_scores[:, at].tobytes() for at, name in enumerate(part.channels)}
        for part in (one, other)
    ]
    for name in columns[0].keys() & columns[1].keys():
        assert columns[0][name] == columns[1][name]


def mixed(seeds: Sequence[int]) -> list[Query]:
    """People of all kinds, at several moments, with and without constraints."""
    queries = []
    moments = np.quantile(STORE.by_user.times, [0.2, 0.7], method="lower").astype(int).tolist()
    for seed in seeds:
        if seed % 3 == 0:
            queries.append(asked(seed, 0.4, 1 + seed % 30, seed % 2 == 0))
        elif seed % 3 == 1:
            row = seed % STORE.user_count
            queries.append(build_query(STORE, row, 1 + seed % 90, [None, *moments][seed % 3]))
        else:
            nothing = np.zeros(0, np.int64)
            queries.append(query_of_history(STORE, nothing, nothing, nothing, 1 + seed % 20))
    return queries


@settings(max_examples=12)
@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=12), st.integers(1, 5))
def test_the_size_of_a_batch_and_the_threads_change_no_bit(
    engine: Engine, seeds: list[int], size: int
) -> None:
    queries = mixed(seeds)
    with ThreadBudget(1).active():
        alone = [engine.pipeline.run_one(query) for query in queries]
    for threads in (1, 3):
        with ThreadBudget(threads).active():
            together = engine.pipeline.run(Queries.of(queries))
            blocks = [queries[start : start + size] for start in range(0, len(queries), size)]
            runs = [engine.pipeline.run(Queries.of(block)) for block in blocks]
            parts = [part for run in runs for part in run.candidates]
        for at, (found, trace) in enumerate(alone):
            same(found, together.candidates[at])
            same(found, parts[at])
            told = together.trace.of(at)
            assert told.found == trace.found
            assert told.relaxed == trace.relaxed
            assert set(told.removed) >= set(trace.removed)
            for name, movies in trace.removed.items():
                assert told.removed[name].tolist() == movies.tolist()


def test_the_scorer_changes_no_bit() -> None:
    queries = mixed(range(11))
    for model in MODELS.values():
        with Engine(STORE, model=model) as local, Engine(STORE, "embedded", model=model) as remote:
            ours = local.pipeline.run(Queries.of(queries)).candidates
            theirs = remote.pipeline.run(Queries.of(queries)).candidates
            for one, other in zip(ours, theirs, strict=True):
                same(one, other)
