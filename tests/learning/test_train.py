"""Training: repeatable for any number of threads, and it learns what there is to learn."""

from pathlib import Path

import numpy as np
import pytest

from reelrecs import config
from reelrecs.engine import Engine, train_model
from reelrecs.errors import DataError
from reelrecs.evaluation import splits
from reelrecs.histories import History
from reelrecs.kernels import pool
from reelrecs.learning.model_file import load_model_file, save_model
from reelrecs.learning.train import train
from reelrecs.scorer.model import ScoringModel
from reelrecs.store.build import build_store
from reelrecs.store.store import Store
from tests.worlds import Triple, random_triples, store_of, tables_of


def walks(users: int, movies: int, seed: int) -> list[Triple]:
    """Everybody walks around a ring of movies, from anywhere, now and then skipping one."""
    rng = np.random.default_rng(seed)
    made: list[Triple] = []
    for user in range(1, users + 1):
        at = int(rng.integers(movies))
        for _ in range(int(rng.integers(12, 20))):
            made.append((user, 1 + at % movies, 4.0))
            at += 1 if rng.random() < 0.8 else 2
    return list({(user, movie): (user, movie, stars) for user, movie, stars in made}.values())


@pytest.fixture(scope="module")
def store() -> Store:
    return store_of(walks(150, 60, 1))


@pytest.fixture(scope="module")
def model(store: Store) -> ScoringModel:
    return train(store)


def test_threads_do_not_change_a_bit(store: Store, model: ScoringModel) -> None:
    with pool.ThreadBudget(1).active():
        again = train(store)
    np.testing.assert_array_equal(again.ranker.weights, model.ranker.weights)
    assert again.ranker.trees is not None
    assert model.ranker.trees is not None
    for part, same in zip(again.ranker.trees, model.ranker.trees, strict=True):
        np.testing.assert_array_equal(part, same)
    for name, values in model.base_models.items():
        np.testing.assert_array_equal(again.base_models[name], values, err_msg=name)


def test_a_model_comes_back_from_its_file(
    store: Store, model: ScoringModel, tmp_path: Path
) -> None:
    save_model(model, tmp_path / "m.arrow")
    loaded = load_model_file(tmp_path / "m.arrow", store)
    assert loaded.ranker.profile == "learned"
    with Engine(store, model=model) as ours, Engine(store, model=loaded) as theirs:
        for user_id in list(store.user_ids)[:5]:
            assert ours.recommend(user_id).to_dict() == theirs.recommend(user_id).to_dict()


def test_a_model_is_as_small_as_its_data(tmp_path: Path) -> None:
    """Sparse, in small integers: a dense matrix of these movies alone would take 1.4 MB."""
    store = store_of(walks(150, 600, 4))
    save_model(train(store), tmp_path / "m.arrow")
    embeddings = 2 * 2 * 64 * store.movie_count
    entries = 3 * 3 * config.MATRIX_ENTRIES_PER_RATING * store.rating_count
    assert (tmp_path / "m.arrow").stat().st_size < embeddings + entries + 300_000


def test_a_model_beside_its_data_leaves_the_data_alone(tmp_path: Path) -> None:
    """A store of one's own is NAME.arrow, too, and may lie in the folder of models."""
    data = tmp_path / "walks.arrow"
    build_store(data, "walks", tables_of(walks(60, 40, 3)))
    before = data.read_bytes()
    path, _ = train_model(data, tmp_path)
    assert path != data
    assert data.read_bytes() == before
    with Engine.open(data, models_dir=tmp_path) as engine:
        assert engine.profile.name == "learned"


def test_it_learns_the_next_step_of_a_walk() -> None:
    split = splits.last_out(store_of(walks(150, 60, 2)))
    with Engine(split.train, model=train(split.train)) as engine:
        hits = 0
        for place, user in enumerate(split.users):
            ids = engine.recommend(split.train.user_ids[user], 3)
            wanted = split.train.movie_ids[split.targets[place]]
            hits += wanted in [item.movie.movie_id for item in ids]
    assert hits / len(split.users) > 0.6, "chance is one in fifteen"


def test_contributions_add_up_to_the_score(store: Store, model: ScoringModel) -> None:
    with Engine(store, model=model) as engine:
        for item in engine.recommend(1, 10, explain=True):
            assert item.explanation is not None
            total = np.float32(0)
            for part in item.explanation.contributions.values():
                total += np.float32(part)
            assert item.explanation.total == float(total)


def test_somebody_new_gets_a_list(store: Store, model: ScoringModel) -> None:
    with Engine(store, model=model) as engine:
        assert len(engine.recommend_for(History((), ()))) > 0


def test_too_little_data_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="pretrained profile, the default"):
        train(store_of(random_triples(1, users=5, movies=20)))
