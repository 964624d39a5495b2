"""Models in a folder: told apart, verified, and removed only when they are no use to anybody."""

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from reelrecs import config
from reelrecs.cli import run
from reelrecs.engine import Engine
from reelrecs.errors import ModelError, StorageError
from reelrecs.learning.model_file import save_model
from reelrecs.learning.model_folder import (
    DAMAGED,
    GOOD,
    OLDER,
    OTHER,
    STALE,
    find_model,
    list_models,
    load_model,
    model_path,
    prune_models,
)
from reelrecs.scorer.model import ScoringModel
from reelrecs.store import arrow_file
from reelrecs.store.store import Store
from tests.conftest import Logged
from tests.worlds import random_triples, store_of


@pytest.fixture
def store(sample_engine: Engine) -> Store:
    return sample_engine.store


@pytest.fixture
def folder(tmp_path: Path, store: Store) -> Path:
    """One file of every kind there is."""
    models = tmp_path / "models"
    good = model_path(store, models)
    save_model(ScoringModel.fixed(store), good)
    named, metadata = arrow_file.read(good)
    others = {"movie_ids": -1 - named["movie_ids"][::-1]}
    arrow_file.write(models / "b-stale.arrow", named | others, metadata | {"digest": "0" * 32})
    (models / "c-cut.arrow").write_bytes(good.read_bytes()[:-200])
    save_model(ScoringModel.fixed(store_of(random_triples(1))), models / "d-other.arrow")
    lacking = {name: values for name, values in named.items() if name != "weight"}
    arrow_file.write(models / "e-lacking.arrow", lacking, metadata)
    arrow_file.write(models / "f-old.arrow", named, metadata | {"format": "reelrecs.model/0"})
    arrow_file.write(models / "g-table.arrow", {"x": np.arange(3)}, {"format": "somebody's"})
    (models / "h-stream.arrow").write_bytes(b"precious, but no Arrow file")
    (models / "README.md").write_text("not a model")
    (models / "i-folder.arrow").mkdir()
    return models


USELESS = {
    "b-stale.arrow": STALE,
    "c-cut.arrow": DAMAGED,
    "e-lacking.arrow": DAMAGED,
    "f-old.arrow": DAMAGED,
}


@pytest.fixture
def states(folder: Path, store: Store) -> dict[str, str]:
    return USELESS | {"d-other.arrow": OTHER, model_path(store, folder).name: GOOD}


def test_every_model_is_listed_with_its_state_and_nothing_else(
    folder: Path, store: Store, states: dict[str, str]
) -> None:
    found = list_models(folder, store)
    assert {one.file: one.state for one in found} == states
    assert [one.file for one in found] == sorted(states)
    good = found[-1]
    assert (good.dataset, good.profile, good.digest) == (store.name, "fixed", store.digest)
    assert good.size == (folder / good.file).stat().st_size
    assert good.created is not None
    assert good.created.startswith("20")


@pytest.mark.parametrize("data", [b"", b"ARROW1", b"rubbish"])
def test_whatever_stands_in_the_models_place_is_judged(
    tmp_path: Path, store: Store, data: bytes
) -> None:
    model_path(store, tmp_path).write_bytes(data)
    assert [one.state for one in list_models(tmp_path, store)] == [DAMAGED]


def test_a_store_in_the_models_place_is_damaged(tmp_path: Path, store: Store) -> None:
    arrow_file.write(
        model_path(store, tmp_path), {"x": pa.array(["a"])}, {"format": "reelrecs.store/3"}
    )
    assert [one.state for one in list_models(tmp_path, store)] == [DAMAGED]


def test_pruning_takes_the_useless_and_leaves_the_rest(folder: Path, store: Store) -> None:
    before = sorted(path.name for path in folder.iterdir())
    useless = sorted(USELESS)
    assert [one.file for one in prune_models(folder, store, dry_run=True)] == useless
    assert sorted(path.name for path in folder.iterdir()) == before
    assert [one.file for one in prune_models(folder, store)] == useless
    assert sorted(path.name for path in folder.iterdir()) == sorted(set(before) - set(useless))
    assert prune_models(folder, store) == []


