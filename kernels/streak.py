"""How a movie fits the streak of genres and years that somebody is on."""

from __future__ import annotations

import numpy as np

from reelrecs.kernels.jit import kernel


@kernel
def genre_and_year_fit(  # type: ignore[no-untyped-def]
    masks, years, genre_share, last_movies, genre_decay, year_decay, candidates, genre, era
):
    """How well each candidate fits the genres and the years of the last movies (newest first).

    genre: how much likelier the candidate's genres are for somebody on a streak of some genre than
    for anybody; era: squared distance in years from the decayed mean over the variance,
    at most 16, 0 for an unknown year.
    """
    count = len(genre_share)
    exp_logits = np.zeros(count)
    weight = 1.0
    for movie in last_movies:
        for code in range(count):
            if masks[movie] >> np.uint64(code) & np.uint64(1):
                exp_logits[code] += weight * np.log(0.9 / genre_share[code])
            else:
                exp_logits[code] += weight * np.log(0.1 / (1.0 - genre_share[code]))
        weight *= genre_decay
    anything = 1.0
    for code in range(count):
        exp_logits[code] = np.exp(min(exp_logits[code], 12.0))
        anything += exp_logits[code]
    total = 0.0
    mean = 0.0
    square = 0.0
    weight = 1.0
    for movie in last_movies:
        if years[movie] > 0:
            year = float(years[movie])
            total += weight
            mean += weight * year
            square += weight * year * year
        weight *= year_decay
    if total > 0:
        mean /= total
        square = max(square / total - mean * mean, 0.0) + 4.0
    for row in range(len(candidates)):
        movie = candidates[row]
        fit = 1.0
        for code in range(count):
            if masks[movie] >> np.uint64(code) & np.uint64(1):
                fit += exp_logits[code] / genre_share[code]
        genre[row] = fit / anything
        era[row] = 0.0
        if total > 0 and years[movie] > 0:
            era[row] = min((years[movie] - mean) ** 2 / square, 16.0)
