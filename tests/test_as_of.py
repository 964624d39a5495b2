"""The moment of asking: told, kept to, and said in the answer, by every way in."""

import json
from collections.abc import Iterator

import grpc
import numpy as np
import pytest

from reelrecs.engine import Engine
from reelrecs.histories import History
from reelrecs.proto import recommendation_pb2 as pb
from reelrecs.proto import recommendation_pb2_grpc
from reelrecs.recommendation_service import recommendation_service
from reelrecs.scorer.server import start
from tests.cli.test_cli import call, fails_with
from tests.models import learned_model_of
from tests.worlds import random_triples, store_of


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = random_triples(3, users=80, movies=60)
    np.random.default_rng(4).shuffle(made)
    store = store_of(made, 70)
    with Engine(store, model=learned_model_of(store)) as engine:
        yield engine


def test_what_the_user_rated_later_is_not_looked_at(engine: Engine) -> None:
    rated = engine.store.by_user
    row = engine.store.user_row(7)
    times, movies = rated.times[rated.row(row)], rated.movies[rated.row(row)]
    middle = len(times) // 2
    as_of = int(times[middle])
    query = engine.query(7, 20, as_of)
    assert query.movies.tolist() == movies[: middle + 1].tolist()
    result = engine.recommend(7, 60, as_of=as_of)
    assert result.as_of == as_of
    shown = {item.movie.movie_id for item in result}
    later = set(engine.store.movie_ids.at(movies[middle + 1 :]))
    assert shown & later
    assert not shown & set(engine.store.movie_ids.at(movies[: middle + 1]))


def test_the_default_is_the_datas_end(engine: Engine) -> None:
    end = engine.store.latest_timestamp
    assert engine.recommend(7).to_dict() == engine.recommend(7, as_of=end).to_dict()
    assert engine.recommend(7).as_of == end


def test_newcomers_get_what_is_rated_at_the_time(engine: Engine) -> None:
    times = engine.store.by_user.times
    lists = [
        [item.movie.movie_id for item in engine.recommend_for(History(), as_of=int(moment))]
        for moment in np.quantile(times, [0.3, 1.0], method="lower")
    ]
    assert lists[0] != lists[1]


def test_before_the_first_rating_a_user_is_somebody_new(engine: Engine) -> None:
    start_of_time = int(engine.store.by_user.times.min()) - 1
    ours = engine.recommend(7, as_of=start_of_time)
    new = engine.recommend_for(History(), as_of=start_of_time)
    assert len(ours) == len(new) == 20
    assert engine.query(7, 20, start_of_time).movies.tolist() == []


def test_the_service_takes_and_says_it(engine: Engine) -> None:
    as_of = int(np.median(engine.store.by_user.times))
    with (
        start([recommendation_service(engine)], "127.0.0.1:0") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = recommendation_pb2_grpc.RecommendationServiceStub(channel)
        told = stub.Recommend(pb.RecommendRequest(user_id=7, as_of=as_of), timeout=20)
        untold = stub.Recommend(pb.RecommendRequest(user_id=7), timeout=20)
    assert told.as_of == as_of
    assert untold.as_of == engine.store.latest_timestamp
    expected = [item.movie.movie_id for item in engine.recommend(7, as_of=as_of)]
    assert [movie.movie_id for movie in told.recommendations] == expected


def test_the_command_line_takes_dates() -> None:
    done = call(
        "recommend", "--user-id", "15", "--as-of", "2010-01-01", "--format", "json", "--limit", "2"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["as_of"] == 1262304000
    assert "--as-of 'soon' is no date" in fails_with(
        2, "recommend", "--user-id", "15", "--as-of", "soon"
    )
