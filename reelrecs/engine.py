"""The engine: one data set, a profile's stages and a scorer put together, and what they answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from reelrecs import config
from reelrecs.constraints import Constraints, movie_rows
from reelrecs.datasets import locate
from reelrecs.datasets.ids import Id
from reelrecs.datasets.titles import TitleIndex
from reelrecs.errors import InvalidRequest
from reelrecs.explanations import explain as explain_ranked
from reelrecs.histories import History, query_of_person
from reelrecs.kernels import pool
from reelrecs.learning.model_file import save_model
from reelrecs.learning.model_folder import check_profile, load_model, model_path
from reelrecs.many_lists import RecommendationLists
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Mask, Rows
from reelrecs.pipeline.protocols import Filter, Scorer, Source
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.runner import Pipeline
from reelrecs.profiles import Profile, features_for, filters_by_name
from reelrecs.results import (
    Movie,
    RecommendationList,
    UserProfile,
    movie_of,
    recommendations_of,
    shortage,
    user_profile,
)
from reelrecs.scorer.by_name import check_scorer
from reelrecs.scorer.lifetime import Closing, Once
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.user_knn import QueryUser
from reelrecs.scores import ScoredMovies, score_movies
from reelrecs.serving import Serving, serving_of
from reelrecs.similar import SimilarMovies, similar_movies
from reelrecs.stages.rerankers import DiversityReranker
from reelrecs.stages.user_context import build_query
from reelrecs.store.build import store_of
from reelrecs.store.cache import open_store
from reelrecs.store.store import Store
from reelrecs.why_not import WhyNot, why_not


class Engine(Closing):
    """Recommendations for one data set; usable and closable from any thread, closed when done.

    `model` (the fixed one unless given) decides the profile, that is which stages make a list; a
    function is called for it when it is first needed. `scorer` is "local" (the model in this
    process), "embedded" (the same over gRPC), addresses of running services, or an object of your
    own. `sources` and `filters` come on top of the profile's own; a filter is an object or the name
    of a built-in one. Your objects always hold unless `relax` names them. The engine closes what it
    opened itself and nothing else. Its threads are those of the budget it is made under.
    """

    def __init__(
        self,
        store: Store,
        scorer: Scorer | str = config.LOCAL_SCORER,
        *,
        model: ScoringModel | Callable[[], ScoringModel] | None = None,
        diversity: float | None = None,
        sources: Sequence[Source] = (),
        filters: Sequence[Filter | str] = (),
        relax: Sequence[str] = (),
    ) -> None:
        self.store = store
        self.threads = pool.current()
        if isinstance(scorer, str):
            check_scorer(scorer)
        named = [one for one in filters if isinstance(one, str)]
        own = [one for one in filters if not isinstance(one, str)]
        serving = partial(
            serving_of,
            store,
            scorer=scorer,
            sources=tuple(sources),
            filters=(*filters_by_name(store, named), *own),
            reranker=None if diversity is None else DiversityReranker(store, diversity),
            relax=(*relax, *config.RELAX_ORDER),
        )
        self._serving_by = serving  # makes it of a model
        self._serving = Once(partial(self._serving_by, model))
        self._retired: list[Once[Serving]] = []
        self._models_dir = Path(config.MODELS_DIR)
        self._titles = Once(lambda: TitleIndex(store.all_titles))
        self._closed = threading.Event()

    @classmethod
    def open(
        cls,
        data_dir: Path | str | Any = None,
        *,
        models_dir: Path | str = config.MODELS_DIR,
        profile: str | None = None,
        scorer: Scorer | str = config.LOCAL_SCORER,
        threads: int | None = None,
        diversity: float | None = None,
        filters: Sequence[Filter | str] = (),
    ) -> Self:
        """Open a data set (None: ./data/ml-1m if there, else the embedded sample).

        A pandas, polars or Arrow table of ratings serves as well as a folder.

        `profile` is "learned" (the model that `train` left for this data set in `models_dir`),
        "fixed", or None for the learned one if it is there; it is read when a list is first asked
        for, which raises ModelError where it cannot be used. Raises InvalidRequest, DataError,
        StorageError and AddressError. `threads` is how many may work for a caller (None: the budget
        of the thread that opens it, which is one for each core).
        """
        check_profile(profile)
        if isinstance(scorer, str):
            check_scorer(scorer)
        with pool.budget_of(threads).active():
            store = _open_store(data_dir)
            model = partial(load_model, store, Path(models_dir), profile)
            engine = cls(store, scorer, model=model, diversity=diversity, filters=filters)
        engine._models_dir = Path(models_dir)
        return engine

    @property
    def model(self) -> ScoringModel:
        """The model that scores; raises ModelError where it cannot be used."""
        return self._ready().model

    @property
    def profile(self) -> Profile:
        """The stages that the model's columns come from."""
        return self._ready().profile

    @property
    def pipeline(self) -> Pipeline:
        """All stages put together."""
        return self._ready().pipeline

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
        return self._list(self.query(user_id, limit, as_of, constraints), explain)

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
        return self._list(self.query(history, limit, as_of, constraints), explain)

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
        allowed, seen = self._allowed(limit, constraints)
        everybody = range(self.store.user_count)
        people = everybody if users is None else [self._person(one) for one in users]
        parts = (
            people[start : start + config.BATCH_USERS]
            for start in range(0, len(people), config.BATCH_USERS)
        )
        lists = RecommendationLists(self.store)

        def answered(part: Sequence[int | History]) -> tuple[list[Query], list[Candidates]]:
            queries = [self._query(one, limit, as_of, allowed, seen) for one in part]
            return queries, self.ranked_many(queries)

        for queries, ranked in self.threads.in_order(answered, parts):
            lists.extend(queries, ranked)
        return lists

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

    def train(self, models_dir: Path | str | None = None) -> Path:
        """Make the data's model, keep it and recommend by it from now on; the file's path.

        It stands in `models_dir`, or where the engine looks for models, whole or not at all.
        Requests that are under way end as they began. Raises StorageError.
        """
        self._check_open()
        folder = self._models_dir if models_dir is None else Path(models_dir)
        with self.threads.active():
            path, model = trained(self.store, folder)
        self._retired.append(self._serving)
        self._serving = Once(partial(self._serving_by, model))
        return path

    def similar(self, movie_id: Id, limit: int = config.DEFAULT_LIMIT) -> SimilarMovies:
        """The movies nearest to this one, with the case for each; raises NotFound."""
        self._check(limit)
        return similar_movies(self.store, self.store.movie_row(movie_id), limit)

    def user(self, user_id: Id, recent: int = config.RECENT_MOVIES) -> UserProfile:
        """What the engine knows of a user; raises NotFound."""
        return user_profile(self.store, self.query(user_id, config.DEFAULT_LIMIT), recent)

    def search(self, text: str, limit: int = config.DEFAULT_LIMIT) -> list[Movie]:
        """Movies whose title holds the text, articles in either place; the best match first."""
        self._check(limit)
        rows = self._titles.get().find(text, limit, self.store.movie_rating_counts)
        return [movie_of(self.store, row) for row in rows]

    def query(
        self,
        user: Id | History,
        limit: int,
        as_of: int | None = None,
        constraints: Constraints | None = None,
    ) -> Query:
        """The pipeline's view of a user; raises NotFound or InvalidRequest."""
        allowed, include_seen = self._allowed(limit, constraints)
        return self._query(self._person(user), limit, as_of, allowed, include_seen)

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

    def ranked_many(self, queries: Sequence[Query]) -> list[Candidates]:
        """The lists of these queries, each best first; raises ModelError, ScorerError."""
        return self.pipeline.run_many(queries)

    def features_for(self, user: QueryUser, movies: Rows) -> FeatureMatrix:
        """The columns that the model ranks by, for a scorer that was not sent them."""
        return features_for(self.store, self.profile.featurizers, user, movies)

    def _list(self, query: Query, explain: bool) -> RecommendationList:
        with self.threads.active():
            ranked, trace = self.pipeline.run(query)
        reasons = None
        if explain and len(ranked) > 0:
            with trace.stage("explain"):
                reasons = explain_ranked(self.store, query, ranked, self.profile.sequence)
        items = recommendations_of(self.store, ranked, reasons)
        user_id = self.store.user_ids[query.user_row] if query.user_row >= 0 else None
        note = shortage(self.store, query, len(items))
        return RecommendationList(user_id, self.store.name, items, trace, note, query.as_of)

    def close(self) -> None:
        """Stop the embedded scorer or hang up on the remote one; what is asked later is refused."""
        self._closed.set()
        self.threads.release()
        for made in (*self._retired, self._serving):
            serving = made.made()
            if serving is not None and serving.opened is not None:
                serving.opened.close()

    def _person(self, user: Id | History) -> int | History:
        """Somebody by the row of the store, or by the history they come with."""
        return user if isinstance(user, History) else self.store.user_row(user)

    def _query(
        self,
        person: int | History,
        limit: int,
        as_of: int | None,
        allowed: Mask | None,
        include_seen: bool,
    ) -> Query:
        if isinstance(person, History):
            return query_of_person(self.store, person, limit, as_of, allowed, include_seen)
        return build_query(self.store, person, limit, as_of, allowed, include_seen)

    def _allowed(self, limit: int, constraints: Constraints | None) -> tuple[Mask | None, bool]:
        """What `Query` calls `allowed` and `include_seen`, once the request is known to be fit."""
        self._check(limit)
        if constraints is None:
            return None, False
        return constraints.mask(self.store), constraints.include_seen

    def _check(self, limit: int) -> None:
        self._check_open()
        check_limit(self.store, limit)
        self.store.require_unchanged()

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise InvalidRequest("the engine is closed: open another")

    def _ready(self) -> Serving:
        """All that makes lists, put together now if it has not been."""
        self._check_open()
        with self.threads.active():
            serving = self._serving.get()
        if self._closed.is_set():  # by another thread, which may have found nothing to close yet
            self.close()
        self._check_open()
        return serving


