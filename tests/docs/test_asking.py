"""The page on asking keeps its word: commands and Python run, every constraint has its line."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from reelrecs.cli import run
from reelrecs.constraints import Constraints

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "asking.md").read_text()

COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_run(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(line)
    assert program == "reelrecs-fast"
    scorer = ["--scorer", "local"] if arguments[0] == "recommend" else []
    assert run([*arguments, *scorer]) == 0
    assert capsys.readouterr().out


def test_the_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(program, "docs/asking.md", "exec"), {})
    assert "the constraints do not let it pass: no denied movies" in capsys.readouterr().out


def test_every_constraint_has_its_line() -> None:
    table = PAGE[PAGE.index("| option |") : PAGE.index("`IDS` are")]
    for field in fields(Constraints):
        assert f"{field.name}=" in table
