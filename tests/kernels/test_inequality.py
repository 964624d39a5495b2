"""Gini's coefficient against its definition: half the mean difference over the mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels.inequality import gini


@given(st.lists(st.integers(0, 50), max_size=20))
def test_gini_is_half_the_relative_mean_difference(amounts: list[int]) -> None:
    found = gini(np.array(amounts, np.int64))
    total = sum(abs(one - other) for one in amounts for other in amounts)
    assert found == pytest.approx(total / (2 * len(amounts) * sum(amounts)) if any(amounts) else 0)
