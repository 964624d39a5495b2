"""`serve` for long: files read anew, workers that die, terminals that close, bad options."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from reelrecs.proto import recommendation_pb2, recommendation_pb2_grpc
from tests.cli.served import Served, served
from tests.cli.test_cli import call

pytestmark = pytest.mark.usefixtures("heard")


def lists_from(channel: Any) -> list[int]:
    stub = recommendation_pb2_grpc.RecommendationServiceStub(channel)
    answer = stub.Recommend(recommendation_pb2.RecommendRequest(user_id=1), timeout=30)
    return [one.movie_id for one in answer.recommendations]


def line_with(serve: Served, *texts: str) -> str:
    """The next line of stderr that has one of the texts."""
    assert serve.process.stderr is not None
    while line := serve.process.stderr.readline():
        if any(text in line for text in texts):
            return line
    raise AssertionError("it ended without saying so")


def test_at_sighup_it_reads_its_files_anew_and_serves_on(mine: Path, temp: Path) -> None:
    with served(temp, "--reload-seconds", "60", before=("--data-dir", str(mine))) as serve:
        with grpc.insecure_channel(serve.ready()) as channel:
            before = lists_from(channel)
            serve.process.send_signal(signal.SIGHUP)
            assert "mine (pretrained) was read anew" in line_with(serve, "anew")
            assert lists_from(channel) == before
            (mine / "ratings.csv").write_text("nonsense")
            serve.process.send_signal(signal.SIGHUP)
            assert "ratings.csv" in line_with(serve, "what was served before stays in use")
            assert lists_from(channel) == before
        assert serve.ended_by(signal.SIGTERM) == (0, "")


def test_a_terminal_that_closes_ends_it(temp: Path) -> None:
    """Where nobody can press Ctrl-C any more, a service must not stay behind."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "reelrecs", "serve", "--address", "127.0.0.1:0"]
    with subprocess.Popen([*command, "--drain-notice", "0"], stderr=theirs) as process:
        try:
            os.close(theirs)
            text = ""
            while "ready: scoring" not in text:
                text += os.read(ours, 1000).decode()
            process.send_signal(signal.SIGHUP)
            assert process.wait(60) == 0
        finally:
            process.kill()
            os.close(ours)


def test_health_says_that_it_leaves_before_it_refuses(temp: Path) -> None:
    with served(temp, "--drain-notice", "1.5") as serve:
        with grpc.insecure_channel(serve.ready()) as channel:
            lists_from(channel)
            health = health_pb2_grpc.HealthStub(channel)
            watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=60)
            assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
            serve.process.send_signal(signal.SIGTERM)
            assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
            assert lists_from(channel)
        assert serve.process.wait(60) == 0


def test_each_request_is_logged_and_nothing_else(temp: Path) -> None:
    with served(temp, "--request-log") as serve:
        with grpc.insecure_channel(serve.ready()) as channel:
            lists_from(channel)
        code, rest = serve.ended_by(signal.SIGTERM)
    assert code == 0
    (line,) = rest.splitlines()
    assert json.loads(line)["status"] == "OK"


def children(process: int) -> list[int]:
    """Worker processes: those children that are not multiprocessing's own tracker."""
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    told = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in text.split()}
    return sorted(pid for pid, words in told.items() if b"spawn_main" in words)


def metric(url: str, name: str) -> float:
    with urllib.request.urlopen(url, timeout=20) as answer:
        lines = [line.rsplit(" ", 1) for line in answer.read().decode().splitlines()]
    return sum(float(value) for what, value in lines if what.partition("{")[0] == name)


def is_gone(pid: int) -> bool:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":  # dead, and not yet waited for by whoever has inherited it
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_workers_share_a_port_and_are_started_again(temp: Path) -> None:
    """Killed one after the other, each is replaced, counted, and its metrics are forgotten."""
    with served(temp, "--workers", "2", "--metrics-port", "0", "--request-log") as serve:
        address = serve.ready()
        url = line_with(serve, "metrics at").split()[-1]
        first = children(serve.process.pid)
        assert len(first) == 2
        answered = 0
        for _ in range(12):
            with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as one:
                answered += len(lists_from(one)) == 20
        assert answered == 12
        assert metric(url, "grpc_server_handled_total") == 12
        assert metric(url, "reelrecs_workers") == 2
        os.kill(first[0], signal.SIGKILL)
        assert "ended with code -9; another starts in" in line_with(serve, "ended with")
        end = time.monotonic() + 60
        while len(children(serve.process.pid)) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        second = children(serve.process.pid)
        assert first[1] in second
        assert first[0] not in second
        while metric(url, "reelrecs_worker_restarts") < 1:
            assert time.monotonic() < end
        with grpc.insecure_channel(address) as channel:
            assert lists_from(channel)
        code, _ = serve.ended_by(signal.SIGTERM)
    assert code == 0
    assert all(is_gone(pid) for pid in (*first, *second))
    assert [path.name for path in temp.iterdir() if path.name.startswith("reelrecs")] == []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_workers_end_when_who_started_them_is_killed(temp: Path) -> None:
    with served(temp, "--workers", "2") as serve:
        serve.ready()
        workers = children(serve.process.pid)
        assert len(workers) == 2
        serve.process.kill()
        serve.process.wait(20)
        assert all(is_gone(pid) for pid in workers)


def test_what_keeps_a_worker_from_starting_is_told_once(mine: Path, temp: Path) -> None:
    (mine / "ratings.csv").write_text("nonsense")
    done = call("--data-dir", str(mine), "serve", "--workers", "2", "--address", "127.0.0.1:0")
    assert done.returncode == 3
    assert done.stderr.count("ratings.csv") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--workers", "2", "--address", "unix:/tmp/s"), 2, "not a unix socket: give HOST:PORT"),
        (("--tls-cert", "c.pem"), 2, "--tls-cert and --tls-key belong together"),
        (("--tls-client-ca", "c.pem"), 2, "--tls-client-ca needs TLS"),
        (("--tls-cert", "c.pem", "--tls-key", "k.pem"), 2, "cannot read c.pem: no such file"),
        (("--token-file", "none"), 2, "cannot read tokens from none: no such file"),
        (("--socket-mode", "9"), 2, "'9' is no mode"),
        (("--queue", "-1"), 2, "Invalid value for '--queue'"),
    ],
)
def test_options_that_cannot_be_are_told_in_one_line(
    options: tuple[str, ...], code: int, said: str
) -> None:
    done = call("serve", "--address", "127.0.0.1:0", *options)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_what_others_can_read_is_warned_of(temp: Path) -> None:
    with served(temp, "--address", "0.0.0.0:0") as serve:
        assert "can be read on the way: give --tls-cert" in line_with(serve, "on the way")
        assert "may ask: give --token-file" in line_with(serve, "may ask")
        serve.ready()
        assert serve.ended_by(signal.SIGTERM)[0] == 0


def test_a_token_from_the_environment_is_wanted(temp: Path, monkeypatch: Any) -> None:
    token = "a-token-of-thirty-two-characters"
    monkeypatch.setenv("REELRECS_TOKEN", token)
    with served(temp) as serve:
        asked = ("recommend", "--user-id", "1", "--limit", "3", "--scorer", serve.ready())
        assert call(*asked).returncode == 0
        monkeypatch.setenv("REELRECS_TOKEN", token + "x")
        refused = call(*asked)
        assert refused.returncode == 6
        assert "wants another token: let REELRECS_TOKEN hold it" in refused.stderr
        assert token not in refused.stderr
        assert serve.ended_by(signal.SIGTERM)[0] == 0
