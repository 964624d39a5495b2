"""Candidates by what comes next in the sequences of others."""

from __future__ import annotations

import numpy as np

from reelrecs.kernels.sequence_retrieval import CHAIN, VOTES
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.queries import Queries
from reelrecs.stages.sequence_model import SequenceEvidence


class SequenceSource:
    """What comes next, by sequence kNN and by the chain."""

    name = "sequence"
    channels = ("sequence.next", "sequence.markov_chain")

    def find_all(self, queries: Queries, evidence: SequenceEvidence) -> CandidateBatch:
        """The best movies of each channel, together, by ascending row.

        The retrieval score of the chain is the odds beside its best movie's.
        """
        drawn = evidence.chosen & np.uint8(1 << VOTES | 1 << CHAIN) != 0
        found = evidence.candidates.keep(drawn)
        scores = np.ascontiguousarray(found.rows.retrieval_scores[:, : len(self.channels)])
        scores[:, CHAIN] = np.exp(scores[:, CHAIN]) * (evidence.chosen[drawn] >> CHAIN & 1)
        return CandidateBatch(found.indptr, Candidates(found.rows.movies, self.channels, scores))
