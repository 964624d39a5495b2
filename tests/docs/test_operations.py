"""The page on operations names options, metrics, tests and limits as they stand."""

import re
from pathlib import Path

import pytest

from reelrecs import config
from reelrecs.cli.recommend import recommend
from reelrecs.cli.serve import serve
from reelrecs.cli.web import web
from reelrecs.scorer.tokens import SHORTEST

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
OF_OTHERS = {"--data-dir", "--format"}


def test_every_option_it_names_exists() -> None:
    options = {
        one for command in (serve, web, recommend) for param in command.params for one in param.opts
    }
    options |= {
        one for param in serve.params for one in getattr(param, "secondary_opts", ())
    } | OF_OTHERS
    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) <= options


def test_every_option_of_serve_is_told() -> None:
    told = set(re.findall(r"--[a-z][a-z-]+", PAGE))
    for param in serve.params:
        names = {*param.opts, *getattr(param, "secondary_opts", ())}
        assert names & told, names


def test_every_metric_it_names_is_shown() -> None:
    code = (ROOT / "scorer" / "metrics.py").read_text()
    names = set(re.findall(r"(?:grpc_server|reelrecs)_[a-z_]+[a-z]", PAGE))
    assert len(names) > 10
    for name in names:
        assert f'"{name}"' in code, name


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[a-z_/.]+)`", PAGE))))
def test_every_test_it_names_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_its_numbers_are_the_defaults() -> None:
    for number in (
        f"{config.REQUEST_BYTES >> 20} MiB a request",
        f"{config.CALL_USERS:,} of a call",
        f"{config.CALL_CANDIDATES:,} of a call, {config.USER_CANDIDATES:,} of a user",
        f"{config.USER_HISTORY:,} rated movies",
        f"{config.CALL_RATINGS:,} ratings of a message",
        f"{config.SERVICE_QUEUE} calls that wait",
        f"{config.SERVICE_CONCURRENCY} calls worked on at once",
        f"{config.ARRIVAL_SECONDS:g} s for a message",
        f"{config.CALL_SECONDS:g} s of work",
        f"{config.CONNECTIONS:,} open connections",
        f"every {config.RELOAD_SECONDS:g} s (`--reload-seconds`)",
        f"for {config.DRAINING_NOTICE:g} s more",
        f"gets {config.DRAINING_GRACE:g} s",
        f"{config.BLOCK_USERS} users or {config.BLOCK_CANDIDATES:,}",
        f"{SHORTEST} characters or more",
    ):
        assert number in " ".join(PAGE.split()), number
