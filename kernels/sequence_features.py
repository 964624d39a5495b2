"""The trained evidence of one history over all movies, and candidates described by all of it."""

from __future__ import annotations

import numpy as np

from reelrecs.kernels.item_item import row_sum
from reelrecs.kernels.jit import kernel
from reelrecs.kernels.markov_chain import chain_scores
from reelrecs.kernels.sequence_knn import first_in_order


@kernel
def base_scores(  # type: ignore[no-untyped-def]
    history,
    context_embeddings,
    item_embeddings,
    projection,
    bias,
    decays,
    matrix_rows,
    step,
    ease,
    pairs,
    reach,
    chain_of_movie,
    summed,
):
    """Fill chain_of_movie [movies] and summed [3, matrix rows].

    The rows of `summed` are next-item ridge, EASE and co-occurrence.

    `reach` says how much each step back weighs, and how many count, in each of the three.
    """
    chain_scores(
        history, context_embeddings, item_embeddings, projection, bias, decays, chain_of_movie
    )
    row_sum(step, matrix_rows, history, reach.next_item_decay, reach.next_item_rows, summed[0])
    row_sum(ease, matrix_rows, history, 1.0, reach.ease_rows, summed[1])
    row_sum(
        pairs, matrix_rows, history, reach.co_occurrence_decay, reach.co_occurrence_rows, summed[2]
    )


@kernel
def featurize(  # type: ignore[no-untyped-def]
    movies,
    votes,
    chain_of_movie,
    matrix_rows,
    summed,
    movie_indptr,
    movie_users,
    activity_ranks,
    first_rank,
    last_rank,
    future,
    logged,
    plain,
):
    """Fill `logged`: votes, step, pairs, popularity, recency; and `plain`: chain, ease.

    Both are [candidates, columns], with room for others after those. Logarithms are left to the
    caller, and what may be 0 is raised by a little. Raters last active at first_rank .. last_rank -
    1 are recent; the user's own rating of a movie that `future` marks counts neither as one of them
    nor as one of all.
    """
    channels = votes.shape[1]
    for row in range(len(movies)):
        movie = movies[row]
        for channel in range(channels):
            logged[row, channel] = votes[movie, channel] + np.float32(1e-4)
        step = ease = pairs = np.float32(0.0)
        matrix_row = matrix_rows[movie]
        if matrix_row >= 0:
            step = max(summed[0, matrix_row], np.float32(0.0))
            ease, pairs = summed[1, matrix_row], summed[2, matrix_row]
        logged[row, channels] = step + np.float32(3e-3)
        logged[row, channels + 1] = pairs + np.float32(1e-3)
        start, stop = movie_indptr[movie], movie_indptr[movie + 1]
        low = first_in_order(movie_users, activity_ranks, start, stop, first_rank)
        high = first_in_order(movie_users, activity_ranks, low, stop, last_rank)
        raters, recent = stop - start, high - low
        if future[movie]:
            raters -= 1
            recent -= 1
        logged[row, channels + 2] = raters + 1
        logged[row, channels + 3] = np.float32(recent + 2) / np.float32(raters + 2)
        plain[row, 0] = chain_of_movie[movie]
        plain[row, 1] = ease


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
