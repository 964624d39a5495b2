"""A factorised Markov chain of high order: which movie follows a sequence, by inner products.

Kin of FPMC (Rendle et al. 2010) and Fossil (He & McAuley 2016): the history enters as a few sums of
movie vectors, each with its own decay, and everything up to the score is linear in them. Trained by
sampled softmax at every position. Single-threaded but for BLAS, seeded, so repeatable.
"""

from __future__ import annotations

import logging
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.kernels import item_item, pool
from reelrecs.kernels import markov_chain as kernels
from reelrecs.pipeline.candidates import Floats, Rows
from reelrecs.stages.markov_chain import DECAYS, Chain

log = logging.getLogger(__name__)


class ChainSettings(NamedTuple):
    """How to train; chosen on ml-1m's validation cut."""

    size: int = 64
    epochs: float = 4.0
    most_rows: int = 8_000_000  # positions trained on at most: bounds the time on large data
    batch_rows: int = 2048
    rate: float = 0.012
    warm_up: int = 50  # steps
    weight_decay: float = 0.04
    negatives: int = 192
    late_negatives: int = 1024  # in the last quarter of the steps
    late_share: float = 0.25
    popularity_power: float = 0.5  # of the sampling distribution
    dropout: float = 0.1  # of movies of the history
    length_power: float = 0.1  # a user of n movies weighs n^-this a row
    init_std: float = 0.15  # standard deviation of the first vectors


def damping(longest: int) -> Floats:
    """[decays, longest]: one over the root of the sum of weights, for each age of a sequence."""
    ages = np.arange(1, longest + 1, dtype=np.float64)
    decay = DECAYS[:, None].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.where(decay < 1, (1 - decay**ages) / (1 - decay), ages)
    return (total**-0.5).astype(np.float32)


def fit_chain(
    indptr: NDArray[np.int64],
    movies: Rows,
    movie_count: int,
    seed: int,
    settings: ChainSettings | None = None,
) -> Chain:
    """Train on sequences in CSR form, each in time order; sequences of one movie teach nothing."""
    return _Trainer(indptr, movies, movie_count, seed, settings or ChainSettings()).run()


