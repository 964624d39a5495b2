"""The log of requests and the metrics, as those who run a service read them."""

import json
import threading
import urllib.request
from contextlib import contextmanager

import grpc
import pytest

from reelrecs.errors import AddressError
from reelrecs.proto import recommendation_pb2 as pb
from reelrecs.proto import recommendation_pb2_grpc, scorer_pb2, scorer_pb2_grpc
from reelrecs.scorer.calls import Call
from reelrecs.scorer.metrics import Exposition, client, resident_bytes
from reelrecs.scorer.request_log import RequestLog
from reelrecs.serving.host import hosted
from reelrecs.serving.options import ServeOptions


@contextmanager
def serving(mine, tmp_path, write=lambda _: None, **choices):
    options = ServeOptions(str(mine), str(tmp_path / "models"), address="127.0.0.1:0", **choices)
    with (
        hosted(options, write, lambda _: None) as host,
        grpc.insecure_channel(host.server.address) as channel,
    ):
        yield host, channel


def ask(channel):
    """A list, one of a user that is unknown, and scores for two users."""
    stub = recommendation_pb2_grpc.RecommendationServiceStub(channel)
    stub.Recommend(pb.RecommendRequest(user_id=1), timeout=20, metadata=(("x-request-id", "a-1"),))
    with pytest.raises(grpc.RpcError):
        stub.Recommend(pb.RecommendRequest(user_id=10**6), timeout=20)
    users = [scorer_pb2.User(user_id=1, candidates=3), scorer_pb2.User(user_id=2, candidates=2)]
    request = scorer_pb2.ScoreRequest(users=users, movie_ids=[1, 2, 3, 1, 2])
    scorer_pb2_grpc.ScorerServiceStub(channel).Score(request, timeout=20)


def test_every_request_is_one_line_of_json(mine, tmp_path):
    lines = []
    with serving(mine, tmp_path, lines.append) as (_, channel):
        ask(channel)
    found = [json.loads(line) for line in lines]
    assert [list(one) for one in found] == [
        ["time", "id", "method", "status", "users", "candidates", "ms"]
    ] * 3
    assert [(one["status"], one["users"], one["candidates"]) for one in found] == [
        ("OK", 1, 20), ("NOT_FOUND", 1, 0), ("OK", 2, 5)
    ]  # fmt: skip
    assert found[0]["id"] == "a-1"
    assert found[0]["method"] == "reelrecs.v1.RecommendationService/Recommend"
    assert all(one["ms"] > 0 and one["time"].endswith("Z") for one in found)


def test_a_reader_that_stands_still_stops_no_call(monkeypatch):
    monkeypatch.setattr("reelrecs.config.REQUEST_LOG_LINES", 4)
    go_on, lines = threading.Event(), []

    def write(line):
        go_on.wait(20)
        lines.append(json.loads(line))

    with RequestLog(write) as log:
        for _ in range(50):
            log.ended(Call("/s/m"))
        go_on.set()
    written = [one for one in lines if "id" in one]
    assert 4 <= len(written) <= 6
    assert sum(one.get("lost_lines", 0) for one in lines) == 50 - len(written)


def read(address):
    """Metrics as {name with labels: value}."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_metrics_have_the_names_that_dashboards_know(mine, tmp_path):
    with serving(mine, tmp_path, metrics_port=0, request_log=False) as (host, channel):
        assert host.metrics_address.startswith("127.0.0.1:")
        ask(channel)
        found = read(host.metrics_address)
    labels = (
        'grpc_method="Recommend",grpc_service="reelrecs.v1.RecommendationService",grpc_type="unary"'
    )
    assert found[f"grpc_server_started_total{{{labels}}}"] == 2
    assert found[f'grpc_server_handled_total{{grpc_code="OK",{labels}}}'] == 1
    assert found[f'grpc_server_handled_total{{grpc_code="NotFound",{labels}}}'] == 1
    assert found[f"grpc_server_handling_seconds_count{{{labels}}}"] == 2
    assert found['reelrecs_stage_seconds_count{stage="score"}'] == 1
    assert found["reelrecs_in_flight"] == 0
    assert found['reelrecs_queue_length{worker="0"}'] == 0
    assert found['reelrecs_model_age_seconds{worker="0"}'] == -1
    assert found['reelrecs_data_age_seconds{worker="0"}'] > 1e9
    assert found['reelrecs_resident_memory_bytes{worker="0"}'] > 1e7
    assert found['reelrecs_reloads{worker="0"}'] == found["reelrecs_worker_restarts"] == 0
    assert found["reelrecs_workers"] == 1


def test_kept_lists_are_counted(mine, tmp_path):
    with serving(mine, tmp_path, metrics_port=0, request_log=False, cache=3) as (host, channel):
        ask(channel)
        first = read(host.metrics_address)  # requests that warm it up are counted, too
        ask(channel)
        second = read(host.metrics_address)
    names = [f'reelrecs_cache_{what}{{worker="0"}}' for what in ("hits", "misses")]
    assert [second[name] - first[name] for name in names] == [1, 1]  # nobody is never kept
    assert second['reelrecs_stage_seconds_count{stage="cache"}'] >= 1


def test_a_port_in_use_is_an_address_error():
    first = Exposition(0, client().CollectorRegistry())
    port = int(first.address.rpartition(":")[2])
    with pytest.raises(AddressError, match=r"cannot show metrics at .*choose another --metrics-po"):
        Exposition(port, client().CollectorRegistry())
    first.close()
    Exposition(port, client().CollectorRegistry()).close()


def test_a_process_that_is_gone_has_no_memory():
    assert resident_bytes(2**30) == 0.0
