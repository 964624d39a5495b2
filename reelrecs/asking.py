"""What an engine answers about people: lists, scores of given movies, why a movie is not listed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Self

import numpy as np

from reelrecs import config
from reelrecs.constraints import UNCONSTRAINED, Applied, Constraints, movie_rows
from reelrecs.datasets.ids import Id
from reelrecs.errors import InvalidRequest
from reelrecs.explanations import explain as explain_ranked
from reelrecs.histories import History, query_of_person
from reelrecs.kernels.pool import ThreadBudget
from reelrecs.many_lists import RecommendationLists
from reelrecs.moments import of_one_moment
from reelrecs.pipeline.candidates import Candidates, Mask
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.runner import Pipeline
from reelrecs.pipeline.trace import Trace
from reelrecs.profiles import Profile
from reelrecs.results import RecommendationList, recommendations_of, shortage
from reelrecs.scorer.lifetime import Closing
from reelrecs.scores import ScoredMovies, score_movies
from reelrecs.stages.user_context import build_query
from reelrecs.store.store import Store
from reelrecs.why_not import WhyNot, why_not


class Wish(NamedTuple):
    """What a person's list is asked by; see `Asking.recommend`."""

    person: Id | History
    limit: int
    explain: bool
    as_of: int | None
    constraints: Constraints | None


