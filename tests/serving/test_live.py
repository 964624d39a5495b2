"""Data and models exchanged while calls go on: FAULTS 9 and 15."""

import shutil
import threading
import time
from contextlib import contextmanager

import grpc
import pytest

from reelrecs.engine import Engine
from reelrecs.learning.model_file import save_model
from reelrecs.learning.model_folder import model_path
from reelrecs.proto import recommendation_pb2 as pb
from reelrecs.proto import recommendation_pb2_grpc, scorer_pb2, scorer_pb2_grpc
from reelrecs.serving.host import hosted
from reelrecs.serving.options import ServeOptions
from tests.models import learned_model_of


class Served:
    """A host in this process and a client of it."""

    def __init__(self, host, channel):
        self.host = host
        self.channel = channel
        self.lists = recommendation_pb2_grpc.RecommendationServiceStub(channel)
        self.scorer = scorer_pb2_grpc.ScorerServiceStub(channel)

    def describe(self):
        return self.scorer.Describe(scorer_pb2.DescribeRequest(), timeout=20)

    def movies(self, user_id=1):
        answer = self.lists.Recommend(pb.RecommendRequest(user_id=user_id, limit=10), timeout=20)
        return [one.movie_id for one in answer.recommendations]

    def until(self, true):
        end = time.monotonic() + 30
        while not true():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.02)


@contextmanager
def serving(data, models, looks=None):
    options = ServeOptions(
        str(data), str(models), address="127.0.0.1:0", reload_seconds=0.05, request_log=False
    )
    with (
        hosted(options, print, looks or (lambda _: None)) as host,
        grpc.insecure_channel(host.server.address) as channel,
    ):
        yield Served(host, channel)


def train(data, models):
    """Leave a model for the data, of random weights."""
    models.mkdir(exist_ok=True)
    with Engine.open(data, models_dir=models / "none") as engine:
        path = model_path(engine.store, models)
        save_model(learned_model_of(engine.store), path)
    return path


def rate_more(data):
    """Let one more user appear in the data, whole or not at all."""
    text = (data / "ratings.csv").read_text()
    new = data.parent / "new.csv"
    new.write_text(text + "".join(f"77,{movie},5.0,{movie}\n" for movie in range(1, 9)))
    new.replace(data / "ratings.csv")


def test_a_model_that_appears_is_taken_without_dropping_a_call(mine, tmp_path, logged):
    with serving(mine, tmp_path / "models") as served:
        assert served.describe().profile == "pretrained"
        before = served.movies()
        seen, errors, over = set(), [], threading.Event()

        def ask():
            while not over.is_set():
                try:
                    seen.add(tuple(served.movies()))
                except grpc.RpcError as error:
                    errors.append(error)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        path = train(mine, tmp_path / "models")
        served.until(lambda: served.describe().profile == "learned")
        after = served.movies()
        over.set()
        for thread in threads:
            thread.join()
        assert errors == []
        with Engine.open(mine, models_dir=tmp_path / "models") as engine:
            assert after == [item.movie.movie_id for item in engine.recommend(1, 10)]
        assert before != after
        assert {tuple(before), tuple(after)} >= seen
        served.until(lambda: served.host.facts().taken == 1)
        assert served.host.facts().model_written == pytest.approx(path.stat().st_mtime)
        assert any("was read anew" in line for line in logged.lines)


def test_ratings_that_appear_are_taken(mine, tmp_path):
    with serving(mine, tmp_path / "models") as served:
        users = served.describe().users
        with pytest.raises(grpc.RpcError, match="no user 77"):
            served.movies(77)
        rate_more(mine)
        served.until(lambda: served.describe().users == users + 1)
        assert len(served.movies(77)) == 10


def test_a_bad_model_is_refused_with_its_reason_once(mine, tmp_path, logged):
    path = train(mine, tmp_path / "models")
    with serving(mine, tmp_path / "models") as served:
        before = served.movies()
        whole = path.read_bytes()
        bad = tmp_path / "bad"
        bad.write_bytes(whole[: len(whole) // 2])
        bad.replace(path)
        served.until(lambda: served.host.facts().refused == 1)
        looks = len(logged.lines)
        time.sleep(0.3)
        assert served.movies() == before
        assert len(logged.lines) == looks
        assert [line for line in logged.lines if "what was served before stays in use" in line]
        bad.write_bytes(whole)
        bad.replace(path)
        served.until(lambda: served.host.facts().taken == 1)
        assert served.movies() == before


def test_bad_ratings_are_refused_and_good_ones_taken_after(mine, tmp_path):
    with serving(mine, tmp_path / "models") as served:
        before = served.movies()
        good = (mine / "ratings.csv").read_text()
        (mine / "ratings.csv").write_text(good + "1,2,not a number,3\n")
        served.until(lambda: served.host.facts().refused == 1)
        assert served.movies() == before
        (mine / "ratings.csv").write_text(good)
        rate_more(mine)
        served.until(lambda: served.host.facts().taken == 1)
        assert len(served.movies(77)) == 10


def test_what_is_removed_stays_in_use(mine, tmp_path, logged):
    path = train(mine, tmp_path / "models")
    with serving(mine, tmp_path / "models") as served:
        before = served.movies()
        path.unlink()
        served.until(lambda: any("the one in memory" in line for line in logged.lines))
        shutil.rmtree(mine)
        served.until(lambda: served.host.facts().refused == 1)
        assert served.movies() == before
        assert served.describe().profile == "learned"


def test_asked_for_it_reads_anew_what_has_not_changed(mine, tmp_path):
    with serving(mine, tmp_path / "models") as served:
        time.sleep(0.3)
        assert served.host.facts().taken == 0
        served.host.live.ask()
        served.until(lambda: served.host.facts().taken == 1)


def test_an_engine_that_fails_to_warm_up_is_refused(mine, tmp_path, monkeypatch, caplog):
    looked = threading.Event()
    with serving(mine, tmp_path / "models", lambda _: looked.set()) as served:
        before = served.movies()
        assert looked.wait(20)

        def broken(_):
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr("reelrecs.serving.host.services_of", lambda *_: broken(0))
        served.host.live.ask()
        served.until(lambda: served.host.facts().refused == 1)
        assert served.movies() == before
        assert "ZeroDivisionError; what was served before stays in use" in caplog.text
