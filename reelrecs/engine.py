"""The engine: one data set, a profile's stages and a scorer put together, and what they answer."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, Self

from reelrecs import config
from reelrecs.appending import Appending
from reelrecs.asking import Asking, Wish
from reelrecs.assembly import Assembler, Assembly
from reelrecs.datasets import locate
from reelrecs.datasets.ids import Id
from reelrecs.errors import InvalidRequest
from reelrecs.histories import History
from reelrecs.kernels import pool
from reelrecs.learning.model_file import save_model
from reelrecs.learning.model_folder import check_profile, load_model, model_path
from reelrecs.list_cache import ListCache
from reelrecs.moments import Moments, of_one_moment
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Rows
from reelrecs.pipeline.protocols import Filter, Scorer, Source
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.runner import Pipeline
from reelrecs.pipeline.trace import Trace
from reelrecs.profiles import Profile, features_for, filters_by_name
from reelrecs.ratings_log.group_commit import GroupCommit
from reelrecs.results import (
    Movie,
    RecommendationList,
    UserProfile,
    movie_of,
    user_profile,
)
from reelrecs.scorer.by_name import check_scorer
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.user_knn import QueryUser
from reelrecs.similar import SimilarMovies, similar_movies
from reelrecs.store.build import store_of
from reelrecs.store.cache import open_live
from reelrecs.store.live import LiveStore
from reelrecs.store.store import Store

_WATCHED = (config.LOCAL_SCORER, config.EMBEDDED_SCORER)
"""Scorers that say the same as long as the engine's data and model are the same."""


