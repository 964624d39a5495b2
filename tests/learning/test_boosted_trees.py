"""The forest learns what no single column says, and is the same forest every time."""

import numpy as np
import pytest

from reelrecs.kernels.boosted_trees import Trees, add_trees
from reelrecs.learning.boosted_trees import TreeSettings, fit_trees
from reelrecs.learning.conditional_logit import RankingGroups, fit_logit


@pytest.fixture(scope="module")
def groups() -> RankingGroups:
    """The chosen of each five is the one whose two columns have the same sign."""
    rng = np.random.default_rng(5)
    groups, size = 400, 5
    features = rng.uniform(-1, 1, (groups * size, 3)).astype(np.float32)
    features[:, 1] = -np.sign(features[:, 0]) * np.abs(features[:, 1])
    features[::size, 1] *= -1
    return RankingGroups(features, np.zeros(groups * size, np.float32), np.arange(groups) * size)


def loss_of(groups: RankingGroups, score: np.ndarray) -> float:
    rows = score.astype(float).reshape(-1, 5)
    return float(np.mean(np.log(np.exp(rows).sum(1)) - rows[:, 0]))


def grown(trees: Trees, features: np.ndarray) -> np.ndarray:
    out = np.zeros(len(features), np.float32)
    add_trees(np.ascontiguousarray(features.T), *trees, out)
    return out


def test_trees_learn_what_a_linear_blend_cannot(groups: RankingGroups) -> None:
    logit = fit_logit(groups)
    linear = logit.scores(groups.features)
    trees = fit_trees(groups, linear, 1, TreeSettings(trees=40, ridge=1.0))
    assert loss_of(groups, linear) > 1.5, "log 5 is chance"
    assert loss_of(groups, linear + grown(trees, groups.features)) < 0.2


def test_the_seed_alone_decides(groups: RankingGroups) -> None:
    score = np.zeros(len(groups.features), np.float32)
    one, again, other = (fit_trees(groups, score, seed) for seed in (1, 1, 2))
    for part, same in zip(one, again, strict=True):
        np.testing.assert_array_equal(part, same)
    assert not np.array_equal(one.leaves, other.leaves)
    assert not score.any(), "the caller's scores stay as they are"


def test_scores_of_the_logit_are_its_weighted_sums(groups: RankingGroups) -> None:
    logit = fit_logit(groups)
    standard = (groups.features.astype(float) - logit.center) / logit.scale
    np.testing.assert_allclose(
        logit.scores(groups.features), standard @ logit.weights, rtol=1e-4, atol=1e-5
    )
