"""What the sequences of others say of the movies for one query: fills one thread's workspace."""

from __future__ import annotations

import numpy as np

from reelrecs.kernels.arrays import Bytes, Entries, Floats, Offsets, Rows, Times, int64
from reelrecs.kernels.item_item import row_sum
from reelrecs.kernels.jit import inlined, inner
from reelrecs.kernels.markov_chain import ChainArrays, chain_scores
from reelrecs.kernels.recent_ratings import Likeness, add_likeness, count_before, count_windows
from reelrecs.kernels.sequence_knn import Watched
from reelrecs.kernels.sequence_world import (
    KNOWN_LATER,
    LATER,
    SEEN,
    ItemItem,
    Lengths,
    Recent,
    Scores,
)


@inner
def known_at(times: Times, order: Entries, moment: int) -> int:
    """How many ratings of everybody were given until then."""
    low, high = 0, len(order)
    if high and times[order[high - 1]] <= moment:
        return high
    while low < high:
        middle = (low + high) >> 1
        if times[order[middle]] <= moment:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def active_before(last_times: Times, moment: int) -> int:
    """How many users were last active before then."""
    return count_before(last_times, int64(0), len(last_times), moment)


@inner
def mark(
    watched: Watched, times: Times, history: Rows, own_row: int, as_of: int, marks: Bytes
) -> tuple[int, int]:
    """Mark the history, and what the store holds of the user beyond it: how many, and by then."""
    for movie in history:
        marks[movie] = SEEN
    later = 0
    known = 0
    if own_row >= 0:
        indptr, movies = watched.user_indptr, watched.user_movies
        for at in range(indptr[own_row], indptr[own_row + 1]):
            movie = movies[at]
            if not marks[movie] & SEEN:
                marks[movie] = LATER
                later += 1
                if times[at] <= as_of:
                    marks[movie] |= KNOWN_LATER
                    known += 1
    return later, known


@inner
def clear_marks(watched: Watched, history: Rows, own_row: int, later: int, marks: Bytes) -> None:
    """Take the marks of a query away."""
    for movie in history:
        marks[movie] = 0
    if later:
        indptr, movies = watched.user_indptr, watched.user_movies
        for at in range(indptr[own_row], indptr[own_row + 1]):
            marks[movies[at]] = 0


@inner
def score_base_models(
    chain: ChainArrays, item_item: ItemItem, history: Rows, scores: Scores
) -> None:
    """Fill the scores of the chain and of the three item-to-item models."""
    chain_scores(history, chain, scores.chain)
    reach, summed = item_item.reach, scores.summed
    summed[:] = 0.0
    row_sum(item_item.next_item, history, reach.next_item_decay, reach.next_item_rows, summed[0])
    row_sum(item_item.ease, history, 1.0, reach.ease_rows, summed[1])
    row_sum(
        item_item.co_occurrence,
        history,
        reach.co_occurrence_decay,
        reach.co_occurrence_rows,
        summed[2],
    )


@inner
def count_recent(
    recent: Recent,
    likeness: Likeness,
    own: bool,
    own_row: int,
    end: int,
    scores: Scores,
    counted_end: Offsets,
) -> None:
    """Fill the windows of recent ratings, and the likeness of those who gave them.

    Windows stand as they are from query to query at one moment, unless the asker's `own` ratings
    are among them: those do not count.
    """
    movies, users = recent.movies[: end - recent.start], recent.users[: end - recent.start]
    if own or counted_end[0] != end:
        count_windows(movies, users, own_row, recent.windows, scores.windows)
        counted_end[0] = -1 if own else end
    add_likeness(movies, users, likeness, own_row, recent.alike_window, scores.alike)


@inlined
def length_code(ends: Rows, length: int) -> int:
    """Which of the lengths that are told apart this is."""
    code = 0
    while code < len(ends) - 1 and ends[code] <= length:
        code += 1
    return code


@inner
def count_at_length(
    lengths: Lengths,
    rating_counts: Rows,
    watched: Watched,
    marks: Bytes,
    length: int,
    own_row: int,
    later: int,
    at_length: Floats,
) -> None:
    """Fill how many people rated each movie at this length of a history, smoothed.

    Ratings of the user beyond the history do not count.
    """
    code = length_code(lengths.ends, length)
    counts = lengths.counts[code]
    share = np.float32(lengths.prior / max(len(watched.user_movies) - later, 1))
    for movie in range(len(rating_counts)):
        at_length[movie] = np.float32(counts[movie]) + np.float32(rating_counts[movie]) * share
    if later:
        indptr, movies = watched.user_indptr, watched.user_movies
        first = indptr[own_row]
        for at in range(first, indptr[own_row + 1]):
            movie = movies[at]
            if marks[movie] & LATER:
                others = np.float32(counts[movie])
                if length_code(lengths.ends, at - first) == code:
                    others -= np.float32(1.0)
                known = (np.float32(rating_counts[movie]) - np.float32(1.0)) * share
                at_length[movie] = others + known
