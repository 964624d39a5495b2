"""The engine behind gRPC: a real server on loopback, a real channel, the engine's own lists."""

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from reelrecs.engine import Engine
from reelrecs.errors import ScorerError, StageError
from reelrecs.histories import History
from reelrecs.learning.train import train
from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.protocols import Scorer
from reelrecs.pipeline.query import Query
from reelrecs.proto import recommendation_pb2 as pb
from reelrecs.proto import recommendation_pb2_grpc, scorer_pb2, scorer_pb2_grpc
from reelrecs.recommendation_service import SERVICE, recommendation_service
from reelrecs.results import RecommendationList
from reelrecs.scorer import service
from reelrecs.scorer.local import LocalScorer
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.server import start
from reelrecs.scorer.service import scorer_services
from tests.learning.test_train import walks
from tests.models import fixed_engine
from tests.worlds import store_of


@pytest.fixture(scope="module")
def channel(sample_engine: Engine) -> Iterator[Any]:
    model = ScoringModel.fixed(sample_engine.store)
    with (
        start(
            [*scorer_services(model), recommendation_service(sample_engine)], "127.0.0.1:0"
        ) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        yield channel


@pytest.fixture
def ask(channel: Any) -> Any:
    stub = recommendation_pb2_grpc.RecommendationServiceStub(channel)
    return lambda request: stub.Recommend(request, timeout=20)


def refusal(ask: Any, request: Any) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        ask(request)
    error: Any = caught.value
    assert "\n" not in error.details()
    return error.code().name, error.details()


def told(response: Any) -> list[dict[str, Any]]:
    """The answer in the form of RecommendationList.to_dict()["recommendations"]."""

    def movie(one: Any) -> dict[str, Any]:
        return {
            "movie_id": one.movie_id,
            "title": one.title,
            "year": one.year if one.HasField("year") else None,
            "genres": list(one.genres),
        }

    return [
        {
            "rank": one.rank,
            **movie(one),
            "score": one.score,
            "sources": list(one.sources),
            "explanation": {
                "contributions": {part.term: part.value for part in one.explanation.contributions},
                "total": one.explanation.total,
                "scale": one.explanation.scale,
                "in_words": list(one.explanation.in_words),
                "found_by": {how.channel: how.strength for how in one.explanation.found_by},
                "similar_users": one.explanation.similar_users
                if one.explanation.HasField("similar_users")
                else None,
                "because_you_liked": [movie(m) for m in one.explanation.because_you_liked],
                "because_you_watched": [movie(m) for m in one.explanation.because_you_watched],
                "related": {"similar_users": one.explanation.related.similar_users}
                if one.explanation.HasField("related")
                else None,
            }
            if one.HasField("explanation")
            else None,
        }
        for one in response.recommendations
    ]


def expected(result: RecommendationList) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = result.to_dict()["recommendations"]
    return rows


@pytest.mark.parametrize("explain", [False, True])
def test_a_stored_user_gets_the_engines_list(
    sample_engine: Engine, ask: Any, explain: bool
) -> None:
    response = ask(pb.RecommendRequest(user_id=15, limit=30, explain=explain))
    result = sample_engine.recommend(15, 30, explain=explain)
    assert told(response) == expected(result)
    assert response.dataset == "ml-latest-small"
    assert response.dataset_digest == sample_engine.store.digest
    assert list(response.relaxed) == list(result.trace.relaxed)


def test_what_had_no_part_in_a_score_stands_apart() -> None:
    """A learned profile's reasons come over the wire as they are: causes, and what is related."""
    model = train(store_of(walks(150, 60, 1)))
    with (
        Engine(model.store, model=model) as engine,
        start([recommendation_service(engine)], "127.0.0.1:0") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = recommendation_pb2_grpc.RecommendationServiceStub(channel)
        response = stub.Recommend(pb.RecommendRequest(user_id=5, explain=True), timeout=20)
        assert told(response) == expected(engine.recommend(5, explain=True))
    assert all(one.explanation.HasField("related") for one in response.recommendations)
    assert not any(one.explanation.HasField("similar_users") for one in response.recommendations)
    assert any(one.explanation.because_you_watched for one in response.recommendations)


def test_contributions_still_add_up_after_the_wire(ask: Any) -> None:
    for one in ask(pb.RecommendRequest(user_id=15, explain=True)).recommendations:
        total = np.float32(0)
        for part in one.explanation.contributions:
            total += np.float32(part.value)
        assert total == np.float32(one.explanation.total)


def test_anybody_is_folded_in_by_their_history(sample_engine: Engine, ask: Any) -> None:
    movies, stars = [1, 260, 6, 318], [5.0, 4.5, 2.0, 4.0]
    history = pb.RatingHistory(movie_ids=movies, ratings=stars)
    untimed = ask(pb.RecommendRequest(history=history, explain=True))
    folded = sample_engine.recommend_for(History(movies, stars), explain=True)
    assert told(untimed) == expected(folded)
    assert len(untimed.recommendations) == 20


def test_times_say_what_was_watched_last(sample_engine: Engine, ask: Any) -> None:
    """Only the latest likes are looked through for arguments, so another order gives others."""
    store = sample_engine.store
    row = store.user_row(15)
    mine = slice(*store.by_user.indptr[row : row + 2].tolist())
    movies = store.movie_ids.at(store.by_user.movies[mine])
    stars = store.by_user.ratings[mine].tolist()
    answers = []
    for times in (list(range(len(movies))), list(range(len(movies), 0, -1))):
        history = pb.RatingHistory(movie_ids=movies, ratings=stars, times=times)
        response = ask(pb.RecommendRequest(history=history, explain=True))
        folded = sample_engine.recommend_for(History(movies, stars, times), explain=True)
        assert told(response) == expected(folded)
        answers.append(told(response))
    assert answers[0] != answers[1]


def test_an_empty_history_is_somebody_new(sample_engine: Engine, ask: Any) -> None:
    request = pb.RecommendRequest()
    request.history.SetInParent()
    assert told(ask(request)) == expected(sample_engine.recommend_for(History()))


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        ({}, "INVALID_ARGUMENT", "names nobody"),
        ({"user_id": 99999}, "NOT_FOUND", "no user 99999 in ml-latest-small"),
        ({"user_id": 1, "limit": 0}, "INVALID_ARGUMENT", "ask for 1 to 9066"),
        ({"user_id": 1, "limit": 2**32 - 1}, "INVALID_ARGUMENT", "ask for 1 to 9066"),
        (
            {"history": pb.RatingHistory(movie_ids=[999999], ratings=[5])},
            "NOT_FOUND",
            "no movie 999999",
        ),
        (
            {"history": pb.RatingHistory(movie_ids=[1, 2], ratings=[5])},
            "INVALID_ARGUMENT",
            "one rating",
        ),
        (
            {"history": pb.RatingHistory(movie_ids=[1, 1], ratings=[5, 5])},
            "INVALID_ARGUMENT",
            "twice",
        ),
        (
            {"history": pb.RatingHistory(movie_ids=[1], ratings=[float("nan")])},
            "INVALID_ARGUMENT",
            "the rating nan",
        ),
        (
            {"history": pb.RatingHistory(movie_ids=[1, 2], ratings=[5, 5], times=[1])},
            "INVALID_ARGUMENT",
            "2 movies and 1 times",
        ),
        (
            {"history": pb.RatingHistory(movie_ids=[], ratings=[5])},
            "INVALID_ARGUMENT",
            "one rating",
        ),
    ],
)
def test_refusals_have_their_status_and_one_line(
    ask: Any, request_: dict[str, Any], status: str, said: str
) -> None:
    code, line = refusal(ask, pb.RecommendRequest(**request_))
    assert code == status
    assert said in line