class Asking(Closing):
    """The questions that an engine answers; what it answers with is `Engine`'s own."""

    threads: ThreadBudget

    @property
    def store(self) -> Store:
        """The data as this thread's request sees it."""
        raise NotImplementedError

    def one_moment(self) -> AbstractContextManager[Any]:
        """A block in which the data stays what it is at its beginning, for this thread."""
        raise NotImplementedError

    def frozen(self) -> Self:
        """The same without what arrives from here on, for work that many threads share."""
        raise NotImplementedError

    @property
    def profile(self) -> Profile:
        """The stages that the model's columns come from."""
        raise NotImplementedError

    @property
    def pipeline(self) -> Pipeline:
        """All stages put together."""
        raise NotImplementedError

    def run_one(self, query: Query) -> tuple[Candidates, Trace]:
        """The list of a query, which may be made together with those of other threads."""
        raise NotImplementedError

    @of_one_moment
    def recommend(
        self,
        user_id: Id,
        limit: int = config.DEFAULT_LIMIT,
        *,
        explain: bool = False,
        as_of: int | None = None,
        constraints: Constraints | None = None,
    ) -> RecommendationList:
        """The user's list, best first, of movies that meet the constraints.

        It is as long as asked for wherever enough such movies exist. `as_of`, in seconds since
        1970, is the moment of asking, the data's end unless given: what the user rated later is not
        looked at, and what everybody rates is what they rated then. Base models keep what they
        learned of all times. Raises NotFound, InvalidRequest, ModelError, ScorerError.
        """
        return self._recommend(Wish(user_id, limit, explain, as_of, constraints))

    @of_one_moment
    def recommend_for(
        self,
        history: History,
        limit: int = config.DEFAULT_LIMIT,
        *,
        explain: bool = False,
        as_of: int | None = None,
        constraints: Constraints | None = None,
    ) -> RecommendationList:
        """The list of somebody the store does not hold, by what they rated; none is somebody new.

        As `recommend` otherwise; raises NotFound for a movie the data does not hold, too.
        """
        return self._recommend(Wish(history, limit, explain, as_of, constraints))

    def recommend_many(
        self,
        users: Iterable[Id | History] | None = None,
        limit: int = config.DEFAULT_LIMIT,
        *,
        as_of: int | None = None,
        constraints: Constraints | None = None,
    ) -> RecommendationLists:
        """Many people's lists at once, each as `recommend` gives it (None: everybody's, by id).

        One object, that gives single lists, an Arrow table, and pandas and polars frames. Raises
        before anything is computed as `recommend` does.
        """
        with self.one_moment():
            engine = self.frozen()
        applied = engine._applied(limit, constraints)
        everybody = range(engine.store.user_count)
        people = everybody if users is None else [engine._person(one) for one in users]
        parts = (
            people[start : start + config.BATCH_USERS]
            for start in range(0, len(people), config.BATCH_USERS)
        )
        lists = RecommendationLists(engine.store, applied.refused, engine.pipeline.relevance)

        def answered(part: Sequence[int | History]) -> tuple[list[Query], list[Candidates]]:
            queries = [engine._query(one, limit, as_of, applied) for one in part]
            return queries, list(engine.pipeline.run(Queries.of(queries)).candidates)

        for queries, ranked in self.threads.in_order(answered, parts):
            lists.extend(queries, ranked)
        return lists

    @of_one_moment
    def score(
        self, user: Id | History, movies: Sequence[Id], *, as_of: int | None = None
    ) -> ScoredMovies:
        """Scores with terms of exactly these movies, in this order, those already rated too.

        A score is the one the movie has among the candidates of `recommend`, before variety: it
        does not depend on which others are asked for. Raises NotFound for an id the data does not
        hold, and else as `recommend` does.
        """
        query = self.query(user, config.DEFAULT_LIMIT, as_of)
        rows = movie_rows(self.store, movies)
        with self.threads.active():
            return score_movies(self.store, self.pipeline, query, rows)

    @of_one_moment
    def why_not(
        self,
        user: Id | History,
        movie_id: Id,
        limit: int = config.DEFAULT_LIMIT,
        *,
        as_of: int | None = None,
        constraints: Constraints | None = None,
    ) -> WhyNot:
        """Where a movie stands for somebody, or what keeps it off their list of this length."""
        query = self.query(user, limit, as_of, constraints)
        movie = self.store.movie_row(movie_id)
        refusals = [] if constraints is None else constraints.refusals(self.store, movie)
        with self.threads.active():
            return why_not(self.store, self.pipeline, query, movie, refusals)

    def query(
        self,
        user: Id | History,
        limit: int,
        as_of: int | None = None,
        constraints: Constraints | None = None,
    ) -> Query:
        """The pipeline's view of a user; raises NotFound or InvalidRequest."""
        applied = self._applied(limit, constraints)
        return self._query(self._person(user), limit, as_of, applied)

    def query_of_row(
        self,
        row: int,
        limit: int,
        as_of: int | None = None,
        allowed: Mask | None = None,
        include_seen: bool = False,
    ) -> Query:
        """The same of the user in a row of the store, with constraints as `Query` has them."""
        self._check(limit)
        return build_query(self.store, row, limit, as_of, allowed, include_seen)

    def _recommend(self, wish: Wish) -> RecommendationList:
        applied = self._applied(wish.limit, wish.constraints)
        query = self._query(self._person(wish.person), wish.limit, wish.as_of, applied)
        with self.threads.active():
            ranked, trace = self.run_one(query)
        reasons = None
        if wish.explain and len(ranked) > 0:
            with trace.stage("explain"):
                reasons = explain_ranked(self.store, query, ranked, self.profile.sequence)
        return RecommendationList(
            self.store.user_ids[query.user_row] if query.user_row >= 0 else None,
            self.store.name,
            recommendations_of(self.store, ranked, self.pipeline.relevance, reasons),
            trace,
            shortage(self.store, query, len(ranked)),
            query.as_of,
            applied.refused,
        )

    def _person(self, user: Id | History) -> int | History:
        """Somebody by the row of the store, or by the history they come with."""
        return user if isinstance(user, History) else self.store.user_row(user)

    def _query(
        self, person: int | History, limit: int, as_of: int | None, applied: Applied
    ) -> Query:
        allowed, include_seen, _ = applied
        if isinstance(person, History):
            return query_of_person(self.store, person, limit, as_of, allowed, include_seen)
        return build_query(self.store, person, limit, as_of, allowed, include_seen)

    def _applied(self, limit: int, constraints: Constraints | None) -> Applied:
        """The constraints for this data, once the request is known to be fit."""
        self._check(limit)
        return UNCONSTRAINED if constraints is None else constraints.applied(self.store)

    def _check(self, limit: int) -> None:
        self._check_open()
        check_limit(self.store, limit)
        self.store.require_unchanged()

    def _check_open(self) -> None:
        raise NotImplementedError


def check_limit(store: Store, limit: int) -> None:
    """Raise InvalidRequest unless lists of this length are served: any up to the catalogue's."""
    most = max(store.movie_count, config.SHORT_CATALOGUE_LIMIT)
    whole = isinstance(limit, (int, np.integer)) and not isinstance(limit, bool)
    if not whole or not 1 <= limit <= most:
        raise InvalidRequest(f"limit {limit!r}: ask for 1 to {most} movies")
