"""Where a model comes from: the data it was trained on, told by what still holds on later days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reelrecs.config import SAMPLED_RATINGS
from reelrecs.datasets.ids import Ids
from reelrecs.store.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """The data of training; base models stand by the rows of `movie_ids`, whatever is served.

    Titles tell whether a movie of the same id elsewhere is the same movie. Data whose titles are
    nothing but ids is known by a sample of its ratings instead: `raters` and `rated` are None
    where titles are enough, so that a model holds no user's id then.
    """

    dataset: str
    digest: str
    created: str  # ISO 8601, UTC
    ratings: int
    users: int
    latest: int  # seconds since 1970 of the last rating
    feedback: str
    movie_ids: Ids
    titles: pa.Array  # large_string, by row
    raters: NDArray[np.int64] | pa.Array | None  # [sample] user ids
    rated: NDArray[np.int64] | pa.Array | None  # [sample] movie ids
    base_models: Mapping[str, NDArray[Any]]

    @classmethod
    def of(cls, store: Store, base_models: Mapping[str, NDArray[Any]]) -> Origin:
        """The origin of what was trained on this store just now."""
        raters, rated = None, None
        if untitled(store.movie_ids, store.movie_titles):
            count = min(SAMPLED_RATINGS, store.rating_count)
            entries = np.linspace(0, store.rating_count - 1, count).astype(np.int64)
            users = np.searchsorted(store.by_user.indptr, entries, "right") - 1
            raters = _some(store.user_ids, users)
            rated = _some(store.movie_ids, store.by_user.movies[entries])
        return cls(
            store.name,
            store.digest,
            datetime.now(UTC).isoformat(timespec="seconds"),
            store.rating_count,
            store.user_count,
            store.latest_timestamp,
            str(store.feedback),
            store.movie_ids,
            store.movie_titles,
            raters,
            rated,
            base_models,
        )


def untitled(ids: Ids, titles: pa.Array) -> bool:
    """Whether most movies are called by their ids alone, so that titles tell nothing."""
    called = ids.to_arrow().cast(pa.large_string())
    return 2 * int(pc.sum(pc.equal(called, titles)).as_py() or 0) > len(ids)


def _some(ids: Ids, rows: NDArray[Any]) -> NDArray[np.int64] | pa.Array:
    return ids.take(rows) if ids.is_text else ids.values[rows]
