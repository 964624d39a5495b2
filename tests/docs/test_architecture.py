"""The architecture page names the code as it stands."""

import importlib
import re
from pathlib import Path

import pytest

import reelrecs

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "architecture.md").read_text()

NAMES = sorted(set(re.findall(r"reelrecs(?:\.[a-z_]+)+", PAGE)))


@pytest.mark.parametrize("name", NAMES)
def test_every_module_it_names_exists(name: str) -> None:
    importlib.import_module(name)


def test_every_room_has_its_line() -> None:
    (package,) = reelrecs.__path__
    rooms = {f"reelrecs.{init.parent.name}" for init in Path(package).glob("*/__init__.py")}
    assert rooms - set(NAMES) == {"reelrecs.data", "reelrecs.proto"}, "folders, not rooms"