class _Trainer:
    """The state of one training run: parameters, their gradients and moments, the batches."""

    def __init__(
        self,
        indptr: NDArray[np.int64],
        movies: Rows,
        movie_count: int,
        seed: int,
        settings: ChainSettings,
    ) -> None:
        self.settings = settings
        self.movies, self.movie_count = movies, movie_count
        self.rng = np.random.default_rng(seed)
        lengths = np.diff(indptr)
        self.starts, self.lengths = indptr[:-1][lengths > 1], lengths[lengths > 1] - 1
        popularity = np.bincount(movies, minlength=movie_count).astype(np.float64) + 1
        share = popularity**settings.popularity_power
        self.share = share / share.sum()
        self.damping = damping(int(lengths.max(initial=1)))
        weights = self.lengths.astype(np.float64) ** -settings.length_power
        rows = max(int(self.lengths.sum()), 1)
        self.weights = (weights * rows / max((weights * self.lengths).sum(), 1e-9)).astype(
            np.float32
        )
        planned = min(settings.epochs * rows, settings.most_rows)
        self.steps = max(1, round(planned / settings.batch_rows))
        context_embeddings, item_embeddings = self._first_vectors(indptr)
        modes, size = len(DECAYS), settings.size
        projection = np.tile(np.eye(size) / np.sqrt(modes), (modes, 1))
        projection += self.rng.normal(0, 0.01, projection.shape)
        bias = 0.5 * np.log(popularity / popularity.mean())
        self.parameters = [
            np.ascontiguousarray(part, np.float32)
            for part in (context_embeddings, item_embeddings, projection, bias)
        ]
        self.gradients = [np.zeros_like(part) for part in self.parameters]
        self.other_gradients = [np.zeros_like(part) for part in self.parameters]
        self.first = [np.zeros_like(part) for part in self.parameters]
        self.second = [np.zeros_like(part) for part in self.parameters]

    def run(self) -> Chain:
        """All steps, batches of whole users in a random order."""
        step, started = 0, time.monotonic()
        while step < self.steps and len(self.starts) > 0:
            order = self.rng.permutation(len(self.starts))
            batch_of = (np.cumsum(self.lengths[order]) - 1) // self.settings.batch_rows
            for users in np.split(order, np.flatnonzero(np.diff(batch_of)) + 1):
                step += 1
                self._backward(users, self._sample(step))
                self._update(step)
                if step == self.steps:
                    break
            left = (time.monotonic() - started) * (self.steps - step) / step
            log.info(f"training the chain, {step / self.steps:.0%}, about {left:.0f} s left of it")
        return Chain(*self.parameters)

    def _first_vectors(self, indptr: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Truncated SVD of the log lift of decayed ordered pairs, by subspace iteration."""
        settings = self.settings
        sampled = np.argsort(-self.share, kind="stable")[: config.MATRIX_MOVIES]
        place = np.full(self.movie_count, -1, np.int32)
        place[sampled] = np.arange(len(sampled), dtype=np.int32)
        pairs = np.zeros((len(sampled), len(sampled)), np.float32)
        powers = (0.8 ** (np.arange(41) - 1.0)).astype(np.float32)
        item_item.ordered_pairs(indptr, place[self.movies], powers, pairs)
        before, after = pairs.sum(1) + 30, pairs.sum(0) + 30
        expected = np.outer(before, after) / max(float(pairs.sum()), 1.0)
        lift = np.log((pairs + 0.5) / (expected + 0.5)).astype(np.float32)
        basis = self.rng.standard_normal((len(sampled), settings.size + 16)).astype(np.float32)
        for _ in range(3):
            basis = np.linalg.qr(lift @ basis)[0]
            basis = np.linalg.qr(lift.T @ basis)[0]
        left, strength, right = np.linalg.svd(lift @ basis, full_matrices=False)
        root = np.sqrt(strength[: settings.size])
        left, right = left[:, : len(root)] * root, (basis @ right[: settings.size].T) * root
        scale = settings.init_std / max(np.sqrt(left.std() * right.std()), 1e-9)
        context_embeddings = self.rng.normal(0, 0.01, (self.movie_count, settings.size)).astype(
            np.float32
        )
        item_embeddings = self.rng.normal(0, 0.01, (self.movie_count, settings.size)).astype(
            np.float32
        )
        context_embeddings[sampled, : len(root)] = left * scale
        item_embeddings[sampled, : len(root)] = right * scale
        return context_embeddings, item_embeddings

    def _sample(self, step: int) -> tuple[NDArray[np.int64], Floats]:
        """Movies to tell the targets from, and the log of each one's chance to be drawn."""
        late = step > self.steps * (1 - self.settings.late_share)
        draws = self.settings.late_negatives if late else self.settings.negatives
        drawn = np.searchsorted(np.cumsum(self.share), self.rng.random(draws))
        chosen = np.unique(np.minimum(drawn, self.movie_count - 1))
        return chosen, np.log(1 - (1 - self.share[chosen]) ** draws).astype(np.float32)

    def _backward(self, users: NDArray[np.int64], sample: tuple[NDArray[np.int64], Floats]) -> None:
        """Add one batch's gradient, always as two halves side by side: threads change no bit."""
        lengths = self.lengths[users]
        dropout = self.settings.dropout
        drawn = self.rng.random(int(lengths.sum()))
        dropout_mask = ((drawn >= dropout) / (1 - dropout)).astype(np.float32)
        middle = int(np.searchsorted(np.cumsum(lengths), len(drawn) // 2)) + 1
        cut = int(lengths[:middle].sum())
        second = pool.run_async(
            self._half_backward, users[middle:], sample, dropout_mask[cut:], self.other_gradients
        )
        self._half_backward(users[:middle], sample, dropout_mask[:cut], self.gradients)
        second.result()
        for gradient, other in zip(self.gradients, self.other_gradients, strict=True):
            gradient += other
            other[:] = 0.0

    def _half_backward(
        self,
        users: NDArray[np.int64],
        sample: tuple[NDArray[np.int64], Floats],
        dropout_mask: Floats,
        gradients: list[Floats],
    ) -> None:
        """Add to `gradients` those of the sampled softmax loss with the log-Q correction."""
        context_embeddings, item_embeddings, projection, bias = self.parameters
        d_context_embeddings, d_item_embeddings, d_projection, d_bias = gradients
        chosen, log_probability = sample
        starts, lengths = self.starts[users], self.lengths[users]
        rows = int(lengths.sum())
        if rows == 0:
            return
        here = np.arange(rows) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
        targets = self.movies[here + 1]
        row_weights: Any = np.repeat(self.weights[users], lengths) / np.float32(
            self.settings.batch_rows
        )
        state = np.empty((rows, len(projection)), np.float32)
        kernels.states(
            self.movies,
            starts,
            lengths,
            context_embeddings,
            DECAYS,
            self.damping,
            dropout_mask,
            state,
        )
        hidden: Any = state @ projection
        sampled = item_embeddings[chosen]
        logits = hidden @ sampled.T
        logits += bias[chosen] - log_probability
        place_of = np.full(self.movie_count, -1, np.int32)
        place_of[chosen] = np.arange(len(chosen), dtype=np.int32)
        kernels.mask_seen(self.movies, starts, lengths, place_of, logits)
        target_logits = np.einsum("rd,rd->r", hidden, item_embeddings[targets]) + bias[targets]
        kernels.shift_to_highest(logits, target_logits)
        logit_gradients = np.empty(rows, np.float32)
        np.exp(logits, out=logits)
        kernels.softmax_gradients(logits, np.exp(target_logits), row_weights, logit_gradients)
        d_hidden = logits @ sampled
        d_item_embeddings[chosen] += logits.T @ hidden
        d_bias[chosen] += logits.sum(0)
        kernels.target_backward(
            hidden, item_embeddings, targets, logit_gradients, d_hidden, d_item_embeddings, d_bias
        )
        d_projection += state.T @ d_hidden
        kernels.states_backward(
            self.movies,
            starts,
            lengths,
            DECAYS,
            self.damping,
            dropout_mask,
            d_hidden @ projection.T,
            d_context_embeddings,
        )

    def _update(self, step: int) -> None:
        settings = self.settings
        rate = settings.rate * min(1.0, step / settings.warm_up) * (1 - step / self.steps)
        for part, (values, gradient, first, second) in enumerate(
            zip(self.parameters, self.gradients, self.first, self.second, strict=True)
        ):
            decay = settings.weight_decay if part < 2 else 0.0
            flat = (values.reshape(-1), gradient.reshape(-1), first.reshape(-1), second.reshape(-1))
            kernels.adamw(*flat, rate, decay, 0.9, 0.99, step)
