"""Faults against a real `serve`: python -m tests.serving.fault_suite [--quick]

Each fault is injected; then the next good call must be right and health SERVING. Prints a table and
ends with 1 if one was not survived. Everything is sent to this machine's loopback.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from reelrecs.proto import recommendation_pb2 as pb
from reelrecs.proto import recommendation_pb2_grpc, scorer_pb2
from reelrecs.scorer.metrics import resident_bytes

RECOMMEND = "/reelrecs.v1.RecommendationService/Recommend"
SCORE = "/reelrecs.v1.ScorerService/Score"
SECONDS, PATIENT_SECONDS = 2.0, 30.0
"""Until the next good call must be answered, at full size and in small, where no busy machine is to
fail a test."""


class Service:
    """A running `serve` on the embedded sample."""

    def __init__(self, process: subprocess.Popen[str], address: str, quick: bool) -> None:
        self.process = process
        self.address = address
        self.quick = quick
        self._channel = self.channel()
        self.expected = self.movies()

    def channel(self) -> Any:
        """A connection of its own."""
        return grpc.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1)])

    def movies(self, timeout: float = 20.0) -> list[int]:
        """A good call."""
        stub = recommendation_pb2_grpc.RecommendationServiceStub(self._channel)
        answer = stub.Recommend(
            pb.RecommendRequest(user_id=15), timeout=timeout, wait_for_ready=True
        )
        return [one.movie_id for one in answer.recommendations]

    def is_well(self) -> bool:
        """Whether the next good call is right, in time, and health agrees."""
        health = health_pb2_grpc.HealthStub(self._channel)
        seconds = PATIENT_SECONDS if self.quick else SECONDS
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=seconds)
        right = self.movies(seconds) == self.expected
        return right and answer.status == health_pb2.HealthCheckResponse.SERVING

    def raw(self) -> socket.socket:
        """A TCP connection."""
        host, _, port = self.address.rpartition(":")
        return socket.create_connection((host, int(port)), timeout=20)

    def held(self) -> tuple[int, int, float]:
        """Open files, threads and bytes of the process."""
        folder = Path(f"/proc/{self.process.pid}")
        files, threads = len(os.listdir(folder / "fd")), len(os.listdir(folder / "task"))
        return files, threads, resident_bytes(self.process.pid)


def garbage(service: Service) -> str:
    """Random bytes, HTTP/1.1, a TLS hello, broken frames."""
    rng = random.Random(1)
    kinds: list[Callable[[], bytes]] = [
        lambda: rng.randbytes(200),
        lambda: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        lambda: bytes.fromhex("16030100c8010000c40303") + rng.randbytes(200),
        lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + rng.randbytes(60),
        lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("ffffff0400ffffffff"),
    ]
    count = 0
    for _ in range(10 if service.quick else 60):
        for kind in kinds:
            with service.raw() as connection:
                connection.sendall(kind())
                count += 1
    return f"{count} connections"


def idle(service: Service) -> str:
    """Connections that say nothing."""
    silent = [service.raw() for _ in range(100 if service.quick else 500)]
    well = service.is_well()
    for one in silent:
        one.close()
    assert well
    return f"{len(silent)} connections"


def half_sent(service: Service) -> str:
    """Calls whose message does not come, more than may work."""
    go = threading.Event()

    def messages() -> Iterator[bytes]:
        go.wait(30)
        yield b""

    calls = []
    with service.channel() as channel:
        for method in (RECOMMEND, SCORE):
            call = channel.stream_unary(method)
            calls += [call.future(messages(), timeout=30) for _ in range(40)]
        time.sleep(0.3)
        well = service.is_well()
        go.set()
        for one in calls:
            one.cancel()
    assert well
    return f"{len(calls)} calls"


def fuzzed(service: Service) -> str:
    """Random bytes, and good messages with bytes changed."""
    rng = random.Random(2)
    users = [scorer_pb2.User(user_id=1, candidates=3)] * 3
    good = {
        RECOMMEND: pb.RecommendRequest(user_id=3, limit=20, explain=True).SerializeToString(),
        SCORE: scorer_pb2.ScoreRequest(users=users, movie_ids=[1, 2, 3] * 3).SerializeToString(),
    }

    def message(base: bytes) -> bytes:
        if rng.random() < 0.3:
            return rng.randbytes(rng.randrange(300))
        changed = bytearray(base)
        for _ in range(rng.randrange(1, 5)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        return bytes(changed[: rng.randrange(1, len(changed) + 1)])

    count = 400 if service.quick else 10_000
    asked = [(method, message(good[method])) for method in rng.choices(list(good), k=count)]
    codes: dict[str, int] = {}
    with service.channel() as channel, ThreadPoolExecutor(8) as pool:
        calls = {method: channel.unary_unary(method) for method in good}

        def ask(one: tuple[str, bytes]) -> str:
            return str(calls[one[0]].future(one[1], timeout=20).code().name)

        for code in pool.map(ask, asked):
            codes[code] = codes.get(code, 0) + 1
    allowed = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}
    assert set(codes) <= allowed, codes
    return f"{count} messages: {', '.join(f'{n} {code}' for code, n in sorted(codes.items()))}"


def too_much(service: Service) -> str:
    """Small messages that would cost minutes, and large ones."""
    asked = {
        "users": scorer_pb2.ScoreRequest(users=[scorer_pb2.User(user_id=1)]).SerializeToString()
        * 1_000_000,
        "history": pb.RecommendRequest(
            history=pb.RatingHistory(movie_ids=[1] * 1_000_000, ratings=[4.0] * 1_000_000)
        ).SerializeToString(),
        "message": bytes(20 * 2**20),
    }
    found = []
    with service.channel() as channel:
        for what, message in asked.items():
            method = RECOMMEND if what == "history" else SCORE
            code = channel.unary_unary(method).future(message, timeout=20).code().name
            found.append(f"{what} {code}")
    assert {one.split()[1] for one in found} == {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}, found
    return ", ".join(found)


def crowd(service: Service) -> str:
    """Far more calls at once than may wait, health among them."""
    count = 900 if service.quick else 5_000
    message = pb.RecommendRequest(user_id=3, explain=True).SerializeToString()
    with service.channel() as channel:
        call = channel.unary_unary(RECOMMEND)
        calls = [call.future(message, timeout=60) for _ in range(count)]
        health = health_pb2_grpc.HealthStub(service.channel())
        begun = time.monotonic()
        health.Check(health_pb2.HealthCheckRequest(), timeout=20, wait_for_ready=True)
        waited = time.monotonic() - begun
        codes = [one.code().name for one in calls]
    assert set(codes) <= {"OK", "RESOURCE_EXHAUSTED", "UNAVAILABLE"}, set(codes)
    done = codes.count("OK")
    return f"{count} calls: {done} answered, {count - done} refused; health in {waited:.2f} s"


def given_up(service: Service) -> str:
    """Deadlines that are over soon, and calls cancelled at once."""
    count = 500 if service.quick else 5_000
    message = pb.RecommendRequest(user_id=3).SerializeToString()
    with service.channel() as channel:
        call = channel.unary_unary(RECOMMEND)
        calls = [call.future(message, timeout=0.02) for _ in range(count)]
        for one in [call.future(message, timeout=20) for _ in range(count)]:
            one.cancel()
        for one in calls:
            one.code()
    return f"{2 * count} calls"


def never_read(service: Service) -> str:
    """Clients that ask for much and read nothing, and then vanish."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    crowd = [service.raw() for _ in range(20)]
    for one in crowd:
        one.sendall(preface)
    well = service.is_well()
    for one in crowd:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        one.close()
    assert well
    return f"{len(crowd)} clients"


