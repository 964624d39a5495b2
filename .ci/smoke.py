"""An installed ReelRecs does its work away from the checkout; run it in an empty folder."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

import reelrecs
from reelrecs.data import SAMPLE

assert "site-packages" in reelrecs.__file__, f"{reelrecs.__file__} is not the installed package"
assert "site-packages" in str(SAMPLE)
assert resources.files("reelrecs").joinpath("py.typed").is_file()
for proto in ("scorer", "recommendation"):
    assert resources.files("reelrecs.proto").joinpath(f"reelrecs/v1/{proto}.proto").is_file()


def command(*arguments: str) -> str:
    """What `reelrecs-fast` prints; raises CalledProcessError where it fails."""
    tool = Path(sys.executable).with_name("reelrecs-fast")
    return subprocess.run([tool, *arguments], check=True, text=True, stdout=subprocess.PIPE).stdout


with reelrecs.open() as engine:
    listed = engine.recommend(1, explain=True)
assert len(listed) == 20
assert reelrecs.__version__ in command("--version")
assert Path(command("train").strip()).is_file()
with tempfile.TemporaryDirectory() as folder:
    everybody = Path(folder) / "lists.parquet"
    command("batch", "--output", str(everybody), "--limit", "5")
    assert everybody.stat().st_size > 0
command("doctor")
bench = [sys.executable, "-m", "reelrecs.bench", "--rounds", "1"]
subprocess.run(bench, check=True, stdout=subprocess.DEVNULL)
print(f"reelrecs {reelrecs.__version__} in {Path(reelrecs.__file__).parent} does its work")
