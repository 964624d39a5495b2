"""The engine: one data set, a profile's stages and a scorer put together, and what they answer."""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import numpy as np

from reelrecs import config
from reelrecs.appending import Appending
from reelrecs.datasets import locate
from reelrecs.datasets.ids import Id
from reelrecs.errors import InvalidRequest
from reelrecs.explanations import explain as explain_ranked
from reelrecs.histories import History, query_of_person
from reelrecs.kernels import pool
from reelrecs.learning.model_file import save_model
from reelrecs.learning.model_folder import check_profile, load_model, model_path
from reelrecs.moments import Moments
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Floats, Rows
from reelrecs.pipeline.protocols import Filter, Scorer, Source
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.runner import Pipeline
from reelrecs.profiles import Profile, features_for, filters_by_name
from reelrecs.ratings_log.group_commit import GroupCommit
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
from reelrecs.scorer.lifetime import Closing
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.user_knn import QueryUser
from reelrecs.serving import Server, Serving
from reelrecs.similar import SimilarMovies, similar_movies
from reelrecs.stages.user_context import build_query
from reelrecs.store.build import store_of
from reelrecs.store.cache import open_live
from reelrecs.store.live import LiveStore
from reelrecs.store.store import Store

P = ParamSpec("P")
R = TypeVar("R")


