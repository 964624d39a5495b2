"""Model files: what was saved comes back, and nothing in a file is believed unchecked."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from reelrecs.engine import Engine
from reelrecs.errors import ModelError, ScorerError
from reelrecs.learning.model_file import load_model_file, save_model
from reelrecs.pipeline.candidates import FeatureMatrix
from reelrecs.profiles import profile_of
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.ranker import Ranker
from reelrecs.scorer.user_knn import KnnSettings, UserBatch, stored_user
from reelrecs.stages import sequence_features
from reelrecs.stages.base_models import ARRAYS
from reelrecs.stages.feature_schema import schema_digest
from reelrecs.stages.feature_settings import FeatureSettings
from reelrecs.store import arrow_file
from reelrecs.store.store import Store
from tests.models import learned_model_of
from tests.worlds import random_triples, store_of

COLUMNS = Ranker.fixed().required_columns


@pytest.fixture(scope="module")
def store() -> Store:
    return store_of(random_triples(5), movie_count=65)


@pytest.fixture(scope="module")
def saved(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "learned.arrow"
    save_model(learned_model_of(store), path)
    return path


def refused(path: Path, store: Store) -> str:
    with pytest.raises(ModelError, match="run train again") as caught:
        load_model_file(path, store)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rewritten(
    saved: Path, path: Path, name: str, change: Callable[[Any], Any], **metadata: str
) -> Path:
    """The saved model with one array changed, and some of its metadata."""
    named, told = arrow_file.read(saved)
    if name:
        named[name] = change(np.array(named[name]))
    arrow_file.write(path, named, told | metadata)
    return path


def test_a_saved_model_scores_the_same(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "model.arrow"
    model = ScoringModel.fixed(store, KnnSettings(k=3, shrinkage=0.5))
    save_model(model, path)
    loaded = load_model_file(path, store)
    assert loaded.settings == model.settings
    assert loaded.ranker.profile == "fixed"
    everybody = UserBatch.of([stored_user(store, row) for row in range(store.user_count)])
    batch = (everybody, [1] * store.user_count, np.zeros(store.user_count, np.int32))
    values = np.random.default_rng(0).random((store.user_count, len(COLUMNS)), dtype=np.float32)
    matrix = FeatureMatrix(COLUMNS, values)
    theirs, ours = (one.score_batch(*batch, matrix)[0] for one in (loaded, model))
    assert theirs.tobytes() == ours.tobytes()
    with pytest.raises(ScorerError, match="must be on"):
        loaded.score_batch(*batch, FeatureMatrix(COLUMNS, values * 2.0 + 1.0))


def test_a_learned_model_brings_its_settings_along(store: Store, tmp_path: Path) -> None:
    """A model scores as it was trained, whatever has become of the defaults since."""
    usual = FeatureSettings()
    settings = usual._replace(
        votes=usual.votes._replace(anchors=2, vote_decay=0.5),
        reach=usual.reach._replace(ease_rows=3),
        recent_users=4,
        recent_profile_movies=2,
    )
    model = learned_model_of(store, settings)
    save_model(model, tmp_path / "m.arrow")
    loaded = load_model_file(tmp_path / "m.arrow", store)
    profile = profile_of(loaded)
    assert profile.sequence is not None
    assert profile.sequence.settings == settings
    with Engine(store, model=model) as ours, Engine(store, model=loaded) as theirs:
        for user_id in list(store.user_ids)[:9]:
            expected = ours.recommend(user_id).to_dict()
            assert theirs.recommend(user_id).to_dict() == expected
    with Engine(store, model=learned_model_of(store)) as other:
        assert other.recommend(user_id).to_dict() != expected


def test_no_file_and_no_model_say_train(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no model at .*: run train first"):
        load_model_file(tmp_path / "none.arrow", store)
    path = tmp_path / "model.arrow"
    save_model(ScoringModel.fixed(store), path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole[: len(whole) // 2], whole[:-9], b"words\n" * 99):
        path.write_bytes(damaged)
        refused(path, store)


def test_a_file_of_another_kind_is_no_model(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "model.arrow"
    arrow_file.write(path, {"x": np.ones(3)}, {"format": "reelrecs.store/1"})
    assert "no model" in refused(path, store)
    arrow_file.write(path, {"x": np.ones(3)}, {})
    assert "no model" in refused(path, store)


def test_a_model_of_another_version_is_said_to_be_one(
    saved: Path, tmp_path: Path, store: Store
) -> None:
    path = tmp_path / "m.arrow"
    rewritten(saved, path, "", np.array, format="reelrecs.model/2")
    assert "was made by another version" in refused(path, store)
    rewritten(saved, path, "", np.array, schema="0" * 16)
    assert "made by another version" in refused(path, store)


def test_a_model_of_other_data_is_refused(saved: Path) -> None:
    other = store_of([(user, movie + 60, stars) for user, movie, stars in random_triples(6)])
    assert "trained on other data" in refused(saved, other)
    assert "5 of its 65 movies are there" in refused(saved, other)


def test_another_unit_of_a_column_is_another_schema(
    saved: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = schema_digest("learned")
    monkeypatch.setitem(sequence_features.UNITS, "model.ease", 7.0)
    assert schema_digest("learned") != before
    assert "made by another version" in refused(saved, store)


BASE = [f"base.{name}" for name in ARRAYS]
FLOATS = [
    f"base.{name}" for name, spec in ARRAYS.items() if issubclass(spec.dtypes[0], np.floating)
]


@pytest.mark.parametrize("name", BASE)
def test_an_array_that_is_missing_or_of_another_form_is_named(
    saved: Path, tmp_path: Path, store: Store, name: str
) -> None:
    named, told = arrow_file.read(saved)
    path = tmp_path / "m.arrow"
    arrow_file.write(path, {key: value for key, value in named.items() if key != name}, told)
    assert name.removeprefix("base.") in refused(path, store)
    changes: list[Callable[[Any], Any]] = [
        lambda values: values[:1],
        lambda values: values[:0],
        lambda values: np.concatenate([values, values[-1:]]),
        lambda values: values.reshape(1, *values.shape),
        lambda values: values.astype(np.float64),
        lambda values: values.astype(np.int64),
        lambda values: values.astype(np.uint8),
    ]
    for change in changes:
        changed = change(named[name])
        if (changed.dtype, changed.shape) == (named[name].dtype, named[name].shape):
            continue
        line = refused(rewritten(saved, path, name, change), store)
        assert "array" in line


def with_value(values: Any, value: float) -> Any:
    with np.errstate(over="ignore"):  # to infinity where the type cannot hold it
        values.reshape(-1)[values.size // 2] = value
    return values


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1.2e38, -3e9])
def test_a_number_that_cannot_be_is_found(
    saved: Path, tmp_path: Path, store: Store, name: str, value: float
) -> None:
    path = rewritten(saved, tmp_path / "m.arrow", name, lambda one: with_value(one, value))
    assert f"array {name.removeprefix('base.')} of the model holds" in refused(path, store)


@pytest.mark.parametrize("row", [-1, 65, 2**31 - 1])
def test_rows_that_no_movie_has_are_found(
    saved: Path, tmp_path: Path, store: Store, row: int
) -> None:
    path = rewritten(
        saved,
        tmp_path / "m.arrow",
        "base.ease.columns",
        lambda one: with_value(one.astype(np.int32), row),
    )
    assert "matrix ease" in refused(path, store)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("trees.columns", lambda one: with_value(one, 99)),
        ("trees.columns", lambda one: with_value(one, -1)),
        ("trees.columns", lambda one: one.astype(np.int64)),
        ("trees.thresholds", lambda one: with_value(one, np.nan)),
        ("trees.leaves", lambda one: with_value(one, np.inf)),
        ("trees.leaves", lambda one: one.astype(np.float64)),
        ("trees.leaves", lambda one: one[:, :4]),
        ("trees.leaves", lambda one: one[:-1]),
        ("weight", lambda one: with_value(one, np.nan)),
        ("center", lambda one: one[:-1]),
        ("scale", lambda one: with_value(one, 0.0)),
    ],
)
def test_a_ranker_that_cannot_be_is_refused(
    saved: Path, tmp_path: Path, store: Store, name: str, change: Callable[[Any], Any]
) -> None:
    assert "parameters that cannot be" in refused(
        rewritten(saved, tmp_path / "m.arrow", name, change), store
    )


def test_trees_deeper_than_a_leaf_has_bits_are_refused(
    saved: Path, tmp_path: Path, store: Store
) -> None:
    named, told = arrow_file.read(saved)
    path = tmp_path / "m.arrow"
    for depth in (0, 9):
        named["trees.columns"] = np.zeros((2, depth), np.int32)
        named["trees.thresholds"] = np.zeros((2, depth), np.float32)
        named["trees.leaves"] = np.zeros((2, 1 << depth), np.float32)
        arrow_file.write(path, named, told)
        assert "parameters that cannot be" in refused(path, store)


SETTINGS: list[tuple[tuple[str, ...], Any]] = [
    *((("features", "votes", "anchors"), value) for value in (0, -1, 2.5, 10**12, "four", None)),
    *((("features", "votes", "vote_decay"), value) for value in (-0.1, 1e308, float("nan"), [])),
    *((("features", "reach", "ease_rows"), value) for value in (0, "x", {})),
    *((("features", "chain_decays"), value) for value in ([], [0.5], [0.5] * 5, None, 3)),
    (("features", "recent_users"), -600),
    (("features", "unheard_of"), 1),
    (("features",), {}),
    (("features",), None),
    (("neighbours", "k"), 0),
    (("neighbours", "k"), "50"),
    (("neighbours", "unheard_of"), 1),
    (("neighbours",), []),
]


@pytest.mark.parametrize(("place", "value"), SETTINGS)
def test_settings_that_cannot_be_are_refused(
    saved: Path, tmp_path: Path, store: Store, place: tuple[str, ...], value: Any
) -> None:
    _, told = arrow_file.read(saved)
    settings = json.loads(told["settings"])
    at = settings
    for name in place[:-1]:
        at = at[name]
    at[place[-1]] = value
    refused(
        rewritten(saved, tmp_path / "m.arrow", "", np.array, settings=json.dumps(settings)), store
    )


@pytest.mark.parametrize("lacking", ["votes", "reach", "recent_users", "chain_decays"])
def test_settings_that_lack_one_are_refused(
    saved: Path, tmp_path: Path, store: Store, lacking: str
) -> None:
    _, told = arrow_file.read(saved)
    settings = json.loads(told["settings"])
    del settings["features"][lacking]
    refused(
        rewritten(saved, tmp_path / "m.arrow", "", np.array, settings=json.dumps(settings)), store
    )


@pytest.mark.parametrize(
    "metadata",
    [
        {"settings": "{"},
        {"settings": "[]"},
        {"profile": "best"},
        {"profile": "fixed"},
        {"schema": ""},
    ],
)
def test_metadata_that_cannot_be_is_refused(
    saved: Path, tmp_path: Path, store: Store, metadata: dict[str, str]
) -> None:
    refused(rewritten(saved, tmp_path / "m.arrow", "", np.array, **metadata), store)


def test_names_that_cannot_be_are_refused(saved: Path, tmp_path: Path, store: Store) -> None:
    named, told = arrow_file.read(saved)
    path = tmp_path / "m.arrow"
    for name in ("name", "column", "transform"):
        words = named[name].to_pylist()
        for wrong in (
            words[1:],
            ["\x00", *words[1:]] if name != "name" else [],
        ):
            arrow_file.write(path, named | {name: pa.array(wrong, pa.large_string())}, told)
            refused(path, store)
        arrow_file.write(path, named | {name: np.arange(len(words))}, told)
        refused(path, store)


def test_no_bit_can_flip_and_be_believed(saved: Path, tmp_path: Path, store: Store) -> None:
    """Either the file is refused, or the bit means nothing and the model is the same."""
    whole = saved.read_bytes()
    named, told = arrow_file.read(saved)
    path = tmp_path / "m.arrow"
    rng = np.random.default_rng(3)
    found = 0
    for place in rng.integers(0, len(whole), 150).tolist():
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            load_model_file(path, store)
        except ModelError:
            found += 1
            continue
        again, said = arrow_file.read(path)
        assert said == told
        for name, values in named.items():
            assert np.array_equal(again[name], values), f"byte {place}"
    assert found > 100


@pytest.mark.parametrize("name", FLOATS)
def test_a_flipped_bit_that_makes_a_number_absurd_is_found(
    saved: Path, tmp_path: Path, store: Store, name: str
) -> None:
    """The highest bit of an exponent, as a bad disk would."""

    def flip(values: Any) -> Any:
        flat = values.reshape(-1)
        at = int(
            np.flatnonzero(np.abs(flat) > 1e-2 if flat.itemsize == 2 else np.abs(flat) > 1e-6)[0]
        )
        word = np.uint16 if flat.itemsize == 2 else np.uint32
        flat.view(word)[at] ^= word(1 << (8 * flat.itemsize - 2))
        return values

    refused(rewritten(saved, tmp_path / "m.arrow", name, flip), store)
