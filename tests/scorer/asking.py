"""Servers with small limits, and raw calls to them."""

from contextlib import contextmanager

import grpc
import numpy as np
import pytest

from reelrecs.pipeline.candidates import FeatureMatrix
from reelrecs.proto import scorer_pb2
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.server import ServerOptions, start
from reelrecs.scorer.service import scorer_services

SCORE = "/reelrecs.v1.ScorerService/Score"
CHECK = "/grpc.health.v1.Health/Check"
SMALL = Limits(
    message_bytes=20_000, users=3, call_candidates=40, candidates=20, history=5, arriving=6,
    arrival_seconds=60.0, concurrency=2, queue=4,
)  # fmt: skip
IMPATIENT = SMALL._replace(arrival_seconds=0.5)  # a busy machine ends right calls too


class Faked:
    """Features of nobody in particular."""

    def __init__(self, model):
        self._columns = model.ranker.required_columns

    def features(self, asked, movies):
        values = np.outer(movies + 1.0, np.arange(1, len(self._columns) + 1)) % 7 / 7
        return FeatureMatrix(self._columns, values.astype(np.float32))


def services_of(model):
    return scorer_services(model, Faked(model).features, limits=SMALL)


@contextmanager
def serving(services, limits, **options):
    with (
        start(services, "127.0.0.1:0", ServerOptions(limits, **options)) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
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
