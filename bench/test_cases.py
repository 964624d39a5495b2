"""The named cases under pytest-benchmark: `pytest bench/ --benchmark-only`.

They run on the embedded sample with a model trained for the purpose, so that nothing outside the
repository is needed; `python -m reelrecs.bench --data-dir` times other data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reelrecs.bench.case import Case
from reelrecs.bench.cases import CASES
from reelrecs.bench.fixture import Fixture
from reelrecs.data import SAMPLE
from reelrecs.engine import train_model


@pytest.fixture(scope="module")
def fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fixture]:
    models = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REELRECS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        train_model(SAMPLE, models)
        with Fixture(SAMPLE, models) as opened:
            yield opened


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, fixture: Fixture, benchmark: Any) -> None:
    if not case.installed:
        pytest.skip(f"{case.package} is not installed")
    benchmark(case.prepare(fixture))
