"""Similarity of content against Python's own sets of genres."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels.content import content_similarities

MOVIES = st.lists(
    st.tuples(st.sets(st.integers(0, 63), max_size=5), st.sampled_from([0, 1990, 1993, 1995])),
    min_size=1,
    max_size=12,
)


@given(MOVIES, st.sampled_from([0.0, 0.25, 1.0]))
def test_similarities_equal_their_naive_twin(
    movies: list[tuple[set[int], int]], era_share: float
) -> None:
    found = content_similarities(
        np.array([sum(1 << genre for genre in genres) for genres, _ in movies], np.uint64),
        np.array([year for _, year in movies], np.int16),
        0,
        5,
        era_share,
    )
    mine, my_year = movies[0]
    for (genres, year), similarity in zip(movies, found.tolist(), strict=True):
        jaccard = len(genres & mine) / len(genres | mine) if genres | mine else 0.0
        known = bool(year and my_year)
        closeness = max(1 - abs(year - my_year) / 5, 0.0) if known else 0.0
        assert similarity == pytest.approx((1 - era_share) * jaccard + era_share * closeness)
        assert 0.0 <= similarity <= 1.0
