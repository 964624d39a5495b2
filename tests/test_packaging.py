"""What pyproject.toml says of the package is what the folders hold."""

import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
LOWEST = runpy.run_path(str(ROOT / ".ci" / "lowest_versions.py"))["constraints"]


def packages_in_the_tree() -> set[str]:
    """Every folder with an `__init__.py`, by the name it is imported under."""
    found = {"reelrecs"}
    for path in (ROOT / "reelrecs").iterdir():  # links to the folders at the top among them
        if (path / "__init__.py").is_file():
            found.add(f"reelrecs.{path.name}")
            inner = sorted(path.resolve().rglob("__init__.py"))
            steps = [init.parent.relative_to(path.resolve()).parts for init in inner]
            found |= {".".join(("reelrecs", path.name, *parts)) for parts in steps}
    return found


def test_every_folder_with_code_is_installed() -> None:
    assert set(SETUPTOOLS["packages"]) == packages_in_the_tree()


def test_each_folder_at_the_top_is_linked_and_mapped() -> None:
    links = {path.name: path for path in (ROOT / "reelrecs").iterdir() if path.is_symlink()}
    assert {f"reelrecs.{name}": name for name in links} == SETUPTOOLS["package-dir"]
    for name, link in links.items():
        assert link.resolve() == ROOT / name


def test_each_kind_of_data_that_is_installed_is_there() -> None:
    for package, patterns in SETUPTOOLS["package-data"].items():
        folder = ROOT / Path(*package.split("."))
        for pattern in patterns:
            assert any(path.is_file() for path in folder.resolve().glob(pattern)), pattern


def test_every_lower_bound_can_be_tried() -> None:
    wanted = PYPROJECT["project"]["dependencies"]
    pins = LOWEST()
    assert len(pins) == len(set(pins)) > len(wanted)
    assert {name.partition(">=")[0] for name in wanted} <= {pin.partition("==")[0] for pin in pins}


def test_a_requirement_without_a_lower_bound_is_told(tmp_path: Path) -> None:
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(
        '[project]\nname = "x"\ndependencies = ["numpy"]\n'
        "[project.optional-dependencies]\n"
        "kafka = []\nmetrics = []\nplot = []\nproto = []\ntest = []\nweb = []\n"
    )
    with pytest.raises(ValueError, match="numpy"):
        LOWEST(pyproject)
