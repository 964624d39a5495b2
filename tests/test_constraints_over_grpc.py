"""Constraints in requests to a real server: the engine's own lists, and refusals by name."""

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest

from reelrecs.constraints import Constraints
from reelrecs.engine import Engine
from reelrecs.proto import recommendation_pb2 as pb
from reelrecs.proto import recommendation_pb2_grpc
from reelrecs.recommendation_service import recommendation_service
from reelrecs.scorer.server import start
from reelrecs.store.build import store_of
from tests.worlds import random_triples, renamed, tables_of


@pytest.fixture(scope="module", params=["numbers", "text"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    tables = tables_of(random_triples(4), 70)
    if request.param == "text":
        tables = renamed(tables, lambda user: f"u{user}", lambda movie: f"m{movie}")
    with Engine(store_of(tables, "world")) as engine:
        yield engine


@pytest.fixture(scope="module")
def ask(engine: Engine) -> Iterator[Any]:
    with (
        start([recommendation_service(engine)], "127.0.0.1:0") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = recommendation_pb2_grpc.RecommendationServiceStub(channel)
        yield lambda **request: stub.Recommend(pb.RecommendRequest(**request), timeout=20)


def movie_set(engine: Engine, rows: list[int]) -> pb.MovieSet:
    field = "movie_id_texts" if engine.store.movie_ids.is_text else "movie_ids"
    return pb.MovieSet(**{field: [engine.store.movie_ids[row] for row in rows]})


def person(engine: Engine, row: int) -> dict[str, Any]:
    field = "user_id_text" if engine.store.user_ids.is_text else "user_id"
    return {field: engine.store.user_ids[row]}


def test_every_field_means_what_the_engine_means(engine: Engine, ask: Any) -> None:
    ids = engine.store.movie_ids
    cases = [
        (pb.Constraints(), Constraints()),
        (
            pb.Constraints(allow=movie_set(engine, [1, 4, 9]), include_seen=True),
            Constraints(allow=[ids[1], ids[4], ids[9]], include_seen=True),
        ),
        (pb.Constraints(allow=pb.MovieSet()), Constraints(allow=[])),
        (pb.Constraints(deny=movie_set(engine, [2, 3])), Constraints(deny=[ids[2], ids[3]])),
        (
            pb.Constraints(genres=["drama", "Horror"], not_genres=["comedy"], year_from=1955),
            Constraints(genres=["Drama", "Horror"], not_genres=["Comedy"], year_from=1955),
        ),
        (
            pb.Constraints(genres=["Drama", "Horror"], all_genres=True, year_to=1990),
            Constraints(genres=["Drama", "Horror"], all_genres=True, year_to=1990),
        ),
        (pb.Constraints(min_rating=3.3), Constraints(min_rating=3.3)),
    ]
    lists = set()
    for sent, meant in cases:
        for row in (0, 17):
            user_id = engine.store.user_ids[row]
            expected = engine.recommend(user_id, 70, constraints=meant)
            response = ask(**person(engine, row), limit=70, constraints=sent)
            got = [getattr(one, one.WhichOneof("movie")) for one in response.recommendations]
            assert got == [item.movie.movie_id for item in expected]
            assert response.note == expected.note
            lists.add(tuple(got))
    assert len(lists) > len(cases), "they are not all the same"
    stranger = ask(history=pb.RatingHistory(), constraints=cases[1][0])
    assert len(stranger.recommendations) == 3
    assert np.isfinite([one.score for one in stranger.recommendations]).all()


def test_refusals_say_why(engine: Engine, ask: Any) -> None:
    both = pb.MovieSet(movie_ids=[1], movie_id_texts=["m1"])
    for sent, status, said in [
        (pb.Constraints(genres=["Western"]), "INVALID_ARGUMENT", "choose from Action"),
        (pb.Constraints(year_from=2000, year_to=1990), "INVALID_ARGUMENT", "no year is 2000"),
        (pb.Constraints(min_rating=7), "INVALID_ARGUMENT", "go from 0.5 to 5"),
        (pb.Constraints(min_rating=float("nan")), "INVALID_ARGUMENT", "go from 0.5 to 5"),
        (pb.Constraints(allow=both), "INVALID_ARGUMENT", "give one of the lists"),
        (pb.Constraints(deny=pb.MovieSet(movie_ids=[999])), "NOT_FOUND", "no movie 999"),
    ]:
        with pytest.raises(grpc.RpcError) as caught:
            ask(**person(engine, 0), constraints=sent)
        error: Any = caught.value
        assert error.code().name == status
        assert said in error.details()
