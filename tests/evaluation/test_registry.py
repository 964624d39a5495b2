"""The engine measured from outside: what is evaluated is what people are shown."""

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from reelrecs import config
from reelrecs.errors import DataError, InvalidRequest
from reelrecs.evaluation import System, evaluate, implicit_baselines, registry, saved_runs, splits
from reelrecs.evaluation.candidate_recall import (
    SERVED,
    UNION,
    candidate_recall,
    filter_choices,
)
from reelrecs.evaluation.diversity_tradeoff import diversity_tradeoff
from reelrecs.evaluation.questions import Questions
from reelrecs.pipeline.protocols import Filter
from reelrecs.stages.filters import GenrePreferenceFilter
from reelrecs.store.store import Store
from tests.asking import candidates_of
from tests.conftest import Logged
from tests.evaluation.asking import everybody, stranger
from tests.models import fixed_engine
from tests.worlds import random_triples, store_of

OPTIONAL = config.RELAX_ORDER


@pytest.fixture(scope="module")
def world() -> Store:
    return store_of(random_triples(8, users=80, movies=120, most=60))


def test_the_evaluated_list_is_the_list_as_shown(world: Store) -> None:
    with fixed_engine(world, diversity=0.3) as engine:
        system = registry.EngineSystem("it", engine)
        scores = system.scores(everybody(world))
        for user, query in enumerate(system.queries(everybody(world))):
            shown = engine.recommend(world.user_ids[user], 20)
            ids = [item.movie.movie_id for item in shown]
            order = np.argsort(-scores[user], kind="stable")[: len(ids)]
            assert world.movie_ids.at(order) == ids
            candidates = candidates_of(engine.pipeline, query)
            ranked = scores[user][np.isfinite(scores[user])]
            assert len(ranked) == len(candidates)


def test_an_engine_is_asked_at_the_moment_that_is_told_and_at_its_own_otherwise(
    world: Store,
) -> None:
    with fixed_engine(world) as engine:
        system = registry.EngineSystem("it", engine)
        told, new = system.queries(stranger([3, 5], as_of=77)), system.queries(stranger((), 78))
        assert [(one.as_of, one.user_row) for one in (*told, *new)] == [(77, -1), (78, -1)]
        assert (told[0].movies.tolist(), len(new[0].movies)) == ([3, 5], 0)
        for row, query in enumerate(system.queries(everybody(world))):
            own = engine.query(int(world.user_ids[row]), 10)
            assert (query.as_of, query.user_row) == (own.as_of, own.user_row)
            assert query.movies.tolist() == own.movies.tolist()
        assert np.isfinite(system.scores(stranger())).any()


def test_an_engine_that_finds_nothing_ranks_nothing() -> None:
    alone = store_of([(1, 1, 4.0), (1, 2, 4.0)])
    with fixed_engine(alone) as engine:
        scores = registry.EngineSystem("it", engine).scores(everybody(alone))
    assert np.isneginf(scores).all()


def test_evaluate_takes_names_and_factories(world: Store, logged: Logged) -> None:
    class Backwards(System):
        name = "another name"

        def __init__(self, store: Store) -> None:
            self._count = store.movie_rating_counts

        def scores(self, questions: Questions) -> np.ndarray:
            return np.tile(-self._count.astype(float), (len(questions), 1))

    by_name = evaluate(world, ["popularity", "fixed"], protocol="validation", k=5)
    own = evaluate(world, {"backwards": Backwards}, "validation", 5)
    assert [result.system for result in (*by_name, *own)] == ["popularity", "fixed", "backwards"]
    assert by_name[0].setting == own[0].setting
    assert by_name[0].intervals["HR@5"].mean > own[0].intervals["HR@5"].mean
    assert by_name[0].intervals["novelty"].mean < own[0].intervals["novelty"].mean
    assert "backwards: fitting" in logged.lines
    again = evaluate(world, ["fixed"], protocol="validation", k=5)[0]
    for name, values in by_name[1].per_user.items():
        np.testing.assert_array_equal(values, again.per_user[name])


def test_unknown_and_absent_systems_are_refused_before_any_work(
    world: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidRequest, match=r"no system 'nope': choose from .*, popularity"):
        evaluate(world, ["popularity", "nope"])
    with pytest.raises(InvalidRequest, match=r"no pipeline 'ease': choose from .*fixed"):
        registry.pipelines_by_name(["ease"])
    with pytest.raises(InvalidRequest, match="no system named"):
        evaluate(world, [])
    monkeypatch.setattr(implicit_baselines, "installed", lambda: False)
    assert "als" not in registry.default_systems()
    with pytest.raises(InvalidRequest, match=r"reelrecs\[baselines\]"):
        evaluate(world, ["popularity", "als"])


@pytest.mark.skipif(not implicit_baselines.installed(), reason="implicit is not installed")
def test_implicit_ranks_better_than_chance(world: Store) -> None:
    assert {"als", "bpr", "bm25"} <= set(registry.default_systems())
    for result in evaluate(world, ["als", "bpr", "bm25"], "last-out"):
        assert result.intervals["HR@10"].mean > 10 / 120


def test_data_too_small_to_cut_is_said(world: Store) -> None:
    with pytest.raises(DataError, match="too small"):
        evaluate(store_of([(1, 1, 4.0), (2, 1, 3.0)]), ["popularity"])


