"""Ids of both kinds through real servers on loopback, and the service that knows uint32 alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest

from reelrecs.datasets.ids import Id
from reelrecs.engine import Engine
from reelrecs.histories import History
from reelrecs.proto import (
    recommendation_pb2,
    recommendation_pb2_grpc,
    recommendations_pb2,
    recommendations_pb2_grpc,
    scorer_pb2,
    scorer_pb2_grpc,
)
from reelrecs.recommendation_service import recommendation_service
from reelrecs.results import RecommendationList
from reelrecs.scorer.server import start
from reelrecs.scorer.service import scorer_services
from reelrecs.store.build import store_of
from tests.worlds import random_triples, renamed, tables_of

KINDS: dict[str, Callable[[int], Id]] = {
    "numbers": lambda n: n,
    "long numbers": lambda n: n * 10**16 - 10**17,
    "text": lambda n: f"Ж{n:03d}",
}


class World:
    """An engine over ids of one kind, and its services."""

    def __init__(self, engine: Engine, channel: Any, name: Callable[[int], Id]) -> None:
        self.engine, self.channel, self.name = engine, channel, name
        self.is_text = engine.store.user_ids.is_text

    def field(self, field: str) -> str:
        """The field that ids of this kind stand in."""
        plural = {"movie_ids": "movie_id_texts"}
        return plural.get(field, f"{field}_text") if self.is_text else field

    def recommend(self, **request: Any) -> Any:
        stub = recommendation_pb2_grpc.RecommendationServiceStub(self.channel)
        return stub.Recommend(recommendation_pb2.RecommendRequest(**request), timeout=20)


@pytest.fixture(scope="module", params=KINDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    name = KINDS[request.param]
    store = store_of(renamed(tables_of(random_triples(4), 70), name, name), "world")
    with Engine(store) as engine:
        services = scorer_services(engine.model, engine.features_for)
        with (
            start([*services, recommendation_service(engine)], "127.0.0.1:0") as server,
            grpc.insecure_channel(server.address) as channel,
        ):
            for service in (*services, recommendation_service(engine)):
                service.warm_up()
            yield World(engine, channel, name)


def told(world: World, response: Any) -> list[Id]:
    assert {one.WhichOneof("movie") for one in response.recommendations} == {
        world.field("movie_id")
    }
    return [getattr(one, world.field("movie_id")) for one in response.recommendations]


def ids_of(result: RecommendationList) -> list[Id]:
    return [item.movie.movie_id for item in result]


def test_a_user_is_named_and_movies_are_told_by_their_ids(world: World) -> None:
    user = world.name(7)
    response = world.recommend(**{world.field("user_id"): user}, limit=9, explain=True)
    assert told(world, response) == ids_of(world.engine.recommend(user, 9))
    reasons = [one.explanation for one in response.recommendations]
    liked = [movie for reason in reasons for movie in reason.because_you_liked]
    known = set(world.engine.store.movie_ids)
    assert {getattr(movie, world.field("movie_id")) for movie in liked} <= known
    assert response.note == ""
    rest = world.recommend(**{world.field("user_id"): user}, limit=99)
    assert rest.note.startswith(f"only {len(rest.recommendations)} of the 99 asked for")


def test_a_history_names_its_movies(world: World) -> None:
    movies = [world.name(number) for number in (3, 1, 50)]
    rated = {world.field("movie_ids"): movies, "ratings": [5.0, 4.0, 2.0], "times": [1, 2, 3]}
    response = world.recommend(history=recommendation_pb2.RatingHistory(**rated), limit=5)
    history = History(movies, [5.0, 4.0, 2.0], [1, 2, 3])
    assert told(world, response) == ids_of(world.engine.recommend_for(history, 5))


def test_a_scorer_over_the_wire_gives_the_lists_of_the_local_one(world: World) -> None:
    history = History([world.name(number) for number in (3, 1, 50)], [5.0, 4.0, 2.0])
    with Engine(world.engine.store, "embedded") as remote:
        for number in (1, 20, 40):
            user = world.name(number)
            assert remote.recommend(user).to_dict() == world.engine.recommend(user).to_dict()
        ours, theirs = remote.recommend_for(history), world.engine.recommend_for(history)
        assert ours.to_dict() == theirs.to_dict()


def test_the_scorer_refuses_movies_given_twice_over_and_unknown_ones(world: World) -> None:
    stub = scorer_pb2_grpc.ScorerServiceStub(world.channel)
    unknown: Id = "nobody" if world.is_text else 5
    requests = [
        ({"movie_ids": [1], "movie_id_texts": ["1"]}, "INVALID_ARGUMENT", "give one of the lists"),
        ({world.field("movie_ids"): [world.name(1), world.name(99)]}, "NOT_FOUND", "no movie"),
    ]
    for movies, code, said in requests:
        user = scorer_pb2.User(**{world.field("user_id"): world.name(1)}, candidates=2)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Score(scorer_pb2.ScoreRequest(users=[user], **movies), timeout=20)
        assert (caught.value.code().name, said in caught.value.details()) == (code, True)
    with pytest.raises(grpc.RpcError) as caught:
        world.recommend(**{world.field("user_id"): unknown if world.is_text else 99})
    assert caught.value.code().name == "NOT_FOUND"


def test_the_compatible_service_says_where_ids_do_not_fit(world: World) -> None:
    stub = recommendations_pb2_grpc.MLScorerStub(world.channel)
    features = [recommendations_pb2.CandidateFeatures(movie_id=number) for number in (1, 2, 3)]
    request = recommendations_pb2.ScoreRequest(user_id=7, features=features)
    if world.name(1) == 1:
        assert np.isfinite(stub.ScoreCandidates(request, timeout=20).scores).all()
        return
    with pytest.raises(grpc.RpcError) as caught:
        stub.ScoreCandidates(request, timeout=20)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    kind = "text" if world.is_text else "numbers beyond 32 bits"
    assert caught.value.details() == (
        f"user ids of world are {kind}, which this service cannot take: "
        "call reelrecs.v1.ScorerService"
    )


def test_a_number_is_read_by_those_who_knew_only_32_bits() -> None:
    """uint32 and int64 are one on the wire, so that older clients and servers are understood."""
    new = recommendation_pb2.RecommendRequest(user_id=4_000_000_000)
    assert new.SerializeToString() == b"\x08\x80\xd0\xac\xf3\x0e"
    assert recommendation_pb2.RecommendRequest.FromString(b"\x08\x80\xd0\xac\xf3\x0e") == new
