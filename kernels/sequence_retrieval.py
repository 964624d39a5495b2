"""Candidates of several queries, chosen and described from their evidence in one go.

A range of queries is one thread's work from beginning to end, without the GIL.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Floats, Mask, Rows, int64
from reelrecs.kernels.jit import inner, kernel
from reelrecs.kernels.recent_ratings import Likeness
from reelrecs.kernels.sequence_description import Moment, describe, fit_profile
from reelrecs.kernels.sequence_evidence import (
    active_before,
    clear_marks,
    count_at_length,
    count_recent,
    known_at,
    mark,
    score_base_models,
)
from reelrecs.kernels.sequence_knn import (
    CHANNELS,
    Asker,
    add_similarity,
    clear_similarity,
    sequence_votes,
)
from reelrecs.kernels.sequence_world import Asked, Catalogue, Drawing, Scores, Workspace, World
from reelrecs.kernels.similarity_of_few import (
    Late,
    add_similarity_of_few,
    clear_similarity_of_few,
    raters_of,
)

VOTES, CHAIN, WINDOWS = 0, 1, 2
"""Retrieval channels: by votes, by the chain, and from here on by the windows and by length."""

_NEXT, _BEFORE = CHANNELS.index("next_alike"), CHANNELS.index("before")


class Draw(NamedTuple):
    """How many candidates each channel draws."""

    votes: int  # at least, and twice the list's length
    chain: int  # the same
    recent: int  # from each window, at least, and the list's length
    before_share: float  # what a vote before an anchor weighs beside one after it


class Found(NamedTuple):
    """Candidates of a range of queries end to end, or room for them."""

    counts: NDArray[np.int64]  # [queries]
    gaps: NDArray[np.int64]  # [queries] ratings of everybody since the last of the history
    movies: NDArray[np.int32]  # [candidates] ascending for each query
    chosen: NDArray[np.uint16]  # [candidates] retrieval channels that chose it, as bits
    retrieval: NDArray[np.float32]  # [candidates, channels] of the chain, how far from the best
    features: NDArray[np.float32]  # [candidates, columns] before logarithms are taken

    def part(self, queries: slice, candidates: slice) -> Found:
        """Those of some of the queries."""
        return Found(
            self.counts[queries],
            self.gaps[queries],
            self.movies[candidates],
            self.chosen[candidates],
            self.retrieval[candidates],
            self.features[candidates],
        )


def room_for(queries: int, candidates: int, channels: int, columns: int) -> Found:
    """Room for so many candidates."""
    return Found(
        np.zeros(queries, np.int64),
        np.zeros(queries, np.int64),
        np.empty(candidates, np.int32),
        np.empty(candidates, np.uint16),
        np.empty((candidates, channels), np.float32),
        np.empty((candidates, columns), np.float32),
    )


@kernel
def gather(
    world: World,
    asked: Asked,
    draw: Draw,
    work: Workspace,
    found: Found,
    given: bool,
    first: int,
    last: int,
) -> int:
    """Choose the candidates of queries first .. last - 1 and describe them; the first not done.

    That is `last` unless there is no room for the candidates of one. Where they are given, by
    `counts` and `movies`, they are only described.
    """
    watched, catalogue, settings = world.watched, world.catalogue, world.settings
    times, order, recent = world.times, world.order, world.recent
    marks, similarity, scores, drawing = work.marks, work.similarity, work.scores, work.drawing
    size, newest = int64(0), int64(0)  # a plain 0 is another type
    for query in range(first, last):
        count = found.counts[query - first]
        if given and count == 0:
            continue
        history = asked.movies[asked.indptr[query] : asked.indptr[query + 1]]
        own_row, as_of = int64(asked.own_rows[query]), asked.as_of[query]
        last_seen = as_of
        if len(history):
            last_seen = min(as_of, asked.times[asked.indptr[query + 1] - 1])
        end, seen = known_at(times, order, as_of), known_at(times, order, last_seen)
        rank = active_before(world.last_times, last_seen)
        later, known = mark(watched, times, history, own_row, as_of, marks)
        found.gaps[query - first] = max(end - seen - known, 0)

        similar = history[max(0, len(history) - settings.similarity_movies) :]
        late = Late(recent.users, end - recent.start, recent.alike_window)
        asker = Asker(history, own_row, rank)
        many = raters_of(watched, similar) > settings.similarity_raters
        if many:
            add_similarity_of_few(
                watched, asker, similar, settings.votes, late, work.few, similarity
            )
        else:
            add_similarity(watched, similar, settings.votes, similarity)
        scores.votes[:] = 0.0
        room, votes = work.voting, scores.votes
        sequence_votes(watched, asker, newest, settings.votes, similarity, room, votes)
        if not asked.include_seen[query]:
            for movie in history:
                votes[movie] = 0.0
        score_base_models(world.chain, world.item_item, history, scores)
        own = False
        if own_row >= 0 and end > 0:
            since = times[order[max(end - recent.windows[-1], 0)]]
            own = times[watched.user_indptr[own_row + 1] - 1] >= since
        likeness = Likeness(similarity, watched.damping)
        count_recent(recent, likeness, own, own_row, end, scores, work.counted_end)
        counts, length = catalogue.rating_counts, len(history)
        count_at_length(
            world.lengths, counts, watched, marks, length, own_row, later, scores.at_length
        )
        if many:
            clear_similarity_of_few(watched, asker, settings.votes, late, similarity)
        else:
            clear_similarity(watched, similar, similarity)

        stop = size + count
        if not given:
            bar(asked.masks, asked.mask_of[query], asked.include_seen[query], history, drawing)
            stop = size + choose(catalogue, draw, asked.limits[query], scores, drawing)
            if stop > len(found.movies):
                clear_marks(watched, history, own_row, later, marks)
                return query
            take(drawing, size, found)
            found.counts[query - first] = stop - size
        moment = Moment(own_row, rank, end, later)
        movies, features = found.movies[size:stop], found.features[size:stop]
        describe(watched, catalogue, settings.recent_users, moment, movies, marks, scores, features)
        fit_profile(watched, catalogue, settings, moment, history, marks, movies, features)
        clear_marks(watched, history, own_row, later, marks)
        size = stop
    return last


@inner
def bar(masks: Mask, mask: int, include_seen: bool, history: Rows, drawing: Drawing) -> None:
    """Say what must not be recommended: what the mask, if not -1, and the history leave out."""
    barred = drawing.barred
    for movie in range(len(barred)):
        barred[movie] = mask >= 0 and not masks[mask, movie]
    if not include_seen:
        for movie in history:
            barred[movie] = True


@inner
def choose(catalogue: Catalogue, draw: Draw, limit: int, scores: Scores, drawing: Drawing) -> int:
    """Mark in `chosen` what any channel draws of what may be recommended; how many those are."""
    windows, channels, share = len(scores.windows), drawing.channels, np.float32(draw.before_share)
    drawing.chosen[:] = 0
    for movie in range(len(drawing.chosen)):
        vote = scores.votes[movie, _NEXT] + share * scores.votes[movie, _BEFORE]
        channels[VOTES, movie] = vote * catalogue.inverse_popularity[movie]
        channels[CHAIN, movie] = scores.chain[movie]
        channels[WINDOWS + windows, movie] = scores.at_length[movie]
    for window in range(windows):
        rated, score = scores.windows[window], channels[WINDOWS + window]
        for movie in range(len(score)):
            known = np.float32(rated[movie] > 0) * catalogue.percentiles[movie]
            score[movie] = rated[movie] + known
    for channel in range(len(channels)):
        least, most = np.float32(0.0), max(draw.recent, limit)
        if channel == CHAIN:
            least, most = np.float32(-np.inf), max(draw.chain, 2 * limit)
        if channel == VOTES:
            most = max(draw.votes, 2 * limit)
        best = draw_best(channels[channel], least, most, channel, drawing)
        if channel == CHAIN:
            for movie in range(len(drawing.chosen)):
                channels[CHAIN, movie] -= best
    count = 0
    for bits in drawing.chosen:
        count += bits != 0
    return count


@inner
def draw_best(
    scores: Floats, least: np.float32, most: int, channel: int, drawing: Drawing
) -> np.float32:
    """Mark the `most` highest scores above `least`, and those tied with the last; the highest.

    A heap holds the highest so far; whatever was among them at any time is looked at again in the
    end, so that the catalogue is gone through once.
    """
    heap, seen_at_top, barred = drawing.heap, drawing.at_top, drawing.barred
    most = min(most, len(scores))
    size, looked_at = 0, 0
    best, bound = least, least
    for movie in range(len(scores)):
        score = scores[movie]
        if score < bound or score <= least or barred[movie]:
            continue
        seen_at_top[looked_at] = movie
        looked_at += 1
        best = max(best, score)
        if size < most:
            at = size
            size += 1
            while at > 0 and heap[(at - 1) >> 1] > score:
                heap[at] = heap[(at - 1) >> 1]
                at = (at - 1) >> 1
        else:
            at = 0
            while 2 * at + 1 < size:
                child = 2 * at + 1
                if child + 1 < size and heap[child + 1] < heap[child]:
                    child += 1
                if heap[child] >= score:
                    break
                heap[at] = heap[child]
                at = child
        heap[at] = score
        if size == most:
            bound = heap[0]
    bit = np.uint16(1 << channel)
    for at in range(looked_at):
        if scores[seen_at_top[at]] >= bound:
            drawing.chosen[seen_at_top[at]] |= bit
    return best


@inner
def take(drawing: Drawing, size: int, found: Found) -> None:
    """Write down what was chosen, from place `size` on."""
    chosen, channels = drawing.chosen, drawing.channels
    for movie in range(len(chosen)):
        if chosen[movie]:
            found.movies[size] = movie
            found.chosen[size] = chosen[movie]
            for channel in range(len(channels)):
                drawn = chosen[movie] >> channel & 1
                found.retrieval[size, channel] = channels[channel, movie] if drawn else 0.0
            size += 1