def train_model(
    data_dir: Path | str | Any,
    models_dir: Path | str,
    threads: int | None = None,
) -> tuple[Path, ScoringModel]:
    """Make a data set's model and write it, whole or not at all; raises StorageError too."""
    with pool.budget_of(threads).active():
        return trained(_open_store(data_dir), Path(models_dir))


def trained(store: Store, models_dir: Path) -> tuple[Path, ScoringModel]:
    """Make a store's model and write it into a folder of models, whole or not at all."""
    from reelrecs.learning.train import train  # with scipy's optimizers, which no list needs

    model = train(store)
    path = model_path(store, models_dir)
    save_model(model, path)
    return path, model


def _open_store(data_dir: Path | str | Any) -> Store:
    if data_dir is not None and not isinstance(data_dir, (str, Path)):
        from reelrecs.datasets.imports.tables import import_frames

        return store_of(import_frames(data_dir).tables, "table")
    return open_store(locate(None if data_dir is None else Path(data_dir)))


def check_limit(store: Store, limit: int) -> None:
    """Raise InvalidRequest unless lists of this length are served: any up to the catalogue's."""
    most = max(store.movie_count, config.SHORT_CATALOGUE_LIMIT)
    whole = isinstance(limit, (int, np.integer)) and not isinstance(limit, bool)
    if not whole or not 1 <= limit <= most:
        raise InvalidRequest(f"limit {limit!r}: ask for 1 to {most} movies")
