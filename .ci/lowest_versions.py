"""Print a constraints file that pins every dependency to the lowest version pyproject.toml allows.

    python .ci/lowest_versions.py > lowest.txt && pip install -c lowest.txt '.[test]'

Tools that only look at the code (the extra `dev`) are left out: their bounds bind nobody's install.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
EXTRAS = ("kafka", "metrics", "plot", "proto", "test", "web")
_BOUND = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*>=\s*(?P<version>[0-9][0-9.]*)")


def constraints(pyproject: Path = PYPROJECT) -> list[str]:
    """`name==version` for each requirement; raises ValueError for one without a lower bound."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    pins = []
    for requirement in wanted:
        if requirement.startswith(f"{project['name']}["):
            continue
        bound = _BOUND.fullmatch(requirement)
        if bound is None:
            raise ValueError(f"{requirement}: write it as NAME>=LOWEST, so that LOWEST is tried")
        pins.append(f"{bound['name']}=={bound['version']}")
    return sorted(pins)


if __name__ == "__main__":
    print("\n".join(constraints()))
