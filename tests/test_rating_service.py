"""Ratings over gRPC: kept before they are acknowledged, in the next list, each once."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

import reelrecs
from reelrecs.engine import Engine
from reelrecs.proto import rating_pb2 as pb
from reelrecs.proto import rating_pb2_grpc, recommendation_pb2, recommendation_pb2_grpc
from reelrecs.rating_service import rating_service
from reelrecs.recommendation_service import recommendation_service
from reelrecs.scorer.server import start
from reelrecs.scorer.service import scorer_services


@pytest.fixture
def engine(mine: Path) -> Iterator[Engine]:
    with reelrecs.open(mine) as opened:
        yield opened


@pytest.fixture
def channel(engine: Engine) -> Iterator[Any]:
    services = [
        *scorer_services(lambda: engine.model, engine.features_for, engine.one_moment),
        recommendation_service(engine),
        rating_service(engine),
    ]
    with start(services, "127.0.0.1:0") as server, grpc.insecure_channel(server.address) as open_:
        yield open_


@pytest.fixture
def stub(channel: Any) -> Any:
    return rating_pb2_grpc.RatingServiceStub(channel)


def rated(user: int, movie: int, rating: float = 4.0, **more: Any) -> pb.Rating:
    return pb.Rating(user_id=user, movie_id=movie, rating=rating, **more)


def refused(call: Any, request: Any) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=20)
    return caught.value.code().name, caught.value.details()


def test_an_acknowledged_rating_is_in_the_next_list(
    channel: Any, stub: Any, engine: Engine
) -> None:
    lists = recommendation_pb2_grpc.RecommendationServiceStub(channel)
    asked = recommendation_pb2.RecommendRequest(user_id=1, limit=5)
    before = lists.Recommend(asked, timeout=20)
    first = before.recommendations[0].movie_id
    reply = stub.Append(pb.AppendRequest(ratings=[rated(1, first), rated(-7, -7)]), timeout=20)
    assert (reply.appended, reply.known) == (2, 0)
    after = lists.Recommend(asked, timeout=20)
    assert first not in [one.movie_id for one in after.recommendations]
    assert after.dataset_digest != before.dataset_digest
    assert after.dataset_digest == engine.store.digest
    new = lists.Recommend(recommendation_pb2.RecommendRequest(user_id=-7), timeout=20)
    assert new.recommendations


def test_a_stream_is_kept_message_by_message(stub: Any, engine: Engine) -> None:
    messages = (
        pb.AppendManyRequest(ratings=[rated(100 + n, 1, key=f"k{n % 50}")]) for n in range(50)
    )
    reply = stub.AppendMany(messages, timeout=20)
    assert (reply.appended, reply.known) == (50, 0)
    again = [pb.AppendManyRequest(ratings=[rated(100 + n, 1, key=f"k{n}") for n in range(50)])]
    reply = stub.AppendMany(iter(again), timeout=20)
    assert (reply.appended, reply.known) == (0, 50)
    engine.recommend(1)
    assert engine.store.user_count == 30 + 50


def test_a_bad_rating_ends_a_stream_and_names_itself(stub: Any) -> None:
    messages = [pb.AppendManyRequest(ratings=[rated(1, 1, 9.0)])] * 3
    with pytest.raises(grpc.RpcError) as caught:
        stub.AppendMany(iter(messages), timeout=20)
    assert caught.value.code().name == "INVALID_ARGUMENT"
    assert "from 0.5 to 5" in caught.value.details()


def test_many_writers_at_once_lose_nothing(stub: Any, engine: Engine) -> None:
    def write(writer: int) -> None:
        for number in range(20):
            stub.Append(pb.AppendRequest(ratings=[rated(1000 + writer, 1 + number)]), timeout=20)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    engine.recommend(1)
    for writer in range(4):
        row = engine.store.user_row(1000 + writer)
        assert len(engine.store.likes.movies_of(row)) == 20


def test_forgetting(stub: Any, engine: Engine) -> None:
    stub.Forget(pb.ForgetRequest(user_id=1, movie_id=5), timeout=20)
    engine.recommend(1)
    assert engine.store.rating_count == 30 * 15 - 1
    stub.Forget(pb.ForgetRequest(user_id=1), timeout=20)
    engine.recommend(2)
    assert engine.store.user_ids.row(1) == -1
    assert refused(stub.Forget, pb.ForgetRequest(user_id=1))[0] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (pb.AppendRequest(), "no ratings"),
        (pb.AppendRequest(ratings=[pb.Rating(movie_id=1, rating=4)]), "names no user"),
        (pb.AppendRequest(ratings=[pb.Rating(user_id=1, rating=4)]), "names no movie"),
        (pb.AppendRequest(ratings=[rated(1, 1, float("nan"))]), "from 0.5 to 5"),
        (pb.AppendRequest(ratings=[rated(1, 1), pb.Rating(user_id_text="u", movie_id=1)]), "whole"),
    ],
)
def test_what_is_no_rating_is_refused(stub: Any, request_: Any, said: str) -> None:
    code, line = refused(stub.Append, request_)
    assert code == "INVALID_ARGUMENT"
    assert said in line


def test_an_engine_without_a_log_says_so(sample_engine: Engine) -> None:
    with (
        Engine(sample_engine.store) as engine,
        start([rating_service(engine)], "127.0.0.1:0") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = rating_pb2_grpc.RatingServiceStub(channel)
        code, line = refused(stub.Append, pb.AppendRequest(ratings=[rated(1, 1)]))
        assert (code, "no log" in line) == ("FAILED_PRECONDITION", True)
