"""Item-to-item matrices from sequences, and scores as sums of their rows."""

from __future__ import annotations

import numpy as np

from reelrecs.kernels.jit import kernel


@kernel
def decayed_gram(indptr, movies, decay, least, gram):  # type: ignore[no-untyped-def]
    """Add to gram the sum over positions t of x_t x_t', x_t the decayed history at t.

    In closed form over pairs: movies p <= q share decay^(q-p) (1 - decay^2(n-q)) / (1 - decay^2);
    pairs below `least` are left out. -1 in `movies` is a movie outside the matrix.
    """
    square = decay * decay
    for user in range(len(indptr) - 1):
        end = indptr[user + 1]
        for later in range(indptr[user], end):
            column = movies[later]
            if column < 0:
                continue
            value = (1.0 - square ** (end - later)) / (1.0 - square)
            gram[column, column] += value
            for earlier in range(later - 1, indptr[user] - 1, -1):
                value *= decay
                if value < least:
                    break
                row = movies[earlier]
                if row >= 0:
                    gram[row, column] += value
                    gram[column, row] += value


@kernel
def ordered_pairs(indptr, movies, powers, pairs):  # type: ignore[no-untyped-def]
    """pairs[a, b] += powers[gap] for each time b follows a at gap 1 .. len(powers) - 1."""
    for user in range(len(indptr) - 1):
        end = indptr[user + 1]
        for earlier in range(indptr[user], end):
            row = movies[earlier]
            if row < 0:
                continue
            for later in range(earlier + 1, min(earlier + len(powers), end)):
                column = movies[later]
                if column >= 0:
                    pairs[row, column] += powers[later - earlier]


@kernel
def row_sum(matrix, matrix_rows, history, decay, most, out):  # type: ignore[no-untyped-def]
    """Add to out the rows of the last `most` movies, each step back weighing `decay`.

    matrix_rows[movie] is a movie's row, -1 where it has none.
    """
    weight = np.float32(1.0)
    for back in range(min(most, len(history))):
        matrix_row = matrix_rows[history[len(history) - 1 - back]]
        if matrix_row >= 0:
            row = matrix[matrix_row]
            for column in range(len(row)):
                out[column] += weight * row[column]
        weight *= np.float32(decay)
