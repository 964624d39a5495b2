"""The runs behind the README's figures are commands that exist, and a failure is passed on."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from reelrecs.bench.quality import RUNS, command_line, main
from reelrecs.cli.evaluate import evaluate
from reelrecs.evaluation.protocols import PROTOCOLS

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md").read_text() + (ROOT / "docs" / "quality.md").read_text()


@pytest.mark.parametrize(("dataset", "options"), RUNS)
def test_every_run_is_a_command_that_parses(dataset: str, options: str) -> None:
    arguments = command_line(Path("there"), dataset, options)
    assert arguments[:3] == ["--data-dir", f"there/{dataset}.zip", "evaluate"]
    parsed = evaluate.make_context("evaluate", arguments[3:]).params
    assert parsed["protocol"] in PROTOCOLS
    assert parsed["plot"] is None or f"{parsed['plot']})" in PAGES


def test_the_table_has_a_row_for_each_set_protocol_and_rung(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "movies.csv").write_text(
        "movieId,title,genres\n" + "".join(f"{m},Film {m} (1990),Drama\n" for m in range(1, 46))
    )
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n"
        + "".join(f"{u},{m},4.0,{m}\n" for u in range(1, 31) for m in range(u, u + 15))
    )
    options = ["--table", "--sets", "mine", "--systems", "fixed,popularity,item-knn"]
    done = CliRunner().invoke(main, [str(tmp_path), *options, "--protocols", "last-out,cold"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    heading = next(at for at, line in enumerate(lines) if line.startswith("HR@10"))
    columns = ["fixed", "popularity", "item-knn", "best", "baseline", "is"]
    assert lines[heading + 1].split()[-6:] == columns
    rows = lines[heading + 2 : lines.index("", heading)]
    assert [row.split("  ")[1].strip() for row in rows] == [
        "last-out",
        *(f"cold, {k} ratings" for k in (0, 1, 2, 3, 5, 10)),
    ]
    failed = CliRunner().invoke(main, [str(tmp_path), *options, "--protocols", "none"])
    assert failed.exit_code == 2
    assert "no protocol none" in failed.stderr


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
