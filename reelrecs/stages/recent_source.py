"""Candidates that everybody rates just now, and that people rate at this point of a history."""

from __future__ import annotations

import numpy as np

from reelrecs import config
from reelrecs.kernels.sequence_retrieval import WINDOWS
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates
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
        found = evidence.candidates.keep(evidence.chosen >> WINDOWS != 0)
        scores = np.ascontiguousarray(found.rows.retrieval_scores[:, WINDOWS:])
        return CandidateBatch(found.indptr, Candidates(found.rows.movies, self.channels, scores))
