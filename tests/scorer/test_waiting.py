"""Calls that come and wait and go: nobody else waits for them. FAULTS 2, 13, 26."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from reelrecs import config
from reelrecs.scorer.calls import Call, Method
from reelrecs.scorer.dispatch import Service
from reelrecs.scorer.server import ServerOptions, start
from tests.models import learned_model_of
from tests.scorer.asking import (
    CHECK,
    IMPATIENT,
    SCORE,
    SMALL,
    asked,
    raw,
    refusal,
    services_of,
    serving,
    user,
)
from tests.worlds import random_triples, store_of


@pytest.fixture(scope="module")
def model():
    return learned_model_of(store_of(random_triples(8), movie_count=65))


@pytest.fixture
def channel(model):
    with serving(services_of(model), SMALL) as channel:
        yield channel


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
    with serving(services_of(model), SMALL) as channel, Half(channel, SCORE, 8) as half:
        for _ in range(20):
            raw(channel)(asked([user(3)], [1, 2, 3]), timeout=20)
        raw(channel, CHECK)(b"", timeout=20)
        assert not any(call.done() for call in half)


def test_calls_whose_message_never_comes_are_ended(model):
    with serving(services_of(model), IMPATIENT) as channel, Half(channel, SCORE, 8) as half:
        assert {call.code() for call in half} == {grpc.StatusCode.CANCELLED}


def test_more_open_calls_than_may_be_are_refused_at_once_and_health_is_not(model):
    with serving(services_of(model), SMALL) as channel:
        with Half(channel, SCORE, SMALL.open_calls):
            said = set()
            end = time.monotonic() + 20
            while time.monotonic() < end and not said:
                try:
                    raw(channel)(asked([user(3)], [1, 2, 3]), timeout=20)
                except grpc.RpcError as error:
                    said.add((error.code().name, error.details().partition(" calls")[0]))
                raw(channel, CHECK)(b"", timeout=20)
            assert said == {("RESOURCE_EXHAUSTED", str(SMALL.open_calls))}
        end = time.monotonic() + 20
        code = None
        while code is not grpc.StatusCode.OK and time.monotonic() < end:  # all being cancelled
            code = raw(channel).future(asked([user(3)], [1, 2, 3]), timeout=20).code()
        assert code is grpc.StatusCode.OK


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
    server: object = None

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
    with (
        start([slow.service()], "127.0.0.1:0", ServerOptions(SMALL)) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        slow.server = server
        yield slow, channel
        slow.go.set()


WORK = "/test.Slow/Work"


def test_the_queue_has_an_end_and_health_answers_meanwhile(slow):
    service, channel = slow
    calls = [raw(channel, WORK).future(b"", timeout=40) for _ in range(6)]  # 2 work, 4 wait
    for _ in range(2):
        assert service.working.acquire(timeout=20)
    end = time.monotonic() + 60
    line = ""
    while time.monotonic() < end and "wait already" not in line:
        extra = raw(channel, WORK).future(b"", timeout=2)
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
    late = raw(channel, WORK).future(b"", timeout=2)
    for _ in (call, late):
        assert service.working.acquire(timeout=20)
    call.cancel()
    assert late.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    end = time.monotonic() + 20
    while len(service.ended) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert set(service.ended) <= {"Ended", "Refused"}
    assert len(service.ended) == 2


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
    end = time.monotonic() + 20
    while service.server.waiting and time.monotonic() < end:
        time.sleep(0.01)
    again = [raw(channel, WORK).future(b"", timeout=40) for _ in range(4)]
    service.go.set()
    for call in (*working, *again):
        call.result(timeout=20)
    assert service.ended == ["answered"] * 6


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
