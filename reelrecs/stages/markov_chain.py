"""The factorised Markov chain as the stages use it; `reelrecs.learning.markov_chain` trains it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reelrecs.pipeline.candidates import Floats

DECAYS = np.array([0.0, 0.6, 0.9, 1.0], np.float32)
"""A step back counts this much: the last movie alone, a few, some dozens, everything."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Score = item_embeddings @ (projection' state) + bias.

    The state is the damped, decayed sums of the history's context embeddings.

    `kernels.markov_chain.chain_scores` works it out.
    """

    context_embeddings: Floats  # [movies, size]
    item_embeddings: Floats  # [movies, size]
    projection: Floats  # [decays x size, size]
    bias: Floats  # [movies]
