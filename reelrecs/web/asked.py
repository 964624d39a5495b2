"""What a request asks for, read from a query string or a JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.datastructures import QueryParams

from reelrecs import config
from reelrecs.constraints import Constraints
from reelrecs.datasets.ids import Id
from reelrecs.errors import InvalidRequest
from reelrecs.histories import History
from reelrecs.scorer.limits import Limits
from reelrecs.store.store import Store

RATED, RATE = "r", "rate"
"""Parameters ID:STARS of rated movies. The last of a movie counts, those of the second name, which
buttons have, after all of the first; 0 stars take it back."""


class Asked(NamedTuple):
    """Somebody, and what they want of a list."""

    user_id: Id | None = None  # of the data; else it is somebody by their history
    history: History = History()
    limit: int = config.DEFAULT_LIMIT
    explain: bool = True
    as_of: int | None = None
    variety: float | None = None  # 0 to 1; None is the profile's
    constraints: Constraints | None = None

    @property
    def person(self) -> Id | History:
        """Who it is."""
        return self.history if self.user_id is None else self.user_id


def asked_by_query(query: QueryParams, store: Store, limits: Limits) -> Asked:
    """Read a query string; raises InvalidRequest and NotFound."""
    ratings = ratings_of(query)
    limits.check_history(len(ratings))
    rows = [store.movie_row(movie) for movie in ratings]
    history = History([store.movie_ids[row] for row in rows], list(ratings.values()))
    return Asked(
        query.get("user_id") or None,
        history,
        _whole("limit", query.get("limit") or config.DEFAULT_LIMIT),
        (query.get("explain") or "true").lower() not in ("false", "0", "no"),
        None if not query.get("as_of") else _whole("as_of", query.get("as_of")),
        variety_of(query.get("variety") or None),
        _constraints(
            {
                "allow": query.getlist("allow") or None,
                "deny": query.getlist("deny"),
                "genres": [genre for genre in query.getlist("genre") if genre],
                "not_genres": query.getlist("not_genre"),
                "year_from": query.get("year_from") or None,
                "year_to": query.get("year_to") or None,
                "min_rating": query.get("min_rating") or None,
                "include_seen": (query.get("include_seen") or "").lower() in ("true", "1", "on"),
            }
        ),
    )


def asked_by_document(document: Any, limits: Limits) -> Asked:
    """Read a JSON document; raises InvalidRequest."""
    if not isinstance(document, Mapping):
        raise InvalidRequest("the body is no JSON object: see /docs")
    known = {"user_id", "history", "limit", "explain", "as_of", "variety", "constraints"}
    refuse_unknown(document, known)
    history = document.get("history") or {}
    if not isinstance(history, Mapping):
        raise InvalidRequest("history is no object: give movie_ids and ratings")
    refuse_unknown(history, {"movie_ids", "ratings", "times"})
    movies = _list("movie_ids", history.get("movie_ids", []))
    limits.check_history(len(movies))
    times = history.get("times")
    return Asked(
        document.get("user_id"),
        History(
            movies,
            _list("ratings", history.get("ratings", [])),
            None if times is None else _list("times", times),
        ),
        _whole("limit", document.get("limit", config.DEFAULT_LIMIT)),
        bool(document.get("explain", True)),
        None if document.get("as_of") is None else _whole("as_of", document["as_of"]),
        variety_of(document.get("variety")),
        _constraints(document.get("constraints")),
    )


def ratings_of(query: QueryParams) -> dict[str, float]:
    """Stars by id of the movie, in the order of the last word on each."""
    ratings: dict[str, float] = {}
    for value in (*query.getlist(RATED), *query.getlist(RATE)):
        movie, _, stars = value.rpartition(":")
        try:
            given = float(stars)
        except ValueError:
            given = -1.0
        if not movie or not 0.0 <= given < float("inf"):
            raise InvalidRequest(f"{RATED}={value!r} is no rating: write ID:STARS, such as 1:4.5")
        ratings.pop(movie, None)
        if given > 0.0:
            ratings[movie] = given
    return ratings


def variety_of(value: Any) -> float | None:
    """A variety on [0, 1] in whole steps; None stays None. Raises InvalidRequest."""
    if value is None:
        return None
    try:
        variety = float(value)
    except (TypeError, ValueError):
        variety = -1.0
    if not 0.0 <= variety <= 1.0:
        raise InvalidRequest(f"variety {value!r}: give a number from 0 to 1")
    return round(variety * config.VARIETY_STEPS) / config.VARIETY_STEPS


def _constraints(given: Any) -> Constraints | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise InvalidRequest("constraints is no object: see /docs")
    refuse_unknown(given, set(Constraints.__dataclass_fields__))
    made = dict(given)
    for name in ("year_from", "year_to"):
        if made.get(name) is not None:
            made[name] = _whole(name, made[name])
    if made.get("min_rating") is not None:
        try:
            made["min_rating"] = float(made["min_rating"])
        except (TypeError, ValueError):
            raise InvalidRequest(f"min_rating {made['min_rating']!r} is no number") from None
    for name in ("allow", "deny", "genres", "not_genres"):
        if made.get(name) is not None:
            made[name] = _list(name, made[name])
    constraints = Constraints(**{name: value for name, value in made.items() if value is not None})
    return None if constraints == Constraints() else constraints


def _whole(name: str, value: Any) -> int:
    try:
        if isinstance(value, (bool, float)):
            raise ValueError
        return int(value)
    except (TypeError, ValueError):
        raise InvalidRequest(f"{name} {value!r} is no whole number") from None


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise InvalidRequest(f"{name} is no list: give one, as [1, 2]")
    return list(value)


def refuse_unknown(given: Mapping[str, Any], known: set[str]) -> None:
    """Raise InvalidRequest for a name that means nothing here."""
    unknown = sorted(str(name) for name in given if name not in known)
    if unknown:
        choices = ", ".join(sorted(known))
        raise InvalidRequest(f"no {unknown[0]!r} can be given here: give {choices}")
