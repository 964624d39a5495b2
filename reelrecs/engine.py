"""The composition root: the only place that names concrete stages and puts them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from reelrecs import config
from reelrecs.context import build_query
from reelrecs.datasets import locate
from reelrecs.datasets.titles import search
from reelrecs.errors import InvalidRequest
from reelrecs.explain import explain as explain_ranked
from reelrecs.features import CatalogueFeatures
from reelrecs.filters import AlreadyRatedFilter, MinimumRatingFilter
from reelrecs.kernels import pool
from reelrecs.load import open_store
from reelrecs.pipeline import Pipeline
from reelrecs.rerankers import DiversityReranker
from reelrecs.results import Movie, RecommendationList, UserProfile, movie_of, recommendations_of
from reelrecs.scorer.client import GrpcScorer
from reelrecs.scorer.embedded import EmbeddedScorer
from reelrecs.scorer.model import ScoringModel
from reelrecs.sources import PhoenixSource, ThunderSource
from reelrecs.stages import Filter, Query, Scorer, Source
from reelrecs.store import Store

EMBEDDED = "embedded"
"""The scorer hosted by this process on a private address."""

Report = Callable[[str], None]


def _silent(message: str) -> None:
    """Report to nobody."""


class Engine:
    """Recommendations for one data set; safe to share between threads, closed when done.

    `sources` and `filters` come on top of the built-in ones. A filter of yours always holds unless
    `relax` names it. Without a `scorer` this process scores by hand-set weights, over gRPC.
    """

    def __init__(
        self,
        store: Store,
        scorer: Scorer | None = None,
        *,
        diversity: float = config.DIVERSITY,
        sources: Sequence[Source] = (),
        filters: Sequence[Filter] = (),
        relax: Sequence[str] = (),
    ) -> None:
        self.store = store
        reranker = DiversityReranker(store, diversity)
        self.pipeline = Pipeline(
            sources=(ThunderSource(store), PhoenixSource(store), *sources),
            filters=(AlreadyRatedFilter(), MinimumRatingFilter(store), *filters),
            featurizers=(CatalogueFeatures(store),),
            scorer=EmbeddedScorer(ScoringModel.handset(store)) if scorer is None else scorer,
            reranker=reranker,
            relax=(*relax, MinimumRatingFilter.name),
        )

    @classmethod
    def open(
        cls,
        data_dir: Path | str | None = None,
        *,
        models_dir: Path | str = config.MODELS_DIR,
        scorer: str = EMBEDDED,
        threads: int | None = None,
        diversity: float = config.DIVERSITY,
        report: Report = _silent,
    ) -> Self:
        """Open a data set (None: ./data/ml-1m if there, else the embedded sample).

        `scorer` is "embedded" or addresses of running services, separated by commas. Uses the
        model that `train` left for this data set in `models_dir`, if any. `report` hears what is
        being waited for. Raises DataError, ModelError, StorageError, AddressError.
        """
        store = _open_store(data_dir, threads, report)
        if scorer != EMBEDDED:
            return cls(store, GrpcScorer(scorer.split(","), store), diversity=diversity)
        return cls(store, EmbeddedScorer(load_model(store, Path(models_dir))), diversity=diversity)

    def recommend(
        self, user_id: int, limit: int = config.DEFAULT_LIMIT, *, explain: bool = False
    ) -> RecommendationList:
        """The user's list, best first; raises NotFound, InvalidRequest, ScorerError."""
        query = self.query(user_id, limit)
        ranked, trace = self.pipeline.run(query)
        reasons = None
        if explain and len(ranked) > 0:
            reasons = trace.timed("explain", lambda: explain_ranked(self.store, query, ranked))
        items = recommendations_of(self.store, ranked, reasons)
        return RecommendationList(user_id, self.store.name, items, trace)

    def user(self, user_id: int, recent: int = config.RECENT_MOVIES) -> UserProfile:
        """What the engine knows of a user; raises NotFound."""
        query = self.query(user_id, config.DEFAULT_LIMIT)
        return UserProfile(
            user_id=user_id,
            dataset=self.store.name,
            rating_count=len(query.movies),
            mean_rating=query.mean_rating,
            liked_count=len(query.liked),
            peer_count=len(query.peers),
            preferred_era=query.era or None,
            top_genres={
                self.store.genres[code]: float(query.genre_preference[code])
                for code in query.top_genres
            },
            recent=[movie_of(self.store, row) for row in query.movies[::-1][:recent]],
        )

    def search(self, text: str, limit: int = config.DEFAULT_LIMIT) -> list[Movie]:
        """Movies whose title holds the text, articles in either place; the best match first."""
        _check_limit(limit)
        rows = search(self.store.all_titles, text, limit, self.store.movie_count)
        return [movie_of(self.store, row) for row in rows]

    def query(self, user_id: int, limit: int) -> Query:
        """The pipeline's view of a user; raises NotFound or InvalidRequest."""
        _check_limit(limit)
        return build_query(self.store, self.store.user_row(user_id), limit)

    def close(self) -> None:
        """Stop the embedded scorer or hang up on the remote one."""
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


def open_model(
    data_dir: Path | str | None,
    models_dir: Path | str,
    threads: int | None = None,
    report: Report = _silent,
) -> ScoringModel:
    """The model that a service of this data set scores with; raises as `Engine.open` does."""
    return load_model(_open_store(data_dir, threads, report), Path(models_dir))


def load_model(store: Store, models_dir: Path) -> ScoringModel:
    """The trained model of this data set, else the hand-set one; raises ModelError."""
    path = model_path(store, models_dir)
    return ScoringModel.load(path, store) if path.exists() else ScoringModel.handset(store)


def model_path(store: Store, models_dir: Path) -> Path:
    """Where a data set's model stands."""
    return models_dir / f"{store.name}.arrow"


def train_model(
    data_dir: Path | str | None,
    models_dir: Path | str,
    threads: int | None = None,
    report: Report = _silent,
) -> tuple[Path, ScoringModel]:
    """Make a data set's model and write it, whole or not at all; raises StorageError too."""
    store = _open_store(data_dir, threads, report)
    model = ScoringModel.handset(store)
    path = model_path(store, Path(models_dir))
    model.save(path)
    return path, model


def _open_store(data_dir: Path | str | None, threads: int | None, report: Report) -> Store:
    if threads is not None:
        pool.set_threads(threads)
    return open_store(locate(None if data_dir is None else Path(data_dir)), report)


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= config.MAX_LIMIT:
        raise InvalidRequest(f"limit {limit}: ask for 1 to {config.MAX_LIMIT} movies")
