"""The composition root: the only place that names concrete stages and puts them together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from reelrecs import config
from reelrecs.datasets import locate
from reelrecs.datasets.titles import TitleIndex
from reelrecs.errors import InvalidRequest
from reelrecs.explanations import explain as explain_ranked
from reelrecs.histories import History, query_of_person
from reelrecs.kernels import pool
from reelrecs.learning.model_file import save_model
from reelrecs.learning.model_folder import load_model, model_path
from reelrecs.pipeline.protocols import Filter, Scorer, Source
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.runner import Pipeline
from reelrecs.profiles import filters_by_name, profile_of
from reelrecs.results import Movie, RecommendationList, UserProfile, movie_of, recommendations_of
from reelrecs.scorer.client import GrpcScorer
from reelrecs.scorer.embedded import EmbeddedScorer
from reelrecs.scorer.model import ScoringModel
from reelrecs.similar import SimilarMovies, similar_movies
from reelrecs.stages.rerankers import DiversityReranker
from reelrecs.stages.user_context import build_query
from reelrecs.store.build import store_of
from reelrecs.store.cache import open_store
from reelrecs.store.store import Store

EMBEDDED = "embedded"
"""The scorer hosted by this process on a private address."""


class Engine:
    """Recommendations for one data set; safe to share between threads, closed when done.

    `model` (the fixed one unless given) decides the profile, that is which stages make a list;
    it is scored by this process, over gRPC, or by another `scorer`. `sources` and `filters` come
    on top of the profile's own; a filter is an object or the name of a built-in one. Your objects
    always hold unless `relax` names them. Its threads are those of the budget it is made under.
    """

    def __init__(
        self,
        store: Store,
        scorer: Scorer | None = None,
        *,
        model: ScoringModel | None = None,
        diversity: float | None = None,
        sources: Sequence[Source] = (),
        filters: Sequence[Filter | str] = (),
        relax: Sequence[str] = (),
    ) -> None:
        self.store = store
        self.threads = pool.current()
        model = model or ScoringModel.fixed(store)
        self.profile = profile_of(model)
        named = [one for one in filters if isinstance(one, str)]
        own = [one for one in filters if not isinstance(one, str)]
        strength, new_user = diversity, diversity
        if strength is None:
            strength = self.profile.diversity
            new_user = max(strength, config.NEW_USER_DIVERSITY)
        self.pipeline = Pipeline(
            movie_count=store.movie_count,
            sources=(*self.profile.sources, *sources),
            filters=(*filters_by_name(store, named), *own),
            featurizers=self.profile.featurizers,
            scorer=EmbeddedScorer(model) if scorer is None else scorer,
            reranker=DiversityReranker(store, strength, new_user),
            relax=(*relax, *config.RELAX_ORDER),
        )

    @classmethod
    def open(
        cls,
        data_dir: Path | str | Any = None,
        *,
        models_dir: Path | str = config.MODELS_DIR,
        profile: str | None = None,
        scorer: str = EMBEDDED,
        threads: int | None = None,
        diversity: float | None = None,
        filters: Sequence[Filter | str] = (),
    ) -> Self:
        """Open a data set (None: ./data/ml-1m if there, else the embedded sample).

        A pandas, polars or Arrow table of ratings serves as well as a folder.

        `profile` is "learned" (the model that `train` left for this data set in `models_dir`),
        "fixed", or None for the learned one if it is there. `scorer` is "embedded" or addresses
        of running services, separated by commas. `threads` is how many may work for a caller
        (None: the budget of the thread that opens it, which is one for each core). Raises
        DataError, ModelError, StorageError, AddressError.
        """
        with pool.budget_of(threads).active():
            store = _open_store(data_dir)
            model = load_model(store, Path(models_dir), profile)
            remote = None if scorer == EMBEDDED else GrpcScorer(scorer.split(","), store)
            return cls(store, remote, model=model, diversity=diversity, filters=filters)

    def recommend(
        self, user_id: int, limit: int = config.DEFAULT_LIMIT, *, explain: bool = False
    ) -> RecommendationList:
        """The user's list, best first; raises NotFound, InvalidRequest, ScorerError."""
        return self._list(user_id, self.query(user_id, limit), explain)

    def recommend_for(
        self, history: History, limit: int = config.DEFAULT_LIMIT, *, explain: bool = False
    ) -> RecommendationList:
        """The list of somebody the store does not hold, by what they rated; none is somebody new.

        Raises NotFound for a movie the data does not hold, InvalidRequest and ScorerError.
        """
        check_limit(limit)
        return self._list(None, query_of_person(self.store, history, limit), explain)

    def similar(self, movie_id: int, limit: int = config.DEFAULT_LIMIT) -> SimilarMovies:
        """The movies nearest to this one, with the case for each; raises NotFound."""
        check_limit(limit)
        return similar_movies(self.store, self.store.movie_row(movie_id), limit)

    def user(self, user_id: int, recent: int = config.RECENT_MOVIES) -> UserProfile:
        """What the engine knows of a user; raises NotFound."""
        query = self.query(user_id, config.DEFAULT_LIMIT)
        return UserProfile(
            user_id=user_id,
            dataset=self.store.name,
            rating_count=len(query.movies),
            mean_rating=query.preferences.mean_rating,
            liked_count=len(query.liked),
            neighbour_count=len(query.neighbours.users),
            preferred_era=query.preferences.era or None,
            top_genres={
                self.store.genres[code]: float(query.preferences.genre_preference[code])
                for code in query.preferences.top_genres
            },
            recent=[movie_of(self.store, row) for row in query.movies[::-1][:recent]],
        )

    def search(self, text: str, limit: int = config.DEFAULT_LIMIT) -> list[Movie]:
        """Movies whose title holds the text, articles in either place; the best match first."""
        check_limit(limit)
        rows = self._titles.find(text, limit, self.store.movie_rating_counts)
        return [movie_of(self.store, row) for row in rows]

    def query(self, user_id: int, limit: int) -> Query:
        """The pipeline's view of a user; raises NotFound or InvalidRequest."""
        check_limit(limit)
        return build_query(self.store, self.store.user_row(user_id), limit)

    @cached_property
    def _titles(self) -> TitleIndex:
        return TitleIndex(self.store.all_titles)

    def _list(self, user_id: int | None, query: Query, explain: bool) -> RecommendationList:
        with self.threads.active():
            ranked, trace = self.pipeline.run(query)
        reasons = None
        if explain and len(ranked) > 0:
            with trace.stage("explain"):
                reasons = explain_ranked(self.store, query, ranked, self.profile.sequence)
        items = recommendations_of(self.store, ranked, reasons)
        return RecommendationList(user_id, self.store.name, items, trace)

    def close(self) -> None:
        """Stop the embedded scorer or hang up on the remote one; let idle threads end."""
        self.threads.release()
        close = getattr(self.pipeline.scorer, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def train_model(
    data_dir: Path | str | None,
    models_dir: Path | str,
    threads: int | None = None,
) -> tuple[Path, ScoringModel]:
    """Make a data set's model and write it, whole or not at all; raises StorageError too."""
    from reelrecs.learning.train import train  # with scipy's optimizers, which no list needs

    with pool.budget_of(threads).active():
        store = _open_store(data_dir)
        model = train(store)
    path = model_path(store, Path(models_dir))
    save_model(model, path)
    return path, model


def _open_store(data_dir: Path | str | Any) -> Store:
    if data_dir is not None and not isinstance(data_dir, (str, Path)):
        from reelrecs.datasets.imports.tables import import_frames

        return store_of(import_frames(data_dir).tables, "table")
    return open_store(locate(None if data_dir is None else Path(data_dir)))


def check_limit(limit: int) -> None:
    """Raise InvalidRequest unless lists of this length are served."""
    if not 1 <= limit <= config.MAX_LIMIT:
        raise InvalidRequest(f"limit {limit}: ask for 1 to {config.MAX_LIMIT} movies")
