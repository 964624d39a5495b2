"""Why a movie is not on somebody's list: what keeps it off, or where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from reelrecs.datasets.ids import Id
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.runner import Pipeline
from reelrecs.pipeline.trace import Trace
from reelrecs.results import Movie, movie_of
from reelrecs.scores import score_movies, scored_candidates
from reelrecs.store.store import Store

RATED_ALREADY = "nothing that is rated already"
"""The constraint that holds unless `include_seen` lifts it."""


@dataclass(frozen=True, slots=True)
class WhyNot:
    """One movie and one list.

    One of `rank`, `refused_by` and `removed_by` says something, or none: then no source found the
    movie. Where it has a rank, score and terms are those of a list, else what `Engine.score` gives.
    """

    user_id: Id | None
    movie: Movie
    limit: int
    candidates: int  # movies that were ranked
    rank: int | None  # among them, 1 is the best; on the list if not above the limit
    refused_by: list[str]  # constraints, each as what it lets pass
    removed_by: list[str]  # filters
    score: float
    terms: dict[str, float]

    @property
    def listed(self) -> bool:
        """Whether it is on the list after all."""
        return self.rank is not None and self.rank <= self.limit

    @property
    def answer(self) -> str:
        """The case in one sentence."""
        if self.refused_by:
            return f"the constraints do not let it pass: {'; '.join(self.refused_by)}"
        if self.removed_by:
            return f"a filter removed it: {', '.join(self.removed_by)}"
        if self.rank is None:
            return f"no source found it: it is not among the {self.candidates:,} candidates"
        place = f"rank {self.rank:,} of {self.candidates:,} candidates"
        if self.listed:
            return f"it is on the list: {place}"
        return f"it ranks too low for a list of {self.limit:,}: {place}"

    def __str__(self) -> str:
        return f"{self.movie.title}: {self.answer}"

    def to_dict(self) -> dict[str, Any]:
        """The case as JSON has it."""
        return {**asdict(self), "listed": self.listed, "answer": self.answer}


def why_not(
    store: Store, pipeline: Pipeline, query: Query, movie: int, refusals: Sequence[str]
) -> WhyNot:
    """The case of a movie row; `refusals` are the constraints that do not let it pass."""
    refused = [*refusals]
    if not query.include_seen and movie in query.movies:
        refused.append(RATED_ALREADY)
    trace = Trace()
    scored = scored_candidates(pipeline, query, trace)
    at = np.flatnonzero(scored.movies == movie)
    rank = None
    if refused or len(at) == 0:
        (alone,) = score_movies(store, pipeline, query, np.array([movie], np.int32))
        score, terms = alone.score, alone.terms
    else:
        everybody = replace(query, limit=len(scored), cache={})
        ranked = pipeline.reranker.rerank(everybody, scored).of(scored)
        place = int(np.flatnonzero(ranked.movies == movie)[0])
        if ranked.scores is None or ranked.terms is None:  # which the pipeline has checked
            raise ValueError("only scored candidates are ranked")
        rank, score = place + 1, float(ranked.scores[place])
        terms = dict(zip(ranked.terms.columns, ranked.terms.values[place].tolist(), strict=True))
    removed = [] if refused or rank is not None else trace.why_removed(movie)
    return WhyNot(
        user_id=store.user_ids[query.user_row] if query.user_row >= 0 else None,
        movie=movie_of(store, movie),
        limit=query.limit,
        candidates=len(scored),
        rank=rank,
        refused_by=refused,
        removed_by=removed,
        score=score,
        terms=terms,
    )
