"""Every system that can be evaluated by name: the engine's own pipelines, and the baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from reelrecs import config
from reelrecs.engine import Engine
from reelrecs.errors import InvalidRequest
from reelrecs.evaluation import implicit_baselines
from reelrecs.evaluation.baselines import BASELINES, SINGLE_WINDOWS
from reelrecs.evaluation.questions import Questions
from reelrecs.evaluation.system import Factory, Scores, System
from reelrecs.learning.pretrained import pretrained_model
from reelrecs.learning.train import train
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.lifting import rerank_all
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.scorer.model import ScoringModel
from reelrecs.stages.user_context import query_of_history
from reelrecs.store.store import Store

T = TypeVar("T")

SHOWN = 50
"""Places of a list that are re-ranked as for a person; what comes after stands by score, for
re-ranking all candidates takes ten times as long and nobody looks there."""

CALL_USERS = 64
"""Users scored in one call: well inside message size and deadline on large data too."""


class EngineSystem(System):
    """An engine as it serves people: its candidates, filters, scorer over gRPC, and re-ranking."""

    def __init__(self, name: str, engine: Engine) -> None:
        self.name = name
        self.engine = engine

    def scores(self, questions: Questions) -> Scores:
        """Minus the place in the list as shown; what is no candidate is not ranked.

        Where the list is in the order of scores, the scores themselves: ties then count against us.
        """
        queries = self.queries(questions)
        scores = np.full((len(queries), self.engine.store.movie_count), -np.inf)
        for start, part, scored in self.scored(queries):
            shown = self._as_shown(part, scored)
            scores[start + scored.owners, scored.rows.movies] = shown
        return scores

    def scored(self, queries: Sequence[Query]) -> Iterator[tuple[int, Queries, CandidateBatch]]:
        """Each query's filtered candidates with scores, before any re-ranking.

        Some queries at a time: the place of the first, they themselves, and their candidates.
        """
        for start in range(0, len(queries), CALL_USERS):
            some = queries[start : start + CALL_USERS]  # what is read out of a copy goes with it
            part = Queries.of([replace(query) for query in some])
            with self.engine.threads.active():
                scored, _ = self.engine.pipeline.scored(part)
            if len(scored.rows):
                yield start, part, scored

    def queries(self, questions: Questions) -> list[Query]:
        """The questions as the pipeline takes them, for lists of the default length.

        Untold moments of asking are left to the engine, which takes its own default.
        """
        spans = [questions.history(place) for place in range(len(questions))]
        return [
            query_of_history(
                self.engine.store,
                questions.movies[span],
                questions.ratings[span],
                questions.times[span],
                config.DEFAULT_LIMIT,
                int(questions.users[place]),
                None if questions.as_of is None else int(questions.as_of[place]),
            )
            for place, span in enumerate(spans)
        ]

    def close(self) -> None:
        """Stop the engine's scorer."""
        self.engine.close()

    def _as_shown(self, queries: Queries, scored: CandidateBatch) -> Scores:
        """A number per candidate that orders them as shown: SHOWN places, then by score."""
        shown = Queries.of([replace(query, limit=SHOWN) for query in queries])
        lists = rerank_all(self.engine.pipeline.reranker, shown, scored)
        values = np.asarray(scored.rows.scores, np.float64)
        movies, ends, list_ends = scored.rows.movies, scored.indptr.tolist(), lists.indptr.tolist()
        for at in range(len(scored)):
            own = slice(ends[at], ends[at + 1])
            order = lists.order[list_ends[at] : list_ends[at + 1]] - own.start
            by_score = np.lexsort((movies[own], -values[own]))
            if not np.array_equal(order, by_score[: len(order)]):
                whole = np.concatenate([order, by_score[~np.isin(by_score, order)]])
                values[own.start + whole] = -np.arange(len(whole))
        return values


PIPELINES: dict[str, Callable[[Store], EngineSystem]] = {
    "learned": lambda store: EngineSystem("learned", Engine(store, model=train(store))),
    "pretrained": lambda store: EngineSystem(
        "pretrained", Engine(store, model=pretrained_model(store))
    ),
    "fixed": lambda store: EngineSystem("fixed", Engine(store, model=ScoringModel.fixed(store))),
}
"""Profiles of the engine: name to what builds one on a training store."""

SYSTEMS: dict[str, Factory] = {**PIPELINES, **BASELINES, **SINGLE_WINDOWS}
"""All of them, in the order in which they are evaluated; the first is what others differ from."""

OPTIONAL = ("als", "bpr", "bm25")
"""Systems of the optional package implicit; they take part by default where it is installed."""


def default_systems() -> list[str]:
    """The names that take part where nobody chooses."""
    usual = (*PIPELINES, *BASELINES)
    return [name for name in usual if name not in OPTIONAL or implicit_baselines.installed()]


def systems_by_name(names: Sequence[str] | None = None) -> dict[str, Factory]:
    """The factories of these names, in this order; raises InvalidRequest.

    Raises for an optional system whose package is absent too: that is better known before an hour
    of fitting others than after it.
    """
    return _chosen(SYSTEMS, default_systems() if names is None else names, "system")


def pipelines_by_name(
    names: Sequence[str] | None = None,
) -> dict[str, Callable[[Store], EngineSystem]]:
    """The same for the engine's profiles alone, whose stages can be looked into."""
    return _chosen(PIPELINES, list(PIPELINES) if names is None else names, "pipeline")


def _chosen(known: Mapping[str, T], names: Sequence[str], what: str) -> dict[str, T]:
    for name in names:
        if name not in known:
            raise InvalidRequest(f"no {what} {name!r}: choose from {', '.join(known)}")
        if name in OPTIONAL:
            implicit_baselines.require(name)
    if not names:
        raise InvalidRequest(f"no {what} named: choose from {', '.join(known)}")
    return {name: known[name] for name in names}
