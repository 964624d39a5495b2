"""The README keeps its word: its Python runs, its extensions are short, its commands exist."""

import re
from pathlib import Path

import pytest

from reelrecs.cli.options import COMMANDS

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("at", range(len(BLOCKS)))
def test_python_blocks_run(at: int) -> None:
    scope: dict[str, object] = {}
    exec(compile(BLOCKS[at], f"README block {at}", "exec"), scope)
    engine = scope["engine"]
    engine.close()  # type: ignore[attr-defined]


def test_extensions_take_fewer_than_twenty_lines() -> None:
    assert len(BLOCKS) == 4
    assert all(len(block.splitlines()) < 20 for block in BLOCKS)


def test_every_command_it_names_exists() -> None:
    named = set(re.findall(r"`([a-z]+) --", README)) | set(re.findall(r"`(doctor|serve)`", README))
    assert {"recommend", "batch", "user", "search", "evaluate"} <= named <= set(COMMANDS)


def test_the_first_block_holds_the_two_commands() -> None:
    first = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert first is not None
    assert [line.split()[-1] for line in first.group(1).splitlines()] == ["--explain", "pytest"]
