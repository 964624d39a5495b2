"""Candidates that everybody rates just now, and that people rate at this point of a history."""

from __future__ import annotations

from reelrecs import config
from reelrecs.kernels.sequence_retrieval import WINDOWS
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.queries import Queries
from reelrecs.stages.sequence_model import SequenceEvidence


class RecentSource:
    """What is rated most in each window, and at this point of a history."""

    name = "recent"
    channels = (
        *(f"recent.{window}" for window in config.RECENT_WINDOWS),
        "recent.at_length",
    )

    def find_all(self, queries: Queries, evidence: SequenceEvidence) -> CandidateBatch:
        """The best movies of each channel, together, by ascending row."""
        return evidence.drawn_by(WINDOWS, WINDOWS + len(self.channels))
