"""The forest learns what no single column says, and is the same forest every time."""

import numpy as np
import pytest

from reelrecs.kernels.boosted_trees import Trees, add_trees
from reelrecs.learning.boosted_trees import TreeSettings, fit_trees
from reelrecs.learning.conditional_logit import Choices, fit_logit


@pytest.fixture(scope="module")
def choices() -> Choices:
    """The chosen of each five is the one whose two columns have the same sign."""
    rng = np.random.default_rng(5)
    groups, size = 400, 5
    features = rng.uniform(-1, 1, (groups * size, 3)).astype(np.float32)
    features[:, 1] = -np.sign(features[:, 0]) * np.abs(features[:, 1])
    features[::size, 1] *= -1
    return Choices(features, np.zeros(groups * size, np.float32), np.arange(groups) * size)


def loss_of(choices: Choices, score: np.ndarray) -> float:
    rows = score.astype(float).reshape(-1, 5)
    return float(np.mean(np.log(np.exp(rows).sum(1)) - rows[:, 0]))


def grown(trees: Trees, features: np.ndarray) -> np.ndarray:
    out = np.zeros(len(features), np.float32)
    add_trees(np.ascontiguousarray(features.T), *trees, out)
    return out


def test_trees_learn_what_a_linear_blend_cannot(choices: Choices) -> None:
    logit = fit_logit(choices)
    linear = logit.scores(choices.features)
    trees = fit_trees(choices, linear, 1, TreeSettings(trees=40, ridge=1.0))
    assert loss_of(choices, linear) > 1.5, "log 5 is chance"
    assert loss_of(choices, linear + grown(trees, choices.features)) < 0.2


def test_the_seed_alone_decides(choices: Choices) -> None:
    score = np.zeros(len(choices.features), np.float32)
    one, again, other = (fit_trees(choices, score, seed) for seed in (1, 1, 2))
    for part, same in zip(one, again, strict=True):
        np.testing.assert_array_equal(part, same)
    assert not np.array_equal(one.leaves, other.leaves)
    assert not score.any(), "the caller's scores stay as they are"


def test_scores_of_the_logit_are_its_weighted_sums(choices: Choices) -> None:
    logit = fit_logit(choices)
    standard = (choices.features.astype(float) - logit.center) / logit.scale
    np.testing.assert_allclose(
        logit.scores(choices.features), standard @ logit.weights, rtol=1e-4, atol=1e-5
    )
