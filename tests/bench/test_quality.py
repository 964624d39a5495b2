"""The runs behind the README's figures are commands that exist, and a failure is passed on."""

import subprocess
import sys
from pathlib import Path

import pytest

from reelrecs.bench.quality import RUNS, command_line
from reelrecs.cli.evaluate import evaluate
from reelrecs.evaluation.protocols import PROTOCOLS

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


@pytest.mark.parametrize(("dataset", "options"), RUNS)
def test_every_run_is_a_command_that_parses(dataset: str, options: str) -> None:
    arguments = command_line(Path("there"), dataset, options)
    assert arguments[:3] == ["--data-dir", f"there/{dataset}.zip", "evaluate"]
    parsed = evaluate.make_context("evaluate", arguments[3:]).params
    assert parsed["protocol"] in PROTOCOLS
    assert parsed["plot"] is None or f"({parsed['plot']})" in README


def test_a_run_that_fails_ends_it_with_its_code(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "reelrecs.bench.quality", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3
    assert ended.stdout.count("$ reelrecs-fast") == 1
    assert "ml-1m.zip" in ended.stderr
