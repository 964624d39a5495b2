"""Terms that add up, and inputs that are refused instead of cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from reelrecs import config
from reelrecs.errors import ModelError, ScorerError
from reelrecs.kernels.boosted_trees import Trees
from reelrecs.pipeline.candidates import FeatureMatrix
from reelrecs.scorer.ranker import NewcomerBlend, Ranker

FIXED = Ranker.fixed()


def features(values, columns=FIXED.required_columns):
    return FeatureMatrix(columns, np.asarray(values, np.float32).reshape(-1, len(columns)))


def apply(ranker, matrix, cf, indptr=None):
    everybody = [0, len(matrix.values)] if indptr is None else indptr
    return ranker.apply(matrix, cf, np.array(everybody, np.int64))


def blend_of(**changes):
    parts = {
        "profile": "test",
        "names": ("one", "two"),
        "columns": ("a", "b"),
        "transforms": ("identity", "log1p"),
        "center": np.array([1.0, 0.5]),
        "scale": np.array([2.0, 4.0]),
        "weights": np.array([3.0, -8.0]),
    }
    return Ranker(**{**parts, **changes})


@given(arrays.arrays(np.float32, (7, 5), elements=st.floats(0, 1, width=32)))
def test_scores_are_the_sums_of_their_terms_to_the_last_bit(values):
    scores, terms = apply(FIXED, features(values[:, 1:]), values[:, 0])
    assert terms.columns == tuple(config.FIXED_WEIGHTS)
    assert scores.dtype == terms.values.dtype == np.float32
    for row in range(7):
        total = np.float32(0.0)
        for term in terms.values[row]:
            total = np.float32(total + term)
        assert scores[row] == total
    weights = np.array(list(config.FIXED_WEIGHTS.values()))
    assert np.array_equal(terms.values, (weights * values.astype(np.float64)).astype(np.float32))
    assert (scores >= 0.0).all()
    assert (scores <= 1.0 + 1e-6).all()


def test_each_term_reads_its_own_column():
    scores, terms = apply(FIXED, features([[0.5, 0.25, 1.0, 0.0]]), np.array([1.0], np.float32))
    assert dict(zip(terms.columns, terms.values[0].tolist(), strict=True)) == pytest.approx(
        {"cf": 0.40, "genre_overlap": 0.125, "collaborative": 0.05, "popularity": 0.10, "year": 0.0}
    )
    assert scores[0] == pytest.approx(0.675)


def test_columns_are_found_by_name_among_others():
    columns = ("noise", *reversed(FIXED.required_columns))
    matrix = features([[9.0, 0.1, 0.2, 0.3, 0.4]], columns)
    other = features([[0.4, 0.3, 0.2, 0.1]])
    cf = np.array([0.5], np.float32)
    assert apply(FIXED, matrix, cf)[0] == apply(FIXED, other, cf)[0]


@pytest.mark.parametrize("column", FIXED.required_columns)
@pytest.mark.parametrize("value", [1.5, 500.0, -0.1, np.nan, np.inf])
def test_what_is_off_the_unit_scale_is_refused_by_name(column, value):
    matrix = features(np.full((3, 4), 0.5))
    matrix.column(column)[2] = value
    with pytest.raises(ScorerError, match=rf"column {column} must be on \[0, 1\]; row 2 gives"):
        apply(FIXED, matrix, np.full(3, 0.5, np.float32))


def test_a_missing_column_is_named():
    nothing = FeatureMatrix((), np.zeros((1, 0), np.float32))
    with pytest.raises(ScorerError, match=r"needs the column genre_overlap_score, .* none"):
        apply(FIXED, nothing, np.zeros(1, np.float32))


def test_a_learned_blend_transforms_centres_and_scales():
    matrix = features([[5.0, np.expm1(2.5)], [1.0, np.expm1(0.5)]], ("a", "b"))
    scores, terms = apply(blend_of(), matrix, None)
    assert terms.values == pytest.approx(np.array([[6.0, -4.0], [0.0, 0.0]]), abs=1e-6)
    assert scores == pytest.approx(np.array([2.0, 0.0]), abs=1e-6)


@given(arrays.arrays(np.float32, (6, 2), elements=st.floats(-20, 20, width=32)))
def test_a_lead_is_told_among_the_candidates_of_one_person(values):
    ranker = blend_of(transforms=("relative", "identity"), center=np.array([0.25, 0.0]))
    _, terms = apply(ranker, features(values, ("a", "b")), None, [0, 4, 4, 6])
    lead = np.concatenate(
        [np.exp(part.astype(np.float64) - part.max()) for part in (values[:4, 0], values[4:, 0])]
    )
    np.testing.assert_allclose(terms.values[:, 0], 3.0 * (lead - 0.25) / 2.0, rtol=1e-6, atol=1e-7)


def test_a_forest_is_one_more_term_over_the_same_inputs():
    matrix = features([[5.0, np.expm1(2.5)], [1.0, np.expm1(0.5)]], ("a", "b"))
    trees = Trees(
        np.array([[1, 0]], np.int32),
        np.array([[2.0, 0.0]], np.float32),
        np.array([[0.5, 1.5, 2.5, 3.5]], np.float32),
    )
    scores, terms = apply(blend_of(trees=trees), matrix, None)
    assert terms.columns == ("one", "two", "trees")
    assert terms.values[:, 2].tolist() == [3.5, 2.5], "log1p(b) > 2 is bit 0, a > 0 is bit 1"
    assert scores.tolist() == terms.values.sum(axis=1, dtype=np.float32).tolist()


@pytest.mark.parametrize(
    "trees",
    [
        Trees(np.array([[2]]), np.array([[0.0]]), np.array([[0.0, 1.0]])),
        Trees(np.array([[-1]]), np.array([[0.0]]), np.array([[0.0, 1.0]])),
        Trees(np.array([[0]]), np.array([[np.nan]]), np.array([[0.0, 1.0]])),
        Trees(np.array([[0]]), np.array([[0.0]]), np.array([[0.0, np.inf]])),
        Trees(np.array([[0]]), np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]])),
        Trees(np.array([[0, 1]]), np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]])),
        Trees(np.array([0]), np.array([0.0]), np.array([0.0, 1.0])),
    ],
)
def test_trees_that_cannot_be_are_refused(trees):
    with pytest.raises(ModelError, match="run train again"):
        blend_of(trees=trees)


@pytest.mark.parametrize(("column", "value"), [("a", np.inf), ("b", -1.0), ("b", -2.0)])
def test_a_term_that_is_no_number_is_refused(column, value):
    matrix = features([[1.0, 1.0]], ("a", "b"))
    matrix.column(column)[0] = value
    with pytest.raises(ScorerError, match=f"column {column} must be finite"):
        apply(blend_of(), matrix, None)


def test_a_column_that_several_terms_read_is_required_once():
    ranker = blend_of(columns=("a", "a"))
    assert ranker.required_columns == ("a",)
    _, terms = apply(ranker, features([[3.0]], ("a",)), None)
    assert terms.values[0] == pytest.approx([3.0, -8.0 * (np.log1p(3.0) - 0.5) / 4.0])


def test_no_candidates_give_no_scores():
    scores, terms = apply(FIXED, features(np.zeros((0, 4))), np.zeros(0, np.float32))
    assert scores.shape == (0,)
    assert terms.values.shape == (0, 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"scale": np.array([1.0, 0.0])},
        {"weights": np.array([1.0, np.nan])},
        {"center": np.array([1.0])},
        {"transforms": ("identity", "cube")},
        {"names": ("one", "one")},
        {"names": ("one", "trees")},
    ],
)
def test_parameters_that_cannot_be_are_refused(changes):
    with pytest.raises(ModelError, match="run train again"):
        blend_of(**changes)


VALUES = arrays.arrays(np.float32, (6, 3), elements=st.floats(-3, 3, width=32))


def chances_of(**changes):
    parts = {"transforms": ("identity", "relative"), "recall": 0.7}
    return blend_of(**{**parts, **changes})


@given(VALUES)
def test_scores_of_a_ranker_with_recall_are_log_chances_that_add_up_to_it(values):
    """Against a softmax of the sums, person by person."""
    matrix = features(values, ("a", "b", "more"))
    sums, _ = apply(chances_of(recall=None), matrix, None, [0, 2, 2, 6])
    scores, terms = apply(chances_of(), matrix, None, [0, 2, 2, 6])
    assert terms.columns == ("one", "two", "alternatives")
    assert np.array_equal(scores, terms.values.cumsum(axis=1)[:, -1])
    for person in (slice(0, 2), slice(2, 6)):
        odds = np.exp(sums[person].astype(np.float64))
        np.testing.assert_allclose(np.exp(scores[person]), 0.7 * odds / odds.sum(), rtol=1e-4)


@given(arrays.arrays(np.float32, 20, elements=st.floats(-60, 0, width=32)))
def test_relevance_of_log_chances_is_the_chance_to_be_among_the_next_ten(scores):
    shown = chances_of().relevance(scores)
    chance = np.exp(scores.astype(np.float64))
    np.testing.assert_allclose(shown, 1 - (1 - chance) ** 10, rtol=1e-6, atol=1e-12)
    assert ((shown >= 0) & (shown <= 1)).all()
    order = np.argsort(scores)
    assert (np.diff(shown[order]) >= 0).all()


@pytest.mark.parametrize("ranker", [FIXED, blend_of(), chances_of()])
def test_relevance_is_on_the_unit_scale_and_keeps_the_order_whatever_the_sum(ranker):
    sums = np.array([-1e9, -40.0, -3.0, -0.5, 0.0, 0.25, 1.0, 1.5, 1e9], np.float32)
    shown = ranker.relevance(sums)
    assert shown.dtype == np.float32
    assert ((shown >= 0) & (shown <= 1)).all()
    assert (np.diff(shown) >= 0).all()


def test_newcomers_have_weights_of_their_own_that_fade_as_the_history_grows():
    lengths = np.array([0.0, 3.0, 1e6])
    values = np.column_stack([[2.0, 2.0, 2.0], [0.5, 0.5, 0.5], np.log1p(lengths)])
    matrix = features(values, ("a", "b", "context.length"))
    blend = NewcomerBlend(np.array([1.0, 0.0]), np.array([4.0, 1.0]), np.array([8.0, 0.0]), 3.0)
    ranker = blend_of(transforms=("identity", "identity"), newcomers=blend)
    assert ranker.required_columns == ("a", "b", "context.length")
    _, terms = apply(ranker, matrix, None, [0, 1, 2, 3])
    own, newcomers = np.array([1.5, 0.0]), np.array([2.0, 0.0])
    wanted = np.array([newcomers, (own + newcomers) / 2, own])
    np.testing.assert_allclose(terms.values, wanted, rtol=1e-5, atol=1e-6)
    with pytest.raises(ScorerError, match=r"needs the column context\.length"):
        apply(ranker, features(values[:, :2], ("a", "b")), None, [0, 3])


@pytest.mark.parametrize(
    "changes",
    [
        {"recall": 0.0},
        {"recall": 1.1},
        {"recall": float("nan")},
        {"newcomers": NewcomerBlend(np.zeros(2), np.ones(2), np.zeros(2), 0.0)},
        {"newcomers": NewcomerBlend(np.zeros(3), np.ones(2), np.zeros(2), 3.0)},
        {"newcomers": NewcomerBlend(np.zeros(2), np.array([1.0, 0.0]), np.zeros(2), 3.0)},
        {"newcomers": NewcomerBlend(np.zeros(2), np.ones(2), np.array([np.nan, 0.0]), 3.0)},
        {"names": ("one", "alternatives")},
    ],
)
def test_chances_and_blends_that_cannot_be_are_refused(changes):
    with pytest.raises(ModelError, match="run train again"):
        blend_of(**changes)
