"""Strengths against their definition, turns against a loop over sorted lists."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels import discovery

MOVIE = st.tuples(
    st.integers(0, 15),  # genres
    st.sampled_from([0, 1970, 1990, 1994, 1995, 2000]),  # year
    st.floats(0.0078125, 1, width=32),  # popularity
    st.floats(0, 1, width=32),  # standing
    st.booleans(),  # watched
)


@given(st.lists(MOVIE, max_size=20), st.integers(0, 15), st.sampled_from([0, 1969, 1995]))
def test_strengths_equal_their_naive_twin(pool, taste, era):
    columns = list(zip(*pool, strict=True)) if pool else [()] * 5
    kinds = (np.uint64, np.int16, np.float32, np.float32, np.bool_)
    values = discovery.channel_scores(
        *(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)),
        taste=taste,
        era=era,
        era_span=5,
    )
    assert values.shape == (3, len(pool))
    assert ((values >= 0) & (values <= 1)).all()
    for at, (genres, year, popularity, standing, watched) in enumerate(pool):
        wanted = [standing, popularity, 0.0]
        if taste:
            match = (genres & taste).bit_count() / (genres | taste).bit_count()
            wanted[0] = math.sqrt(popularity * match)
        if era and year and abs(year - era) <= 5:
            wanted[2] = math.sqrt(popularity * (1 - abs(year - era) / 6))
        assert values[:, at] == pytest.approx([0, 0, 0] if watched else wanted, rel=1e-6)


def naive_turns(values, most):
    """Each channel in turn walks its own sorted list, to the next column nobody has named."""
    walks = [
        iter(sorted((at for at in range(len(row)) if row[at] > 0), key=lambda at: (-row[at], at)))
        for row in values
    ]
    named, passed, moved = [], set(), True
    while moved and len(named) < most:
        moved = False
        for channel, walk in enumerate(walks):
            if len(named) == most:
                break
            for column in walk:
                passed.add((column, channel))
                if column not in named:
                    named.append(column)
                    moved = True
                    break
    return named, passed


@given(
    st.integers(0, 12).flatmap(
        lambda n: st.lists(
            st.lists(st.integers(0, 4), min_size=n, max_size=n), min_size=3, max_size=3
        )
    ),
    st.integers(0, 14),
)
def test_turns_equal_their_naive_twin(levels, most):
    values = np.array(levels, np.float32).reshape(3, -1) / 4
    found, retrieval_scores = discovery.take_turns(values, most)
    named, passed = naive_turns(values.tolist(), most)
    assert found.tolist() == named
    for at, column in enumerate(named):
        for channel in range(3):
            wanted = values[channel, column] if (column, channel) in passed else 0
            assert retrieval_scores[at, channel] == wanted


def test_channels_share_the_places():
    values = np.array([[9, 8, 7, 0, 0, 0], [0, 9, 8, 7, 0, 0], [0, 0, 0, 0, 2, 1]], np.float32)
    found, _ = discovery.take_turns(values, 3)
    assert found.tolist() == [0, 1, 4]
