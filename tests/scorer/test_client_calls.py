"""How often a client calls: again where a service is away for a moment, in parts what is much."""

from contextlib import contextmanager

import grpc
import numpy as np
import pytest

from reelrecs import config
from reelrecs.errors import ScorerError
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import FeatureMatrix
from reelrecs.pipeline.queries import Queries
from reelrecs.scorer.batches import joined, part_of, parts_by_size
from reelrecs.scorer.calls import Refused
from reelrecs.scorer.client import GrpcScorer
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.local import LocalScorer
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.server import ServerOptions, start
from reelrecs.scorer.service import scorer_service
from reelrecs.stages.user_context import build_query
from tests.scorer.test_client import batch
from tests.worlds import random_triples, store_of


@pytest.fixture(scope="module")
def model():
    return ScoringModel.fixed(store_of(random_triples(9), movie_count=65))


@contextmanager
def counted(model, away=0, limits=None):
    """A scorer that is away for the first few calls; its address, and the users of each call."""
    calls = []
    service = scorer_service(model)
    method = service.methods["Score"]

    def score(request, call):
        calls.append(len(request.users))
        if len(calls) <= away:
            raise Refused(grpc.StatusCode.UNAVAILABLE, "away for a moment")
        return method.answer(request, call)

    methods = {**service.methods, "Score": method._replace(answer=score)}
    options = ServerOptions(limits or Limits())
    with start([service._replace(methods=methods)], "127.0.0.1:0", options) as server:
        calls.clear()
        yield server.address, calls


def test_a_service_that_is_away_for_a_moment_is_asked_again(model):
    with counted(model, away=2) as (address, calls), GrpcScorer([address], model.store) as scorer:
        assert len(scorer.score(build_query(model.store, 0, 5), batch()).scores) == 8
        assert calls == [1, 1, 1]


def test_it_is_not_asked_for_ever(model):
    with (
        counted(model, away=99) as (address, calls),
        GrpcScorer([address], model.store) as scorer,
        pytest.raises(ScorerError, match="no scorer answers at"),
    ):
        scorer.score(build_query(model.store, 0, 5), batch())
    assert calls == [1] * config.SCORER_ATTEMPTS


def test_where_there_are_others_the_next_is_asked_at_once(model):
    with (
        counted(model, away=99) as (first, first_calls),
        counted(model) as (second, second_calls),
        GrpcScorer([first, second], model.store) as scorer,
    ):
        scorer.score(build_query(model.store, 0, 5), batch())
        assert (first_calls, second_calls) == ([1], [1])


def test_much_is_asked_for_in_parts_that_a_service_takes(model, monkeypatch):
    monkeypatch.setattr(config, "CLIENT_REQUEST_BYTES", 8 * 10 * 4 * 3)
    store = model.store
    queries = [build_query(store, row, 5) for row in range(10)]
    candidates = CandidateBatch.of([batch(8, seed) for seed in range(10)])
    with (
        counted(model, limits=Limits(message_bytes=1_400)) as (address, calls),
        GrpcScorer([address], store) as scorer,
    ):
        together = scorer.score_all(Queries.of(queries), candidates).rows
    assert calls == [3, 3, 3, 1]
    alone = LocalScorer(model).score_all(Queries.of(queries), candidates).rows
    assert together.scores.tobytes() == alone.scores.tobytes()
    assert together.terms.columns == alone.terms.columns
    assert together.terms.values.tobytes() == alone.terms.values.tobytes()


def test_terms_of_two_models_are_not_put_together():
    one, other = (
        FeatureMatrix(("a",), np.zeros((1, 1), np.float32)),
        FeatureMatrix(("b",), np.zeros((1, 1), np.float32)),
    )
    scores = np.zeros(1, np.float32)
    with pytest.raises(ScorerError, match="changed its model between two calls"):
        joined([(scores, one), (scores, other)])


@pytest.mark.parametrize("sizes", [[0], [0, 0, 9], [9, 1, 1, 9], [5] * 7, [1] * 20])
@pytest.mark.parametrize("most", [0, 3 * 40, 10_000])
def test_parts_hold_every_batch_once_in_order(sizes, most):
    candidates = CandidateBatch.of([batch(size, at) for at, size in enumerate(sizes)])
    parts = list(parts_by_size(candidates, most))
    assert [query for part in parts for query in range(len(sizes))[part]] == [*range(len(sizes))]
    for part in parts:
        own = part_of(candidates, part)
        assert own.counts.tolist() == sizes[part]
        movies = [candidates[at].movies for at in range(len(sizes))[part]]
        assert own.rows.movies.tolist() == np.concatenate(movies).tolist()
        assert own.rows.features.values.nbytes <= most or np.count_nonzero(own.counts) == 1
        assert len(own) > 0 or parts == [slice(0, 0)]


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "grpc_proxy", "all_proxy"])
def test_no_proxy_stands_between_neighbours(model, monkeypatch, variable):
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with counted(model) as (address, calls), GrpcScorer([address], model.store) as scorer:
        scorer.score(build_query(model.store, 0, 5), batch())
    assert calls == [1]
