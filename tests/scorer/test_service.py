"""The server as its clients meet it: answers, statuses, addresses."""

import socket
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from reelrecs import config
from reelrecs.errors import AddressError
from reelrecs.pipeline.candidates import FeatureMatrix
from reelrecs.proto import (
    recommendations_pb2,
    recommendations_pb2_grpc,
    scorer_pb2,
    scorer_pb2_grpc,
)
from reelrecs.scorer import address as address_module
from reelrecs.scorer import wire
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.server import start
from reelrecs.scorer.service import scorer_services
from reelrecs.scorer.user_knn import UserBatch, stored_user
from tests.models import learned_model_of
from tests.worlds import random_triples, store_of

NAMES = ("reelrecs.v1.ScorerService", "recommendations.MLScorer")


@pytest.fixture(scope="module")
def model():
    return ScoringModel.fixed(store_of(random_triples(8), movie_count=65))


@pytest.fixture(scope="module")
def channel(model):
    with (
        start(scorer_services(model), "127.0.0.1:0") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        yield channel


@pytest.fixture
def stub(channel):
    return scorer_pb2_grpc.ScorerServiceStub(channel)


@pytest.fixture
def compatible(channel):
    return recommendations_pb2_grpc.MLScorerStub(channel)


def request_of(model, count=6, **changes):
    values = np.random.default_rng(0).random((count, 10), dtype=np.float32)
    parts = {
        "users": [scorer_pb2.User(user_id=1, candidates=count)],
        "movie_ids": range(1, count + 1),
        "features": wire.matrix_message(FeatureMatrix(wire.CANDIDATE_COLUMNS, values)),
    }
    return scorer_pb2.ScoreRequest(**{**parts, **changes})


def refusal(call, request):
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=5)
    assert "\n" not in caught.value.details()
    return caught.value.code().name, caught.value.details()


def test_scores_are_the_models(model, stub):
    request = request_of(model, dataset_digest=model.store.digest)
    response = stub.Score(request, timeout=5)
    scores, terms = model.score_batch(
        UserBatch.of([stored_user(model.store, 0)]),
        [6],
        np.arange(6, dtype=np.int32),
        wire.matrix_of(request.features),
    )
    assert list(response.scores) == scores.tolist()
    assert response.terms.values == terms.values.tobytes()
    assert list(response.terms.columns) == list(config.FIXED_WEIGHTS)


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"users": [scorer_pb2.User(user_id=999, candidates=6)]}, "NOT_FOUND", "no user 999"),
        ({"movie_ids": [1, 2, 3, 4, 5, 999]}, "NOT_FOUND", "no movie 999"),
        ({"movie_ids": [1]}, "INVALID_ARGUMENT", "make them agree"),
        ({"users": []}, "INVALID_ARGUMENT", "make them agree"),
        ({"users": [scorer_pb2.User(candidates=6)]}, "INVALID_ARGUMENT", "without id"),
        ({"features": scorer_pb2.FeatureMatrix(rows=6)}, "INVALID_ARGUMENT", "needs the column"),
        (
            {"features": scorer_pb2.FeatureMatrix(rows=6, columns=["a"], values=b"x")},
            "INVALID_ARGUMENT",
            "takes 24 bytes",
        ),
        ({"dataset_digest": "0123456789"}, "FAILED_PRECONDITION", "other data (01234567)"),
    ],
)
def test_refusals_have_their_status_and_one_line(model, stub, changes, status, said):
    code, line = refusal(stub.Score, request_of(model, **changes))
    assert code == status
    assert said in line


def test_a_feature_off_its_scale_is_refused_by_name(model, stub):
    request = request_of(model)
    matrix = wire.matrix_of(request.features)
    values = matrix.values.copy()
    values[4, matrix.columns.index("popularity_percentile")] = 87.0
    packed = wire.matrix_message(FeatureMatrix(matrix.columns, values))
    code, line = refusal(stub.Score, request_of(model, features=packed))
    assert code == "INVALID_ARGUMENT"
    assert "popularity_percentile must be on [0, 1]; row 4 gives 87" in line


class Faulty(ScoringModel):
    """A model with a bug that shows after a while."""

    broken = False

    def score_batch(self, *arguments):
        if self.broken:
            raise ZeroDivisionError("a bug at /secret/place")
        return super().score_batch(*arguments)


