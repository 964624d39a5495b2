"""The contract of scorers: this process, its own service and a service elsewhere, to the bit."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelrecs.engine import Engine
from reelrecs.errors import ScorerError
from reelrecs.histories import History, query_of_person
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix
from reelrecs.pipeline.protocols import BatchScorer, Scorer
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.scorer.client import GrpcScorer
from reelrecs.scorer.embedded import EmbeddedScorer
from reelrecs.scorer.local import LocalScorer
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.server import start
from reelrecs.scorer.service import scorer_services
from reelrecs.stages.user_context import query_of_history
from reelrecs.store.store import Store
from tests.asking import featurized, featurized_all
from tests.models import learned_model_of
from tests.worlds import random_triples, store_of

STORE = store_of(random_triples(21, users=60, movies=80), movie_count=85)


@pytest.fixture(scope="module", params=["fixed", "learned"])
def model(request: pytest.FixtureRequest) -> ScoringModel:
    if request.param == "fixed":
        return ScoringModel.fixed(STORE)
    return learned_model_of(STORE)


@pytest.fixture(scope="module")
def engine(model: ScoringModel) -> Iterator[Engine]:
    with Engine(STORE, model=model) as engine:
        yield engine


class Scores(BatchScorer, Scorer, Protocol):
    """Scores a batch, or one query."""


@pytest.fixture(scope="module")
def scorers(model: ScoringModel) -> Iterator[dict[str, Scores]]:
    with (
        start(scorer_services(model), "127.0.0.1:0") as server,
        GrpcScorer([server.address], STORE) as remote,
        EmbeddedScorer(model) as embedded,
    ):
        yield {"local": LocalScorer(model), "embedded": embedded, "remote": remote}


def person(store: Store, seed: int) -> Query:
    """Somebody: stored, stored with another history, unknown, or new."""
    rng = np.random.default_rng(seed)
    row = int(rng.integers(-1, store.user_count))
    length = int(rng.integers(0, 30))
    movies = rng.choice(store.movie_count, length, replace=False).astype(np.int32)
    stars = (rng.integers(1, 11, length) / 2).astype(np.float32)
    return query_of_history(store, movies, stars, np.arange(length) + 10**9, 10, row)


def same(ours: Candidates, theirs: Candidates) -> None:
    assert ours.movies.tobytes() == theirs.movies.tobytes()
    assert ours.scores is not None
    assert theirs.scores is not None
    assert ours.terms is not None
    assert theirs.terms is not None
    assert ours.scores.dtype == theirs.scores.dtype == np.float32
    assert ours.scores.tobytes() == theirs.scores.tobytes()
    assert ours.terms.columns == theirs.terms.columns
    assert ours.terms.values.tobytes() == theirs.terms.values.tobytes()


@settings(max_examples=15)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=9))
def test_scores_and_terms_are_the_same_bits(
    engine: Engine, scorers: dict[str, Scores], seeds: list[int]
) -> None:
    queries = [
        engine.query(STORE.user_ids[seed % STORE.user_count], 10)
        if seed % 3 == 0
        else person(STORE, seed)
        for seed in seeds
    ]
    together = Queries.of(queries), featurized_all(engine.pipeline, queries)
    batches = list(together[1])
    expected = scorers["local"].score_all(*together)
    for scorer in scorers.values():
        for ours, theirs in zip(expected, scorer.score_all(*together), strict=True):
            same(ours, theirs)
        for query, batch, ours in zip(queries, batches, expected, strict=True):
            same(ours, scorer.score(query, batch))


def test_lists_are_the_same_whoever_scores(model: ScoringModel, scorers: dict[str, Scores]) -> None:
    """The whole engine: stored users, a stranger and a newcomer, explained."""
    history = History(STORE.movie_ids.at([4, 9, 30]), [5.0, 2.0, 4.5])
    answers = []
    for scorer in ("local", "embedded", scorers["remote"]):
        with Engine(STORE, scorer, model=model) as engine:
            users = list(STORE.user_ids)[::7]
            lists = [engine.recommend(user_id, 15, explain=True) for user_id in users]
            lists += [engine.recommend_for(one, 15, explain=True) for one in (history, History())]
            answers.append([one.to_dict() for one in lists])
    assert answers[0] == answers[1] == answers[2]


def test_what_one_refuses_all_refuse_alike(
    engine: Engine, scorers: dict[str, Scores], model: ScoringModel
) -> None:
    query = query_of_person(STORE, History(), 10)
    good = featurized(engine.pipeline, query)
    assert good.features is not None
    values = good.features.values.copy()
    gains = {
        term.column: abs(term.weight / term.scale)
        for term in model.ranker.parameters
        if term.transform == "identity"
    }
    heaviest = max(model.ranker.required_columns, key=gains.__getitem__)
    column = good.features.columns.index(heaviest)
    wrong = []
    for value in (np.nan, np.inf, 3e38):
        values = good.features.values.copy()
        values[1, column] = value
        wrong.append(FeatureMatrix(good.features.columns, values))
    wrong.append(FeatureMatrix(("other",), values[:, :1]))
    unused = np.full((len(good), 1), np.nan, np.float32)
    wrong.append(
        FeatureMatrix((*good.features.columns, "unused"), np.hstack([good.features.values, unused]))
    )
    for features in wrong:
        batch = Candidates(good.movies, good.channels, good.retrieval_scores, features)
        said = []
        for scorer in scorers.values():
            with pytest.raises(ScorerError) as caught:
                scorer.score(query, batch)
            said.append(str(caught.value).partition("): ")[2] or str(caught.value))
        assert said[0] == said[1] == said[2]
    bare = Candidates(good.movies, good.channels, good.retrieval_scores)
    for scorer in scorers.values():
        with pytest.raises(ScorerError, match="add a featurizer"):
            scorer.score(query, bare)
