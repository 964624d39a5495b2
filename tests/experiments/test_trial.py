"""An experiment in running services: the arm is said, what is shown is logged and counted."""

import json

import grpc
import pytest

from reelrecs.cli import run
from reelrecs.datasets import locate
from reelrecs.engine import Engine
from reelrecs.errors import InvalidRequest, ModelError
from reelrecs.experiments.exposures import Exposure, ExposureLog, read_exposures
from reelrecs.experiments.plan import read_plan
from reelrecs.experiments.trial import Trial, exposures_path
from reelrecs.learning.model_file import load_model_file, save_model
from reelrecs.proto import recommendation_pb2 as pb
from reelrecs.proto import recommendation_pb2_grpc
from reelrecs.serving.host import hosted
from reelrecs.serving.live_engine import LiveEngine
from reelrecs.serving.options import ServeOptions
from reelrecs.store.cache import open_live
from tests.models import learned_model_of
from tests.web.conftest import served

SPLIT = """
name = "old or new"
[[arms]]
name = "all"
profile = "fixed"
[[arms]]
name = "few"
profile = "fixed"
diversity = 0.9
constraints = {year_from = 1980}
"""
DRAFT = """
name = "draft"
mode = "interleave"
[[arms]]
name = "plain"
profile = "fixed"
[[arms]]
name = "varied"
profile = "fixed"
diversity = 1.0
"""


@pytest.fixture
def plan_file(tmp_path):
    def written(text):
        path = tmp_path / "experiments.toml"
        path.write_text(text)
        return path

    return written


def test_a_service_says_the_arm_and_logs_what_it_shows(mine, tmp_path, plan_file):
    file = plan_file(SPLIT)
    plan = read_plan(file)
    options = ServeOptions(
        str(mine), str(tmp_path), address="127.0.0.1:0", request_log=False, experiments=file
    )
    shown = {}
    with (
        hosted(options, print, lambda _: None) as host,
        grpc.insecure_channel(host.server.address) as channel,
    ):
        ask = recommendation_pb2_grpc.RecommendationServiceStub(channel).Recommend
        for user in range(1, 31):
            answer, call = ask.with_call(pb.RecommendRequest(user_id=user, limit=4), timeout=20)
            arm = dict(call.trailing_metadata())["x-reelrecs-arm"]
            assert arm == plan.arms[plan.arm_of(user)].name
            shown[user] = (arm, [one.movie_id for one in answer.recommendations])
        for beside in ({"user_id": 1, "as_of": 20}, {"history": pb.RatingHistory()}):
            _, call = ask.with_call(pb.RecommendRequest(**beside), timeout=20)
            assert "x-reelrecs-arm" not in dict(call.trailing_metadata())
    assert {arm for arm, _ in shown.values()} == {"all", "few"}
    logged = list(read_exposures(exposures_path(str(mine)), plan.name))
    assert {one.user: (one.arm, one.movies) for one in logged} == shown
    assert len(logged) == 30  # neither warm-up nor what is beside the experiment
    with Engine.open(mine, profile="fixed") as engine:
        user = next(user for user, (arm, _) in shown.items() if arm == "all")
        assert [item.movie.movie_id for item in engine.recommend(user, 4)] == shown[user][1]


def test_the_web_says_it_and_the_report_counts_ratings_that_follow(mine, plan_file, capsys):
    file = plan_file(SPLIT)
    with (
        LiveEngine(str(mine), "none", "fixed") as live,
        Trial(read_plan(file), str(mine), "none", "fixed") as trial,
        served(live, trial=trial) as client,
    ):
        told = client.get("/api/v1/recommend", params={"user_id": 3, "limit": 5}).json()
        liked = told["recommendations"][0]["movie_id"]
        rating = {"user_id": 3, "movie_id": liked, "rating": 5}
        assert client.post("/api/v1/rate", json=rating).json()["kept"] == 1
        again = client.get("/api/v1/recommend", params={"user_id": "3", "limit": 5}).json()
        assert again["arm"] == told["arm"]
        assert liked not in [row["movie_id"] for row in again["recommendations"]]
        varied = client.get("/api/v1/recommend", params={"user_id": 3, "variety": 0.5})
        assert "arm" not in varied.json()
    words = ["--data-dir", str(mine), "experiments", "report", str(file)]
    assert run([*words, "--json"]) == 0
    arms = {one["arm"]: one for one in json.loads(capsys.readouterr().out)["arms"]}
    arm = arms[told["arm"]]
    assert (arm["users"], arm["exposures"], arm["conversions"]) == (1, 2, 1)
    assert run(words) == 0
    shown = capsys.readouterr().out
    assert "hit rate" in shown
    assert "100.0%" in shown