class _AwayScorer:
    """A scorer that some day nobody answers for, or one with a bug."""

    error: Exception | None = None

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def score(self, query: Query, candidates: Candidates) -> Candidates:
        if self.error is not None:
            raise self.error
        return self._scorer.score(query, candidates)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ScorerError("no scorer answers"), "UNAVAILABLE", "no scorer answers"),
        (StageError("source own: no"), "INTERNAL", "source own: no"),
        (ZeroDivisionError("a bug"), "INTERNAL", "a fault of the service"),
    ],
)
def test_faults_of_ours_are_not_put_on_the_client(
    sample_engine: Engine, error: Exception, status: str, said: str
) -> None:
    scorer = _AwayScorer(LocalScorer(sample_engine.model))
    with (
        fixed_engine(sample_engine.store, scorer) as engine,
        start([recommendation_service(engine)], "127.0.0.1:0") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = recommendation_pb2_grpc.RecommendationServiceStub(channel)
        scorer.error = error
        code, line = refusal(
            lambda request: stub.Recommend(request, timeout=20), pb.RecommendRequest(user_id=1)
        )
    assert code == status
    assert said in line


def test_it_stands_beside_the_scorer_in_health_and_reflection(channel: Any) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    answer = health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=5)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    (listed,) = stub.ServerReflectionInfo(asked, timeout=5)
    names = {one.name for one in listed.list_services_response.service}
    assert {SERVICE, *service.SERVICES} <= names
    asked = iter([reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE)])
    (described,) = stub.ServerReflectionInfo(asked, timeout=5)
    assert described.file_descriptor_response.file_descriptor_proto
    scorer = scorer_pb2_grpc.ScorerServiceStub(channel)
    assert scorer.Describe(scorer_pb2.DescribeRequest(), timeout=5).dataset == "ml-latest-small"
