"""The linear blend: terms and their sums, row by row."""

from __future__ import annotations

import numpy as np

from reelrecs.kernels.jit import kernel


@kernel
def blend_terms(values, columns, logged, center, scale, weights, terms, scores):  # type: ignore[no-untyped-def]
    """Fill terms [rows, terms] and scores [rows] from values [rows, columns].

    Term j is weights[j] / scale[j] * (f(values[columns[j]]) - center[j]) in float64, rounded to
    float32, f being log1p where `logged`; a score is the float32 sum of its terms in order.
    """
    gain = weights / scale
    for row in range(values.shape[0]):
        total = np.float32(0.0)
        for term in range(len(columns)):
            value = np.float64(values[row, columns[term]])
            if logged[term]:
                value = np.log1p(value)
            part = np.float32(gain[term] * (value - center[term]))
            terms[row, term] = part
            total += part
        scores[row] = total
