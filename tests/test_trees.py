"""Trees learn what no linear blend can, the same way each time, and each list by itself."""

import numpy as np
import pytest

from reelrecs.errors import DataError
from reelrecs.logit import Choices, fit_logit
from reelrecs.trees import Trees, TreeSettings, fit_trees, relative_inputs

CANDIDATES = 8
SETTINGS = TreeSettings(trees=30, depth=3, rate=0.3, penalty=5.0, bins=16, column_share=1.0)


def alternating(groups, seed=0):
    """People choose the one candidate whose first two features have the same sign.

    Weights find it where that sign is theirs, half the time; the third feature is noise.
    """
    rng = np.random.default_rng(seed)
    rows = rng.uniform(0.1, 1, (groups, CANDIDATES, 3)).astype(np.float32)
    sign = rng.choice(np.array([-1, 1], np.float32), (groups, CANDIDATES))
    rows[..., 0] *= sign
    rows[..., 1] *= -sign
    rows[:, 0, 1] *= -1
    starts = np.arange(groups) * CANDIDATES
    return Choices(rows.reshape(-1, 3), np.zeros(groups * CANDIDATES, np.float32), starts)


def linear_scores(logit, features):
    return ((features - logit.center) / logit.scale @ logit.weights).astype(np.float32)


def hits(scores):
    lists = scores.reshape(-1, CANDIDATES)
    return (lists[:, :1] > lists[:, 1:]).all(axis=1).mean()


@pytest.fixture(scope="module")
def learned():
    """Linear blend and trees of the alternating world."""
    choices = alternating(800)
    logit = fit_logit(choices)
    return logit, fit_trees(choices, linear_scores(logit, choices.features), SETTINGS)


def test_trees_learn_what_a_linear_blend_cannot(learned):
    logit, trees = learned
    fresh = alternating(300, seed=1)
    linear = linear_scores(logit, fresh.features)
    assert hits(linear) < 0.5  # it can prefer one of the two signs
    assert hits(linear + trees.scores(fresh.features, fresh.starts, linear)) > 0.9


def test_relative_inputs_learn_the_best_of_a_list():
    """Lists lie at levels of their own, so only the distance to the best tells anything."""
    choices = alternating(400)
    rng = np.random.default_rng(2)
    values = rng.uniform(0, 1, (400, CANDIDATES, 1))
    values[:, 0] = values[:, 1:].max(axis=1) - 0.3  # a good way below the best
    values += rng.uniform(-50, 50, (400, 1, 1))
    features = values.reshape(-1, 1).astype(np.float32)
    trees = fit_trees(
        Choices(features, choices.offset, choices.starts),
        np.zeros(len(features), np.float32),
        SETTINGS,
    )
    scores = trees.scores(features, choices.starts, np.zeros(len(features), np.float32))
    assert hits(scores) > 0.4
    assert (trees.columns >= 1).all()  # never the feature as it is


def test_same_seed_same_trees_another_seed_others(learned):
    logit, trees = learned
    choices = alternating(800)
    linear = linear_scores(logit, choices.features)
    again = fit_trees(choices, linear, SETTINGS)
    for part in ("columns", "thresholds", "values"):
        np.testing.assert_array_equal(getattr(trees, part), getattr(again, part))
    other = fit_trees(choices, linear, SETTINGS, seed=1)
    assert not np.array_equal(trees.values, other.values)


def test_each_list_by_itself_gives_the_same_bits(learned):
    logit, trees = learned
    fresh = alternating(5, seed=3)
    linear = linear_scores(logit, fresh.features)
    together = trees.scores(fresh.features, fresh.starts, linear)
    first = np.zeros(1, np.int64)
    apart = [
        trees.scores(rows, first, scores)
        for rows, scores in zip(np.split(fresh.features, 5), np.split(linear, 5), strict=True)
    ]
    np.testing.assert_array_equal(together, np.concatenate(apart))


def test_offsets_count_in_training(learned):
    """A rival that stands for many pulls its leaf down further."""
    choices = alternating(200)
    linear = np.zeros(len(choices.offset), np.float32)
    offset = np.where(np.arange(len(linear)) % CANDIDATES == 1, 3, 0).astype(np.float32)
    plain = fit_trees(choices, linear, SETTINGS)
    heavy = fit_trees(Choices(choices.features, offset, choices.starts), linear, SETTINGS)
    assert not np.array_equal(plain.values, heavy.values)


def test_relative_inputs_by_hand():
    features = np.array([[1, 5], [3, 4], [9, -2]], np.float32)
    inputs = relative_inputs(features, np.array([0, 2]), np.array([1, 0, 7], np.float32))
    wanted = [[1, 3, 9], [5, 4, -2], [-2, 0, 0], [0, -1, 0], [0, -1, 0]]
    assert inputs.tolist() == wanted


def test_more_rows_than_tell_the_quantiles(monkeypatch):
    monkeypatch.setattr("reelrecs.trees.QUANTILE_ROWS", 500)
    choices = alternating(400)
    linear = np.zeros(len(choices.offset), np.float32)
    trees = fit_trees(choices, linear, SETTINGS)
    assert hits(trees.scores(choices.features, choices.starts, linear)) > 0.8


def test_no_candidates_no_scores(learned):
    nothing = np.zeros(0, np.float32)
    scores = learned[1].scores(np.zeros((0, 3), np.float32), np.zeros(0, np.int64), nothing)
    assert scores.shape == (0,)
    assert scores.dtype == np.float32


def test_no_trees_add_nothing():
    none = Trees(np.zeros((0, 2), np.int32), np.zeros((0, 2), np.float32), np.zeros((0, 4)))
    rows = np.ones((2, 3), np.float32)
    assert none.scores(rows, np.array([0]), np.zeros(2, np.float32)).tolist() == [0, 0]


@pytest.mark.parametrize("starts", [[], [1], [0, 0], [0, 2]])
def test_lists_that_are_not_whole_are_refused(starts):
    with pytest.raises(DataError, match="whole"):
        relative_inputs(np.ones((2, 1), np.float32), np.array(starts, np.int64), np.zeros(2))


def test_trees_of_other_features_are_refused(learned):
    with pytest.raises(DataError, match="run train again"):
        learned[1].scores(np.ones((2, 1), np.float32), np.array([0]), np.zeros(2, np.float32))
