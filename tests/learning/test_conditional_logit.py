"""The conditional logit: it recovers the weights that made the groups."""

import numpy as np
import pytest

from reelrecs.learning.conditional_logit import RankingGroups, fit_logit


def simulated(groups: int, offset: float = 0.0) -> tuple[RankingGroups, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = np.array([1.5, -0.7, 0.0])
    features, starts = [], []
    for _ in range(groups):
        rows = rng.normal(2, 3, (int(rng.integers(2, 12)), 3))
        exp_logits = np.exp(rows @ truth)
        chosen = rng.choice(len(rows), p=exp_logits / exp_logits.sum())
        rows[[0, chosen]] = rows[[chosen, 0]]
        starts.append(sum(len(one) for one in features))
        features.append(rows)
    flat = np.concatenate(features).astype(np.float32)
    return RankingGroups(flat, np.full(len(flat), offset, np.float32), np.array(starts)), truth


def test_it_recovers_the_weights() -> None:
    groups, truth = simulated(4000)
    logit = fit_logit(groups)
    np.testing.assert_allclose(logit.weights / logit.scale, truth, atol=0.08)


def test_a_common_offset_changes_nothing() -> None:
    plain, shifted = (fit_logit(simulated(300, offset)[0]) for offset in (0.0, 3.0))
    np.testing.assert_allclose(plain.weights, shifted.weights, atol=1e-2)
    assert plain.loss == pytest.approx(shifted.loss, abs=1e-3)


def test_groups_are_counted_from_their_starts() -> None:
    groups = RankingGroups(np.zeros((5, 1), np.float32), np.zeros(5, np.float32), np.array([0, 2]))
    assert groups.group_of_row.tolist() == [0, 0, 1, 1, 1]


def test_a_constant_column_gets_no_say() -> None:
    groups, _ = simulated(200)
    constant = np.hstack([groups.features, np.ones((len(groups.features), 1), np.float32)])
    logit = fit_logit(RankingGroups(constant, groups.offset, groups.starts))
    assert logit.weights[3] == pytest.approx(0, abs=1e-6)
