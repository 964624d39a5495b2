"""What a JSON document tells: ratings to keep, and what is to be forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reelrecs.datasets.ids import Id
from reelrecs.errors import InvalidRequest
from reelrecs.scorer.limits import Limits
from reelrecs.store.incoming import Rating
from reelrecs.web.asked import refuse_unknown


def ratings_to_keep(document: Mapping[str, Any], limits: Limits) -> list[Rating]:
    """One rating, or the list `ratings`; raises InvalidRequest, also for more than are taken."""
    many = [document]
    if "ratings" in document:
        refuse_unknown(document, {"ratings"})
        many = document["ratings"]
        if not isinstance(many, list):
            raise InvalidRequest("ratings is no list: give one of objects")
    limits.check_ratings(len(many))
    return [_rating(one) for one in many]


def to_forget(document: Mapping[str, Any]) -> tuple[Id, Id | None]:
    """A user, and the movie of a rating or None for all; raises InvalidRequest."""
    refuse_unknown(document, {"user_id", "movie_id"})
    return _named(document, "user_id"), document.get("movie_id")


def _rating(one: Any) -> Rating:
    if not isinstance(one, Mapping):
        raise InvalidRequest("a rating is no object: give user_id, movie_id and rating")
    refuse_unknown(one, {"user_id", "movie_id", "rating", "time", "key"})
    rating, key = _named(one, "rating"), one.get("key")
    if isinstance(rating, bool) or not isinstance(rating, (int, float)):
        raise InvalidRequest("rating is no number")
    if key is not None and not isinstance(key, str):
        raise InvalidRequest("key is no text: give one")
    user_id, movie_id = _named(one, "user_id"), _named(one, "movie_id")
    return Rating(user_id, movie_id, rating, one.get("time"), key)


def _named(document: Mapping[str, Any], name: str) -> Any:
    if document.get(name) is None:
        raise InvalidRequest(f"no {name} is given: give one")
    return document[name]
