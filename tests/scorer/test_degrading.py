"""A scorer that goes away and comes back, while lists are asked for."""

import json
import socket
import time

import pytest

from reelrecs import config
from reelrecs.cli import run
from reelrecs.engine import Engine
from reelrecs.errors import InvalidRequest, ScorerAway, ScorerError
from reelrecs.scorer.server import start
from reelrecs.scorer.service import scorer_services
from tests.worlds import random_triples, store_of


def shown(engine: Engine) -> list[tuple]:
    return [(one.movie.movie_id, one.score, one.degraded) for one in engine.recommend(1, 5)]


def test_rows_are_marked_while_the_scorer_is_away_and_only_then(mine, monkeypatch, logged):
    monkeypatch.setattr(config, "CIRCUIT_SECONDS", 0.0)
    with Engine.open(mine) as here:
        server = start(scorer_services(here.model), "127.0.0.1:0")
        with Engine(here.store, server.address, model=here.model, degrade=True) as engine:
            whole = shown(engine)
            assert whole == shown(here)
            server.close(0)
            marked = [(movie, score, True) for movie, score, _ in whole]
            for _ in range(3):
                assert shown(engine) == marked
            away = [line for line in logged.lines if "no scorer answers" in line]
            assert len(away) == 1
            assert away[0].endswith("until then lists are ranked here, and marked")
            for item in engine.recommend(1, 5, explain=True):
                assert item.to_dict()["degraded"] is True
                assert item.explanation.contributions["degraded"] == 0.0
                total = sum(item.explanation.contributions.values())
                assert total == pytest.approx(item.explanation.total, abs=1e-4)
            with start(scorer_services(here.model), server.address):
                end = time.monotonic() + 30
                while shown(engine) != whole and time.monotonic() < end:
                    time.sleep(0.05)
                assert shown(engine) == whole
        with (
            Engine(here.store, server.address, model=here.model) as strict,
            pytest.raises(ScorerAway, match="no scorer answers"),
        ):
            shown(strict)


def test_nobody_waits_for_it_while_the_circuit_is_open(mine, monkeypatch):
    """A service that takes calls and says nothing is asked once."""
    monkeypatch.setattr(config, "CIRCUIT_SECONDS", 1000.0)
    monkeypatch.setattr(config, "SCORER_CONNECT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with Engine.open(mine, scorer=address, degrade=True) as engine:
            remote = engine.pipeline.scorer._remote
            remote._deadline = 0.5
            assert all(one[2] for one in shown(engine))
            remote.close()  # whoever asks it now gets an error that is not passed over
            assert all(one[2] for one in shown(engine))


def test_a_scorer_that_refuses_is_an_error(mine):
    with (
        Engine.open(mine) as here,
        Engine(store_of(random_triples(9), movie_count=65)) as other,
        start(scorer_services(other.model), "127.0.0.1:0") as server,
        Engine(here.store, server.address, model=here.model, degrade=True) as engine,
        pytest.raises(ScorerError, match="refused") as caught,
    ):
        shown(engine)
    assert not isinstance(caught.value, ScorerAway)


def test_only_what_is_elsewhere_can_be_away(mine, capsys):
    with Engine.open(mine) as engine, pytest.raises(InvalidRequest, match="degrade"):
        Engine(engine.store, degrade=True)
    assert run(["--data-dir", str(mine), "recommend", "--user-id", "1", "--degrade"]) == 2
    capsys.readouterr()


def test_on_the_command_line(mine, capsys):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    ask = ["--data-dir", str(mine), "recommend", "--user-id", "1", "--scorer", address]
    assert run(ask) == 6
    capsys.readouterr()
    assert run([*ask, "--degrade", "--limit", "3"]) == 0
    printed = capsys.readouterr()
    assert all(line.endswith("+degraded") for line in printed.out.splitlines()[1:])
    assert "lists are ranked here, and marked" in printed.err
    assert run([*ask, "--degrade", "--limit", "3", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["recommendations"]
    assert [row["degraded"] for row in rows] == [True] * 3
