"""Strangers: measured by their histories alone, by an engine that has never heard of them."""

import contextlib

import numpy as np
import pytest

from reelrecs.evaluation import evaluate, protocols, registry, splits
from reelrecs.evaluation.fold_in import Strangers
from reelrecs.evaluation.popularity import Popularity
from reelrecs.histories import History
from reelrecs.store.store import Store
from tests.models import fixed_engine
from tests.worlds import random_triples, store_of


@pytest.fixture(scope="module")
def world() -> Store:
    return store_of(random_triples(8, users=80, movies=120, most=60))


def test_a_tenth_of_the_users_is_asked_about_the_last_movie(world: Store) -> None:
    whole, part = splits.last_out(world), protocols.fold_in(world, 3)
    assert part.train.digest == whole.train.digest
    assert len(part.users) == round(len(whole.users) / 10)
    known = dict(zip(whole.users.tolist(), whole.targets.tolist(), strict=True))
    assert [known[user] for user in part.users.tolist()] == part.targets.tolist()
    assert protocols.fold_in(world, 3).users.tolist() == part.users.tolist()
    assert protocols.fold_in(world, 4).users.tolist() != part.users.tolist()


def test_strangers_get_the_list_of_their_history_from_an_engine_without_them(world: Store) -> None:
    split = protocols.fold_in(world, 0)
    fitted: list[Store] = []

    def build(store: Store) -> registry.EngineSystem:
        fitted.append(store)
        return registry.EngineSystem("it", fixed_engine(store, diversity=0.0))

    with contextlib.closing(Strangers(build, split.train, split.users)) as system:
        scores = system.scores(split.withheld().ask(slice(0, len(split))))
        assert system.name == "it, unknown"
        others = fitted[0]
        strangers = split.train.user_ids.at(split.users)
        assert set(others.user_ids) == set(split.train.user_ids) - set(strangers)
        with fixed_engine(others, diversity=0.0) as engine:
            for row, user in enumerate(split.users):
                rated = split.train.by_user
                span = slice(rated.indptr[user], rated.indptr[user + 1])
                history = History(
                    split.train.movie_ids.at(rated.movies[span]),
                    rated.ratings[span].tolist(),
                    rated.times[span].tolist(),
                )
                shown = [item.movie.movie_id for item in engine.recommend_for(history)]
                best = np.argsort(-scores[row], kind="stable")[: len(shown)]
                assert others.movie_ids.at(best) == shown


def test_evaluate_measures_the_same_people_stored_and_unknown(world: Store) -> None:
    stored, unknown = evaluate(world, ["fixed"], "fold-in", 5)
    assert (stored.system, unknown.system) == ("fixed", "fixed, unknown")
    assert stored.setting == unknown.setting
    assert list(stored.user_ids) == list(unknown.user_ids)
    (usual,) = evaluate(world, ["fixed"], "last-out", 5)
    places = np.searchsorted(usual.user_ids, stored.user_ids)
    assert usual.per_user["HR@5"][places].tolist() == stored.per_user["HR@5"].tolist()


def test_every_system_has_strangers_and_pipelines_alone_are_asked_by_default(world: Store) -> None:
    names = [result.system for result in evaluate(world, ["ease"], "fold-in")]
    assert names == ["ease", "ease, unknown"]
    own = {"mine": Popularity}
    stored, unknown = evaluate(world, own, "fold-in")
    assert stored.intervals["HR@10"].mean > 0
    assert unknown.system == "mine, unknown"
