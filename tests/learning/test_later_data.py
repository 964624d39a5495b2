"""A model over data that has changed since it was trained."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from reelrecs.datasets.tables import Tables
from reelrecs.engine import Engine
from reelrecs.errors import ModelError
from reelrecs.histories import History
from reelrecs.learning.later_data import age_of, over
from reelrecs.learning.model_file import load_model_file, save_model
from reelrecs.scorer.model import ScoringModel
from reelrecs.stages.base_models import ARRAYS, MATRICES, MATRIX_PARTS, validate
from reelrecs.store import arrow_file
from reelrecs.store.build import store_of as store_of_tables
from reelrecs.store.store import Store
from tests.models import learned_model_of
from tests.worlds import Triple, random_triples, renamed, store_of, tables_of

TRIPLES = random_triples(5)


@pytest.fixture(scope="module")
def store() -> Store:
    return store_of(TRIPLES, movie_count=65)


@pytest.fixture(scope="module")
def model(store: Store) -> ScoringModel:
    return learned_model_of(store)


@pytest.fixture(scope="module")
def saved(model: ScoringModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "m.arrow"
    save_model(model, path)
    return path


def grown(more: list[Triple]) -> Store:
    """The same data with more ratings; movie 0 stands before all others."""
    return store_of([*TRIPLES, *more], movie_count=65)


LATER = grown([(1, 0, 5.0), (41, 3, 4.0), (41, 900, 2.0)])


def dense(named: dict, name: str, count: int) -> np.ndarray:
    """A matrix of a model with all its zeros."""
    indptr, columns, codes = (named[f"{name}.{part}"] for part in MATRIX_PARTS)
    values = np.zeros((count, count))
    values[np.repeat(np.arange(count), np.diff(indptr)), columns] = codes
    return values * named[f"{name}.scales"][:, None]


def test_what_is_learned_moves_to_where_its_movies_stand(model: ScoringModel) -> None:
    later = over(model, LATER)
    validate(later.base_models, LATER.movie_count)
    rows = LATER.movie_ids.rows_of(model.store.movie_ids.column())
    unmet = np.setdiff1d(np.arange(LATER.movie_count), rows)
    assert LATER.movie_ids.at(unmet) == [0, 900]
    for name, spec in ARRAYS.items():
        before, after = model.base_models[name], later.base_models[name]
        if spec.shape[0] == "movies":
            assert (after[rows] == before).all()
            if name == "bias":
                assert (after[unmet] <= np.median(before)).all()
            else:
                assert not after[unmet].any()
    for name in MATRICES:
        moved = dense(later.base_models, name, LATER.movie_count)
        before = dense(model.base_models, name, model.store.movie_count)
        assert (moved[np.ix_(rows, rows)] == before).all()
        assert not moved[unmet].any()
        assert not moved[:, unmet].any()


def test_numbers_that_have_become_text_are_the_same_movies(saved: Path) -> None:
    text = store_of_tables(renamed(tables_of(TRIPLES, 65), str, str), "world")
    assert list(text.movie_ids)[:3] == ["1", "10", "11"]
    model = load_model_file(saved, text)
    validate(model.base_models, text.movie_count)
    bias = dict(zip(text.movie_ids, model.base_models["bias"], strict=True))
    ids, before = model.origin.movie_ids, model.origin.base_models["bias"]
    assert bias == {str(movie): value for movie, value in zip(ids, before, strict=True)}


def test_a_model_serves_later_data_and_new_movies_can_be_recommended(saved: Path) -> None:
    many = [(user, 900, 5.0) for user in range(1, 41)]
    later = grown(many)
    with Engine(later, model=load_model_file(saved, later)) as engine:
        assert len(engine.recommend(1)) == 20
        found = engine.recommend_for(History([1, 2], [5.0, 4.0]), limit=60)
        assert 900 in [item.movie.movie_id for item in found]


def test_the_data_of_training_is_served_by_the_very_same_bits(
    saved: Path, model: ScoringModel, store: Store
) -> None:
    loaded = load_model_file(saved, store)
    assert age_of(loaded) is None
    with Engine(store, model=model) as ours, Engine(store, model=loaded) as theirs:
        for user_id in list(store.user_ids)[:5]:
            assert theirs.recommend(user_id).to_dict() == ours.recommend(user_id).to_dict()


def test_there_and_back_again_is_the_same_model(model: ScoringModel, store: Store) -> None:
    back = over(over(model, LATER), store)
    for name, values in model.base_models.items():
        assert back.base_models[name].tobytes() == values.tobytes()


def test_age_says_what_came_since(model: ScoringModel) -> None:
    age = age_of(over(model, LATER))
    assert (age.ratings, age.users, age.movies) == (3, 1, 2)
    assert age.seconds == 3
    assert age.share == pytest.approx(1 - 2 / LATER.rating_count)
    assert "+3 ratings, +1 users, +2 movies" in str(age)


def with_titles(tables: Tables, titles: list[str]) -> Store:
    movies = tables.movies
    assert movies is not None
    movies.titles[:] = titles
    return store_of_tables(tables, "world")


def test_movies_of_the_same_ids_and_other_titles_are_other_data(saved: Path) -> None:
    tables = tables_of(TRIPLES, 65)
    assert tables.movies is not None
    count = len(tables.movies.titles)
    with pytest.raises(ModelError, match=r"0 of 65 movies bear the titles .*: run train again"):
        load_model_file(saved, with_titles(tables, [f"Other {n}" for n in range(count)]))
    some = [f"Mended {n}" if n < 9 else f"Film {n + 1}, The ({1950 + (n + 1) % 60})"
            for n in range(count)]  # fmt: skip
    load_model_file(saved, with_titles(tables_of(TRIPLES, 65), some))


def test_untitled_data_is_known_by_its_ratings(tmp_path: Path) -> None:
    def untitled(triples: list[Triple]) -> Store:
        return store_of_tables(replace(tables_of(triples), movies=None), "table")

    path = tmp_path / "m.arrow"
    save_model(ScoringModel.fixed(untitled(TRIPLES)), path)
    load_model_file(path, untitled([*TRIPLES, (99, 1, 3.0)]))
    with pytest.raises(ModelError, match="ratings it was trained on are there"):
        load_model_file(path, untitled(random_triples(6)))


def test_no_users_stand_in_a_model_of_data_with_titles(model: ScoringModel) -> None:
    assert model.origin.raters is None


def test_other_feedback_is_other_data(saved: Path, store: Store) -> None:
    likes = Store(dict(store.arrays), store.metadata | {"feedback": "likes", "digest": "x"})
    with pytest.raises(ModelError, match="learned from stars, not likes"):
        load_model_file(saved, likes)


def test_damage_to_what_tells_whose_model_it_is_is_found(
    saved: Path, tmp_path: Path, store: Store
) -> None:
    named, told = arrow_file.read(saved)
    ids = np.array(named["movie_ids"])
    for change in (
        {"movie_ids": ids[::-1].copy()},
        {"movie_ids": ids.astype(np.float64)},
        {"movie_ids": ids[:-1]},
        {"titles": pa.array(["a"], pa.large_string())},
        {"titles": ids},
        {"raters": ids},
    ):
        arrow_file.write(tmp_path / "m.arrow", named | change, told)
        with pytest.raises(ModelError, match="run train again"):
            load_model_file(tmp_path / "m.arrow", store)
