"""Lists while no scorer answers: ranked by the model at hand, and marked."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import numpy as np

from reelrecs import config
from reelrecs.errors import ScorerAway
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import FeatureMatrix
from reelrecs.pipeline.queries import Queries
from reelrecs.scorer.batches import DEGRADED, AnswersOne
from reelrecs.scorer.client import GrpcScorer
from reelrecs.scorer.lifetime import Closing
from reelrecs.scorer.local import LocalScorer
from reelrecs.scorer.model import ScoringModel

log = logging.getLogger(__name__)


class DegradingScorer(Closing, AnswersOne):
    """Asks a scorer elsewhere; where it is away, the model of this process, for a while.

    What that ranked has a term DEGRADED, which is 0 and adds nothing. After a failure nobody waits
    for the scorer for `config.CIRCUIT_SECONDS`: a circuit that opens (Nygard 2007). A scorer that
    answers and refuses is an error as ever.
    """

    def __init__(self, remote: GrpcScorer, model: ScoringModel) -> None:
        self._remote, self._local = remote, LocalScorer(model)
        self._away = False
        self._ask_again_at = 0.0

    def score_all(self, queries: Queries, candidates: CandidateBatch) -> CandidateBatch:
        """Fill in scores and terms; raises ScorerError where the scorer refuses."""
        if time.monotonic() >= self._ask_again_at:
            try:
                answer = self._remote.score_all(queries, candidates)
            except ScorerAway as error:
                self._ask_again_at = time.monotonic() + config.CIRCUIT_SECONDS
                if not self._away:
                    log.warning("%s; until then lists are ranked here, and marked", error)
                self._away = True
            else:
                if self._away:
                    log.warning("a scorer answers again")
                self._away = False
                return answer
        return _marked(self._local.score_all(queries, candidates))

    def close(self) -> None:
        """Give the connections back."""
        self._remote.close()


def _marked(scored: CandidateBatch) -> CandidateBatch:
    terms = scored.rows.terms
    assert terms is not None
    mark = FeatureMatrix((DEGRADED,), np.zeros((len(terms.values), 1), np.float32))
    rows = replace(scored.rows, terms=FeatureMatrix.side_by_side([terms, mark]))
    return CandidateBatch(scored.indptr, rows)
