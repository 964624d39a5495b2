"""The named cases under pytest-benchmark: `pytest bench/ --benchmark-only`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reelrecs.bench.cases import CASES, Case, Fixture

ML_1M = Path(__file__).resolve().parents[2] / "shared" / "data" / "ml-1m.zip"


@pytest.fixture(scope="module")
def fixture() -> Fixture:
    return Fixture(ML_1M if ML_1M.exists() else None, Path("models"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, fixture: Fixture, benchmark: Any) -> None:
    if case.needs_model and not fixture.has_model:
        pytest.skip("no trained model in ./models")
    benchmark(case.prepare(fixture))