def test_interleaved_rows_are_of_both_and_the_report_has_wins(mine, plan_file, capsys):
    file = plan_file(DRAFT)
    with Trial(read_plan(file), str(mine), "none") as trial:
        made = [trial.recommend(user, 6) for user in range(1, 9)]
    assert all(len(one) == 6 and one.arm == "interleave" for one in made)
    assert [item.rank for item in made[0]] == [1, 2, 3, 4, 5, 6]
    logged = list(read_exposures(exposures_path(str(mine)), "draft"))
    assert [one.movies for one in logged] == [[i.movie.movie_id for i in one] for one in made]
    assert all(sorted(one.teams) == [0, 0, 0, 1, 1, 1] for one in logged)
    with Engine.open(mine, profile="fixed") as engine:
        engine.append(1, logged[0].movies[logged[0].teams.index(1)], 5.0)
    words = ["--data-dir", str(mine), "experiments", "report", str(file), "--format", "json"]
    assert run(words) == 0
    told = json.loads(capsys.readouterr().out)["preference"]
    assert (told["wins"], told["ties"], told["p_value"]) == ({"plain": 0, "varied": 1}, 7, 1.0)


def test_what_a_user_was_shown_can_be_erased(mine, capsys):
    path = exposures_path(str(mine))
    words = ["--data-dir", str(mine), "experiments", "forget", "--user-id", "secret-7"]
    assert run(words) == 0
    assert "0 lists" in capsys.readouterr().err
    with ExposureLog(path) as log:
        for user in ("secret-7", "secret-8", "secret-7"):
            log.add(Exposure("e", "a", user, 1.0, [1]))
    assert run(words) == 0
    assert "2 lists" in capsys.readouterr().err
    assert [one.user for one in read_exposures(path, "e")] == ["secret-8"]
    left = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert b"secret-8" in left
    assert b"secret-7" not in left


def test_an_arm_that_cannot_make_lists_is_refused_at_the_start(mine, tmp_path, plan_file):
    bad = SPLIT.replace("year_from = 1980", 'not_genres = ["Comedy"]')
    with pytest.raises(InvalidRequest, match="no genre 'Comedy'"):
        Trial(read_plan(plan_file(bad)), str(mine), str(tmp_path))
    absent = DRAFT.replace('profile = "fixed"', 'model = "none.arrow"', 1)
    with pytest.raises(ModelError, match=r"none\.arrow"):
        Trial(read_plan(plan_file(absent)), str(mine), str(tmp_path))


def test_an_arm_by_a_model_file_ranks_by_it(mine, tmp_path, plan_file):
    with Engine.open(mine, profile="fixed") as engine:
        save_model(learned_model_of(engine.store), tmp_path / "new.arrow")
    two = SPLIT.replace('profile = "fixed"', 'model = "new.arrow"', 1)
    plan = read_plan(plan_file(two))
    user = next(user for user in range(1, 31) if plan.arm_of(user) == 0)
    with Trial(plan, str(mine), str(tmp_path)) as trial:
        made = trial.recommend(user, 5)
    live = open_live(locate(mine))
    with Engine(live, model=load_model_file(tmp_path / "new.arrow", live.now())) as engine:
        assert made.items == engine.recommend(user, 5).items
        assert made.digest == engine.store.digest
