"""`serve` as service managers and clients meet it: a real process, real signals, real channels."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from reelrecs.engine import Engine
from reelrecs.proto import (
    recommendation_pb2,
    recommendation_pb2_grpc,
    recommendations_pb2,
    recommendations_pb2_grpc,
    scorer_pb2,
    scorer_pb2_grpc,
)
from tests.cli.served import Served, served
from tests.cli.test_cli import call
from tests.worlds import random_triples

pytestmark = pytest.mark.usefixtures("heard")


def test_told_to_end_it_finishes_what_it_is_at_and_exits_with_0(
    sample_engine: Engine, temp: Path
) -> None:
    """Far more calls at once than it has workers, none of which is cut off."""
    expected = [item.movie.movie_id for item in sample_engine.recommend(15, 30, explain=True)]
    request = recommendation_pb2.RecommendRequest(user_id=15, limit=30, explain=True)
    with (
        served(temp, "--concurrency", "1", before=("--profile", "fixed")) as serve,
        grpc.insecure_channel(serve.ready()) as channel,
    ):
        stub = recommendation_pb2_grpc.RecommendationServiceStub(channel)
        health = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        calls = [stub.Recommend.future(request, timeout=60) for _ in range(200)]
        calls[0].result()
        assert not all(one.done() for one in calls)
        serve.process.send_signal(signal.SIGTERM)
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        for one in calls:
            got = [item.movie_id for item in one.result().recommendations]
            assert got == expected
        _, rest = serve.process.communicate(timeout=60)
    assert serve.process.returncode == 0
    assert rest == ""
    assert list(temp.iterdir()) == []


def test_interrupted_it_exits_with_130(temp: Path) -> None:
    with served(temp) as serve:
        serve.ready()
        code, rest = serve.ended_by(signal.SIGINT)
    assert code == 130
    assert rest == "reelrecs-fast: interrupted\n"
    assert list(temp.iterdir()) == []


@pytest.mark.parametrize("seconds", [0.3, 0.6, 1.2, 2.4])
def test_told_to_end_while_it_starts_it_ends(
    temp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Compiling for most of that time, whose callbacks swallow what a signal's handler raises."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    with served(temp) as serve:
        try:
            serve.process.wait(seconds)
        except subprocess.TimeoutExpired:
            code, rest = serve.ended_by(signal.SIGTERM)
    assert code in (0, -signal.SIGTERM)  # the latter before any of our code runs
    assert "Traceback" not in rest
    assert list(temp.iterdir()) == []


def test_under_nohup_a_closing_terminal_is_not_heard(temp: Path) -> None:
    command = [sys.executable, "-m", "reelrecs", "serve", "--address", "127.0.0.1:0"]
    with subprocess.Popen(
        ["nohup", *command], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        try:
            serve = Served(process)
            serve.ready()
            process.send_signal(signal.SIGHUP)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1.5)
            with grpc.insecure_channel(serve.address) as channel:
                stub = scorer_pb2_grpc.ScorerServiceStub(channel)
                told = stub.Describe(scorer_pb2.DescribeRequest(), timeout=20)
                assert told.profile == "pretrained"
            assert serve.ended_by(signal.SIGTERM)[0] == 0
        finally:
            process.kill()


def test_after_train_every_service_answers(tmp_path: Path, temp: Path) -> None:
    """The clients of the old contract as well, which send nothing that a trained model reads."""
    data = tmp_path / "mine"
    data.mkdir()
    (data / "movies.csv").write_text(
        "movieId,title,genres\n" + "".join(f"{m},Film {m} (1990),Drama\n" for m in range(1, 61))
    )
    triples = random_triples(9, users=60)
    (data / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n"
        + "".join(f"{u},{movie},{stars},{at}\n" for at, (u, movie, stars) in enumerate(triples))
    )
    before = ("--data-dir", str(data), "--models-dir", str(tmp_path / "models"))
    trained = call(*before, "train")
    assert trained.returncode == 0, trained.stderr
    with (
        Engine.open(data, models_dir=tmp_path / "models") as engine,
        served(temp, before=before) as serve,
        grpc.insecure_channel(serve.ready()) as channel,
    ):
        assert engine.profile.name == "learned"
        result = engine.recommend(1, 10)
        recommender = recommendation_pb2_grpc.RecommendationServiceStub(channel)
        asked = recommendation_pb2.RecommendRequest(user_id=1, limit=10)
        listed = recommender.Recommend(asked, timeout=20).recommendations
        assert [one.movie_id for one in listed] == [item.movie.movie_id for item in result]
        movies = [item.movie.movie_id for item in result]
        compatible = recommendations_pb2_grpc.MLScorerStub(channel)
        candidates: list[Any] = [
            recommendations_pb2.CandidateFeatures(
                movie_id=movie_id,
                genre_overlap_score=0.5,
                collaborative_score=12.0,
                similar_users_count=12,
                avg_rating=3.9,
                rating_count=30,
                popularity_percentile=88.0,
                movie_year=1990,
                year_preference_score=1.0,
            )
            for movie_id in movies
        ]
        old = compatible.ScoreCandidates(
            recommendations_pb2.ScoreRequest(user_id=1, features=candidates), timeout=20
        )
        scorer = scorer_pb2_grpc.ScorerServiceStub(channel)
        users = [scorer_pb2.User(user_id=1, candidates=len(movies))]
        new = scorer.Score(scorer_pb2.ScoreRequest(users=users, movie_ids=movies), timeout=20)
        sums = np.array(new.scores, np.float32)
        assert list(old.scores) == engine.model.ranker.relevance(sums).tolist()
        assert len(set(old.scores)) > 1
        assert serve.ended_by(signal.SIGTERM)[0] == 0


WARM = """
import gc, sys
from numba.core.dispatcher import Dispatcher
from reelrecs.engine import Engine
from reelrecs.histories import History
from reelrecs.proto import recommendation_pb2, recommendations_pb2, scorer_pb2
from reelrecs.recommendation_service import RecommendationServicer, recommendation_service
from reelrecs.scorer.server import start
from reelrecs.scorer.compatible_service import MLScorerServicer
from reelrecs.scorer.service import ScorerServicer, scorer_services
from tests.models import learned_model_of
from tests.worlds import random_triples, store_of