def test_a_bug_is_internal_and_never_a_score(model, caplog):
    faulty = Faulty(model.store, model.ranker, model.settings)
    with (
        start(scorer_services(faulty), "127.0.0.1:0") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        faulty.broken = True
        code, line = refusal(scorer_pb2_grpc.ScorerServiceStub(channel).Score, request_of(model))
    assert code == "INTERNAL"
    assert line == "a fault of the service: see its log"
    assert "a request failed" in caplog.text
    assert "/secret/place" in caplog.text


def test_a_service_with_a_bug_does_not_start(model):
    faulty = Faulty(model.store, model.ranker, model.settings)
    faulty.broken = True
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(ZeroDivisionError):
        start(scorer_services(faulty), address)
    with socket.create_server(("127.0.0.1", int(address.partition(":")[2]))):
        pass


def test_health_says_serving_once_every_service_has_warmed_up(model):
    """The port is open before, so that whoever waits for it can ask."""
    warming, go_on = threading.Event(), threading.Event()

    def slow():
        warming.set()
        go_on.wait(30)

    first, second = scorer_services(model)
    services = [first, second._replace(warm_up=slow)]
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/s"
        with ThreadPoolExecutor(1) as pool, grpc.insecure_channel(address) as channel:
            starting = pool.submit(start, services, address)
            warming.wait(30)
            health = health_pb2_grpc.HealthStub(channel)
            for serving in (False, True):
                for name in ("", *NAMES):
                    answer = health.Check(
                        health_pb2.HealthCheckRequest(service=name), timeout=5, wait_for_ready=True
                    )
                    assert (answer.status == health_pb2.HealthCheckResponse.SERVING) is serving
                go_on.set()
                starting.result(30)
            starting.result().close()


@pytest.mark.parametrize(
    "columns",
    [
        [f"column number {at}" for at in range(100_000)],
        ["\x1b[31m\r\n\u202e\u0007"],
        ["c" * 1_000_000],
        ["é" * 100_000],
    ],
)
def test_a_refusal_is_one_short_line_whatever_was_sent(model, stub, columns):
    matrix = scorer_pb2.FeatureMatrix(rows=1, columns=columns, values=bytes(4 * len(columns)))
    request = request_of(model, 1, features=matrix)
    code, line = refusal(stub.Score, request)
    assert code == "INVALID_ARGUMENT"
    assert line.isprintable()
    assert len(line) <= 1000
    twice = scorer_pb2.FeatureMatrix(rows=1, columns=columns * 2, values=bytes(8 * len(columns)))
    code, line = refusal(stub.Score, request_of(model, 1, features=twice))
    assert code == "INVALID_ARGUMENT"
    assert len(line) <= 1000


@pytest.mark.parametrize("value", [3.4e38, -3.4e38])
def test_extreme_features_are_refused_without_a_warning(value):
    """pytest makes an error of any warning, so a cast that overflows would be INTERNAL."""
    model = learned_model_of(store_of(random_triples(8), movie_count=65))
    columns = model.ranker.required_columns
    values = np.full((6, len(columns)), value, np.float32)
    values[::2] = 0.0
    request = request_of(model, features=wire.matrix_message(FeatureMatrix(columns, values)))
    with (
        start(scorer_services(model), "127.0.0.1:0") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        code, line = refusal(scorer_pb2_grpc.ScorerServiceStub(channel).Score, request)
    assert code == "INVALID_ARGUMENT", line


@pytest.mark.parametrize("stars", [5.5, 100.0, 1e30, 3e38, 0.0, -1.0, float("nan")])
def test_ratings_that_recommend_refuses_are_refused(model, stub, stars):
    history = scorer_pb2.History(movie_ids=[1, 2], ratings=[4.0, stars])
    users = [scorer_pb2.User(history=history, candidates=6)]
    code, line = refusal(stub.Score, request_of(model, users=users))
    assert code == "INVALID_ARGUMENT"
    assert "give stars above 0, up to 5" in line


def test_describe_names_data_and_model(model, stub):
    said = stub.Describe(scorer_pb2.DescribeRequest(), timeout=5)
    assert (said.dataset, said.dataset_digest) == ("world", model.store.digest)
    assert (said.users, said.movies, said.ratings) == (40, 65, model.store.rating_count)
    assert said.profile == "fixed"
    assert list(said.required_columns) == list(model.ranker.required_columns)
    assert {term.name: term.weight for term in said.terms} == pytest.approx(config.FIXED_WEIGHTS)
    assert said.version


WHOLE_NUMBERS = ("similar_users_count", "rating_count", "movie_year")


def old_candidates(count):
    rng = np.random.default_rng(1)
    return [
        recommendations_pb2.CandidateFeatures(
            movie_id=movie,
            **{
                name: 7 if name in WHOLE_NUMBERS else float(rng.random())
                for name in wire.CANDIDATE_COLUMNS
            },
        )
        for movie in range(1, count + 1)
    ]


def test_a_client_of_the_old_contract_gets_the_same_scores_in_its_order(model, stub, compatible):
    asked = old_candidates(6)[::-1]
    request = recommendations_pb2.ScoreRequest(user_id=1, features=asked)
    old = list(compatible.ScoreCandidates(request, timeout=5).scores)
    packed = wire.matrix_message(wire.candidate_matrix(asked))
    new = request_of(model, movie_ids=range(6, 0, -1), features=packed)
    assert old == list(stub.Score(new, timeout=5).scores)
    assert len(set(old)) == 6


def test_its_counts_keep_their_order_instead_of_clamping(compatible):
    asked = old_candidates(1) * 3
    request = recommendations_pb2.ScoreRequest(user_id=1, features=asked)
    for one, count in zip(request.features, (40.0, 400.0, 80.0), strict=True):
        one.collaborative_score = count
    scores = compatible.ScoreCandidates(request, timeout=5).scores
    assert scores[0] < scores[2] < scores[1]
    assert scores[1] - scores[0] == pytest.approx(0.2 * 360 / 500, abs=1e-6)


def test_its_unknown_user_and_movie_are_not_found(compatible):
    ask = compatible.ScoreCandidates
    request = recommendations_pb2.ScoreRequest(user_id=999)
    code, line = refusal(ask, request)
    assert code == "NOT_FOUND"
    assert "no user 999" in line
    request = recommendations_pb2.ScoreRequest(user_id=1, features=old_candidates(6))
    request.features[3].movie_id = 999
    code, line = refusal(ask, request)
    assert code == "NOT_FOUND"
    assert "no movie 999" in line
    assert list(ask(recommendations_pb2.ScoreRequest(user_id=1), timeout=5).scores) == []


def test_health_and_reflection_answer(channel):
    health = health_pb2_grpc.HealthStub(channel)
    for name in ("", *NAMES):
        answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    (answer,) = stub.ServerReflectionInfo(asked, timeout=5)
    assert set(NAMES) <= {one.name for one in answer.list_services_response.service}


def test_a_port_in_use_is_an_address_error(model):
    with (
        start(scorer_services(model), "127.0.0.1:0") as server,
        pytest.raises(AddressError, match=r"cannot listen at .*: address already in use; choose"),
    ):
        start(scorer_services(model), server.address)


def test_of_two_servers_that_race_for_a_port_one_fails(model, monkeypatch):
    monkeypatch.setattr(address_module, "ensure_available", lambda _: None)
    with (
        start(scorer_services(model), "127.0.0.1:0") as server,
        pytest.raises(AddressError, match="cannot listen at"),
    ):
        start(scorer_services(model), server.address)


@pytest.mark.parametrize(
    "address",
    ["", "nonsense", "127.0.0.1", "127.0.0.1:65536", ":50051", "a b:1", "http://a:1", "unix:",
     "unix:" + "x" * 200, "127.0.0.1:-1"],
)  # fmt: skip
def test_a_senseless_address_is_an_address_error(model, address):
    with pytest.raises(AddressError, match="is no address: give HOST:PORT"):
        start(scorer_services(model), address)


def test_an_address_of_another_machine_is_an_address_error(model):
    with pytest.raises(AddressError, match=r"cannot listen at 192\.0\.2\.1:50051: cannot assign"):
        start(scorer_services(model), "192.0.2.1:50051")


def test_a_unix_socket_in_use_is_left_to_its_owner(model):
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/s"
        with start(scorer_services(model), address) as server:
            assert server.address == address
            with pytest.raises(AddressError, match="already in use"):
                start(scorer_services(model), address)
            with grpc.insecure_channel(address) as channel:
                stub = scorer_pb2_grpc.ScorerServiceStub(channel)
                assert stub.Describe(scorer_pb2.DescribeRequest(), timeout=5).dataset == "world"


def test_a_dead_socket_is_replaced_and_a_file_is_not(model):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        with start(scorer_services(model), f"unix:{path}"):
            assert path.is_socket()
        path.unlink(missing_ok=True)
        path.write_text("precious")
        with pytest.raises(AddressError, match="a file is in its place"):
            start(scorer_services(model), f"unix:{path}")
        assert path.read_text() == "precious"
        with pytest.raises(AddressError, match="there is no folder"):
            start(scorer_services(model), f"unix:{folder}/none/s")