def test_candidate_recall_equals_what_the_pipeline_hands_on(world: Store) -> None:
    split = splits.temporal(world, 0.8)

    def strict(train: Store) -> registry.EngineSystem:
        return registry.EngineSystem(
            "strict", fixed_engine(train, filters=[GenrePreferenceFilter(train)])
        )

    rows = candidate_recall(split, strict)
    by_source = {row.source: row for row in rows}
    assert list(by_source) == ["thunder", "phoenix", UNION]
    recall, counts = [], []
    with contextlib.closing(strict(split.train)) as system:
        for place, query in enumerate(system.queries(split.ask(slice(0, len(split))))):
            movies = set(candidates_of(system.engine.pipeline, query).movies.tolist())
            wanted = split.targets_of(place).tolist()
            recall.append(len(movies & set(wanted)) / len(wanted))
            counts.append(len(movies))
    served = by_source[UNION]
    assert served.recall[SERVED].mean == pytest.approx(np.mean(recall))
    assert served.candidates[SERVED] == pytest.approx(np.mean(counts))
    assert served.candidates[SERVED] == served.candidates["+ genre_preference"]
    assert served.candidates[SERVED] < served.candidates["already_rated"]
    for row in rows:
        for name, one in row.recall.items():
            assert one.mean <= by_source[UNION].recall[name].mean
            assert one.mean <= row.recall["already_rated"].mean
    assert by_source["thunder"].recall["already_rated"].mean > 0


def test_the_measured_filters_are_the_shipped_ones(world: Store) -> None:
    """Name by name: what `--recall` measures is what `--filter` puts into an engine."""
    choices = filter_choices(world)
    assert set(choices) == {"already_rated", *(f"+ {name}" for name in OPTIONAL), "+ all"}
    for name in OPTIONAL:
        with fixed_engine(world, filters=[name]) as engine:
            shipped = engine.pipeline.filters
        assert _parameters(shipped) == _parameters(choices[f"+ {name}"])
    with fixed_engine(world, filters=OPTIONAL) as engine:
        assert _parameters(engine.pipeline.filters) == _parameters(choices["+ all"])


def _parameters(filters: Sequence[Filter]) -> list[object]:
    """Each filter's class and everything it holds, arrays by their bytes."""
    return [
        (type(one), {name: np.asarray(value).tobytes() for name, value in vars(one).items()})
        for one in filters
    ]


def test_strength_buys_diversity_and_zero_is_the_order_of_scores(world: Store) -> None:
    split = splits.last_out(world)
    strengths = [0.0, 0.3, 0.9]
    none, some, much = diversity_tradeoff(split, registry.PIPELINES["fixed"], strengths, 10)
    variety = [point.intervals["diversity"].mean for point in (none, some, much)]
    assert variety[0] < variety[1] < variety[2]
    assert none.ndcg_difference.mean == 0.0
    change = much.intervals["NDCG@10"].mean - none.intervals["NDCG@10"].mean
    assert much.ndcg_difference.mean == pytest.approx(change)

    def plain(train: Store) -> registry.EngineSystem:
        return registry.EngineSystem("plain", fixed_engine(train, diversity=0.3))

    shown = evaluate(world, {"plain": plain}, "last-out")[0]
    for name in ("HR@10", "NDCG@10", "diversity", "novelty"):
        assert some.intervals[name].mean == pytest.approx(shown.intervals[name].mean)
    with pytest.raises(InvalidRequest, match="strength from 0 to 1"):
        diversity_tradeoff(split, registry.PIPELINES["fixed"], [2.0], 10)


def test_kept_values_come_back_and_pair_up(world: Store, tmp_path: Path) -> None:
    results = evaluate(world, ["popularity", "item-knn"], "last-out")
    both, one = tmp_path / "both.parquet", tmp_path / "one.parquet"
    saved_runs.save(both, results)
    saved_runs.save(one, results[1:])
    ((setting, values),) = saved_runs.load(both)
    assert setting == results[0].setting
    np.testing.assert_array_equal(values["item-knn"]["NDCG@10"], results[1].per_user["NDCG@10"])
    (same,) = saved_runs.compare_files(both, one)
    assert (same.ours, same.differences["HR@10"].mean) == ("item-knn", 0.0)
    lone = tmp_path / "lone.parquet"
    saved_runs.save(lone, results[:1])
    (pair,) = saved_runs.compare_files(one, lone)
    assert (pair.ours, pair.theirs) == ("item-knn", "popularity")
    difference = results[1].per_user["MRR"] - results[0].per_user["MRR"]
    assert pair.differences["MRR"].mean == pytest.approx(difference.mean())


def test_runs_that_do_not_pair_are_refused(world: Store, tmp_path: Path) -> None:
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    result = evaluate(world, ["popularity"], "last-out")[0]
    saved_runs.save(first, [result])
    saved_runs.save(second, evaluate(world, ["popularity"], protocol="validation"))
    with pytest.raises(InvalidRequest, match="differ in digest"):
        saved_runs.compare_files(first, second)
    saved_runs.save(second, [dataclasses.replace(result, system=name) for name in ("x", "y")])
    with pytest.raises(InvalidRequest, match="share no system"):
        saved_runs.compare_files(first, second)
    second.write_bytes(first.read_bytes()[:-20])
    with pytest.raises(DataError, match="write it anew"):
        saved_runs.compare_files(first, second)
    with pytest.raises(DataError, match="cannot be read"):
        saved_runs.compare_files(first, tmp_path / "none.parquet")
