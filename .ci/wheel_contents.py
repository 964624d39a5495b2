"""Check that a wheel holds every file of the code folders, and nothing else.

    python .ci/wheel_contents.py dist/*.whl

What belongs is read from the tree and not from pyproject.toml, so that a package or a data file
that was forgotten there is told.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINKED = ("bench", "data", "kernels", "proto", "scorer")
"""Folders at the top of the repository that are parts of the package."""

CODE = (".py", ".pyi", ".proto")
META = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE",
        "licenses/data/ml-latest-small/README.txt",
        "licenses/reelrecs/web/static/htmx-LICENSE.txt")  # fmt: skip


def expected() -> set[str]:
    """Paths in the wheel, without its metadata."""
    files = {f"reelrecs/{path}" for path in _code_of(ROOT / "reelrecs")}
    for folder in LINKED:
        files |= {f"reelrecs/{folder}/{path}" for path in _code_of(ROOT / folder)}
    sample = ROOT / "data" / "ml-latest-small"
    files |= {f"reelrecs/data/ml-latest-small/{path.name}" for path in sample.iterdir()}
    web = ROOT / "reelrecs" / "web"
    shown = [*(web / "templates").iterdir(), *(web / "static").iterdir()]
    files |= {path.relative_to(ROOT).as_posix() for path in shown}
    return files | {"reelrecs/py.typed", "reelrecs/learning/pretrained.arrow"}


def _code_of(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path.suffix in CODE and not (folder / inside.parts[0]).is_symlink():
            yield inside.as_posix()


def differences(wheel: Path) -> list[str]:
    """What is missing from the wheel and what is too much, one line each."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    meta = {name.partition(".dist-info/")[2] for name in names if ".dist-info/" in name}
    held = {name for name in names if ".dist-info/" not in name}
    missing = sorted(expected() - held) + sorted(set(META) - meta)
    return [f"missing: {name}" for name in missing] + [
        f"does not belong: {name}" for name in sorted(held - expected())
    ]


if __name__ == "__main__":
    found = differences(Path(sys.argv[1]))
    print("\n".join(found) or f"{Path(sys.argv[1]).name} holds what it should")
    sys.exit(bool(found))
