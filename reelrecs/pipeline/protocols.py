"""The five kinds of stage, for one query or for a batch. Everything here is arrays over rows.

A stage of your own is written for one query and lifted by `reelrecs.pipeline.lifting`. The
product's own answer a batch at once, and are given the evidence that was gathered for all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Mask
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.reranking import BatchReranking, Reranking


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


class Reranker(Protocol):
    """Orders scored candidates into the list that is shown."""

    def rerank(self, query: Query, candidates: Candidates) -> Reranking:
        """At most query.limit candidates, so adjusted that their scores descend."""
        ...


class Gatherer(Protocol):
    """Works out once what several stages read."""

    def gather(self, queries: Queries) -> Any:
        """The evidence for these queries, which the profile's stages understand."""
        ...

    def union(
        self, sources: Sequence[Source | BatchSource], evidence: Any
    ) -> tuple[CandidateBatch, dict[str, NDArray[np.int64]]] | None:
        """What exactly these sources find together, and how many movies each, by query.

        None where the evidence does not tell: the sources are asked one by one.
        """
        ...


@runtime_checkable
class BatchSource(Protocol):
    """A source that answers a batch."""

    name: str

    def find_all(self, queries: Queries, evidence: Any) -> CandidateBatch:
        """Each query's candidates, as it would have them alone."""
        ...


@runtime_checkable
class BatchFilter(Protocol):
    """A filter that answers a batch."""

    name: str

    def keep_all(self, queries: Queries, candidates: CandidateBatch) -> Mask:
        """True for each candidate that stays."""
        ...


@runtime_checkable
class BatchFeaturizer(Protocol):
    """A featurizer that answers a batch."""

    def features_of_all(
        self, queries: Queries, candidates: CandidateBatch, evidence: Any
    ) -> FeatureMatrix:
        """One row per candidate, in the same order."""
        ...


@runtime_checkable
class BatchScorer(Protocol):
    """A scorer that answers a batch."""

    def score_all(self, queries: Queries, candidates: CandidateBatch) -> CandidateBatch:
        """The same candidates with scores and terms, each query's as they would be alone."""
        ...


@runtime_checkable
class BatchReranker(Protocol):
    """A re-ranker that answers a batch."""

    def rerank_all(self, queries: Queries, candidates: CandidateBatch) -> BatchReranking:
        """Each query's list, as it would be alone."""
        ...
