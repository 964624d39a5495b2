"""Training again: a better model takes the place of the one in use, a worse one does not."""

from pathlib import Path

import numpy as np
import pytest

from reelrecs import config
from reelrecs.evaluation.newer_model import train_if_better
from reelrecs.learning.model_file import save_model
from reelrecs.learning.model_folder import find_model, load_model, model_path
from reelrecs.learning.train import train
from reelrecs.store.store import Store
from reelrecs.store.subset import restrict
from tests.models import learned_model_of
from tests.worlds import Triple, store_of


def in_turn(users: int, seed: int) -> list[Triple]:
    """Everybody rates movies one after the other, from a first one on that is drawn."""
    rng = np.random.default_rng(seed)
    rounds = [
        [(user, 1 + (first + step) % 90, 4.0) for user, first in enumerate(firsts, start=1)]
        for firsts in [rng.integers(0, 90, users)]
        for step in range(14)
    ]
    return [triple for one in rounds for triple in one]


@pytest.fixture(scope="module")
def store() -> Store:
    return store_of(in_turn(60, 3), movie_count=90)


def earlier(store: Store, share: float) -> Store:
    """What had come by then."""
    ranks = np.empty(store.rating_count, np.int64)
    ranks[store.rating_order] = np.arange(store.rating_count)
    return restrict(store, ranks < share * store.rating_count)


def test_the_better_model_serves_and_what_it_was_asked_for_taught_it_nothing(
    store: Store, tmp_path: Path
) -> None:
    poor = learned_model_of(earlier(store, 0.7))  # weights drawn at random
    save_model(poor, model_path(poor.store, tmp_path))
    taught: list[Store] = []

    def fit(part: Store) -> object:
        taught.append(part)
        return train(part)

    done = train_if_better(store, tmp_path, fit)
    assert done.in_use, done.said
    assert done.path == find_model(store, tmp_path) != model_path(poor.store, tmp_path)
    newest = np.sort(store.by_user.times)[taught[0].rating_count]
    assert taught[0].latest_timestamp <= newest
    held = store.rating_count - taught[0].rating_count
    assert f"on the last {held:,} ratings" in done.said
    assert held == round(0.3 * store.rating_count) // 2
    model = load_model(store, tmp_path)
    assert model.origin.ratings == taught[0].rating_count
    again = train_if_better(store, tmp_path, fit)
    assert (again.path, again.in_use, len(taught)) == (None, False, 1), again.said


def test_a_worse_model_is_kept_aside(store: Store, tmp_path: Path) -> None:
    good = train(earlier(store, 0.7))
    used = model_path(good.store, tmp_path)
    save_model(good, used)
    before = used.read_bytes()
    done = train_if_better(store, tmp_path, learned_model_of)
    assert not done.in_use
    assert "the model stays" in done.said
    assert str(done.path) in done.said
    assert find_model(store, tmp_path) == used
    assert used.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([used.name, done.path.name])


def test_too_few_ratings_tell_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "FEWEST_COMPARED", 10**6)
    done = train_if_better(store, tmp_path)
    assert (done.path, done.in_use) == (None, False)
    assert "2,000,000 are needed" in done.said
    assert list(tmp_path.iterdir()) == []
