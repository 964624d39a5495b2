"""`health` as containers ask it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from reelrecs.cli import run
from reelrecs.scorer.server import ServerOptions, start
from tests.scorer.asking import SMALL


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int) -> str:
    assert run(["health", *words]) == code
    printed = capsys.readouterr()
    return printed.out + printed.err


def test_a_service_that_can_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for address in ("127.0.0.1:0", f"unix:{tmp_path}/x.sock"):
        with start([], address, ServerOptions(SMALL)) as server:
            assert said(capsys, server.address, code=0) == "SERVING\n"
            server.drain(0, 0)
        line = said(capsys, server.address, code=6)
        assert line.startswith(f"reelrecs-fast: no service answers at {server.address}: ")
        assert len(line.splitlines()) == 1


def test_what_answers_nothing_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"http://127.0.0.1:{port}"):
            line = said(capsys, address, "--timeout", "0.3", code=6)
            assert len(line.splitlines()) == 1
    assert "no page answers at http://127.0.0.1:" in said(
        capsys, f"http://127.0.0.1:{port}", code=6
    )
    assert "is no address" in said(capsys, "nowhere", code=8)
