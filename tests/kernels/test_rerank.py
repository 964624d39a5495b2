"""Maximal marginal relevance against the definition, which looks at all taken movies each time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels import rerank as kernels
from reelrecs.kernels.rerank import Kinds
from tests.compiled import entry

SPAN, SHARE = 5, 0.25

_marginal_relevance = entry(kernels.marginal_relevance)
_descending_adjustments = entry(kernels.descending_adjustments)


def marginal_relevance(relevance, movies, genres, years, strength, span, share, limit):
    """Positions of at most `limit` candidates, and how like each is to those before it."""
    order = np.empty(min(limit, len(movies)), np.int64)
    similarities = np.empty(len(order))
    kinds = Kinds(genres, years, float(span), share)
    _marginal_relevance(relevance, movies, kinds, strength, order, similarities)
    return order, similarities


def likeness(one, other):
    (genres, year), (others, other_year) = one, other
    either = (genres | others).bit_count()
    alike = (1 - SHARE) * ((genres & others).bit_count() / either if either else 0.0)
    if year and other_year and abs(year - other_year) < SPAN:
        alike += SHARE * (1 - abs(year - other_year) / SPAN)
    return alike


def naive(relevance, movies, kinds, strength, limit):
    taken, similarities = [], []
    while len(taken) < min(limit, len(movies)):
        similarity = {
            at: max((likeness(kinds[at], kinds[other]) for other in taken), default=0.0)
            for at in range(len(movies))
            if at not in taken
        }
        value = {
            at: (1 - strength) * relevance[at] - strength * alike
            for at, alike in similarity.items()
        }
        taken.append(min(value, key=lambda at: (-value[at], movies[at])))
        similarities.append(similarity[taken[-1]])
    return taken, similarities


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
    order, similarities = marginal_relevance(
        np.array(relevance),
        np.array(movies, np.int32),
        np.array([genres for genres, _ in kinds], np.uint64),
        np.array([year for _, year in kinds], np.int16),
        strength,
        SPAN,
        SHARE,
        limit,
    )
    wanted, alike = naive(relevance, movies, kinds, strength, limit)
    assert order.tolist() == wanted
    assert similarities.tolist() == alike


FLOATS = st.floats(-(2.0**60), 2.0**60, width=32)


@given(st.lists(st.tuples(FLOATS, st.floats(-(2.0**60), 2.0**60)), max_size=30))
def test_adjusted_scores_descend_and_add_up(pairs):
    """Whatever the sizes of scores and sums: one may be a million times the other."""
    scores = np.array([score for score, _ in pairs], np.float32)
    sums = np.sort(np.array([total for _, total in pairs]))[::-1]
    adjustments = np.empty(len(scores), np.float32)
    order = np.arange(len(scores))
    _descending_adjustments(scores, order, scores - sums, adjustments)
    shown = scores + adjustments
    assert shown.dtype == np.float32
    assert (shown[1:] <= shown[:-1]).all()
    nearest = np.spacing(np.maximum(np.abs(adjustments), np.abs(shown)))
    assert (np.abs(shown - sums) <= 2 * np.maximum.accumulate(nearest)).all()
