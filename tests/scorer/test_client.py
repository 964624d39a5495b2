"""Asking a scorer that answers, is away, is slow, or lies; none of it hangs."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import numpy as np
import pytest

from reelrecs import config
from reelrecs.errors import AddressError, ScorerError
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix
from reelrecs.pipeline.queries import Queries
from reelrecs.proto import scorer_pb2, scorer_pb2_grpc
from reelrecs.scorer import wire
from reelrecs.scorer.client import GrpcScorer
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.server import start
from reelrecs.scorer.service import scorer_services
from reelrecs.scorer.user_knn import UserBatch, stored_user
from reelrecs.stages.user_context import build_query, query_of_history
from tests.worlds import random_triples, store_of


@pytest.fixture(scope="module")
def model():
    return ScoringModel.fixed(store_of(random_triples(9), movie_count=65))


@pytest.fixture(scope="module")
def server(model):
    with start(scorer_services(model), "127.0.0.1:0") as server:
        yield server


def batch(count=8, seed=0):
    values = np.random.default_rng(seed).random((count, 10), dtype=np.float32)
    movies = np.random.default_rng(seed).permutation(65)[:count].astype(np.int32)
    return Candidates(movies, features=FeatureMatrix(wire.CANDIDATE_COLUMNS, values))


@contextmanager
def deaf_socket():
    """An address where connections are accepted and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connections = []

        def accept():
            while True:
                try:
                    connections.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in connections:
                connection.close()


