"""The factorised Markov chain: its states, its gradient, and that it learns."""

import numpy as np
import pytest
from scipy.special import log_softmax

from reelrecs.kernels.markov_chain import ChainArrays, chain_scores
from reelrecs.learning.markov_chain import ChainSettings, _Trainer, damping, fit_chain
from reelrecs.stages.markov_chain import DECAYS, Chain
from tests.compiled import entry

_chain_scores = entry(chain_scores)

SMALL = ChainSettings(size=3, epochs=1, batch_rows=8, negatives=4, dropout=0.0)


def world(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 7, 12)
    movies = np.concatenate([rng.permutation(9)[:length] for length in lengths])
    return np.concatenate([[0], np.cumsum(lengths)]), movies.astype(np.int32)


def scores_of(chain: Chain, history: np.ndarray) -> np.ndarray:
    found = np.empty(len(chain.bias), np.float32)
    item_embeddings = np.ascontiguousarray(chain.item_embeddings.T)
    arrays = ChainArrays(
        chain.context_embeddings, item_embeddings, chain.projection, chain.bias, DECAYS
    )
    _chain_scores(history, arrays, found)
    return found


def naive_state(history: np.ndarray, context_embeddings: np.ndarray) -> np.ndarray:
    parts = []
    for decay in DECAYS.astype(float):
        weights = np.array([decay**k for k in range(len(history))])
        total = (weights[:, None] * context_embeddings[history[::-1]]).sum(0)
        parts.append(total / np.sqrt(weights.sum()))
    return np.concatenate(parts)


def test_scores_follow_the_definition() -> None:
    rng = np.random.default_rng(1)
    chain = Chain(*(rng.random(shape).astype(np.float32) for shape in [(9, 3), (9, 3), (12, 3), 9]))
    history = np.array([4, 1, 8, 2], np.int32)
    state = naive_state(history, chain.context_embeddings)
    expected = chain.item_embeddings @ (state @ chain.projection) + chain.bias
    np.testing.assert_allclose(scores_of(chain, history), expected, rtol=1e-4)
    np.testing.assert_array_equal(scores_of(chain, history[:0]), chain.bias)


def loss_of(
    trainer: _Trainer,
    parameters: list[np.ndarray],
    users: np.ndarray,
    chosen: np.ndarray,
    log_probability: np.ndarray,
) -> float:
    context_embeddings, item_embeddings, projection, bias = parameters
    total = 0.0
    for user in users:
        start, length = trainer.starts[user], trainer.lengths[user]
        sequence = trainer.movies[start : start + length + 1]
        for age in range(length):
            hidden = naive_state(sequence[: age + 1], context_embeddings) @ projection
            target = sequence[age + 1]
            negatives = [c for c in chosen if c not in sequence[: age + 2]]
            chance = dict(zip(chosen, log_probability, strict=True))
            logits = [item_embeddings[target] @ hidden + bias[target]]
            logits += [item_embeddings[c] @ hidden + bias[c] - chance[c] for c in negatives]
            total -= trainer.weights[user] / SMALL.batch_rows * log_softmax(logits)[0]
    return total


def test_the_gradient_is_that_of_the_loss() -> None:
    indptr, movies = world()
    trainer = _Trainer(indptr, movies, 9, 0, SMALL)
    rng = np.random.default_rng(2)
    for part in trainer.parameters:
        part += rng.normal(0, 0.3, part.shape).astype(np.float32)
    users = np.arange(len(trainer.starts))
    chosen, log_probability = trainer._sample(1)
    trainer._backward(users, (chosen, log_probability))
    exact = [part.astype(np.float64) for part in trainer.parameters]
    for part, gradient in enumerate(trainer.gradients):
        for at in rng.integers(0, gradient.size, 12):
            logit_gradients = []
            for step in (1e-5, -1e-5):
                moved = [values.copy() for values in exact]
                moved[part].reshape(-1)[at] += step
                logit_gradients.append(loss_of(trainer, moved, users, chosen, log_probability))
            gradient_of_logit = (logit_gradients[0] - logit_gradients[1]) / 2e-5
            assert gradient.reshape(-1)[at] == pytest.approx(gradient_of_logit, rel=2e-3, abs=2e-5)


def test_it_learns_what_follows_what() -> None:
    """Movie m is always followed by m + 1: after training the chain says so."""
    rng = np.random.default_rng(3)
    starts = rng.integers(0, 20, 400)
    movies = np.concatenate([(start + np.arange(8)) % 30 for start in starts]).astype(np.int32)
    settings = ChainSettings(size=16, epochs=30, batch_rows=256, negatives=20)
    chain = fit_chain(np.arange(401) * 8, movies, 30, 0, settings)
    right = [
        int(scores_of(chain, np.array([m - 1, m], np.int32)).argmax()) == m + 1
        for m in range(3, 25)
    ]
    assert np.mean(right) > 0.9


def test_training_is_repeatable_and_the_seed_matters() -> None:
    indptr, movies = world()
    one, again, other = (fit_chain(indptr, movies, 9, seed, SMALL) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.item_embeddings, again.item_embeddings)
    assert not np.array_equal(one.item_embeddings, other.item_embeddings)


def test_sequences_of_one_movie_teach_nothing_and_harm_nothing() -> None:
    chain = fit_chain(np.arange(5), np.array([0, 1, 2, 3], np.int32), 5, 0, SMALL)
    assert np.isfinite(scores_of(chain, np.array([1], np.int32))).all()


def test_damping_is_one_over_the_root_of_the_weights() -> None:
    for row, decay in enumerate(DECAYS.astype(float)):
        for age in range(5):
            total = sum(decay**k for k in range(age + 1))
            assert damping(5)[row, age] == pytest.approx(total**-0.5, rel=1e-5)
