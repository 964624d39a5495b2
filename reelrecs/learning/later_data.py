"""A model over data that has changed since training: whether it can serve, and how old it is.

What is learned stands by movie ids, so it is put in the places that those have now. What can be
counted (votes, windows, raters, neighbours, histories) is always counted in the store at hand.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reelrecs.config import FIXED, LEAST_SHARE_MET, PRETRAINED
from reelrecs.datasets.ids import IdColumn
from reelrecs.errors import ModelError
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.origin import Origin
from reelrecs.stages.base_models import on_rows, untrained
from reelrecs.store.store import Store


class OtherData(ModelError):
    """The model was trained on data of which this is no later state."""


class Age(NamedTuple):
    """What has come to the data since a model was trained; negative where more has gone."""

    ratings: int
    users: int
    movies: int  # that the model has not met
    share: float  # of the data's ratings that are of movies it has met
    seconds: int  # from the last rating of training to the last one now

    def __str__(self) -> str:
        days = self.seconds / 86_400
        return (
            f"{self.ratings:+,} ratings, {self.users:+,} users, {self.movies:+,} movies and "
            f"{days:,.1f} days since; {self.share:.1%} of the ratings are of movies it has met"
        )


def over(model: ScoringModel, store: Store) -> ScoringModel:
    """The model over another state of its data; raises ModelError where it cannot serve that."""
    if store is model.store:
        return model
    if model.ranker.profile == PRETRAINED:
        arrays = untrained(store)
    elif model.ranker.profile == FIXED or store.movie_ids == model.store.movie_ids:
        arrays = model.base_models
    else:
        arrays = placed_on(model.origin, store)
    return ScoringModel(
        store, model.ranker, model.settings, arrays, model.feature_settings, model.origin
    )


def placed_on(origin: Origin, store: Store) -> dict[str, NDArray[Any]]:
    """The base models by the rows of this store; the very same arrays for the data of training.

    Raises ModelError for a store that holds under half of the model's movies, or whose data is
    other data: of another kind of feedback, of other titles, without the ratings of training.
    """
    if origin.digest == store.digest:
        return dict(origin.base_models)
    if origin.feedback != store.feedback:
        raise _other(origin, store, f"learned from {origin.feedback}, not {store.feedback}")
    rows = store.movie_ids.rows_of(origin.movie_ids.column())
    met, known = int((rows >= 0).sum()), len(rows)
    if met < LEAST_SHARE_MET * known or met == 0:
        raise _other(origin, store, f"{met:,} of its {known:,} movies are there")
    if origin.raters is None:
        _require_titles(origin, store, rows)
    else:
        _require_ratings(origin, store)
    if not origin.base_models:
        return {}
    return on_rows(origin.base_models, rows, store.movie_count)


def age_of(model: ScoringModel) -> Age | None:
    """How old the model is beside the data that it serves; None for the data of training."""
    origin, store = model.origin, model.store
    if origin.digest == store.digest:
        return None
    met = origin.movie_ids.rows_of(store.movie_ids.column()) >= 0
    of_met = int(store.movie_rating_counts[met].sum(dtype=np.int64))
    return Age(
        store.rating_count - origin.ratings,
        store.user_count - origin.users,
        int((~met).sum()),
        of_met / store.rating_count,
        store.latest_timestamp - origin.latest,
    )


def _require_titles(origin: Origin, store: Store, rows: NDArray[np.int32]) -> None:
    here = np.flatnonzero(rows >= 0)
    same = pc.equal(
        origin.titles.take(pa.array(here)), store.movie_titles.take(pa.array(rows[here]))
    )
    count = int(pc.sum(same).as_py() or 0)
    if count < LEAST_SHARE_MET * len(here):
        raise _other(origin, store, f"{count:,} of {len(here):,} movies bear the titles it knows")


def _require_ratings(origin: Origin, store: Store) -> None:
    users = store.user_ids.rows_of(_column(origin.raters))
    movies = store.movie_ids.rows_of(_column(origin.rated))
    count = sum(
        movie in store.by_user.movies[store.by_user.row(user)]
        for user, movie in zip(users.tolist(), movies.tolist(), strict=True)
        if user >= 0 <= movie
    )
    if count < LEAST_SHARE_MET * len(users):
        told = f"{count:,} of {len(users):,} ratings it was trained on are there"
        raise _other(origin, store, told)


def _column(ids: NDArray[np.int64] | pa.Array | None) -> IdColumn:
    return ids.dictionary_encode() if isinstance(ids, pa.Array) else np.asarray(ids, np.int64)


def _other(origin: Origin, store: Store, why: str) -> OtherData:
    return OtherData(
        f"trained on other data ({origin.dataset} {origin.digest[:8]}) than {store.name} "
        f"{store.digest[:8]}: {why}: run train again"
    )