@contextmanager
def full_socket():
    """An address that answers no connection, its queue being full: packets go into a hole."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for one in crowd:
                one.close()


@contextmanager
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    yield address


class Liar(scorer_pb2_grpc.ScorerServiceServicer):
    """Answers at once, or after a while, with whatever it was told to."""

    def __init__(self, response, seconds=0.0):
        self.response, self.seconds = response, seconds

    def Score(self, request, context):  # noqa: N802
        time.sleep(self.seconds)
        return self.response


@contextmanager
def lying_server(response, seconds=0.0):
    server = grpc.server(ThreadPoolExecutor(1))
    if response is not None:
        scorer_pb2_grpc.add_ScorerServiceServicer_to_server(Liar(response, seconds), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def score_at(model, places, deadline=5.0):
    with GrpcScorer(places, model.store, deadline) as scorer:
        return scorer.score(build_query(model.store, 0, 5), batch())


def test_candidates_come_back_in_order_with_scores_and_terms(model, server):
    asked = batch()
    with GrpcScorer([server.address], model.store) as scorer:
        scored = scorer.score(build_query(model.store, 2, 5), asked)
    scores, terms = model.score_batch(
        UserBatch.of([stored_user(model.store, 2)]), [8], asked.movies, asked.features
    )
    assert scored.movies is asked.movies
    assert scored.features is asked.features
    assert scored.scores.tobytes() == scores.tobytes()
    assert scored.terms.columns == terms.columns
    assert scored.terms.values.tobytes() == terms.values.tobytes()


def test_many_queries_in_one_call_score_as_each_alone(model, server):
    store = model.store
    stranger = query_of_history(
        store, np.array([3, 1], np.int32), np.array([5, 2], np.float32), np.arange(2), 5
    )
    newcomer = query_of_history(
        store, np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int64), 5
    )
    queries = [build_query(store, 1, 5), stranger, newcomer, build_query(store, 5, 5)]
    batches = [batch(5, 1), batch(0, 2), batch(7, 3), batch(2, 4)]
    with GrpcScorer([server.address], store) as scorer:
        together = scorer.score_all(Queries.of(queries), CandidateBatch.of(batches))
        alone = [scorer.score(*pair) for pair in zip(queries, batches, strict=True)]
    for one, other in zip(together, alone, strict=True):
        assert one.scores.tobytes() == other.scores.tobytes()
        assert one.terms.values.tobytes() == other.terms.values.tobytes()


def test_a_scorer_that_is_away_is_named(model):
    with closed_port() as first, closed_port() as second:
        started = time.monotonic()
        with pytest.raises(
            ScorerError, match=rf"no scorer answers at {first}, {second}: start one with"
        ):
            score_at(model, [first, second])
        assert time.monotonic() - started < 4.0


@pytest.mark.parametrize("away", [closed_port, deaf_socket, full_socket])
def test_the_next_address_is_asked(model, server, away):
    with away() as address:
        assert len(score_at(model, [address, server.address]).scores) == 8


def test_an_address_known_to_be_away_costs_no_second_wait(model, server):
    with (
        deaf_socket() as address,
        GrpcScorer([address, server.address], model.store) as scorer,
    ):
        query = build_query(model.store, 0, 5)
        scorer.score(query, batch())
        time.sleep(1.5 * config.SCORER_CONNECT)
        started = time.monotonic()
        scorer.score(query, batch())
        assert time.monotonic() - started < 0.5


@pytest.mark.parametrize("hole", [deaf_socket, full_socket])
def test_an_address_that_never_answers_does_not_hang_us(model, hole):
    with hole() as address:
        started = time.monotonic()
        with pytest.raises(ScorerError, match=r"did not answer within 0\.3 s"):
            score_at(model, [address], deadline=0.3)
        assert time.monotonic() - started < 2.0
        with pytest.raises(ScorerError, match="no scorer answers at"):
            score_at(model, [address])
        assert time.monotonic() - started < 6.0


def test_a_slow_scorer_is_given_up(model):
    with lying_server(scorer_pb2.ScoreResponse(), seconds=0.6) as address:
        started = time.monotonic()
        with pytest.raises(ScorerError, match=r"did not answer within 0\.2 s"):
            score_at(model, [address], deadline=0.2)
        assert time.monotonic() - started < 0.6


@pytest.mark.parametrize(
    ("scores", "said"),
    [([], "with 0 scores"), ([0.5] * 7, "with 7 scores"), ([float("nan")] * 8, "is no number")],
)
def test_an_answer_that_is_no_answer_is_an_error(model, scores, said):
    terms = FeatureMatrix(("t",), np.zeros((8, 1), np.float32))
    response = scorer_pb2.ScoreResponse(scores=scores, terms=wire.matrix_message(terms))
    with lying_server(response) as address, pytest.raises(ScorerError, match=said):
        score_at(model, [address])


def test_a_server_of_something_else_is_no_scorer(model):
    with lying_server(None) as address, pytest.raises(ScorerError, match="is no scorer"):
        score_at(model, [address])


def test_a_scorer_on_other_data_refuses(model, server):
    other = ScoringModel.fixed(store_of(random_triples(10), movie_count=65))
    with pytest.raises(ScorerError, match=r"refused \(failed_precondition\): .* other data"):
        score_at(other, [server.address])


def test_features_off_their_scale_are_refused_with_the_reason(model, server):
    asked = batch()
    asked.features.column("collaborative_score")[0] = 40.0
    with (
        GrpcScorer([server.address], model.store) as scorer,
        pytest.raises(ScorerError, match="collaborative_score must be on") as caught,
    ):
        scorer.score(build_query(model.store, 0, 5), asked)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["", "nonsense", "127.0.0.1:0", "host:99999"])
def test_a_senseless_address_is_an_address_error(model, address):
    with pytest.raises(AddressError, match="is no address"):
        GrpcScorer([address], model.store)


def test_a_closed_client_says_so(model, server):
    scorer = GrpcScorer([server.address], model.store)
    scorer.close()
    with pytest.raises(ScorerError, match="the scorer was closed while it was asked"):
        scorer.score(build_query(model.store, 0, 5), batch())


def test_closed_while_it_waits_it_says_so_at_once(model):
    with lying_server(scorer_pb2.ScoreResponse(), seconds=1.0) as address:
        scorer = GrpcScorer([address], model.store)
        threading.Timer(0.2, scorer.close).start()
        started = time.monotonic()
        with pytest.raises(ScorerError, match="the scorer was closed while it was asked"):
            scorer.score(build_query(model.store, 0, 5), batch())
        assert time.monotonic() - started < 0.9


class Rude(scorer_pb2_grpc.ScorerServiceServicer):
    """Refuses with whatever it was told to say."""

    def __init__(self, details):
        self.details = details

    def Score(self, request, context):  # noqa: N802
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, self.details)


def test_what_a_scorer_says_cannot_move_the_terminal(model):
    server = grpc.server(ThreadPoolExecutor(1))
    servicer = Rude("no\x1b[31m\r\n\u202e" + "x" * 3000)
    scorer_pb2_grpc.add_ScorerServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with pytest.raises(ScorerError) as caught:
        score_at(model, [f"127.0.0.1:{port}"])
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1200
    server.stop(None).wait()
