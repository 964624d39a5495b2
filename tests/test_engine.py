"""The whole engine: lists that are right, repeatable and explained."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import reelrecs
from reelrecs.engine import Engine, train_model
from reelrecs.errors import InvalidRequest, ModelError, NotFound, StageError
from reelrecs.histories import History
from reelrecs.kernels import pool
from reelrecs.learning.model_file import save_model
from reelrecs.learning.model_folder import load_model, model_path
from reelrecs.pipeline.candidates import Candidates, Mask
from reelrecs.pipeline.query import Query
from reelrecs.scorer.model import ScoringModel
from reelrecs.stages.filters import AlreadyRatedFilter
from tests.models import fixed_engine
from tests.worlds import random_triples, store_of


def test_twenty_recommendations_nobody_has_seen(sample_engine: Engine) -> None:
    for user_id in (1, 15, 671):
        result = sample_engine.recommend(user_id)
        row = sample_engine.store.user_row(user_id)
        rated = sample_engine.store.by_user
        watched = rated.movies[rated.indptr[row] : rated.indptr[row + 1]]
        ids = [item.movie.movie_id for item in result]
        assert [item.rank for item in result] == list(range(1, 21))
        assert len(set(ids)) == 20
        assert not set(ids) & set(sample_engine.store.movie_ids.at(watched))
        assert all(item.sources for item in result)


def test_contributions_add_up_to_the_score(sample_engine: Engine) -> None:
    for item in sample_engine.recommend(15, 50, explain=True):
        assert item.explanation is not None
        total = np.float32(0)
        for part in item.explanation.contributions.values():
            total += np.float32(part)
        assert item.score == float(total)
        assert 0 <= item.score <= 1


def test_distinct_evidence_gives_distinct_scores(sample_engine: Engine) -> None:
    """Pins the original's fault: raw counts clamped, so hundreds of candidates scored 1.0."""
    query = sample_engine.query(15, 500)
    ranked, _ = sample_engine.pipeline.run_one(query)
    assert ranked.scores is not None
    assert len(np.unique(ranked.scores)) > 0.95 * len(ranked)
    assert (ranked.scores < 1).all()


def test_people_get_the_movies_of_their_own_taste() -> None:
    """In a world of two tastes (odd and even movies) lists hold the user's own kind."""
    store = store_of(random_triples(3, users=200, movies=100, most=60))
    busy = store.user_ids.at(np.flatnonzero(np.diff(store.by_user.indptr) >= 20))
    with fixed_engine(store, diversity=0.0) as engine:
        shares = []
        for user_id in busy:
            items = engine.recommend(user_id, 5)
            shares.append(np.mean([item.movie.movie_id % 2 == user_id % 2 for item in items]))
    assert np.mean(shares) > 0.9


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_do_not_depend_on_threads(sample_engine: Engine, threads: int) -> None:
    expected = sample_engine.recommend(30, explain=True).to_dict()
    with pool.ThreadBudget(threads).active(), fixed_engine(sample_engine.store) as engine:
        assert engine.recommend(30, explain=True).to_dict() == expected


def test_engines_of_different_threads_do_not_disturb_each_other(sample_engine: Engine) -> None:
    """Stages, and the scorer that the engine hosts, are asked under the engine's own budget."""
    store, usual = sample_engine.store, pool.threads()

    class CountingFilter:
        name = "counting"

        def __init__(self) -> None:
            self.counts: set[int] = set()

        def keep(self, query: Query, candidates: Candidates) -> Mask:
            self.counts.add(pool.threads())
            return np.ones(len(candidates), np.bool_)

    class CountingModel(ScoringModel):
        counts: set[int]

        def score_batch(self, *arguments: Any) -> Any:
            self.counts.add(pool.threads())
            return super().score_batch(*arguments)

    engines, filters, models = [], [], []
    for count in (2, 5):
        fixed = ScoringModel.fixed(store)
        models.append(CountingModel(store, fixed.ranker, fixed.settings))
        models[-1].counts = set()
        filters.append(CountingFilter())
        with pool.ThreadBudget(count).active():
            engines.append(Engine(store, model=models[-1], filters=[filters[-1]]))
    with engines[0], engines[1], ThreadPoolExecutor(4) as callers:
        list(callers.map(lambda turn: engines[turn % 2].recommend(turn + 1), range(12)))
    assert [one.counts for one in filters] == [one.counts for one in models] == [{2}, {5}]
    assert pool.threads() == usual