class Engine(Asking, Appending):
    """Recommendations for one data set; usable and closable from any thread, closed when done.

    `model` (the pretrained one unless given) decides the profile, that is which stages make a list;
    a function is called for it when it is first needed. `scorer` is "local" (the model in this
    process), "embedded" (the same over gRPC), addresses of running services, or an object of your
    own. `sources` and `filters` come on top of the profile's own; a filter is an object or the name
    of a built-in one. Your objects always hold unless `relax` names them. The engine closes what it
    opened itself and nothing else. Its threads are those of the budget it is made under. It keeps
    `cache` finished lists of users of the data at most, for as long as nothing changes. With
    `degrade` its own model ranks while no service of `scorer` answers, and rows say so.
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
        cache: int = 0,
        degrade: bool = False,
    ) -> None:
        live = store if isinstance(store, LiveStore) else LiveStore(store)
        self.threads = pool.current()
        if isinstance(scorer, str):
            check_scorer(scorer)
        named = [one for one in filters if isinstance(one, str)]
        own = [one for one in filters if not isinstance(one, str)]
        self.cache = ListCache(cache) if cache else None
        """Finished lists, where some are kept."""
        if degrade and (not isinstance(scorer, str) or scorer in _WATCHED):
            raise InvalidRequest("degrade: only services of --scorer can be away; leave it out")
        if self.cache is not None and (sources or own or scorer not in _WATCHED):
            raise InvalidRequest(
                "cache: what your own stages or a scorer elsewhere would say may change unseen; "
                "leave it out"
            )
        filters_by_name(live.now(), named)  # a name that is none is better known at once
        self._assembler_of = partial(  # a model
            Assembler,
            scorer=scorer,
            sources=tuple(sources),
            filters=own,
            named_filters=named,
            diversity=diversity,
            relax=(*relax, *config.RELAX_ORDER),
            degrade=degrade,
        )
        self._moments = Moments(live, self._assembler_of(model))
        self._appending = None if live.log is None else GroupCommit(live.log)
        self._models_dir = Path(config.MODELS_DIR)
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
        cache: int = 0,
        degrade: bool = False,
    ) -> Self:
        """Open a data set (None: ./data/ml-1m if there, else the embedded sample).

        A pandas, polars or Arrow table of ratings serves as well as a folder.

        `profile` is "learned" (the model that `train` left for this data set in `models_dir`),
        "pretrained", "fixed", or None for the learned one if it is there, else the pretrained one;
        it is read when a list is first asked for, which raises ModelError where it cannot be used.
        Raises InvalidRequest, DataError, StorageError and AddressError. `threads` is how many may
        work for a caller (None: the budget of the thread that opens it, which is one for each
        core).
        """
        check_profile(profile)
        if isinstance(scorer, str):
            check_scorer(scorer)
        with pool.budget_of(threads).active():
            live = _open_live(data_dir)
            engine = cls(
                live,
                scorer,
                model=lambda: load_model(live.now(), Path(models_dir), profile),
                diversity=diversity,
                filters=filters,
                cache=cache,
                degrade=degrade,
            )
        engine._models_dir = Path(models_dir)
        return engine

    @property
    def store(self) -> Store:
        """The data as this thread's request sees it, or as the last request saw it."""
        return self._moments.now().store

    def one_moment(self) -> AbstractContextManager[Any]:
        """A block in which the data stays what it is at its beginning, for this thread."""
        return self._moments.one()

    def frozen(self) -> Self:
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

    def run_one(self, query: Query) -> tuple[Candidates, Trace]:
        """The list of a query, which may be made together with those of other threads."""
        return self._ready().run_one(query)

    def _recommend(self, wish: Wish) -> RecommendationList:
        make = partial(super()._recommend, wish)
        if self.cache is None or isinstance(wish.person, History):
            return make()
        self._check(wish.limit)
        return self.cache.list_of(self._ready(), repr(wish), make)

    def train(self, models_dir: Path | str | None = None) -> Path:
        """Make the data's model, keep it and recommend by it from now on; the file's path.

        It stands in `models_dir`, or where the engine looks for models, whole or not at all.
        Requests that are under way end as they began. Raises StorageError.
        """
        self._check_open()
        folder = self._models_dir if models_dir is None else Path(models_dir)
        with self.threads.active():
            path, model = trained(self.store, folder)
        self._moments.serve_by(self._assembler_of(model))
        return path

    @of_one_moment
    def similar(self, movie_id: Id, limit: int = config.DEFAULT_LIMIT) -> SimilarMovies:
        """The movies nearest to this one, with the case for each; raises NotFound."""
        self._check(limit)
        return similar_movies(self.store, self.store.movie_row(movie_id), limit)

    @of_one_moment
    def user(self, user_id: Id, recent: int = config.RECENT_MOVIES) -> UserProfile:
        """What the engine knows of a user; raises NotFound."""
        return user_profile(self.store, self.query(user_id, config.DEFAULT_LIMIT), recent)

    @of_one_moment
    def search(self, text: str, limit: int = config.DEFAULT_LIMIT) -> list[Movie]:
        """Movies whose title holds the text, articles in either place; the best match first."""
        self._check(limit)
        rows = self._moments.now().titles.get().find(text, limit, self.store.movie_rating_counts)
        return [movie_of(self.store, row) for row in rows]

    def features_for(self, user: QueryUser, movies: Rows) -> FeatureMatrix:
        """The columns that the model ranks by, for a scorer that was not sent them."""
        return features_for(self.store, self.profile.featurizers, user, movies)

    def close(self) -> None:
        """Stop the embedded scorer or hang up on the remote one; what is asked later is refused."""
        self._closed.set()
        self.threads.release()
        self._moments.close()

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise InvalidRequest("the engine is closed: open another")

    def _ready(self) -> Assembly:
        """All that makes lists, put together now if it has not been."""
        self._check_open()
        with self.threads.active():
            serving = self._moments.now().serving.get()
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
        return trained(_open_live(data_dir).now(), Path(models_dir))


def trained(store: Store, models_dir: Path) -> tuple[Path, ScoringModel]:
    """Make a store's model and write it into a folder of models, whole or not at all."""
    from reelrecs.learning.train import train  # with scipy's optimizers, which no list needs

    model = train(store)
    path = model_path(store, models_dir)
    save_model(model, path)
    return path, model


def _open_live(data_dir: Path | str | Any) -> LiveStore:
    if data_dir is not None and not isinstance(data_dir, (str, Path)):
        from reelrecs.datasets.imports.tables import import_frames

        return LiveStore(store_of(import_frames(data_dir).tables, "table"))
    return open_live(locate(None if data_dir is None else Path(data_dir)))
