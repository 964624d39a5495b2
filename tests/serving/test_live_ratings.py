"""Ratings that arrive where data and models are exchanged, too, and streams within the bounds."""

import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from reelrecs.datasets import locate
from reelrecs.engine import Engine
from reelrecs.learning.model_file import save_model
from reelrecs.learning.model_folder import model_path
from reelrecs.proto import rating_pb2 as pb
from reelrecs.proto import rating_pb2_grpc, recommendation_pb2, recommendation_pb2_grpc
from reelrecs.rating_service import rating_service
from reelrecs.recommendation_service import recommendation_service
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.server import ServerOptions, start
from reelrecs.store.cache import compact
from tests.models import learned_model_of
from tests.serving.test_live import serving, train


def rating(user: int, movie: int) -> Any:
    return pb.Rating(user_id=user, movie_id=movie, rating=5.0)


def append(served: Any, *ratings: Any) -> None:
    stub = rating_pb2_grpc.RatingServiceStub(served.channel)
    assert stub.Append(pb.AppendRequest(ratings=ratings), timeout=20).appended == len(ratings)


def looks(served: Any, count: int = 6) -> None:
    """Wait until data and models have been looked at so often."""
    seen = served.looked.qsize()
    served.until(lambda: served.looked.qsize() >= seen + count)


@pytest.fixture
def counted() -> queue.SimpleQueue[Any]:
    return queue.SimpleQueue()


def test_ratings_are_seen_at_once_by_the_same_engine(
    mine: Path, tmp_path: Path, counted: queue.SimpleQueue[Any]
) -> None:
    train(mine, tmp_path / "models")
    with serving(mine, tmp_path / "models", counted.put) as served:
        served.looked = counted
        first = served.movies()[0]
        before = served.describe()
        append(served, rating(1, first), rating(-7, first))
        assert first not in served.movies()
        after = served.describe()
        assert (after.users, after.ratings) == (before.users + 1, before.ratings + 2)
        assert after.dataset_digest != before.dataset_digest
        looks(served)
        with Engine.open(mine, models_dir=tmp_path / "none") as other:
            other.append(-8, first, 5.0)
        assert served.describe().users == before.users + 2
        compact(locate(mine))
        looks(served)
        assert served.describe().users == before.users + 2
        assert (served.host.facts().taken, served.host.facts().refused) == (0, 0)


def test_a_model_of_the_data_with_what_arrived_takes_the_place_once(
    mine: Path, tmp_path: Path, counted: queue.SimpleQueue[Any]
) -> None:
    models = tmp_path / "models"
    with serving(mine, models, counted.put) as served:
        served.looked = counted
        append(served, rating(-7, 1))
        train(mine, models)
        served.until(lambda: served.describe().profile == "learned")
        append(served, rating(-7, 2), rating(-9, 3))
        looks(served)
        assert served.host.facts().taken == 1
        with Engine.open(mine, models_dir=models / "none") as other:
            other.recommend(1)
            save_model(learned_model_of(other.store), model_path(other.store, models))
        served.until(lambda: served.host.facts().taken == 2)
        append(served, rating(-9, 4))
        looks(served)
        assert served.host.facts().taken == 2
        assert len(served.movies(-9)) == 10


class Opened:
    """An AppendMany whose messages are sent one by one."""

    def __init__(self, channel: Any, *messages: Any) -> None:
        self.sent: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for message in messages:
            self.sent.put(message)
        stub = rating_pb2_grpc.RatingServiceStub(channel)
        self.call = stub.AppendMany.future(iter(self.sent.get, None), timeout=60)


@pytest.fixture
def engine(mine: Path) -> Iterator[Engine]:
    with Engine.open(mine, models_dir="none") as opened:
        yield opened


def test_a_stream_that_sends_nothing_holds_no_worker(engine: Engine) -> None:
    limits = Limits(concurrency=1, arrival_seconds=60.0)
    services = [rating_service(engine, limits), recommendation_service(engine, limits)]
    with (
        start(services, "127.0.0.1:0", ServerOptions(limits)) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        silent = [Opened(channel) for _ in range(3)]
        begun = Opened(channel, pb.AppendManyRequest(ratings=[rating(-7, 1)]))
        end = time.monotonic() + 20
        while engine.store.user_ids.row(-7) < 0:
            assert time.monotonic() < end, "the first message was not kept"
            engine.recommend(1)
        lists = recommendation_pb2_grpc.RecommendationServiceStub(channel)
        asked = recommendation_pb2.RecommendRequest(user_id=-7)
        assert lists.Recommend(asked, timeout=20).recommendations
        for one in (*silent, begun):
            assert not one.call.done()
            one.sent.put(None)
        assert [one.call.result(20).appended for one in (*silent, begun)] == [0, 0, 0, 1]


def test_a_stream_whose_next_message_does_not_come_is_ended(engine: Engine) -> None:
    limits = Limits(arrival_seconds=0.5)
    with (
        start([rating_service(engine, limits)], "127.0.0.1:0", ServerOptions(limits)) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        for messages in ((), (pb.AppendManyRequest(ratings=[rating(-7, 1)]),)):
            opened = Opened(channel, *messages)
            assert opened.call.exception(timeout=20).code() is grpc.StatusCode.CANCELLED
            opened.sent.put(None)
        end = time.monotonic() + 20
        while "reelrecs-arriving" in [thread.name for thread in threading.enumerate()]:
            assert time.monotonic() < end, "a thread waits for ever"
            time.sleep(0.02)


def test_a_message_brings_so_many_ratings_at_most(engine: Engine) -> None:
    limits = Limits(ratings=2)
    with (
        start([rating_service(engine, limits)], "127.0.0.1:0", ServerOptions(limits)) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = rating_pb2_grpc.RatingServiceStub(channel)
        two, three = ([rating(-7, movie) for movie in range(1, 1 + n)] for n in (2, 3))
        assert stub.Append(pb.AppendRequest(ratings=two), timeout=20).appended == 2
        for call in (
            lambda: stub.Append(pb.AppendRequest(ratings=three), timeout=20),
            lambda: Opened(channel, pb.AppendManyRequest(ratings=three), None).call.result(20),
        ):
            with pytest.raises(grpc.RpcError, match="--max-ratings") as caught:
                call()
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        broken = channel.stream_unary("/reelrecs.v1.RatingService/AppendMany")
        with pytest.raises(grpc.RpcError) as caught:
            broken(iter([b"\xff"]), timeout=20)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