def test_an_engine_has_the_threads_it_is_opened_with(tmp_path: Path) -> None:
    usual = pool.threads()
    with Engine.open(models_dir=tmp_path, threads=usual + 3, profile="fixed") as engine:
        assert engine.threads.count == usual + 3
        assert pool.threads() == usual
    with Engine.open(models_dir=tmp_path, profile="fixed") as engine:
        assert engine.threads is pool.current()
    with pytest.raises(InvalidRequest, match="ask for at least 1"):
        Engine.open(models_dir=tmp_path, threads=0)


def test_many_threads_at_once_get_what_one_gets(sample_engine: Engine) -> None:
    users = list(sample_engine.store.user_ids)[:24]
    expected = {user: sample_engine.recommend(user).to_dict() for user in users}
    got: dict[int, object] = {}

    def ask(mine: list[int]) -> None:
        for user in mine:
            got[user] = sample_engine.recommend(user).to_dict()

    threads = [threading.Thread(target=ask, args=(users[at::6],)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == expected


def test_few_candidates_relax_the_rating_filter_and_say_so() -> None:
    store = store_of(random_triples(5, users=200, movies=60, most=30))
    with fixed_engine(store, filters=["minimum_rating"]) as engine:
        user_id = store.user_ids[0]
        few = engine.recommend(user_id, 40)
        enough = engine.recommend(user_id, 1)
    assert enough.trace.relaxed == ()
    assert few.trace.relaxed == ("minimum_rating",)
    assert few.to_dict()["relaxed"] == ["minimum_rating"]


@pytest.mark.parametrize("limit", [0, -1, 9067, 10**6])
def test_impossible_limits_are_refused(sample_engine: Engine, limit: int) -> None:
    with pytest.raises(InvalidRequest, match="ask for 1 to 9066"):
        sample_engine.recommend(1, limit)


def test_unknown_users_are_not_found(sample_engine: Engine) -> None:
    with pytest.raises(NotFound, match="no user 100000 in ml-latest-small"):
        sample_engine.recommend(100000)


def test_more_diversity_means_more_genres(sample_engine: Engine) -> None:
    def distinct_genres(strength: float) -> float:
        with fixed_engine(sample_engine.store, diversity=strength) as engine:
            lists = [engine.recommend(user, 10) for user in (15, 30, 73)]
        return float(
            np.mean([len({g for item in one for g in item.movie.genres}) for one in lists])
        )

    assert distinct_genres(0.8) > distinct_genres(0.0)


@pytest.mark.parametrize("diversity", [None, 0.0, 0.5, 1.0])
def test_a_list_is_sorted_by_the_score_it_shows(
    sample_engine: Engine, diversity: float | None
) -> None:
    with fixed_engine(sample_engine.store, diversity=diversity) as engine:
        for items in (
            engine.recommend(15, 100, explain=True),
            engine.recommend_for(History(), explain=True),
        ):
            assert all(a.score >= b.score for a, b in pairwise(items))
            for item in items:
                assert item.explanation is not None
                assert ("variety" in item.explanation.contributions) == (diversity != 0.0)


def test_the_order_of_lists_is_that_of_marginal_relevance(sample_engine: Engine) -> None:
    """Lists of the fixed profile as they were before their scores told what variety costs."""
    assert _ids(sample_engine, 671) == [
        *(5971, 5618, 1282, 595, 65261, 953, 527, 2087, 6377, 593),
        *(6350, 661, 7153, 76093, 47, 8961, 364, 2138, 858, 1073),
    ]
    store = store_of(random_triples(3, users=200, movies=100, most=60))
    with fixed_engine(store, diversity=0.5) as engine:
        assert _ids(engine, 1, 10) == [85, 65, 71, 17, 75, 7, 23, 45, 37, 41]
        assert _ids(engine, 2, 10) == [94, 2, 70, 90, 84, 76, 8, 92, 18, 14]


def _ids(engine: Engine, user_id: int, limit: int = 20) -> list[int]:
    return [item.movie.movie_id for item in engine.recommend(user_id, limit)]


def test_a_profile_tells_taste(sample_engine: Engine) -> None:
    profile = sample_engine.user(15)
    assert profile.rating_count == 1700
    assert len(profile.top_genres) == 3
    assert len(profile.recent) == 10
    means = list(profile.top_genres.values())
    assert means == sorted(means, reverse=True)
    assert json.dumps(profile.to_dict())


def test_titles_are_found_with_the_article_on_either_side(sample_engine: Engine) -> None:
    for text in ("matrix, the", "The Matrix", "the matrix (1999)"):
        first = sample_engine.search(text)[0]
        assert (first.title, first.year) == ("The Matrix", 1999)


def test_every_trace_tells_all_stages(sample_engine: Engine) -> None:
    trace = sample_engine.recommend(15, explain=True).trace
    assert list(trace.seconds) == [
        "thunder",
        "phoenix",
        "merge",
        "filter",
        "features",
        "score",
        "rerank",
        "explain",
    ]
    assert trace.found["thunder"] == 300
    assert trace.found["phoenix"] == 200


def test_a_trained_model_gives_the_same_list_after_loading(tmp_path: Path) -> None:
    table = pa.table(
        {
            "user_id": np.repeat(np.arange(1, 61), 12),
            "movie_id": (np.repeat(np.arange(60), 12) + np.tile(np.arange(12), 60)) % 40,
            "rating": np.full(720, 4.0),
            "timestamp": np.tile(np.arange(12), 60),
        }
    )
    path, model = train_model(table, tmp_path)
    assert path == model_path(model.store, tmp_path)
    with reelrecs.open(table, models_dir=tmp_path) as learned:
        assert learned.profile.name == "learned"
        with Engine(model.store, model=model) as fresh:
            assert learned.recommend(5).to_dict() == fresh.recommend(5).to_dict()
    with reelrecs.open(table, models_dir=tmp_path, profile="fixed") as fixed:
        assert fixed.profile.name == "fixed"


def test_a_model_of_other_data_is_refused(tmp_path: Path, sample_engine: Engine) -> None:
    other = store_of(random_triples(1))
    save_model(ScoringModel.fixed(sample_engine.store), model_path(other, tmp_path))
    with pytest.raises(ModelError, match="trained on other data"):
        load_model(other, tmp_path)


def test_a_profile_without_its_model_says_what_to_do(tmp_path: Path) -> None:
    with (
        Engine.open(models_dir=tmp_path, profile="learned") as engine,
        pytest.raises(ModelError, match="run train first"),
    ):
        engine.recommend(1)
    with pytest.raises(InvalidRequest, match="choose from learned, pretrained, fixed"):
        Engine.open(models_dir=tmp_path, profile="best")


def test_own_filters_hold_and_own_sources_are_heard(sample_engine: Engine) -> None:
    class OnlyOldFilter:
        name = "only_old"

        def keep(self, query: Query, candidates: Candidates) -> np.ndarray:
            return sample_engine.store.movie_years[candidates.movies] < 1970

    class RowsSource:
        name = "rows"

        def find(self, query: Query) -> Candidates:
            rows = np.arange(100, dtype=np.int32)
            return Candidates(rows, ("rows.first",), np.ones((100, 1), np.float32))

    with fixed_engine(
        sample_engine.store, sources=[RowsSource()], filters=[OnlyOldFilter()]
    ) as engine:
        result = engine.recommend(15)
    assert all(item.movie.year is not None and item.movie.year < 1970 for item in result)
    assert result.trace.found["rows"] == 100


def test_an_own_source_must_name_movies_of_the_catalogue(sample_engine: Engine) -> None:
    count = sample_engine.store.movie_count

    class BeyondSource:
        name = "beyond"

        def find(self, query: Query) -> Candidates:
            return Candidates(np.array([count], np.int32), ("beyond.x",), np.ones((1, 1), "f4"))

    with (
        fixed_engine(sample_engine.store, sources=[BeyondSource()]) as engine,
        pytest.raises(StageError, match=f"source beyond: movie row {count} is outside"),
    ):
        engine.recommend(15)


def test_the_public_names_exist() -> None:
    assert reelrecs.Engine is Engine
    for name in reelrecs.__all__:
        assert getattr(reelrecs, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        reelrecs.nonsense  # noqa: B018


def test_the_watched_filter_is_never_given_up(sample_engine: Engine) -> None:
    assert AlreadyRatedFilter.name not in sample_engine.pipeline.relax
