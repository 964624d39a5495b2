"""The five kinds of stage. Everything here is arrays over rows; ids appear only at the door."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Mask
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.reranking import Reranking


class Source(Protocol):
    """Finds candidates for a user."""

    name: str

    def find(self, query: Query) -> Candidates:
        """Candidates with their channels and strengths; never raises for an empty history."""
        ...


class Filter(Protocol):
    """Says which candidates may stay."""

    name: str

    def keep(self, query: Query, candidates: Candidates) -> Mask:
        """True for each candidate that stays; same length and order as the candidates."""
        ...


class Featurizer(Protocol):
    """Describes candidates by numbers."""

    def features(self, query: Query, candidates: Candidates) -> FeatureMatrix:
        """One row per candidate, in the same order."""
        ...


class Scorer(Protocol):
    """Turns features into scores."""

    def score(self, query: Query, candidates: Candidates) -> Candidates:
        """The same candidates in the same order with `scores` and `terms` filled in."""
        ...


@runtime_checkable
class ManyScorer(Scorer, Protocol):
    """A scorer that answers several queries at once, each as it would alone."""

    def score_many(
        self, queries: Sequence[Query], batches: Sequence[Candidates]
    ) -> list[Candidates]:
        """Each batch scored for its query; every batch holds candidates with features."""
        ...


class Reranker(Protocol):
    """Orders scored candidates into the list that is shown."""

    def rerank(self, query: Query, candidates: Candidates) -> Reranking:
        """At most query.limit candidates, so adjusted that their scores descend."""
        ...
