"""What is handed in from outside, checked as an import is, before a log acknowledges it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from reelrecs import config
from reelrecs.datasets.feedback import Feedback
from reelrecs.datasets.ids import LONGEST_SHOWN, Id, Ids
from reelrecs.datasets.imports.arriving import Arriving
from reelrecs.datasets.times import LAST_SECOND, second_of
from reelrecs.errors import DataError, InvalidRequest, NotFound, one_line
from reelrecs.ratings_log.events import Arrival
from reelrecs.store.store import Store


class Rating(NamedTuple):
    """What somebody says of a movie, as the data says such things."""

    user_id: Id
    movie_id: Id
    rating: float  # on the scale of the data's own file, or 1 and 0 where it has likes
    time: int | None = None  # since 1970, in seconds or any finer unit; None is now
    key: str | None = None  # sent again under the same key it is still one rating


def checked(store: Store, ratings: Sequence[Rating]) -> list[Arrival]:
    """The ratings as a log keeps them; raises InvalidRequest for the first that cannot be one.

    Users and movies may be new; the kind of their ids is the data's.
    """
    if store.feedback is Feedback.COUNTS:
        raise InvalidRequest(
            f"{store.name} holds counts, which mean something beside all others of a user only: "
            "write them to the file and run data build"
        )
    return [
        Arrival(
            _id(store.user_ids, one.user_id),
            _id(store.movie_ids, one.movie_id),
            _value(store, one.rating),
            _time(one.time),
            one.key,
        )
        for one in ratings
    ]


def rating_of(store: Store, line: Arriving) -> Rating:
    """The rating of a line; raises DataError, which names the line, where it cannot be one."""
    rating = Rating(line.user, line.movie, line.rating, line.time, line.key)  # type: ignore[arg-type]
    try:
        checked(store, [rating])
    except InvalidRequest as error:
        raise DataError(f"{line.where}: {error}") from error
    return rating


def held(store: Store, user_id: Id, movie_id: Id | None) -> tuple[Id, Id | None]:
    """The ids of what is to be forgotten; raises NotFound where the data holds nothing of it."""
    row = store.user_row(user_id)
    if movie_id is None:
        return store.user_ids[row], None
    movie = store.movie_row(movie_id)
    if movie not in store.by_user.movies[store.by_user.row(row)]:
        raise NotFound(
            f"user {_shown(user_id)} has not rated movie {_shown(movie_id)} in {store.name}: look "
            "at what they rated with user --user-id"
        )
    return store.user_ids[row], store.movie_ids[movie]


def _id(ids: Ids, given: object) -> Id:
    one = ids.checked(given)
    if isinstance(one, int):
        if not -(2**63) <= one < 2**63:
            raise InvalidRequest(f"id {_shown(one)} has more than 64 bits: give another")
    elif not one or not one.isprintable() or "\ud800" <= max(one) <= "\udfff":
        raise InvalidRequest(f"id {_shown(one)!r} is empty or cannot be printed: give another")
    return one


def _value(store: Store, given: Any) -> float:
    lowest, highest = store.file_scale
    try:
        value = float(given)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    stars = store.feedback is Feedback.STARS
    if not math.isfinite(value) or (stars and not lowest <= value <= highest):
        allowed = f"from {lowest:g} to {highest:g}" if stars else "1 for liked, 0 for not liked"
        raise InvalidRequest(f"rating {_shown(given)}: {store.name} has ratings {allowed}")
    return value


def _time(given: Any) -> int | None:
    if given is None:
        return None
    whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    if not whole or abs(given) >= 2**63:
        raise InvalidRequest(f"time {_shown(given)}: give seconds since 1970")
    seconds = second_of(int(given))
    if seconds < -LAST_SECOND or seconds > time.time() + config.FUTURE_SECONDS:
        raise InvalidRequest(
            f"time {_shown(given)} lies in the future or before all times: a rating is of now or "
            "of before"
        )
    return seconds


def _shown(given: object) -> str:
    return one_line(str(given), LONGEST_SHOWN)
