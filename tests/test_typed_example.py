"""A program with types finds those of the public names, and runs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import typed_example
from tests.conftest import PACKAGE

CHECKER = shutil.which("basedpyright", path=str(Path(sys.executable).parent))
"""Pyright with a node of its own, so that it needs no network."""


def test_it_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    typed_example.main(tmp_path)
    assert "no user 1000000000 in ml-latest-small" in capsys.readouterr().out


@pytest.mark.skipif(CHECKER is None, reason="basedpyright (extra `dev`) is not installed")
def test_strict_type_checking_finds_nothing(tmp_path: Path) -> None:
    program = tmp_path / "typed_example.py"
    shutil.copyfile(typed_example.__file__, program)

    def said() -> list[str]:
        options = {
            "include": [program.name],
            "typeCheckingMode": "strict",
            "pythonVersion": "3.11",
            "extraPaths": [str(PACKAGE)],
        }
        (tmp_path / "pyrightconfig.json").write_text(json.dumps(options))
        answer = subprocess.run(
            [CHECKER, "--outputjson", "--pythonpath", sys.executable, "-p", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        found = json.loads(answer.stdout)["generalDiagnostics"]
        return [f"{one['range']['start']['line'] + 1}: {one['message']}" for one in found]

    assert said() == []
    program.write_text(program.read_text() + "\nmain(folder=1).nothing\n")
    assert len(said()) > 1, "it does look"
