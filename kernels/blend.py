"""The linear blend: terms and their sums, row by row."""

from __future__ import annotations

import numpy as np

from reelrecs.kernels.jit import kernel


@kernel
def blend_terms(inputs, center, scale, weights, terms):  # type: ignore[no-untyped-def]
    """Fill the first columns of terms [rows, terms] from inputs [rows, columns].

    Term j is weights[j] / scale[j] * (inputs[j] - center[j]) in float64, rounded to float32.
    """
    gain = weights / scale
    for row in range(inputs.shape[0]):
        for term in range(inputs.shape[1]):
            terms[row, term] = gain[term] * (np.float64(inputs[row, term]) - center[term])


@kernel
def add_up(terms, scores):  # type: ignore[no-untyped-def]
    """Fill scores [rows] with the float32 sums of each row's terms, from left to right."""
    for row in range(terms.shape[0]):
        total = np.float32(0.0)
        for term in range(terms.shape[1]):
            total += terms[row, term]
        scores[row] = total
