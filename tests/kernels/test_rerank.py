"""Maximal marginal relevance against the definition, which looks at all taken movies each time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels.rerank import marginal_relevance

SPAN, SHARE = 5, 0.25


def likeness(one, other):
    (genres, year), (others, other_year) = one, other
    common = (genres & others).bit_count()
    alike = (1 - SHARE) * common / (genres | others).bit_count() if common else 0.0
    if year and other_year and abs(year - other_year) < SPAN:
        alike += SHARE * (1 - abs(year - other_year) / SPAN)
    return alike


def naive(relevance, movies, kinds, strength, limit):
    taken = []
    while len(taken) < min(limit, len(movies)):
        value = {
            at: (1 - strength) * relevance[at]
            - strength * max((likeness(kinds[at], kinds[other]) for other in taken), default=0.0)
            for at in range(len(movies))
            if at not in taken
        }
        taken.append(min(value, key=lambda at: (-value[at], movies[at])))
    return taken


@given(
    st.lists(
        st.tuples(
            st.integers(0, 8),
            st.tuples(st.integers(0, 15), st.sampled_from([0, 1990, 1993, 1995, 2010])),
        ),
        max_size=14,
    ),
    st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    st.integers(1, 16),
    st.randoms(use_true_random=False),
)
def test_the_order_equals_its_naive_twin(candidates, strength, limit, random):
    relevance = [level / 8 for level, _ in candidates]
    kinds = [kind for _, kind in candidates]
    movies = list(range(len(candidates)))
    random.shuffle(movies)
    order = marginal_relevance(
        np.array(relevance),
        np.array(movies, np.int32),
        np.array([genres for genres, _ in kinds], np.uint64),
        np.array([year for _, year in kinds], np.int16),
        strength,
        SPAN,
        SHARE,
        limit,
    )
    assert order.tolist() == naive(relevance, movies, kinds, strength, limit)