def stopped(service: Service) -> str:
    """SIGSTOP for a while, with calls under way."""
    seconds = 1.0 if service.quick else 10.0
    message = pb.RecommendRequest(user_id=3).SerializeToString()
    os.kill(service.process.pid, signal.SIGSTOP)
    with service.channel() as channel:
        call = channel.unary_unary(RECOMMEND)
        held = [call.future(message, timeout=60, wait_for_ready=True) for _ in range(20)]
        time.sleep(seconds)
        os.kill(service.process.pid, signal.SIGCONT)
        assert {one.code().name for one in held} == {"OK"}
    return f"{seconds:.0f} s, {len(held)} calls held"


def steady(service: Service) -> str:
    """Requests for long: memory, files and threads stay."""
    few, many = (200, 800) if service.quick else (1_000, 20_000)
    message = pb.RecommendRequest(user_id=3, explain=True).SerializeToString()
    with service.channel() as channel, ThreadPoolExecutor(8) as pool:
        call = channel.unary_unary(RECOMMEND)

        def ask(count: int) -> tuple[int, int, float]:
            for _ in pool.map(lambda _: call(message, timeout=30), range(count)):
                pass
            return service.held()

        before, after = ask(few), ask(many - few)
    assert after[2] < before[2] * (1.25 if service.quick else 1.1), (before, after)
    assert after[0] <= before[0] + 4, (before, after)
    return (
        f"{few:,} and {many:,} requests: {before[2] / 2**20:.0f} and {after[2] / 2**20:.0f} MiB, "
        f"{before[0]} and {after[0]} files, {before[1]} and {after[1]} threads"
    )


FAULTS: tuple[Callable[[Service], str], ...] = (
    steady, garbage, idle, half_sent, fuzzed, too_much, crowd, given_up, never_read, stopped,
)  # fmt: skip


@contextmanager
def running(folder: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A `serve` that is ready, and its address; its log goes to a file of the folder."""
    command = [sys.executable, "-m", "reelrecs", "serve", "--address", "127.0.0.1:0", *options]
    log = Path(folder) / "log"
    with log.open("w") as file, subprocess.Popen(command, stderr=file, text=True) as process:
        try:
            while "ready: scoring" not in log.read_text():
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
            line = next(one for one in log.read_text().splitlines() if "ready: scoring" in one)
            yield process, line.split(" on ")[1].split(";")[0]
        finally:
            process.kill()


def main(quick: bool) -> int:
    """Inject them all; 1 if one was not survived."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder, running(folder) as (process, address):
        service = Service(process, address, quick)
        for fault in FAULTS:
            begun = time.monotonic()
            try:
                said = fault(service)
                well = service.is_well()
            except (AssertionError, grpc.RpcError, OSError) as error:
                said, well = f"{type(error).__name__}: {str(error)[:300]}", False
            failed += not well
            what = " ".join((fault.__doc__ or "").split()).rstrip(".")
            verdict = "survived" if well else "NOT SURVIVED"
            print(f"| {what} | {said} | {verdict} |", flush=True)
            print(f"{fault.__name__}: {time.monotonic() - begun:.1f} s", file=sys.stderr)
        process.send_signal(signal.SIGTERM)
        print(f"exit code {process.wait(60)}", file=sys.stderr)
        faults = [
            line for line in Path(folder, "log").read_text().splitlines() if "Traceback" in line
        ]
        failed += len(faults)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv[1:]))
