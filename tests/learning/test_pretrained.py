"""The ranker that answers before anybody trains."""

import json
from importlib import resources

import numpy as np
import pytest

from reelrecs.config import PRETRAINED
from reelrecs.engine import Engine
from reelrecs.histories import History
from reelrecs.learning.make_pretrained import fit_pretrained
from reelrecs.learning.pretrained import FILE, pretrained_model
from reelrecs.learning.ranker_parts import ranker_of, ranker_parts
from reelrecs.stages.base_models import untrained, validate
from reelrecs.stages.feature_schema import schema_digest
from reelrecs.stages.sequence_features import COLUMNS
from reelrecs.store import arrow_file
from reelrecs.store.store import Store
from tests.learning.test_train import walks
from tests.worlds import store_of


@pytest.fixture(scope="module")
def store() -> Store:
    return store_of(walks(150, 60, 1))


def test_what_is_shipped_reads_the_columns_of_today() -> None:
    """Red after a change of columns: run `python -m reelrecs.learning.make_pretrained`."""
    with resources.as_file(FILE) as path:
        named, metadata = arrow_file.read(path)
        assert path.stat().st_size < 100_000
    assert metadata["schema"] == schema_digest(PRETRAINED)
    ranker = ranker_of(PRETRAINED, named, json.loads(metadata["settings"]))
    trained = [name.startswith("model.") for name in ranker.columns]
    assert set(ranker.required_columns) <= set(COLUMNS)
    assert not ranker.weights[trained].any(), "no base model is there to be read"
    assert ranker.trees is not None
    assert not np.isin(ranker.trees.columns, np.flatnonzero(trained)).any()


def test_arrays_of_a_store_without_training_are_fit_for_the_kernels(store: Store) -> None:
    validate(untrained(store), store.movie_count)


def test_it_answers_for_everybody_and_far_above_popularity(store: Store) -> None:
    """In a world of walks the next movie follows from the last, which popularity cannot know."""
    by_user = store.by_user
    hits = {PRETRAINED: 0, "popularity": 0}
    with Engine(store, model=pretrained_model(store)) as engine:
        assert len(engine.recommend_for(History(), 10)) == 10
        most = np.argsort(-store.movie_rating_counts, kind="stable")
        for user in range(store.user_count):
            own = by_user.movies[by_user.row(user)]
            seen, target = own[:-1], store.movie_ids[int(own[-1])]
            history = History(
                [store.movie_ids[int(movie)] for movie in seen], [4.0] * len(seen), None
            )
            listed = [item.movie.movie_id for item in engine.recommend_for(history, 5)]
            popular = [store.movie_ids[int(row)] for row in most if row not in seen][:5]
            hits[PRETRAINED] += target in listed
            hits["popularity"] += target in popular
    assert hits[PRETRAINED] > 2 * hits["popularity"]


def test_a_ranker_survives_being_taken_apart(store: Store) -> None:
    ranker = fit_pretrained([store, store])
    named, settings = ranker_parts(ranker)
    again = ranker_of(PRETRAINED, named, json.loads(json.dumps(settings)))
    assert again.profile == PRETRAINED
    assert again.names == ranker.names
    assert again.recall == ranker.recall
    assert np.array_equal(again.weights, ranker.weights)
    trained = [name.startswith("model.") for name in ranker.columns]
    assert not ranker.weights[trained].any()
