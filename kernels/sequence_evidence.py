"""What the sequences of others say of the movies for one query: fills one thread's workspace."""

from __future__ import annotations

import numpy as np

from reelrecs.kernels.arrays import Entries, Rows, Times
from reelrecs.kernels.item_item import row_sum
from reelrecs.kernels.jit import inner, inlined, kernel
from reelrecs.kernels.markov_chain import chain_scores
from reelrecs.kernels.recent_ratings import Likeness, add_likeness, count_windows
from reelrecs.kernels.sequence_knn import (
    Asker,
    add_similarity,
    clear_similarity,
    sequence_votes,
)
from reelrecs.kernels.sequence_world import (
    KNOWN_LATER,
    LATER,
    SEEN,
    Asked,
    ChainArrays,
    Evidence,
    ItemItem,
    Workspace,
    World,
)


@inlined
def known_at(times: Times, order: Entries, moment: int) -> int:
    """How many ratings of everybody were given until then."""
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) >> 1
        if times[order[middle]] <= moment:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def fill(world: World, asked: Asked, query: int, work: Workspace) -> Evidence:
    """Fill the workspace for one query; `clear` it before the next."""
    watched, settings = world.watched, world.settings
    history = asked.movies[asked.indptr[query] : asked.indptr[query + 1]]
    as_of, own_row = asked.as_of[query], asked.own_rows[query]
    for movie in history:
        work.marks[movie] = SEEN
    end, last = len(world.order), len(world.order)
    last_seen = as_of
    if as_of < world.times[world.order[end - 1]]:
        end = known_at(world.times, world.order, as_of)
    if len(history):
        rated = asked.times[asked.indptr[query + 1] - 1]
        last = min(end, known_at(world.times, world.order, rated))
        last_seen = min(last_seen, rated)
    else:
        last = end
    later, later_known = mark_later(world, own_row, as_of, work)
    asker = Asker(history, own_row, np.searchsorted(world.last_times, last_seen))

    similar = history[max(0, len(history) - settings.similarity_movies) :]
    add_similarity(watched, similar, settings.votes, work.similarity)
    work.votes[:] = 0.0
    sequence_votes(watched, asker, 0, settings.votes, work.similarity, work.recency, work.votes)
    if not asked.include_seen[query]:
        for movie in history:
            work.votes[movie] = 0.0
    score_base_models(world.chain, world.item_item, history, work)
    count_recent(world, asker, end, work)
    count_at_length(world, len(history), own_row, later, work)
    clear_similarity(watched, similar, work.similarity)
    return Evidence(asker, end, max(end - last - later_known, 0), later)


@inner
def clear(world: World, asker: Asker, later: int, work: Workspace) -> None:
    """Take the marks of a query away."""
    for movie in asker.history:
        work.marks[movie] = 0
    if later:
        indptr = world.watched.user_indptr
        for at in range(indptr[asker.own_row], indptr[asker.own_row + 1]):
            work.marks[world.watched.user_movies[at]] = 0


@inner
def mark_later(world: World, own_row: int, as_of: int, work: Workspace) -> tuple[int, int]:
    """Mark what the store holds of the user beyond the history: how many, and by the moment."""
    later = 0
    known = 0
    if own_row >= 0:
        indptr = world.watched.user_indptr
        for at in range(indptr[own_row], indptr[own_row + 1]):
            movie = world.watched.user_movies[at]
            if not work.marks[movie] & SEEN:
                work.marks[movie] = LATER
                later += 1
                if world.times[at] <= as_of:
                    work.marks[movie] |= KNOWN_LATER
                    known += 1
    return later, known


@inner
def score_base_models(
    chain: ChainArrays, item_item: ItemItem, history: Rows, work: Workspace
) -> None:
    """Fill the scores of the chain and of the three item-to-item models."""
    chain_scores(
        history,
        chain.context_embeddings,
        chain.item_embeddings,
        chain.projection,
        chain.bias,
        chain.decays,
        work.chain,
    )
    reach, summed = item_item.reach, work.summed
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
def count_recent(world: World, asker: Asker, end: int, work: Workspace) -> None:
    """Fill the windows of recent ratings, and the likeness of those who gave them.

    Windows stand as they are from query to query at one moment, unless the asker's own ratings are
    among them: those do not count.
    """
    recent, own_row, indptr = world.recent, asker.own_row, world.watched.user_indptr
    movies, users = recent.movies[: end - recent.start], recent.users[: end - recent.start]
    own = False
    if own_row >= 0 and end > 0:
        since = world.times[world.order[max(end - recent.windows[-1], 0)]]
        own = world.times[indptr[own_row + 1] - 1] >= since
    if own or work.counted_end[0] != end:
        count_windows(movies, users, own_row, recent.windows, work.windows)
        work.counted_end[0] = -1 if own else end
    likeness = Likeness(work.similarity, world.watched.damping)
    add_likeness(movies, users, likeness, own_row, recent.alike_window, work.alike)


@inlined
def length_code(ends: Rows, length: int) -> int:
    """Which of the lengths that are told apart this is."""
    code = 0
    while code < len(ends) - 1 and ends[code] <= length:
        code += 1
    return code


@inner
def count_at_length(world: World, length: int, own_row: int, later: int, work: Workspace) -> None:
    """Fill how many people rated each movie at this length of a history, smoothed.

    Ratings of the user beyond the history do not count.
    """
    recent, counts = world.recent, world.catalogue.rating_counts
    code = length_code(recent.length_ends, length)
    at_length = recent.counts_by_length[code]
    share = np.float32(recent.length_prior / max(len(world.order) - later, 1))
    for movie in range(len(counts)):
        work.at_length[movie] = np.float32(at_length[movie]) + np.float32(counts[movie]) * share
    if later:
        indptr = world.watched.user_indptr
        first = indptr[own_row]
        for at in range(first, indptr[own_row + 1]):
            movie = world.watched.user_movies[at]
            if work.marks[movie] & LATER:
                others = np.float32(at_length[movie])
                if length_code(recent.length_ends, at - first) == code:
                    others -= np.float32(1.0)
                known = (np.float32(counts[movie]) - np.float32(1.0)) * share
                work.at_length[movie] = others + known