def _of_one_moment(
    method: Callable[Concatenate[Engine, P], R],
) -> Callable[Concatenate[Engine, P], R]:
    """A request: it sees all that has arrived, and one state of the data to its end."""

    @functools.wraps(method)
    def request(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with engine.one_moment():
            return method(engine, *args, **kwargs)

    return request


class Engine(Appending, Closing):
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
        store: Store | LiveStore,
        scorer: Scorer | str = config.LOCAL_SCORER,
        *,
        model: ScoringModel | Callable[[], ScoringModel] | None = None,
        diversity: float | None = None,
        sources: Sequence[Source] = (),
        filters: Sequence[Filter | str] = (),
        relax: Sequence[str] = (),
    ) -> None:
        live = store if isinstance(store, LiveStore) else LiveStore(store)
        self.threads = pool.current()
        if isinstance(scorer, str):
            check_scorer(scorer)
        named = [one for one in filters if isinstance(one, str)]
        own = [one for one in filters if not isinstance(one, str)]
        filters_by_name(live.now(), named)  # a name that is none is better known at once
        serve = Server(
            model,
            scorer,
            tuple(sources),
            own,
            named,
            diversity,
            (*relax, *config.RELAX_ORDER),
        )
        self._moments = Moments(live, serve)
        self._appending = None if live.log is None else GroupCommit(live.log)
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
            live = _open_live(data_dir)
            return cls(
                live,
                scorer,
                model=lambda: load_model(live.now(), Path(models_dir), profile),
                diversity=diversity,
                filters=filters,
            )

    @property
    def store(self) -> Store:
        """The data as this thread's request sees it, or as the last request saw it."""
        return self._moments.now().store

    def one_moment(self) -> AbstractContextManager[Any]:
        """A block in which the data stays what it is at its beginning, for this thread."""
        return self._moments.one()

    def frozen(self) -> Engine:
        """The same engine without what arrives from here on, for work that many threads share.

        It is closed with this one.
        """
        other = copy.copy(self)
        other._moments, other._appending = self._moments.frozen(), None
        return other

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

    @_of_one_moment
    def recommend(
        self,
        user_id: Id,
        limit: int = config.DEFAULT_LIMIT,
        *,
        explain: bool = False,
        as_of: int | None = None,
    ) -> RecommendationList:
        """The user's list, best first.

        `as_of`, in seconds since 1970, is the moment of asking, the data's end unless given: what
        the user rated later is not looked at, and what everybody rates is what they rated then.
        Base models keep what they learned of all times.
        Raises NotFound, InvalidRequest, ModelError, ScorerError.
        """
        return self._list(self.query(user_id, limit, as_of), explain)

    @_of_one_moment
    def recommend_for(
        self,
        history: History,
        limit: int = config.DEFAULT_LIMIT,
        *,
        explain: bool = False,
        as_of: int | None = None,
    ) -> RecommendationList:
        """The list of somebody the store does not hold, by what they rated; none is somebody new.

        `as_of` as for `recommend`.
        Raises NotFound for a movie the data does not hold, InvalidRequest, ModelError, ScorerError.
        """
        self._check(limit)
        return self._list(query_of_person(self.store, history, limit, as_of), explain)

    @_of_one_moment
    def similar(self, movie_id: Id, limit: int = config.DEFAULT_LIMIT) -> SimilarMovies:
        """The movies nearest to this one, with the case for each; raises NotFound."""
        self._check(limit)
        return similar_movies(self.store, self.store.movie_row(movie_id), limit)

    @_of_one_moment
    def user(self, user_id: Id, recent: int = config.RECENT_MOVIES) -> UserProfile:
        """What the engine knows of a user; raises NotFound."""
        return user_profile(self.store, self.query(user_id, config.DEFAULT_LIMIT), recent)

    @_of_one_moment
    def search(self, text: str, limit: int = config.DEFAULT_LIMIT) -> list[Movie]:
        """Movies whose title holds the text, articles in either place; the best match first."""
        self._check(limit)
        rows = self._moments.now().titles.get().find(text, limit, self.store.movie_rating_counts)
        return [movie_of(self.store, row) for row in rows]

    def query(self, user_id: Id, limit: int, as_of: int | None = None) -> Query:
        """The pipeline's view of a user; raises NotFound or InvalidRequest."""
        return self.query_of_row(self.store.user_row(user_id), limit, as_of)

    def query_of_row(self, row: int, limit: int, as_of: int | None = None) -> Query:
        """The same of the user in a row of the store; raises InvalidRequest."""
        self._check(limit)
        return build_query(self.store, row, limit, as_of)

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
        items = recommendations_of(self.store, ranked, self.relevance(ranked), reasons)
        user_id = self.store.user_ids[query.user_row] if query.user_row >= 0 else None
        note = shortage(self.store, query, len(items))
        return RecommendationList(user_id, self.store.name, items, trace, note, query.as_of)

    def relevance(self, ranked: Candidates) -> Floats:
        """[candidates] scores as people are shown them, on [0, 1]: see `Ranker.relevance`."""
        if ranked.scores is None:
            return np.zeros(len(ranked), np.float32)
        return self.model.ranker.relevance(ranked.scores)

    def close(self) -> None:
        """Stop the embedded scorer or hang up on the remote one; what is asked later is refused."""
        self._closed.set()
        self.threads.release()
        self._moments.close()

    def _check(self, limit: int) -> None:
        self._check_open()
        check_limit(limit)
        self.store.require_unchanged()

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise InvalidRequest("the engine is closed: open another")

    def _ready(self) -> Serving:
        """All that makes lists, put together now if it has not been."""
        self._check_open()
        with self.threads.active():
            serving = self._moments.now().serving.get()
        if self._closed.is_set():  # by another thread, which may have found nothing to close yet
            self.close()
        self._check_open()
        return serving


def train_model(
    data_dir: Path | str | None,
    models_dir: Path | str,
    threads: int | None = None,
) -> tuple[Path, ScoringModel]:
    """Make a data set's model and write it, whole or not at all; raises StorageError too."""
    from reelrecs.learning.train import train  # with scipy's optimizers, which no list needs

    with pool.budget_of(threads).active():
        store = _open_live(data_dir).now()
        model = train(store)
    path = model_path(store, Path(models_dir))
    save_model(model, path)
    return path, model


def _open_live(data_dir: Path | str | Any) -> LiveStore:
    if data_dir is not None and not isinstance(data_dir, (str, Path)):
        from reelrecs.datasets.imports.tables import import_frames

        return LiveStore(store_of(import_frames(data_dir).tables, "table"))
    return open_live(locate(None if data_dir is None else Path(data_dir)))


def check_limit(limit: int) -> None:
    """Raise InvalidRequest unless lists of this length are served."""
    whole = isinstance(limit, (int, np.integer)) and not isinstance(limit, bool)
    if not whole or not 1 <= limit <= config.MAX_LIMIT:
        raise InvalidRequest(f"limit {limit!r}: ask for 1 to {config.MAX_LIMIT} movies")
