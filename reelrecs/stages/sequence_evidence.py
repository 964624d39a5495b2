"""Gathers sequence evidence for a batch of queries, on all threads of the budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels import pool
from reelrecs.kernels.sequence_retrieval import CHAIN, Found
from reelrecs.kernels.sequence_world import Asked
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.protocols import BatchSource, Source
from reelrecs.pipeline.queries import Queries
from reelrecs.stages.recent_source import RecentSource
from reelrecs.stages.sequence_features import COLUMNS, finish
from reelrecs.stages.sequence_model import SequenceEvidence, SequenceModel, asked_of
from reelrecs.stages.sequence_source import SequenceSource

CHANNELS = (*SequenceSource.channels, *RecentSource.channels)
"""All retrieval channels, in the order of their bits."""


class SequenceGatherer:
    """Candidates of all channels with their columns: the evidence of the learned profile."""

    def __init__(self, model: SequenceModel) -> None:
        self._model = model

    def gather(self, queries: Queries) -> SequenceEvidence:
        """The evidence for these queries."""
        return self.evidence(asked_of(queries))

    def evidence(self, asked: Asked) -> SequenceEvidence:
        """The same for queries that stand in arrays."""
        ranges = pool.split(len(asked.own_rows), pool.threads())
        if len(ranges) == 1:
            found = self._found(asked, *ranges[0])
        else:
            parts = pool.current().in_order(lambda span: self._found(asked, *span), ranges)
            found = Found(*map(np.concatenate, zip(*parts, strict=True)))
        indptr = np.zeros(len(found.counts) + 1, np.int64)
        np.cumsum(found.counts, out=indptr[1:])
        odds = found.retrieval[:, CHAIN]  # logarithms of them, 0 where the chain did not draw
        odds[:] = np.exp(odds) * (found.chosen >> CHAIN & 1)
        rows = Candidates(found.movies, CHANNELS, found.retrieval)
        return SequenceEvidence(CandidateBatch(indptr, rows), found.chosen, found.features)

    def union(
        self, sources: Sequence[Source | BatchSource], evidence: SequenceEvidence
    ) -> tuple[CandidateBatch, dict[str, NDArray[np.int64]]] | None:
        """All candidates, where it is the two sources over this evidence that find them."""
        if [type(source) for source in sources] != [SequenceSource, RecentSource]:
            return None
        split = len(SequenceSource.channels)
        return evidence.candidates, {
            SequenceSource.name: evidence.count_drawn_by(0, split),
            RecentSource.name: evidence.count_drawn_by(split, len(CHANNELS)),
        }

    def _found(self, asked: Asked, first: int, last: int) -> Found:
        found = self._model.retrieve(asked, len(COLUMNS), first, last)
        indptr = np.zeros(last - first + 1, np.int64)
        np.cumsum(found.counts, out=indptr[1:])
        lengths = np.diff(asked.indptr)[first:last]
        finish(found.features, indptr, lengths, found.gaps)
        return found
