"""`python -m reelrecs.bench` as people meet it: every layout, with a model and without one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from reelrecs.bench.__main__ import main
from reelrecs.bench.cases import CASES
from reelrecs.bench.fixture import Fixture
from reelrecs.bench.peers import ratings_matrix
from reelrecs.config import EMBEDDED_SCORER, FIXED
from reelrecs.datasets import LAYOUTS, locate
from reelrecs.datasets.feedback import HIGHEST_STARS, LOWEST_STARS
from reelrecs.engine import train_model
from reelrecs.kernels.parse import parse_ratings
from reelrecs.scorer.embedded import EmbeddedScorer
from reelrecs.scorer.local import LocalScorer
from reelrecs.store.cache import open_store, store_path

SAMPLES = Path(__file__).parents[1] / "datasets" / "samples"
FOLDERS = sorted(path.name for path in SAMPLES.iterdir())
INSTALLED = [case for case in CASES if case.installed]
WITHOUT_MODEL = [case.name for case in INSTALLED if not case.needs_model]
STARTING = [name for name in WITHOUT_MODEL if name.startswith("process")]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "reelrecs.bench", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def figures(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, Any]]:
    """What it prints as JSON, by case, run in this process with one call of each case."""
    main.main([*arguments, "--rounds", "1", "--json"], standalone_mode=False)
    return {figure["case"]: figure for figure in json.loads(capsys.readouterr().out)["cases"]}


def test_every_case_runs_on_the_default_data_without_a_model() -> None:
    done = bench("--rounds", "1")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    heading = next(at for at, line in enumerate(lines) if line.startswith("case"))
    assert [line.split("  ")[0] for line in lines[heading + 1 :]] == WITHOUT_MODEL
    assert "the learned cases are left out" in done.stderr


def test_only_the_cases_asked_for_are_timed(capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(capsys, "--only", "parse ratings")
    assert list(found) == ["parse ratings"]
    assert found["parse ratings"]["calls"] == 1
    assert found["parse ratings"]["items_per_second"] > 0


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_case_runs_on_every_layout(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = [name for name in WITHOUT_MODEL if name not in STARTING]  # slow: once is enough
    only = [word for name in wanted for word in ("--only", name)]
    assert list(figures(capsys, "--data-dir", str(SAMPLES / folder), *only)) == wanted


def test_every_case_runs_with_a_model(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_model(mine, tmp_path)
    found = figures(capsys, "--data-dir", str(mine), "--models-dir", str(tmp_path))
    assert list(found) == [case.name for case in INSTALLED]


def test_a_model_that_cannot_be_used_costs_the_learned_cases_only(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = train_model(mine, tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    main.main(
        ["--data-dir", str(mine), "--models-dir", str(tmp_path), "--rounds", "1"],
        standalone_mode=False,
    )
    printed = capsys.readouterr()
    assert "fixed: recommend" in printed.out
    assert "learned: recommend" not in printed.out
    assert "run train again" in printed.err


def test_a_store_has_no_text_to_parse(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = locate(mine)
    open_store(dataset)
    built = shutil.copy(store_path(dataset), tmp_path / "mine.arrow")
    wanted = [case.name for case in INSTALLED if not case.needs_model and not case.needs_text]
    assert list(figures(capsys, "--data-dir", str(built))) == wanted


def test_a_peer_stands_beside_the_case_that_does_its_work(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = figures(capsys, "--only", "parse ratings", "--only", "csv")
    ours, theirs = found["parse ratings"], found["pyarrow csv, same rows"]
    assert theirs["beside"] == "parse ratings"
    assert theirs["ours_to_theirs"] == pytest.approx(
        ours["items_per_second"] / theirs["items_per_second"]
    )
    assert "beside" not in ours
    names = {case.name for case in CASES}
    assert all(case.beside in names for case in CASES if case.beside)


def test_an_earlier_run_stands_beside_this_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = bench("--only", "parse ratings", "--only", "open store", "--rounds", "1", "--json")
    earlier = json.loads(done.stdout)
    earlier["machine"]["system"] = "another"
    earlier["cases"] = [case for case in earlier["cases"] if case["case"] == "parse ratings"]
    (tmp_path / "old.json").write_text(json.dumps(earlier))
    compared = ["--compare", str(tmp_path / "old.json")]
    found = figures(capsys, "--only", "parse ratings", "--only", "open store", *compared)
    parse, opened = found["parse ratings"], found["open store"]
    assert parse["before_p50_ms"] == earlier["cases"][0]["p50_ms"]
    assert parse["speedup"] == pytest.approx(parse["before_p50_ms"] / parse["p50_ms"])
    assert "speedup" not in opened
    main.main(["--only", "parse ratings", "--rounds", "1", *compared], standalone_mode=False)
    printed = capsys.readouterr().out
    assert "system then: another" in printed
    assert "machine then" not in printed
    assert "then ms" in printed


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"machine": {}, "cases": [{}]}'])
def test_what_is_no_earlier_run_is_one_line_and_a_code(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    if text is not None:
        path.write_text(text)
    done = bench("--compare", str(path))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert str(path) in done.stderr


def test_peers_that_do_the_work_of_ours_answer_the_same(mine: Path) -> None:
    """Where a package is there: its neighbours are those of our kernel."""
    with Fixture(mine, Path("none")) as fixture:
        users = ratings_matrix(fixture.store)
        case = next(case for case in CASES if case.name == "scikit-learn cosine kNN")
        answer: Any = case.prepare(fixture)()
        distances = answer[0]
        store = fixture.store
        assert users.shape == (store.user_count, store.movie_count)
        expected = np.sort(1.0 - cosine_similarity(users), axis=1)[:, : distances.shape[1]]
        assert np.allclose(distances, expected, atol=1e-5)


def test_no_data_set_is_one_line_and_a_code(tmp_path: Path) -> None:
    done = bench("--data-dir", str(tmp_path / "none"))
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert str(tmp_path / "none") in done.stderr


@pytest.mark.parametrize("folder", [None, *FOLDERS])
def test_the_text_that_is_timed_is_what_the_layout_reads(folder: str | None) -> None:
    """The kernel finds the very ratings in it that the layout's own reader finds, and no bad line.

    A layout that states another separator or header than its reader uses fails here.
    """
    with Fixture(None if folder is None else SAMPLES / folder, Path("none")) as fixture:
        parsed = parse_ratings(*fixture.ratings_text, LOWEST_STARS, HIGHEST_STARS)
        read = fixture.dataset.read().ratings
    assert len(parsed.bad_lines) == 0
    pairs = np.stack([parsed.users, parsed.movies], 1).tolist()
    assert all(pair in pairs for pair in np.stack([read.users, read.movies], 1)[:50].tolist())
    assert len(pairs) >= len(read) > 0


def test_every_layout_has_a_sample() -> None:
    assert {locate(SAMPLES / folder).layout.name for folder in FOLDERS} | {"MovieLens dat"} == {
        layout.name for layout in LAYOUTS
    }


def test_what_is_timed_as_grpc_goes_over_it_and_nothing_else_does(mine: Path) -> None:
    with Fixture(mine, Path("none")) as fixture:
        assert isinstance(fixture.engine(FIXED).pipeline.scorer, LocalScorer)
        assert isinstance(fixture.engine(FIXED, EMBEDDED_SCORER).pipeline.scorer, EmbeddedScorer)
