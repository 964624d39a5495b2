"""Models in a folder: told apart, verified, and removed only when they are no use to anybody."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from reelrecs import config
from reelrecs.cli import run
from reelrecs.engine import Engine
from reelrecs.errors import StorageError
from reelrecs.learning.model_folder import (
    DAMAGED,
    GOOD,
    OTHER,
    STALE,
    list_models,
    model_path,
    prune_models,
)
from reelrecs.scorer.model import ScoringModel
from reelrecs.store import arrow_file
from reelrecs.store.store import Store
from tests.worlds import random_triples, store_of


@pytest.fixture
def store(sample_engine: Engine) -> Store:
    return sample_engine.store


@pytest.fixture
def folder(tmp_path: Path, store: Store) -> Path:
    """One file of every kind there is."""
    models = tmp_path / "models"
    good = model_path(store, models)
    ScoringModel.fixed(store).save(good)
    named, metadata = arrow_file.read(good)
    arrow_file.write(models / "b-stale.arrow", named, metadata | {"digest": "0" * 32})
    (models / "c-cut.arrow").write_bytes(good.read_bytes()[:-200])
    ScoringModel.fixed(store_of(random_triples(1))).save(models / "d-other.arrow")
    lacking = {name: values for name, values in named.items() if name != "weight"}
    arrow_file.write(models / "e-lacking.arrow", lacking, metadata)
    arrow_file.write(models / "f-old.arrow", named, metadata | {"format": "reelrecs.model/0"})
    arrow_file.write(models / "g-table.arrow", {"x": np.arange(3)}, {"format": "somebody's"})
    (models / "h-stream.arrow").write_bytes(b"precious, but no Arrow file")
    (models / "README.md").write_text("not a model")
    (models / "i-folder.arrow").mkdir()
    return models


STATES = {
    "b-stale.arrow": STALE,
    "c-cut.arrow": DAMAGED,
    "d-other.arrow": OTHER,
    "e-lacking.arrow": DAMAGED,
    "f-old.arrow": DAMAGED,
    "ml-latest-small.model.arrow": GOOD,
}


def test_every_model_is_listed_with_its_state_and_nothing_else(folder: Path, store: Store) -> None:
    found = list_models(folder, store)
    assert {one.file: one.state for one in found} == STATES
    assert [one.file for one in found] == sorted(STATES)
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
    useless = sorted(name for name, state in STATES.items() if state in (STALE, DAMAGED))
    assert [one.file for one in prune_models(folder, store, dry_run=True)] == useless
    assert sorted(path.name for path in folder.iterdir()) == before
    assert [one.file for one in prune_models(folder, store)] == useless
    assert sorted(path.name for path in folder.iterdir()) == sorted(set(before) - set(useless))
    assert prune_models(folder, store) == []


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


def test_list_prints_every_format(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ("--models-dir", str(folder), "models", "list")
    code, table, _ = call(capsys, *ask)
    assert code == 0
    assert len(table.splitlines()) == 1 + len(STATES)
    _, text, _ = call(capsys, *ask, "--format", "json")
    assert {one["file"]: one["state"] for one in json.loads(text)["models"]} == STATES
    _, text, _ = call(capsys, *ask, "--format", "csv")
    assert {row["file"]: row["state"] for row in csv.DictReader(io.StringIO(text))} == STATES
    code, table, said = call(capsys, "--models-dir", str(folder / "none"), "models", "list")
    assert (code, len(table.splitlines())) == (0, 1)
    assert "make one with train" in said


def test_show_prints_the_weights_of_a_model_or_of_the_handset_blend(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, trained in ((folder, True), (tmp_path / "none", False)):
        ask = ("--models-dir", str(place), "models", "show")
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
        ("c-cut", "no model or a damaged one"),
        ("e-lacking", "no model or a damaged one"),
        ("f-old", "no model or a damaged one"),
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
