"""`web` as a process: it says where it is, answers, reads anew, and ends well."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import trustme

from tests.cli.test_cli import call

pytestmark = pytest.mark.usefixtures("heard")


@contextmanager
def web(*options: str, before: tuple[str, ...] = ()) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, once it is ready, and its address."""
    command = [sys.executable, "-m", "reelrecs", *before, "web", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = ""
            while "ready: " not in line:
                line = process.stderr.readline()
                assert line, "web ended early"
            yield process, line.rpartition(" on ")[2].partition(";")[0]
        finally:
            process.kill()


def ended_by(process: subprocess.Popen[str], number: int) -> tuple[int, str]:
    process.send_signal(number)
    _, rest = process.communicate(timeout=60)
    return process.returncode, rest


def test_it_answers_and_logs_and_ends_well(mine: Path) -> None:
    options = ("--address", "127.0.0.1:0", "--metrics-port", "0")
    with web(*options, before=("--data-dir", str(mine))) as (process, url):
        assert process.stderr is not None
        metrics = process.stderr.readline().split(" at ")[1].strip()
        told = httpx.get(f"{url}api/v1/version", timeout=30, trust_env=False).json()
        assert told["dataset"] == "mine"
        page = httpx.get(url, timeout=30, trust_env=False)
        assert "Film" in page.text
        counted = httpx.get(metrics, timeout=30, trust_env=False).text
        assert 'grpc_server_handled_total{grpc_code="OK",grpc_method="api/v1/version"' in counted
        code, rest = ended_by(process, signal.SIGTERM)
    assert code == 0
    logged = [json.loads(line) for line in rest.splitlines()]
    assert [(one["method"], one["status"]) for one in logged] == [
        ("http/api/v1/version", "OK"),
        ("http/", "OK"),
    ]


def test_at_sighup_it_reads_anew_and_ctrl_c_is_told(mine: Path) -> None:
    options = ("--address", "127.0.0.1:0", "--no-request-log", "--reload-seconds", "60")
    with web(*options, before=("--data-dir", str(mine))) as (process, _):
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        assert "was read anew" in process.stderr.readline()
        assert ended_by(process, signal.SIGINT) == (130, "reelrecs-fast: interrupted\n")


def test_a_unix_socket_is_private_and_gone_afterwards(mine: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        options = ("--address", f"unix:{path}", "--no-request-log")
        with web(*options, before=("--data-dir", str(mine))) as (process, url):
            assert url == f"unix:{path}"
            assert path.stat().st_mode & 0o777 == 0o600
            transport = httpx.HTTPTransport(uds=str(path))
            with httpx.Client(transport=transport, base_url="http://localhost") as client:
                assert client.get("/api/v1/health", timeout=30).json() == {"status": "serving"}
            assert ended_by(process, signal.SIGTERM) == (0, "")
        assert os.listdir(folder) == []


def test_a_port_in_use_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = call("web", "--address", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 8
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_certificate_that_changes_is_taken_and_a_bad_one_is_refused(
    mine: Path, tmp_path: Path
) -> None:
    authority = trustme.CA()
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def issue() -> str:
        issued = authority.issue_cert("127.0.0.1")
        key.write_bytes(issued.private_key_pem.bytes())
        certificate.write_bytes(issued.cert_chain_pems[0].bytes())
        return certificate.read_text()

    def shown(url: str) -> str:
        port = int(url.rstrip("/").rpartition(":")[2])
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=30)

    first = issue()
    options = ("--address", "127.0.0.1:0", "--no-request-log", "--reload-seconds", "0.1")
    tls = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with web(*options, *tls, before=("--data-dir", str(mine))) as (process, url):
        assert process.stderr is not None
        assert shown(url) == first
        second = issue()
        while "has changed" not in process.stderr.readline():
            assert process.poll() is None
        assert shown(url) == second != first
        certificate.write_text("nonsense")
        while "cannot be used" not in process.stderr.readline():
            assert process.poll() is None
        assert shown(url) == second
        assert ended_by(process, signal.SIGTERM)[0] == 0


def test_told_to_end_it_says_so_and_answers_for_a_moment(mine: Path) -> None:
    options = ("--address", "127.0.0.1:0", "--no-request-log", "--drain-notice", "60")
    with web(*options, before=("--data-dir", str(mine))) as (process, url):
        api = f"{url.rstrip('/')}/api/v1"
        assert httpx.get(f"{api}/health", timeout=30).json() == {"status": "serving"}
        process.send_signal(signal.SIGTERM)
        while (answer := httpx.get(f"{api}/health", timeout=30)).status_code == 200:
            assert process.poll() is None
        assert (answer.status_code, answer.json()) == (503, {"status": "not serving"})
        listed = httpx.get(f"{api}/recommend", params={"user_id": 1}, timeout=30)
        assert len(listed.json()["recommendations"]) > 0
        assert process.poll() is None
