"""The evaluation page names every protocol and every system, and no others."""

import re
from pathlib import Path

from reelrecs.evaluation.baselines import BASELINES
from reelrecs.evaluation.protocols import LADDER, PROTOCOLS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "evaluation.md").read_text()


def names_of(heading: str) -> list[str]:
    """The names in the first column of the table under a heading, alternatives one by one."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    firsts = [row.split("|")[1] for row in rows if "…" not in row.split("|")[1]]
    return [name for cell in firsts for name in re.findall(r"`([^`]+)`", cell) if "--" not in name]


def test_every_protocol_has_its_row() -> None:
    assert names_of("Protocols") == list(PROTOCOLS)
    assert f"k = {', '.join(map(str, LADDER))}" in PAGE


def test_every_baseline_has_its_row() -> None:
    assert names_of("Baselines") == list(BASELINES)