def compiled():
    found = [one for one in gc.get_objects() if isinstance(one, Dispatcher)]
    return {f"{one.__module__}.{one.__name__}": len(one.signatures) for one in found}

store = store_of(random_triples(31, users=60, movies=80), movie_count=85)
model = learned_model_of(store) if sys.argv[1] == "learned" else None
with Engine(store, model=model) as engine:
    services = [*scorer_services(engine.model, engine.features_for), recommendation_service(engine)]
    with start(services, "127.0.0.1:0") as server:
        before = compiled()
        ids = list(store.movie_ids)
        lists = RecommendationServicer(engine)
        scorer = ScorerServicer(engine.model, engine.features_for)
        old = MLScorerServicer(engine.model, engine.features_for)
        for user_id in list(store.user_ids):
            for explain in (False, True):
                asked = recommendation_pb2.RecommendRequest(user_id=user_id, explain=explain)
                lists.recommend(asked)
            candidates = [recommendations_pb2.CandidateFeatures(movie_id=one) for one in ids[:30]]
            asked = recommendations_pb2.ScoreRequest(user_id=user_id, features=candidates)
            old.score_candidates(asked)
        for length in (0, 1, 5, 40):
            rated = {"movie_ids": ids[:length], "ratings": [4.0] * length}
            history = recommendation_pb2.RatingHistory(**rated)
            lists.recommend(recommendation_pb2.RecommendRequest(history=history, explain=True))
            history = scorer_pb2.History(**rated)
            users = [scorer_pb2.User(history=history, candidates=30)] * 2
            scorer.score(scorer_pb2.ScoreRequest(users=users, movie_ids=ids[:30] * 2))
        assert sum(before.values()) > 5
        late = {name for name, count in compiled().items() if count != before[name]}
        sys.exit(f"compiled late: {late}" if late else 0)
"""


@pytest.mark.parametrize("profile", ["fixed", "learned"])
def test_once_it_serves_no_request_waits_for_a_kernel(profile: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WARM, profile], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
