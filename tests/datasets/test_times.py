"""One time and a column of it are read alike."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.datasets.times import second_of, seconds_of


@given(st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(1, 10**18).map(lambda one: 10**11 + one))
def test_one_number_is_read_as_a_column_of_it(number: int) -> None:
    assert second_of(number) == seconds_of(np.array([number], np.int64))[0]
