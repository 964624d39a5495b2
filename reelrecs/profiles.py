"""Profiles: which stages make a list, chosen by name or by the model at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reelrecs import config
from reelrecs.config import FIXED
from reelrecs.errors import InvalidRequest
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Rows
from reelrecs.pipeline.lifting import features_of_all
from reelrecs.pipeline.protocols import (
    BatchFeaturizer,
    BatchFilter,
    BatchSource,
    Featurizer,
    Filter,
    Gatherer,
    Source,
)
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.user_knn import QueryUser, is_stored
from reelrecs.stages.catalogue_features import CatalogueFeatures
from reelrecs.stages.feature_settings import settings_of
from reelrecs.stages.filters import (
    AlreadyRatedFilter,
    GenrePreferenceFilter,
    MinimumRatingFilter,
    RecencyFilter,
)
from reelrecs.stages.recent_source import RecentSource
from reelrecs.stages.sequence_evidence import SequenceGatherer
from reelrecs.stages.sequence_features import SequenceFeatures
from reelrecs.stages.sequence_model import SequenceModel
from reelrecs.stages.sequence_source import SequenceSource
from reelrecs.stages.sources import CatalogueSource, PhoenixSource, ThunderSource
from reelrecs.stages.user_context import build_query, query_of_history
from reelrecs.store.store import Store


@dataclass(frozen=True, slots=True)
class Profile:
    """The stages before the scorer, and how much variety the re-ranking buys by default."""

    name: str
    sources: Sequence[Source | BatchSource]
    featurizers: Sequence[Featurizer | BatchFeaturizer]
    diversity: float
    last_resort: Source  # asked where the others find too few
    sequence: SequenceModel | None = None
    gatherer: Gatherer | None = None  # of what the stages read in common


def profile_of(model: ScoringModel) -> Profile:
    """The stages that bring the columns which the model ranks by."""
    store = model.store
    if model.ranker.profile == FIXED:
        return Profile(
            FIXED,
            (ThunderSource(store), PhoenixSource(store)),
            (CatalogueFeatures(store),),
            config.FIXED_DIVERSITY,
            CatalogueSource(store),
        )
    settings = settings_of(model.feature_settings)
    sequence = SequenceModel(store, model.base_models, settings)
    return Profile(
        model.ranker.profile,
        (SequenceSource(), RecentSource()),
        (SequenceFeatures(sequence),),
        config.LEARNED_DIVERSITY,
        CatalogueSource(store),
        sequence,
        SequenceGatherer(sequence),
    )


def features_for(
    store: Store,
    featurizers: Sequence[Featurizer | BatchFeaturizer],
    user: QueryUser,
    movies: Rows,
) -> FeatureMatrix:
    """The columns of a profile's featurizers for these movies, whoever chose them.

    A scorer that was sent none of them asks for them here. The times of a history other than the
    store's are not known to it: all counts as watched at the data's end, in the order given.
    """
    queries = Queries.of([_query_of(store, user)])
    found = np.ones((len(movies), 1), np.float32)
    candidates = CandidateBatch.of([Candidates(movies, ("request.candidates",), found)])
    return FeatureMatrix.side_by_side(
        [features_of_all(featurizer, queries, candidates, None) for featurizer in featurizers]
    )


def _query_of(store: Store, user: QueryUser) -> Query:
    if is_stored(store, user):
        return build_query(store, user.row, config.DEFAULT_LIMIT)
    times = np.full(len(user.movies), store.latest_timestamp, np.int64)
    return query_of_history(store, user.movies, user.ratings, times, config.DEFAULT_LIMIT, user.row)


def filters_by_name(store: Store, names: Sequence[str]) -> list[Filter | BatchFilter]:
    """The filter that always holds, and the optional ones of these names; raises InvalidRequest.

    No optional filter is on by default: on ml-1m's validation cut each costs held-out movies that
    could have been recommended, the genre filter more than half of them.
    """
    optional: dict[str, Filter | BatchFilter] = {
        "recency": RecencyFilter(store, config.RECENCY_YEARS),
        "genre_preference": GenrePreferenceFilter(store),
        "minimum_rating": MinimumRatingFilter(store),
    }
    for name in names:
        if name not in optional:
            raise InvalidRequest(f"no filter {name!r}: choose from {', '.join(optional)}")
    return [AlreadyRatedFilter(), *(optional[name] for name in dict.fromkeys(names))]
