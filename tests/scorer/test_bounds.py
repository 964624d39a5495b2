"""What a server refuses: FAULTS 4, 20, 25."""

import numpy as np
import pytest

from reelrecs.errors import InvalidRequest
from reelrecs.proto import recommendations_pb2, recommendations_pb2_grpc, scorer_pb2
from reelrecs.scorer import wire
from reelrecs.scorer.calls import REQUEST_ID, Call
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.request_blocks import blocks
from reelrecs.scorer.service import ScorerServicer, scorer_services
from tests.models import learned_model_of
from tests.scorer.asking import (
    SCORE,
    SMALL,
    Faked,
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


@pytest.mark.parametrize(
    ("users", "movies", "said"),
    [
        ([user(0)] * 4, [], "4 users in a call: ask for 3 at most"),
        ([user(21)], range(1, 22), "21 candidates of a user: send 20 at most"),
        ([user(20)] * 2 + [user(1)], [*range(1, 41), 1], "41 candidates in a call: send 40"),
        ([user(2**31)], [1], "candidates of a user: send 20 at most"),
        (
            [user(0, history=scorer_pb2.History(movie_ids=range(1, 7), ratings=[4] * 6))],
            [],
            "a history of 6 movies: send the last 5 at most",
        ),
    ],
)
def test_what_is_too_much_is_refused_with_what_to_change(channel, users, movies, said):
    code, line = refusal(raw(channel), asked(users, movies))
    assert code == "INVALID_ARGUMENT"
    assert said in line
    assert "serve --max-" in line
    assert raw(channel)(asked([user(20)] * 2, [*range(1, 21)] * 2), timeout=20)


def test_the_compatible_service_has_the_same_limit(channel):
    features = [recommendations_pb2.CandidateFeatures(movie_id=1)] * 21
    request = recommendations_pb2.ScoreRequest(user_id=1, features=features)
    code, line = refusal(recommendations_pb2_grpc.MLScorerStub(channel).ScoreCandidates, request)
    assert code == "INVALID_ARGUMENT"
    assert "21 candidates of a user" in line


@pytest.mark.parametrize(
    ("size", "said"), [(20_001, "a message of 20,001 bytes"), (50_000, "larger than max")]
)
def test_a_message_that_is_too_large_is_refused(channel, size, said):
    code, line = refusal(raw(channel), bytes(size))
    assert code == "RESOURCE_EXHAUSTED"
    assert said in line


@pytest.mark.parametrize(
    "message",
    [b"\xff" * 40, b"\x0a\xff", bytes(1), b"\x3b\x3c" + b"\x12\x00" * 4, b"\x0a\x01\xff"],
)
def test_what_is_no_message_is_no_fault_of_the_service(channel, message):
    code, line = refusal(raw(channel), message)
    assert code == "INVALID_ARGUMENT"
    assert line == "the message is no reelrecs.v1.ScoreRequest: see the .proto files"


def test_a_call_without_a_message_is_refused(channel):
    code, line = refusal(channel.stream_unary(SCORE), iter(()))
    assert code == "INVALID_ARGUMENT"
    assert "without a message" in line


def test_a_long_call_is_ended_between_its_blocks(model):
    class Leaving(Call):
        """Somebody who leaves after a while."""

        looks = 0

        def check(self):
            self.looks += 1
            if self.looks > 3:
                raise TimeoutError

    users = [user(2)] * 1_000
    request = scorer_pb2.ScoreRequest(users=users, movie_ids=[1, 2] * 1_000)
    call = Leaving()
    with pytest.raises(TimeoutError):
        ScorerServicer(model, Faked(model).features).score(request, call)
    assert call.looks == 4


def test_blocks_change_no_bit(model):
    """Users of a call are scored in several blocks as each would be alone."""
    features = Faked(model).features
    servicer = ScorerServicer(model, features)
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 9, 150).tolist()
    movies = rng.integers(1, 66, sum(counts)).tolist()
    users = [scorer_pb2.User(user_id=1 + at % 40, candidates=n) for at, n in enumerate(counts)]
    together = servicer.score(scorer_pb2.ScoreRequest(users=users, movie_ids=movies))
    scores, terms, start = [], [], 0
    for one, count in zip(users, counts, strict=True):
        part = scorer_pb2.ScoreRequest(users=[one], movie_ids=movies[start : start + count])
        alone = servicer.score(part)
        scores += alone.scores
        terms.append(wire.matrix_of(alone.terms).values)
        start += count
    assert list(together.scores) == scores
    assert together.terms.values == np.concatenate(terms).tobytes()


@pytest.mark.parametrize("counts", [[], [0], [0] * 200, [3, 30_000, 1], [25_000] * 3, [300] * 500])
def test_blocks_hold_everybody_once_and_none_is_large(counts):
    found = list(blocks(counts))
    users = [at for part, _ in found for at in range(*part.indices(len(counts)))]
    assert users == list(range(len(counts)))
    total = 0
    for part, candidates in found:
        own = counts[part]
        assert (candidates.start, candidates.stop) == (total, total + sum(own))
        total = candidates.stop
        assert len(own) <= 64
        assert sum(own) <= 20_000 or len(own) == 1
    assert total == sum(counts)


def test_limits_name_options_of_serve():
    from reelrecs.cli.serve import serve

    options = {option for one in serve.params for option in one.opts}
    for check in ("users", "candidates", "all_candidates", "history"):
        with pytest.raises(InvalidRequest) as caught:
            getattr(Limits(), f"check_{check}")(10**9)
        assert str(caught.value).rpartition(" ")[2] in options


@pytest.mark.parametrize("letters", ["é", "\u4e2d", "\U0001f3ac", "a"])
def test_a_refusal_arrives_whatever_its_letters(model, letters):
    """gRPC drops statuses of many bytes, or sends one of its own in their place."""
    matrix = scorer_pb2.FeatureMatrix(rows=3, columns=[letters * 3_000] * 2, values=bytes(24))
    request = scorer_pb2.ScoreRequest(users=[user(3)], movie_ids=[1, 2, 3], features=matrix)
    with serving(services_of(model), Limits()) as channel:
        code, line = refusal(raw(channel), request.SerializeToString())
    assert code == "INVALID_ARGUMENT"
    assert line.isprintable()
    assert letters * 100 in line


def test_a_request_keeps_its_callers_name(channel):
    call = raw(channel)
    _, told = call.with_call(asked([], []), timeout=5, metadata=((REQUEST_ID, "order-7"),))
    assert dict(told.trailing_metadata())[REQUEST_ID] == "order-7"
    _, told = call.with_call(asked([], []), timeout=5, metadata=((REQUEST_ID, "no; good"),))
    assert len(dict(told.trailing_metadata())[REQUEST_ID]) == 16


def test_a_million_users_without_candidates_cost_nothing():
    """FAULT 4: 3.8 MiB that took 83 s of work and gigabytes."""
    fixed = ScoringModel.fixed(store_of(random_triples(8), movie_count=65))
    message = asked([user(0)], []) * 1_000_000
    with serving(scorer_services(fixed), Limits()) as channel:
        code, line = refusal(raw(channel), message)
    assert code == "INVALID_ARGUMENT"
    assert "1,000,000 users in a call" in line
