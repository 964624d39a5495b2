"""Stages and pipelines asked for one query, where a test has no use for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from reelrecs.kernels.sequence_retrieval import room_for
from reelrecs.pipeline import lifting
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates, Floats, Mask, Rows
from reelrecs.pipeline.protocols import BatchFilter, BatchReranker, Filter
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.reranking import BatchReranking
from reelrecs.pipeline.runner import Pipeline
from reelrecs.pipeline.trace import BatchTrace
from reelrecs.stages.recent_source import RecentSource
from reelrecs.stages.sequence_evidence import SequenceGatherer
from reelrecs.stages.sequence_features import COLUMNS, SequenceFeatures
from reelrecs.stages.sequence_model import SequenceModel, asked_of
from reelrecs.stages.sequence_source import SequenceSource


def lists_of(pipeline: Pipeline, queries: Sequence[Query]) -> list[Candidates]:
    """Each query's list, all run together."""
    return list(pipeline.run(Queries.of(queries)).candidates)


def candidates_of(pipeline: Pipeline, query: Query) -> Candidates:
    """What is scored for a query."""
    alone, trace = Queries.of([query]), BatchTrace()
    return pipeline.candidates(alone, pipeline.gathered(alone, trace), trace).rows


def featurized(pipeline: Pipeline, query: Query) -> Candidates:
    """The same with features."""
    return featurized_all(pipeline, [query]).rows


def featurized_all(pipeline: Pipeline, queries: Sequence[Query]) -> CandidateBatch:
    """The same for several queries together."""
    together, trace = Queries.of(queries), BatchTrace()
    evidence = pipeline.gathered(together, trace)
    found = pipeline.candidates(together, evidence, trace)
    return pipeline.featurized(together, found, evidence, trace)


def keeps(stage: Filter | BatchFilter, query: Query, candidates: Candidates) -> Mask:
    """What a filter lets pass."""
    return lifting.keep_all(stage, Queries.of([query]), CandidateBatch.of([candidates]))


def reranked(stage: BatchReranker, query: Query, candidates: Candidates) -> BatchReranking:
    """The list that a re-ranker makes of scored candidates."""
    return stage.rerank_all(Queries.of([query]), CandidateBatch.of([candidates]))


def found_by(
    source: SequenceSource | RecentSource, model: SequenceModel, query: Query
) -> Candidates:
    """What a source of the learned profile finds."""
    alone = Queries.of([query])
    return source.find_all(alone, SequenceGatherer(model).gather(alone)).rows


def described(model: SequenceModel, query: Query, movies: Rows) -> Floats:
    """[movies, COLUMNS] for a query."""
    given = CandidateBatch.of([Candidates(np.asarray(movies, np.int32))])
    return SequenceFeatures(model).describe(asked_of(Queries.of([query])), given)


class Gathered(NamedTuple):
    """What was found out of each movie for a query: see `kernels.sequence_world.Scores`."""

    votes: Floats
    windows: Floats
    alike: Floats
    at_length: Floats
    gap: int  # ratings of everybody since the last of the history
    end: int  # how many ratings of everybody the windows reach up to; -1 if some do not count


def evidence_of(model: SequenceModel, query: Query) -> Gathered:
    """The evidence for a query, and a check that the room is left as it was found."""
    found = room_for(1, 1, 0, len(COLUMNS))
    found.counts[0], found.movies[0] = 1, 0
    model.describe(asked_of(Queries.of([query])), found, np.array([0, 1]), 0, 1)
    with model._space() as room:
        assert not room.marks.any()
        assert not room.similarity.any()
        assert not room.voting.recency.any()
        scores, gap, end = room.scores, int(found.gaps[0]), int(room.counted_end[0])
        votes, windows = scores.votes.copy(), scores.windows.copy()
        return Gathered(votes, windows, scores.alike.copy(), scores.at_length.copy(), gap, end)
