"""What a server refuses, and that it answers others meanwhile: FAULTS 2, 4, 13, 20, 26."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from reelrecs import config
from reelrecs.errors import InvalidRequest
from reelrecs.pipeline.candidates import FeatureMatrix
from reelrecs.proto import recommendations_pb2, recommendations_pb2_grpc, scorer_pb2
from reelrecs.scorer import wire
from reelrecs.scorer.calls import REQUEST_ID, Call, Method
from reelrecs.scorer.dispatch import Service
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.request_blocks import blocks
from reelrecs.scorer.server import ServerOptions, start
from reelrecs.scorer.service import ScorerServicer, scorer_services
from tests.models import learned_model_of
from tests.worlds import random_triples, store_of

SCORE = "/reelrecs.v1.ScorerService/Score"
CHECK = "/grpc.health.v1.Health/Check"
SMALL = Limits(
    message_bytes=20_000, users=3, call_candidates=40, candidates=20, history=5, arriving=6,
    arrival_seconds=0.5, concurrency=2, queue=4,
)  # fmt: skip
PATIENT = SMALL._replace(arrival_seconds=60.0)


@pytest.fixture(scope="module")
def model():
    return learned_model_of(store_of(random_triples(8), movie_count=65))


class Faked:
    """Features of nobody in particular."""

    def __init__(self, model):
        self._columns = model.ranker.required_columns

    def features(self, asked, movies):
        values = np.outer(movies + 1.0, np.arange(1, len(self._columns) + 1)) % 7 / 7
        return FeatureMatrix(self._columns, values.astype(np.float32))


def services_of(model):
    return scorer_services(model, Faked(model).features, SMALL)


@contextmanager
def serving(services, limits, **options):
    with (
        start(services, "127.0.0.1:0", ServerOptions(limits, **options)) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        yield channel


@pytest.fixture
def channel(model):
    with serving(services_of(model), SMALL) as channel:
        yield channel


def raw(channel, method=SCORE):
    return channel.unary_unary(method)


def asked(users, movies):
    return scorer_pb2.ScoreRequest(users=users, movie_ids=movies).SerializeToString()


def user(candidates, **parts):
    return scorer_pb2.User(user_id=1, candidates=candidates, **parts)


def refusal(call, *arguments, **named):
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, timeout=10, **named)
    return caught.value.code().name, caught.value.details()


@pytest.mark.parametrize(
    ("users", "movies", "said"),
    [
        ([user(0)] * 4, [], "4 users in a call: ask for 3 at most"),
        ([user(21)], range(1, 22), "21 candidates of a user: send 20 at most"),
        ([user(20)] * 2 + [user(1)], [*range(1, 41), 1], "41 candidates in a call: send 40"),
        ([user(2**31)], [1], "candidates of a user: send 20 at most"),
        (
            [user(0, history=scorer_pb2.History(movie_ids=range(1, 7), ratings=[4] * 6))],
            [],
            "a history of 6 movies: send the last 5 at most",
        ),
    ],
)
def test_what_is_too_much_is_refused_with_what_to_change(channel, users, movies, said):
    code, line = refusal(raw(channel), asked(users, movies))
    assert code == "INVALID_ARGUMENT"
    assert said in line
    assert "serve --max-" in line
    assert raw(channel)(asked([user(20)] * 2, [*range(1, 21)] * 2), timeout=20)


def test_the_compatible_service_has_the_same_limit(channel):
    features = [recommendations_pb2.CandidateFeatures(movie_id=1)] * 21
    request = recommendations_pb2.ScoreRequest(user_id=1, features=features)
    code, line = refusal(recommendations_pb2_grpc.MLScorerStub(channel).ScoreCandidates, request)
    assert code == "INVALID_ARGUMENT"
    assert "21 candidates of a user" in line


@pytest.mark.parametrize(
    ("size", "said"), [(20_001, "a message of 20,001 bytes"), (50_000, "larger than max")]
)
def test_a_message_that_is_too_large_is_refused(channel, size, said):
    code, line = refusal(raw(channel), bytes(size))
    assert code == "RESOURCE_EXHAUSTED"
    assert said in line


@pytest.mark.parametrize("message", [b"\xff" * 40, b"\x0a\xff", bytes(1)])
def test_what_is_no_message_is_no_fault_of_the_service(channel, message):
    code, line = refusal(raw(channel), message)
    assert code == "INVALID_ARGUMENT"
    assert line == "the message is no reelrecs.v1.ScoreRequest: see the .proto files"


def test_a_call_without_a_message_is_refused(channel):
    code, line = refusal(channel.stream_unary(SCORE), iter(()))
    assert code == "INVALID_ARGUMENT"
    assert "without a message" in line


class Half:
    """Calls whose message does not come until they are let go."""

    def __init__(self, channel, method, count):
        self._go = threading.Event()
        method = channel.stream_unary(method)
        self.calls = [method.future(self._messages(), timeout=30) for _ in range(count)]

    def _messages(self):
        self._go.wait(30)
        yield b""

    def __enter__(self):
        return self.calls

    def __exit__(self, *_):
        self._go.set()
        for call in self.calls:
            call.cancel()


def test_calls_whose_message_never_comes_keep_nobody_waiting(model):
    """More of them than may work."""
    with serving(services_of(model), PATIENT) as channel, Half(channel, SCORE, 8) as half:
        for _ in range(20):
            raw(channel)(asked([user(3)], [1, 2, 3]), timeout=20)
        raw(channel, CHECK)(b"", timeout=20)
        assert not any(call.done() for call in half)


def test_calls_whose_message_never_comes_are_ended(channel):
    with Half(channel, SCORE, 8) as half:
        assert {call.code() for call in half} == {grpc.StatusCode.CANCELLED}


def test_more_open_calls_than_may_be_are_refused_at_once_and_health_is_not(model):
    with serving(services_of(model), PATIENT) as channel:
        with Half(channel, SCORE, PATIENT.open_calls):
            said = set()
            end = time.monotonic() + 20
            while time.monotonic() < end and not said:
                try:
                    raw(channel)(asked([user(3)], [1, 2, 3]), timeout=20)
                except grpc.RpcError as error:
                    said.add((error.code().name, error.details().partition(" calls")[0]))
                raw(channel, CHECK)(b"", timeout=20)
            assert said == {("RESOURCE_EXHAUSTED", str(PATIENT.open_calls))}
        end = time.monotonic() + 20
        while time.monotonic() < end:  # until all have been cancelled
            try:
                assert raw(channel)(asked([user(3)], [1, 2, 3]), timeout=20)
                break
            except grpc.RpcError as error:
                assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_health_whose_message_never_comes_keeps_no_health_from_others(channel, monkeypatch):
    monkeypatch.setattr(config, "HEALTH_ARRIVAL_SECONDS", 30.0)
    with Half(channel, CHECK, 12), Half(channel, "/grpc.health.v1.Health/Watch", 3):
        assert raw(channel, CHECK)(b"", timeout=20)


@dataclass
class Slow:
    """A service that works until it is let go, and looks whether anybody waits."""

    go: threading.Event = field(default_factory=threading.Event)
    working: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ended: list = field(default_factory=list)

    def answer(self, request, call: Call):
        self.working.release()
        try:
            while not self.go.wait(0.02):
                call.check()
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        self.ended.append("answered")
        return health_pb2.HealthCheckResponse()

    def service(self):
        method = Method(health_pb2.HealthCheckRequest, self.answer)
        return Service("test.Slow", {"Work": method}, lambda: None)


@pytest.fixture
def slow():
    slow = Slow()
    with serving([slow.service()], SMALL) as channel:
        yield slow, channel
        slow.go.set()


WORK = "/test.Slow/Work"


def test_the_queue_has_an_end_and_health_answers_meanwhile(slow):
    service, channel = slow
    calls = [raw(channel, WORK).future(b"", timeout=40) for _ in range(6)]  # 2 work, 4 wait
    for _ in range(2):
        assert service.working.acquire(timeout=20)
    end = time.monotonic() + 20
    line = ""
    while time.monotonic() < end and "wait already" not in line:
        extra = raw(channel, WORK).future(b"", timeout=0.1)
        if extra.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            line = extra.details()
    assert line.startswith("4 calls wait already: try again later")
    assert raw(channel, CHECK)(b"", timeout=20)
    service.go.set()
    for call in calls:
        call.result(timeout=20)


def test_work_ends_when_nobody_waits_for_it(slow):
    service, channel = slow
    call = raw(channel, WORK).future(b"", timeout=40)
    assert service.working.acquire(timeout=20)
    call.cancel()
    code, _ = refusal_after(raw(channel, WORK), b"", 0.1)
    assert code == "DEADLINE_EXCEEDED"
    end = time.monotonic() + 20
    while len(service.ended) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert set(service.ended) <= {"Ended", "Refused"}
    assert len(service.ended) == 2


def refusal_after(call, message, seconds):
    with pytest.raises(grpc.RpcError) as caught:
        call(message, timeout=seconds)
    return caught.value.code().name, caught.value.details()


def test_a_call_without_a_deadline_has_an_end_too():
    service = Slow()
    limits = SMALL._replace(call_seconds=0.2)
    with serving([service.service()], limits) as channel, pytest.raises(grpc.RpcError) as caught:
        raw(channel, WORK)(b"")
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "0.2 s of work are over" in caught.value.details()
    assert service.ended == ["Refused"]


def test_who_gives_up_while_waiting_gives_his_place_away(slow):
    service, channel = slow
    working = [raw(channel, WORK).future(b"", timeout=40) for _ in range(2)]
    for _ in working:
        assert service.working.acquire(timeout=20)
    waiting = [raw(channel, WORK).future(b"", timeout=0.1) for _ in range(4)]
    assert {one.code() for one in waiting} == {grpc.StatusCode.DEADLINE_EXCEEDED}
    again = [raw(channel, WORK).future(b"", timeout=40) for _ in range(4)]
    service.go.set()
    for call in (*working, *again):
        call.result(timeout=20)
    assert service.ended == ["answered"] * 6


def test_a_long_call_is_ended_between_its_blocks(model):
    class Leaving(Call):
        """Somebody who leaves after a while."""

        looks = 0

        def check(self):
            self.looks += 1
            if self.looks > 3:
                raise TimeoutError

    users = [user(2)] * 1_000
    request = scorer_pb2.ScoreRequest(users=users, movie_ids=[1, 2] * 1_000)
    call = Leaving()
    with pytest.raises(TimeoutError):
        ScorerServicer(model, Faked(model).features).score(request, call)
    assert call.looks == 4


def test_blocks_change_no_bit(model):
    """Users of a call are scored in several blocks as each would be alone."""
    features = Faked(model).features
    servicer = ScorerServicer(model, features)
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 9, 150).tolist()
    movies = rng.integers(1, 66, sum(counts)).tolist()
    users = [scorer_pb2.User(user_id=1 + at % 40, candidates=n) for at, n in enumerate(counts)]
    together = servicer.score(scorer_pb2.ScoreRequest(users=users, movie_ids=movies))
    scores, terms, start = [], [], 0
    for one, count in zip(users, counts, strict=True):
        part = scorer_pb2.ScoreRequest(users=[one], movie_ids=movies[start : start + count])
        alone = servicer.score(part)
        scores += alone.scores
        terms.append(wire.matrix_of(alone.terms).values)
        start += count
    assert list(together.scores) == scores
    assert together.terms.values == np.concatenate(terms).tobytes()


@pytest.mark.parametrize("counts", [[], [0], [0] * 200, [3, 30_000, 1], [25_000] * 3, [300] * 500])
def test_blocks_hold_everybody_once_and_none_is_large(counts):
    found = list(blocks(counts))
    users = [at for part, _ in found for at in range(*part.indices(len(counts)))]
    assert users == list(range(len(counts)))
    total = 0
    for part, candidates in found:
        own = counts[part]
        assert (candidates.start, candidates.stop) == (total, total + sum(own))
        total = candidates.stop
        assert len(own) <= 64
        assert sum(own) <= 20_000 or len(own) == 1
    assert total == sum(counts)


def test_limits_name_options_of_serve():
    from reelrecs.cli.serve import serve

    options = {option for one in serve.params for option in one.opts}
    for check in ("users", "candidates", "all_candidates", "history"):
        with pytest.raises(InvalidRequest) as caught:
            getattr(Limits(), f"check_{check}")(10**9)
        assert str(caught.value).rpartition(" ")[2] in options


def test_silent_and_idle_connections_are_closed(model):
    limits = SMALL._replace(handshake_seconds=0.5, idle_seconds=0.6)
    with start(services_of(model), "127.0.0.1:0", ServerOptions(limits)) as server:
        host, _, port = server.address.rpartition(":")
        silent = [socket.create_connection((host, int(port)), timeout=20) for _ in range(50)]
        talker = socket.create_connection((host, int(port)), timeout=20)
        talker.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        with grpc.insecure_channel(server.address) as channel:
            assert raw(channel)(asked([user(3)], [1, 2, 3]), timeout=20)
        for one in (*silent, talker):
            with one:
                while one.recv(4096):
                    pass


def test_no_more_connections_are_taken_than_may_be(model):
    options = ServerOptions(SMALL._replace(connections=2))
    with start(services_of(model), "127.0.0.1:0", options) as server:
        channels = [
            grpc.insecure_channel(server.address, [("grpc.use_local_subchannel_pool", 1)])
            for _ in range(3)
        ]
        codes = []
        for channel in channels:
            try:
                raw(channel, CHECK)(b"", timeout=20)
                codes.append("OK")
            except grpc.RpcError as error:
                codes.append(error.code().name)
        for channel in channels:
            channel.close()
    assert codes == ["OK", "OK", "UNAVAILABLE"]


@pytest.mark.parametrize("letters", ["é", "\u4e2d", "\U0001f3ac", "a"])
def test_a_refusal_arrives_whatever_its_letters(model, letters):
    """gRPC drops statuses of many bytes, or sends one of its own in their place."""
    matrix = scorer_pb2.FeatureMatrix(rows=3, columns=[letters * 3_000] * 2, values=bytes(24))
    request = scorer_pb2.ScoreRequest(users=[user(3)], movie_ids=[1, 2, 3], features=matrix)
    with serving(services_of(model), Limits()) as channel:
        code, line = refusal(raw(channel), request.SerializeToString())
    assert code == "INVALID_ARGUMENT"
    assert line.isprintable()
    assert letters * 100 in line


def test_a_request_keeps_its_callers_name(channel):
    call = raw(channel)
    _, told = call.with_call(asked([], []), timeout=5, metadata=((REQUEST_ID, "order-7"),))
    assert dict(told.trailing_metadata())[REQUEST_ID] == "order-7"
    _, told = call.with_call(asked([], []), timeout=5, metadata=((REQUEST_ID, "no; good"),))
    assert len(dict(told.trailing_metadata())[REQUEST_ID]) == 16


def test_before_it_is_ready_it_is_unavailable(model):
    warming, go_on = threading.Event(), threading.Event()

    def warm_up():
        warming.set()
        go_on.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    services = [services_of(model)[0]._replace(warm_up=warm_up)]
    with ThreadPoolExecutor(1) as pool, grpc.insecure_channel(address) as channel:
        starting = pool.submit(start, services, address)
        assert warming.wait(30)
        grpc.channel_ready_future(channel).result(10)
        code, line = refusal(raw(channel), asked([], []))
        assert code == "UNAVAILABLE"
        assert line == "the service is starting: ask its health, then again"
        go_on.set()
        with starting.result(30):
            assert raw(channel)(asked([], []), timeout=20) is not None
            health = health_pb2_grpc.HealthStub(channel)
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=20)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_million_users_without_candidates_cost_nothing():
    """FAULT 4: 3.8 MiB that took 83 s of work and gigabytes."""
    fixed = ScoringModel.fixed(store_of(random_triples(8), movie_count=65))
    message = asked([user(0)], []) * 1_000_000
    with serving(scorer_services(fixed), Limits()) as channel:
        code, line = refusal(raw(channel), message)
    assert code == "INVALID_ARGUMENT"
    assert "1,000,000 users in a call" in line
