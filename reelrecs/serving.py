"""All that makes lists, put together: the model, its profile's stages, the scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from reelrecs import config
from reelrecs.pipeline.protocols import Filter, Scorer, Source
from reelrecs.pipeline.runner import Pipeline
from reelrecs.profiles import Profile, profile_of
from reelrecs.scorer.by_name import open_scorer
from reelrecs.scorer.lifetime import Closing
from reelrecs.scorer.model import ScoringModel
from reelrecs.stages.rerankers import DiversityReranker
from reelrecs.store.store import Store


class Serving(NamedTuple):
    """What it takes to make lists."""

    model: ScoringModel
    profile: Profile
    pipeline: Pipeline
    opened: Closing | None  # a scorer of the engine's own, to be closed with it


def serving_of(
    store: Store,
    model: ScoringModel | Callable[[], ScoringModel] | None,
    scorer: Scorer | str,
    sources: Sequence[Source],
    filters: Sequence[Filter],
    reranker: DiversityReranker | None,
    relax: tuple[str, ...],
) -> Serving:
    """Read the model and put its profile's stages, the scorer and the caller's stages together.

    A function and no method, so that an engine nobody holds any more is gone at once.
    """
    if model is None:
        model = ScoringModel.fixed(store)
    elif not isinstance(model, ScoringModel):
        model = model()
    profile = profile_of(model)
    if reranker is None:
        new_user = max(profile.diversity, config.NEW_USER_DIVERSITY)
        reranker = DiversityReranker(store, profile.diversity, new_user)
    chosen = open_scorer(scorer, model) if isinstance(scorer, str) else scorer
    pipeline = Pipeline(
        movie_count=store.movie_count,
        sources=(*profile.sources, *sources),
        filters=filters,
        featurizers=profile.featurizers,
        scorer=chosen,
        reranker=reranker,
        relax=relax,
        last_resort=profile.last_resort,
    )
    opened = chosen if isinstance(scorer, str) and isinstance(chosen, Closing) else None
    return Serving(model, profile, pipeline, opened)
