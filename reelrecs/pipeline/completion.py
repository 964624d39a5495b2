"""Lists that filters leave short: retrieval is widened, then the whole catalogue is looked through.

Only when it holds too few movies that pass are the filters given up that may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reelrecs.pipeline.candidate_batch import CandidateBatch, merge
from reelrecs.pipeline.candidates import Candidates, Mask
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.trace import BatchTrace, Trace

if TYPE_CHECKING:
    from reelrecs.pipeline.runner import Pipeline


def completed(
    pipeline: Pipeline,
    queries: Queries,
    found: CandidateBatch,
    kept: CandidateBatch,
    wanted: NDArray[np.int64],
    trace: BatchTrace,
) -> CandidateBatch:
    """The kept candidates, with more for the queries that have fewer than `wanted` [queries]."""
    parts = list(kept)
    for at in np.flatnonzero(kept.counts < wanted).tolist():
        one = trace.of(at)
        parts[at] = _longer(pipeline, queries[at], found[at], int(wanted[at]), one)
        trace.completed[at] = one
    channels = max((part.channels for part in parts), key=len)
    return CandidateBatch.of([_with_channels(part, channels) for part in parts])


def _longer(
    pipeline: Pipeline, query: Query, found: Candidates, wanted: int, trace: Trace
) -> Candidates:
    alone = Queries.of([query])
    passes = _let_pass(pipeline, alone, found)
    if int(passes.sum()) < query.limit and not passes.all():
        found = _widened(pipeline, query, found)
    rest = _rest(pipeline, alone, found, trace)
    last = len(rest.channels)
    everything = merge(
        [CandidateBatch.of([found]), CandidateBatch.of([rest])], pipeline.movie_count
    ).rows
    masks = pipeline.masks(alone, CandidateBatch.of([everything]))
    relaxed: list[str] = []
    keep = _all_but(masks, relaxed, len(everything))
    for name in pipeline.relax:
        if int(keep.sum()) >= query.limit:
            break
        if name in masks and not masks[name].all():
            relaxed.append(name)
            keep = _all_but(masks, relaxed, len(everything))
    trace.relaxed = tuple(relaxed)
    trace.removed = {
        name: everything.movies[~mask] for name, mask in masks.items() if name not in relaxed
    }
    return _without_surplus(everything.take(keep), last, wanted)


def _widened(pipeline: Pipeline, query: Query, found: Candidates) -> Candidates:
    """What the sources find for longer and longer lists, until enough pass or nothing is new."""
    limit = query.limit
    while limit < pipeline.movie_count:
        limit = min(max(2 * limit, len(found)), pipeline.movie_count)
        wider = Queries.of([replace(query, limit=limit)])
        ignored = BatchTrace()
        more = pipeline.found(wider, pipeline.gathered(wider, ignored), ignored).rows
        if len(more) <= len(found):
            return found
        found = more
        if int(_let_pass(pipeline, wider, found).sum()) >= query.limit:
            return found
    return found


def _let_pass(pipeline: Pipeline, alone: Queries, found: Candidates) -> Mask:
    masks = pipeline.masks(alone, CandidateBatch.of([found]))
    return _all_but(masks, (), len(found))


def _rest(pipeline: Pipeline, alone: Queries, found: Candidates, trace: Trace) -> Candidates:
    """What the last resort finds beside the others."""
    if pipeline.last_resort is None:
        return Candidates.empty(())
    own = BatchTrace()
    rest = pipeline.found_by(pipeline.last_resort, alone, None, own).rows
    trace.found |= {name: int(counts[0]) for name, counts in own.found.items()}
    return rest.take(~np.isin(rest.movies, found.movies))


def _all_but(masks: dict[str, Mask], relaxed: Sequence[str], length: int) -> Mask:
    """What all filters let pass but for those that are given up."""
    keep = np.ones(length, np.bool_)
    for name, mask in masks.items():
        if name not in relaxed:
            keep &= mask
    return keep


def _without_surplus(candidates: Candidates, columns: int, wanted: int) -> Candidates:
    """At most `wanted`: of those that the last columns alone found the strongest, ties by row."""
    strengths = candidates.retrieval_scores[:, candidates.retrieval_scores.shape[1] - columns :]
    strongest = strengths.max(axis=1, initial=0.0)
    keep = strongest == 0.0
    added = np.lexsort((candidates.movies, -strongest))[: len(keep) - int(keep.sum())]
    keep[added[: max(0, wanted - int(keep.sum()))]] = True
    return candidates.take(keep)


def _with_channels(candidates: Candidates, channels: tuple[str, ...]) -> Candidates:
    """The same with columns of 0 for channels that were not asked."""
    missing = len(channels) - len(candidates.channels)
    if missing == 0:
        return candidates
    nothing = np.zeros((len(candidates), missing), np.float32)
    scores = np.concatenate([candidates.retrieval_scores, nothing], axis=1)
    return replace(candidates, channels=channels, retrieval_scores=scores)
