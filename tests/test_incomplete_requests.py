"""What a client of the scorer does not send is worked out by the scorer, with any model."""

from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import numpy as np
import pytest

from reelrecs import config
from reelrecs.engine import Engine
from reelrecs.histories import History, query_of_person
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix
from reelrecs.pipeline.lifting import score_all
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.profiles import features_for
from reelrecs.proto import (
    recommendations_pb2,
    recommendations_pb2_grpc,
    scorer_pb2,
    scorer_pb2_grpc,
)
from reelrecs.scorer import wire
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.server import start
from reelrecs.scorer.service import scorer_services
from reelrecs.scorer.user_knn import stored_user
from reelrecs.stages.user_context import query_of_history
from tests.asking import featurized
from tests.models import learned_model_of
from tests.worlds import random_triples, store_of

STORE = store_of(random_triples(31, users=60, movies=80), movie_count=85)
IDS = STORE.movie_ids
LONGEST = int(np.diff(STORE.by_user.indptr).argmax())


@pytest.fixture(scope="module", params=["fixed", "learned"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    fixed = request.param == "fixed"
    with Engine(
        STORE, model=ScoringModel.fixed(STORE) if fixed else learned_model_of(STORE)
    ) as one:
        yield one


@pytest.fixture(scope="module")
def channel(engine: Engine) -> Iterator[Any]:
    services = scorer_services(engine.model, engine.features_for)
    with (
        start(services, "127.0.0.1:0") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        yield channel


@pytest.fixture(scope="module")
def score(channel: Any) -> Any:
    stub = scorer_pb2_grpc.ScorerServiceStub(channel)
    return lambda request: stub.Score(request, timeout=20)


@pytest.fixture(scope="module")
def score_candidates(channel: Any) -> Any:
    stub = recommendations_pb2_grpc.MLScorerStub(channel)
    return lambda request: stub.ScoreCandidates(request, timeout=20)


def scored_by(engine: Engine, query: Query) -> Candidates:
    """The engine's own candidates of somebody, with its scores."""
    pipeline = engine.pipeline
    queries, given = Queries.of([query]), CandidateBatch.of([featurized(pipeline, query)])
    return score_all(pipeline.scorer, queries, given).rows


@pytest.mark.parametrize("row", [0, 7, LONGEST])
def test_the_compatible_client_gets_the_engines_scores(
    engine: Engine, score_candidates: Any, row: int
) -> None:
    """It names movies and sends what columns it has, right or wrong ones for this model."""
    user_id = STORE.user_ids[row]
    expected = scored_by(engine, engine.query(user_id, 10))
    assert expected.scores is not None
    assert expected.features is not None
    columns = expected.features.columns
    whole = {"similar_users_count", "rating_count", "movie_year"}
    known = [name for name in wire.CANDIDATE_COLUMNS if name in columns]
    candidates = [
        recommendations_pb2.CandidateFeatures(
            movie_id=IDS[movie],
            **{name: float(values[columns.index(name)]) for name in known if name not in whole},
        )
        for movie, values in zip(expected.movies, expected.features.values, strict=True)
    ]
    request = recommendations_pb2.ScoreRequest(user_id=user_id, features=candidates)
    assert (
        list(score_candidates(request).scores)
        == engine.pipeline.relevance(expected.scores).tolist()
    )
    request.ClearField("features")
    assert list(score_candidates(request).scores) == []


def test_what_the_compatible_client_sends_beyond_need_is_of_no_account(
    engine: Engine, score_candidates: Any
) -> None:
    user_id = STORE.user_ids[3]
    needed = engine.model.ranker.required_columns
    plain, odd = (
        [recommendations_pb2.CandidateFeatures(movie_id=IDS[movie]) for movie in range(9)]
        for _ in range(2)
    )
    for one in odd:
        for name, value in (("avg_rating", float("nan")), ("collaborative_score", 499.0)):
            if name not in needed:
                setattr(one, name, value)
    first, second = (
        score_candidates(recommendations_pb2.ScoreRequest(user_id=user_id, features=one)).scores
        for one in (plain, odd)
    )
    assert list(first) == list(second)
    assert len(set(first)) > 1


PEOPLE: list[dict[str, Any]] = [
    {"user_id": STORE.user_ids[0]},
    {"user_id": STORE.user_ids[LONGEST]},
    {"history": {"movie_ids": IDS.at([3, 1, 8]), "ratings": [4.0, 1.5, 5.0]}},
    {"history": {}},
    {
        "user_id": STORE.user_ids[5],
        "history": {"movie_ids": IDS.at([2, 4]), "ratings": [4.5, 4.0]},
    },
]


def query_of(engine: Engine, person: dict[str, Any]) -> Query:
    if "history" not in person:
        return engine.query(person["user_id"], config.DEFAULT_LIMIT)
    history = History(**person["history"])
    if "user_id" not in person:
        return query_of_person(STORE, history, config.DEFAULT_LIMIT)
    rows = IDS.rows_of(np.array(history.movie_ids, np.int64))
    stars = np.array(history.ratings, np.float32)
    times = np.full(len(rows), STORE.latest_timestamp)
    row = STORE.user_row(person["user_id"])
    return query_of_history(STORE, rows, stars, times, config.DEFAULT_LIMIT, row)


def request_for(
    people: Sequence[dict[str, Any]], batches: Sequence[Candidates], **parts: Any
) -> scorer_pb2.ScoreRequest:
    return scorer_pb2.ScoreRequest(
        users=[
            scorer_pb2.User(candidates=len(batch), **person)
            for person, batch in zip(people, batches, strict=True)
        ],
        movie_ids=[int(IDS[movie]) for batch in batches for movie in batch.movies],
        **parts,
    )


def test_features_left_out_are_worked_out_in_whole_or_in_part(engine: Engine, score: Any) -> None:
    batches = [scored_by(engine, query_of(engine, person)) for person in PEOPLE]
    expected = np.concatenate([batch.scores for batch in batches]).tolist()  # type: ignore[misc]
    features = [batch.features for batch in batches if batch.features is not None]
    values = np.concatenate([one.values for one in features])
    columns = features[0].columns
    everything = wire.matrix_message(FeatureMatrix(columns, values))
    needed = [columns.index(name) for name in engine.model.ranker.required_columns]
    sent: list[Any] = [None, scorer_pb2.FeatureMatrix(), everything]
    sent.append(scorer_pb2.FeatureMatrix(rows=len(values)))
    for part in (needed[:1], needed[1:], needed[::2], needed[::-1][:3]):
        names = tuple(columns[place] for place in part)
        sent.append(wire.matrix_message(FeatureMatrix(names, values[:, part])))
    sent.append(wire.matrix_message(FeatureMatrix(("of", "others"), values[:, :2])))
    for one in sent:
        response = score(request_for(PEOPLE, batches, features=one))
        assert list(response.scores) == expected
        assert list(response.terms.columns) == list(engine.model.ranker.term_names)
    for at, person in enumerate(PEOPLE):
        alone = score(request_for([person], [batches[at]]))
        assert np.float32(alone.scores).tobytes() == batches[at].scores.tobytes()


def test_a_column_that_is_sent_stands(engine: Engine, score: Any) -> None:
    query = engine.query(PEOPLE[1]["user_id"], 10)
    batch = scored_by(engine, query)
    assert batch.features is not None
    name = engine.model.ranker.required_columns[0]
    values = batch.features.values.copy()
    values[:, batch.features.columns.index(name)] = 0.25
    changed = Candidates(
        batch.movies, batch.channels, batch.retrieval_scores,
        FeatureMatrix(batch.features.columns, values),
    )  # fmt: skip
    expected = engine.pipeline.scorer.score(query, changed).scores
    column = FeatureMatrix((name,), np.full((len(batch), 1), 0.25, np.float32))
    response = score(request_for(PEOPLE[1:2], [batch], features=wire.matrix_message(column)))
    assert expected is not None
    assert batch.scores is not None
    assert list(response.scores) == expected.tolist() != batch.scores.tolist()


def test_any_movies_may_be_asked_about_even_twice(engine: Engine, score: Any) -> None:
    """Whether the user has seen them or not, in any order."""
    movies = np.array([5, 3, 5, 84, 0], np.int32)
    batch = Candidates(movies, ("x",), np.ones((5, 1), np.float32))
    response = score(request_for(PEOPLE[:1], [batch]))
    assert len(response.scores) == 5
    assert response.scores[0] == response.scores[2]


def test_a_stored_history_keeps_its_times_and_another_is_of_the_datas_end() -> None:
    asked: list[Query] = []

    class Listening:
        def features(self, query: Query, candidates: Candidates) -> FeatureMatrix:
            asked.append(query)
            return FeatureMatrix(("a",), np.zeros((len(candidates), 1), np.float32))

    movies = np.arange(3, dtype=np.int32)
    stored = stored_user(STORE, 4)
    for user in (stored, stored._replace(ratings=np.full(len(stored.movies), 0.5, np.float32))):
        features_for(STORE, [Listening()], user, movies)
    own, other = asked
    place = slice(*STORE.by_user.indptr[4:6].tolist())
    assert own.user_row == other.user_row == 4
    assert own.times.tolist() == STORE.by_user.times[place].tolist()
    assert set(other.times.tolist()) == {STORE.latest_timestamp}
    assert other.movies.tolist() == stored.movies.tolist()


def test_what_contradicts_itself_is_still_refused(engine: Engine, score: Any) -> None:
    batch = Candidates(np.arange(4, dtype=np.int32), ("x",), np.ones((4, 1), np.float32))
    two_rows = wire.matrix_message(FeatureMatrix(("a",), np.zeros((2, 1), np.float32)))
    wrong = [
        request_for(PEOPLE[:1], [batch], features=two_rows),
        request_for(PEOPLE[:1], [batch]),
        request_for(PEOPLE[:1], [batch]),
        request_for(PEOPLE[:1], [batch]),
    ]
    wrong[1].users[0].candidates = 3
    wrong[2].movie_ids.append(1)
    wrong[3].users.append(scorer_pb2.User(candidates=1, **PEOPLE[0]))
    for request in wrong:
        with pytest.raises(grpc.RpcError) as caught:
            score(request)
        error: Any = caught.value
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "make them agree" in error.details()
    assert list(score(scorer_pb2.ScoreRequest()).scores) == []
