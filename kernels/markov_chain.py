"""Forward and backward passes of the factorised Markov chain; `reelrecs.learning.markov_chain` says what it is.

A batch is some whole sequences laid end to end: `starts` and `lengths` cut them out of `movies`,
and a row is one position with the position after it as its target.
"""  # noqa: E501

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Floats, Offsets, Rows
from reelrecs.kernels.jit import inner, kernel


@kernel
def states(
    movies: Rows,
    starts: Offsets,
    lengths: Offsets,
    vectors: Floats,
    decays: Floats,
    damping: Floats,
    dropout_mask: Floats,
    out: Floats,
) -> None:
    """out[row, m d:(m+1) d] = damping[m, age] x sum of decays[m]^k vectors[movie k steps back].

    `dropout_mask[row]` scales a row's own movie: 0 leaves it out of its own and all later states.
    """
    size = vectors.shape[1]
    current = np.empty((len(decays), size), np.float32)
    row = 0
    for sequence in range(len(starts)):
        current[:] = 0.0
        for age in range(lengths[sequence]):
            movie = movies[starts[sequence] + age]
            for mode in range(len(decays)):
                for at in range(size):
                    value = (
                        decays[mode] * current[mode, at] + dropout_mask[row] * vectors[movie, at]
                    )
                    current[mode, at] = value
                    out[row, mode * size + at] = value * damping[mode, age]
            row += 1


class ChainArrays(NamedTuple):
    """The factorised Markov chain; see `reelrecs.stages.markov_chain`."""

    context_embeddings: NDArray[np.float32]  # [movies, size]
    item_embeddings: NDArray[np.float32]  # [size, movies]: a column a movie
    projection: NDArray[np.float32]  # [decays x size, size]
    bias: NDArray[np.float32]  # [movies]
    decays: NDArray[np.float32]  # [decays]


@inner
def chain_scores(history: Rows, chain: ChainArrays, out: Floats) -> None:
    """Fill out [movies] with the scores after the whole history.

    out = item_embeddings' (projection' state) + bias.
    """
    embeddings, decays = chain.context_embeddings, chain.decays
    size = embeddings.shape[1]
    current = np.zeros((len(decays), size), np.float32)
    weight = np.zeros(len(decays), np.float32)
    for movie in history:
        for mode in range(len(decays)):
            weight[mode] = decays[mode] * weight[mode] + np.float32(1.0)
            for at in range(size):
                current[mode, at] = decays[mode] * current[mode, at] + embeddings[movie, at]
    hidden = np.zeros(size, np.float32)
    for mode in range(len(decays)):
        damping = np.float32(1.0) / np.sqrt(max(weight[mode], np.float32(1.0)))
        for part in range(size):
            value = damping * current[mode, part]
            for at in range(size):
                hidden[at] += value * chain.projection[mode * size + part, at]
    for movie in range(len(out)):
        out[movie] = chain.bias[movie]
    for part in range(size):
        for movie in range(len(out)):
            out[movie] += hidden[part] * chain.item_embeddings[part, movie]


@kernel
def states_backward(
    movies: Rows,
    starts: Offsets,
    lengths: Offsets,
    decays: Floats,
    damping: Floats,
    dropout_mask: Floats,
    gradient_of_logit: Floats,
    gradient: Floats,
) -> None:
    """Add to gradient [movies, d] what `gradient_of_logit` [rows, modes d] says of the states."""
    size = gradient.shape[1]
    current = np.empty((len(decays), size), np.float32)
    row = gradient_of_logit.shape[0]
    for sequence in range(len(starts) - 1, -1, -1):
        current[:] = 0.0
        for age in range(lengths[sequence] - 1, -1, -1):
            row -= 1
            movie = movies[starts[sequence] + age]
            for mode in range(len(decays)):
                for at in range(size):
                    value = decays[mode] * current[mode, at]
                    value += damping[mode, age] * gradient_of_logit[row, mode * size + at]
                    current[mode, at] = value
                    gradient[movie, at] += dropout_mask[row] * value


@kernel
def mask_seen(
    movies: Rows,
    starts: Offsets,
    lengths: Offsets,
    place_of: Rows,
    logits: Floats,
) -> None:
    """Put out of reach (-1e4) each row's sampled movies that its user has watched or targets.

    place_of[movie] is the column of a sampled movie in logits [rows, sampled], -1 of others.
    """
    barred = np.empty(logits.shape[1], np.int64)
    row = 0
    for sequence in range(len(starts)):
        barred[:] = lengths[sequence] + 1
        for age in range(lengths[sequence], -1, -1):
            place = place_of[movies[starts[sequence] + age]]
            if place >= 0:
                barred[place] = age
        for age in range(lengths[sequence]):
            for place in range(logits.shape[1]):
                if barred[place] <= age + 1:
                    logits[row, place] = -1e4
            row += 1


@kernel
def shift_to_highest(
    logits: Floats,
    target_logits: Floats,
) -> None:
    """Subtract each row's highest logit, the target's included, so that exp cannot overflow."""
    for row in range(logits.shape[0]):
        highest = target_logits[row]
        for place in range(logits.shape[1]):
            highest = max(highest, logits[row, place])
        target_logits[row] -= highest
        for place in range(logits.shape[1]):
            logits[row, place] -= highest


@kernel
def softmax_gradients(
    exp_logits: Floats,
    target_odds: Floats,
    row_weights: Floats,
    target_slopes: Floats,
) -> None:
    """Turn exp_logits [rows, sampled] into gradients of the weighted softmax loss, in place."""
    for row in range(exp_logits.shape[0]):
        total = target_odds[row]
        for place in range(exp_logits.shape[1]):
            total += exp_logits[row, place]
        share = row_weights[row] / total
        for place in range(exp_logits.shape[1]):
            exp_logits[row, place] *= share
        target_slopes[row] = share * target_odds[row] - row_weights[row]


@kernel
def target_backward(
    hidden: Floats,
    item_embeddings: Floats,
    targets: Rows,
    logit_gradients: Floats,
    d_hidden: Floats,
    d_item_embeddings: Floats,
    d_bias: Floats,
) -> None:
    """Add the targets' part of the gradient, row by row."""
    for row in range(hidden.shape[0]):
        movie, gradient_of_logit = targets[row], logit_gradients[row]
        d_bias[movie] += gradient_of_logit
        for at in range(hidden.shape[1]):
            d_hidden[row, at] += gradient_of_logit * item_embeddings[movie, at]
            d_item_embeddings[movie, at] += gradient_of_logit * hidden[row, at]


@kernel
def adamw(
    values: Floats,
    gradient: Floats,
    first: Floats,
    second: Floats,
    rate: float,
    decay: float,
    beta1: float,
    beta2: float,
    step: int,
) -> None:
    """One step of AdamW (Loshchilov & Hutter 2019) on flat arrays; leaves the gradient at 0."""
    correct1 = np.float32(1.0 / (1.0 - beta1**step))
    correct2 = np.float32(1.0 / (1.0 - beta2**step))
    one = np.float32(1.0)
    b1, b2 = np.float32(beta1), np.float32(beta2)
    for at in range(len(values)):
        gradient_of_logit = gradient[at]
        first[at] = b1 * first[at] + (one - b1) * gradient_of_logit
        second[at] = b2 * second[at] + (one - b2) * gradient_of_logit * gradient_of_logit
        move = first[at] * correct1 / (np.sqrt(second[at] * correct2) + np.float32(1e-8))
        values[at] -= np.float32(rate) * (move + np.float32(decay) * values[at])
        gradient[at] = 0.0
