"""Scorers by what people call them: "local", "embedded", or addresses of running services."""

from __future__ import annotations

from reelrecs.config import EMBEDDED_SCORER, LOCAL_SCORER
from reelrecs.pipeline.protocols import BatchScorer
from reelrecs.scorer.address import checked
from reelrecs.scorer.local import LocalScorer
from reelrecs.scorer.model import ScoringModel


def check_scorer(name: str) -> None:
    """Raise AddressError unless it is the name of a scorer or addresses separated by commas."""
    if name not in (LOCAL_SCORER, EMBEDDED_SCORER):
        for address in name.split(","):
            checked(address.strip())


def open_scorer(name: str, model: ScoringModel, degrade: bool = False) -> BatchScorer:
    """The scorer of a name; gRPC is imported for those that need it. Raises AddressError.

    With `degrade` the model takes the place of a scorer elsewhere while that is away.
    """
    if name == LOCAL_SCORER:
        return LocalScorer(model)
    if name == EMBEDDED_SCORER:
        from reelrecs.scorer.embedded import EmbeddedScorer

        return EmbeddedScorer(model)
    from reelrecs.scorer.access import Access
    from reelrecs.scorer.client import GrpcScorer

    scorer = GrpcScorer(name.split(","), model.store, access=Access.of_environment())
    if not degrade:
        return scorer
    from reelrecs.scorer.degrading import DegradingScorer

    return DegradingScorer(scorer, model)
