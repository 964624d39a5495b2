"""Candidates by what comes next in the sequences of others."""

from __future__ import annotations

from reelrecs.pipeline.candidate_batch import CandidateBatch
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
        return evidence.drawn_by(0, len(self.channels))