def named(name: str, seed: int) -> Store:
    """A data set of this name."""
    store = store_of(random_triples(seed))
    store.name = name
    return store


def test_data_sets_of_one_name_keep_a_model_each(tmp_path: Path) -> None:
    stores = [named("data", seed) for seed in (1, 2)]
    for store in stores:
        save_model(ScoringModel.fixed(store), model_path(store, tmp_path))
    for store in stores:
        assert load_model(store, tmp_path).store is store
        assert [one.state for one in list_models(tmp_path, store)].count(GOOD) == 1


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/x", "..", ".", "", "a/b\\c:d", "\n\x1b[31m", "é" * 300, "x" * 300]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    store = named(name, 1)
    store.digest = f"../../{name}"
    path = model_path(store, tmp_path / "models")
    assert path.parent == tmp_path / "models"
    assert path.resolve().parent == (tmp_path / "models").resolve()
    assert path.name.isprintable()
    assert not path.name.startswith(".")
    save_model(ScoringModel.fixed(store), path)
    assert [one.name for one in tmp_path.iterdir()] == ["models"]
    assert find_model(store, tmp_path / "models") == path
    assert list_models(tmp_path / "models", store)[0].state == GOOD


def test_names_that_look_alike_once_they_are_harmless_stay_apart(tmp_path: Path) -> None:
    paths = {model_path(named(name, 1), tmp_path) for name in ("a b", "a_b", "a/b", "a\\b")}
    assert len(paths) == 4


def test_data_that_is_other_data_now_does_not_fall_back_in_silence(tmp_path: Path) -> None:
    old, new = named("data", 1), store_of([(1, 900, 4.0), (2, 901, 3.0)])
    new.name = "data"
    save_model(ScoringModel.fixed(old), model_path(old, tmp_path))
    assert [one.state for one in list_models(tmp_path, new)] == [STALE]
    with pytest.raises(ModelError, match=r"trained on other data .*: run train again"):
        load_model(new, tmp_path)
    assert load_model(new, tmp_path, "fixed").ranker.profile == "fixed"
    assert load_model(named("data-2", 3), tmp_path).ranker.profile == "pretrained"
    assert load_model(named("dat", 3), tmp_path).ranker.profile == "pretrained"


def test_data_that_has_grown_is_served_by_the_newest_model_and_its_age_is_told(
    tmp_path: Path, logged: Logged
) -> None:
    states = [named("data", seed) for seed in (1, 2, 3)]
    for age, state in enumerate(states[:2]):
        save_model(ScoringModel.fixed(state), model_path(state, tmp_path))
        os.utime(model_path(state, tmp_path), (1_000 + age, 1_000 + age))
    newest = model_path(states[1], tmp_path)
    assert find_model(states[2], tmp_path) == newest
    assert load_model(states[2], tmp_path).store is states[2]
    assert "is older than data" in logged.lines[-1]
    assert {one.state for one in list_models(tmp_path, states[2])} == {OLDER}
    assert load_model(states[0], tmp_path).origin.digest == states[0].digest
    newest.write_bytes(b"rubbish")
    assert find_model(states[2], tmp_path) == model_path(states[0], tmp_path)


def test_pruning_leaves_the_older_model_that_is_used(tmp_path: Path) -> None:
    states = [named("data", seed) for seed in (1, 2, 3)]
    for age, state in enumerate(states[:2]):
        save_model(ScoringModel.fixed(state), model_path(state, tmp_path))
        os.utime(model_path(state, tmp_path), (1_000 + age, 1_000 + age))
    gone = prune_models(tmp_path, states[2])
    assert [one.file for one in gone] == [model_path(states[0], tmp_path).name]
    assert prune_models(tmp_path, states[1]) == []


def test_a_model_of_an_older_version_is_said_to_be_one(tmp_path: Path) -> None:
    store = named("data", 1)
    save_model(ScoringModel.fixed(store), tmp_path / "data.model.arrow")
    parts, metadata = arrow_file.read(tmp_path / "data.model.arrow")
    arrow_file.write(
        tmp_path / "data.model.arrow", parts, metadata | {"format": "reelrecs.model/2"}
    )
    assert [one.state for one in list_models(tmp_path, store)] == [DAMAGED]
    with pytest.raises(
        ModelError, match=r"data.model.arrow was made by another version: run train"
    ):
        load_model(store, tmp_path)
    save_model(ScoringModel.fixed(store), model_path(store, tmp_path))
    assert load_model(store, tmp_path).store is store


def test_a_folder_of_models_that_cannot_be_read_is_said(tmp_path: Path, store: Store) -> None:
    with pytest.raises(StorageError, match="cannot read"):
        load_model(store, tmp_path / ("x" * 300))


def test_a_folder_that_is_not_there_holds_none_and_a_file_is_no_folder(
    tmp_path: Path, store: Store
) -> None:
    assert list_models(tmp_path / "none", store) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot read .*file"):
        list_models(tmp_path / "file", store)


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(arguments)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_list_prints_every_format(
    folder: Path, states: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ("--models-dir", str(folder), "models", "list")
    code, table, _ = call(capsys, *ask)
    assert code == 0
    assert len(table.splitlines()) == 1 + len(states)
    _, text, _ = call(capsys, *ask, "--format", "json")
    assert {one["file"]: one["state"] for one in json.loads(text)["models"]} == states
    _, text, _ = call(capsys, *ask, "--format", "csv")
    assert {row["file"]: row["state"] for row in csv.DictReader(io.StringIO(text))} == states
    code, table, said = call(capsys, "--models-dir", str(folder / "none"), "models", "list")
    assert (code, len(table.splitlines())) == (0, 1)
    assert "make one with train" in said


def test_show_prints_the_weights_of_a_model_or_of_the_fixed_ranker(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, trained in ((folder, True), (tmp_path / "none", False)):
        ask = ("--models-dir", str(place), "--profile", "fixed", "models", "show")
        ask = ask if not trained else (*ask[:2], *ask[4:])
        code, text, said = call(capsys, *ask, "--format", "json")
        assert code == 0
        document = json.loads(text)
        assert (document["dataset"], document["profile"]) == ("ml-latest-small", "fixed")
        assert document["trained"] is trained
        weights = {term["term"]: term["weight"] for term in document["terms"]}
        assert weights == config.FIXED_WEIGHTS
        assert ("no model is trained yet" in said) is not trained
        assert "genre_overlap_score" in call(capsys, *ask)[1]


def test_verify_passes_the_good_and_fails_the_rest_with_5(
    folder: Path, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ("--models-dir", str(folder), "models", "verify")
    code, out, _ = call(capsys, *ask)
    assert code == 0
    assert f"trained on ml-latest-small ({store.digest[:12]})" in out
    place = model_path(store, folder)
    for bad, said in (
        ("b-stale", "trained on other data"),
        ("c-cut", "no model of this version, or damaged"),
        ("e-lacking", "no model of this version, or damaged"),
        ("f-old", "made by another version"),
    ):
        place.write_bytes((folder / f"{bad}.arrow").read_bytes())
        code, out, line = call(capsys, *ask)
        assert (code, out) == (5, "")
        assert said in line
        assert line.count("\n") == 1
    code, _, line = call(capsys, "--models-dir", str(tmp_path / "none"), "models", "verify")
    assert code == 5
    assert "there is no model" in line


def test_prune_says_what_it_removes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ("--models-dir", str(folder), "models", "prune")
    code, table, said = call(capsys, *ask, "--dry-run")
    assert code == 0
    assert "would remove 4 models" in said
    assert "c-cut.arrow" in table
    assert (folder / "c-cut.arrow").exists()
    code, table, said = call(capsys, *ask)
    assert code == 0
    assert "removed 4 models" in said
    assert not (folder / "c-cut.arrow").exists()
    assert call(capsys, *ask)[2].strip().endswith("removed 0 models")
