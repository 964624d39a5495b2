"""`python -m reelrecs.bench.live` on small data; the data's own log and store stay as they are."""

from pathlib import Path

import pytest

from reelrecs.bench.live import main
from reelrecs.datasets import locate
from reelrecs.store.cache import open_live


def test_every_figure_is_printed(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--appends", "70", "--arrived", "50", "--requests", "10"]
    main.main(["--data-dir", str(mine), *few], standalone_mode=False)
    said = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    assert len(said) == 9
    assert "compact 260 records" in said
    log = open_live(locate(mine)).log
    assert log is not None
    assert not log.exists()
