"""The JSON interface, described for programs (OpenAPI 3.1) and for the page /docs."""

from __future__ import annotations

from importlib import metadata
from typing import Any

Parameter = tuple[str, str, str]  # name, type, meaning

PERSON: tuple[Parameter, ...] = (
    ("user_id", "string", "A user of the data; without one it is somebody by their ratings."),
    ("r", "array", "ID:STARS, a movie that somebody rated; repeatable; none is somebody new."),
    ("as_of", "integer", "The moment of asking, in seconds since 1970."),
)

LIST: tuple[Parameter, ...] = (
    ("limit", "integer", "Movies in the list."),
    ("explain", "boolean", "Whether each row comes with its reasons; true unless said otherwise."),
    ("variety", "number", "Score given up for variety, 0 to 1."),
    ("genre", "array", "Only movies of one of these genres; repeatable."),
    ("not_genre", "array", "No movies of these genres; repeatable."),
    ("year_from", "integer", "Only movies of this year or later."),
    ("year_to", "integer", "Only movies of this year or earlier."),
    ("min_rating", "number", "Only movies of at least this mean rating."),
    ("allow", "array", "Only these movies, by id; repeatable."),
    ("deny", "array", "None of these movies, by id; repeatable."),
    ("include_seen", "boolean", "Rated movies may come again."),
)

ENDPOINTS: tuple[tuple[str, bool, str, tuple[Parameter, ...]], ...] = (
    ("recommend", True, "A person's list, best first.", PERSON + LIST),
    (
        "score",
        True,
        "Scores with terms of exactly these movies.",
        (*PERSON, ("movie_id", "array", "A movie; repeatable; movie_ids in a document.")),
    ),
    (
        "why-not",
        True,
        "What keeps a movie off the list, or where it stands.",
        (*PERSON, ("movie_id", "string", "The movie."), *LIST),
    ),
    (
        "similar",
        False,
        "The movies nearest to one.",
        (
            ("movie_id", "string", "The movie, by id."),
            ("title", "string", "The movie, by title."),
            ("limit", "integer", "Movies in the list."),
        ),
    ),
    (
        "search",
        False,
        "Movies by title, best match first.",
        (("title", "string", "Part of a title."), ("limit", "integer", "Movies in the list.")),
    ),
    ("user", False, "What is known of a user.", (("user_id", "string", "The user."),)),
    ("version", False, "Version, data and model that answer.", ()),
    ("health", False, "Whether it answers; needs no token.", ()),
)
"""Name, whether it takes a JSON document by POST too, meaning, parameters."""

ERRORS = {
    "400": "The request cannot be served as asked; the message says what can.",
    "401": "A token is wanted: Authorization: Bearer TOKEN.",
    "404": "The data holds no such user or movie.",
    "413": "The body is too large.",
    "429": "Too many requests wait already.",
    "500": "A fault of the service, which its log tells.",
    "503": "Data, model or scorer cannot be used now.",
}


def document() -> dict[str, Any]:
    """The description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ReelRecs",
            "version": metadata.version("reelrecs"),
            "description": "Movie recommendations from a ratings file: ranked and explained.",
        },
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}, {}],
        "paths": {
            f"/api/v1/{name}": _operations(name, by_post, meaning, parameters)
            for name, by_post, meaning, parameters in ENDPOINTS
        },
    }


def _operations(
    name: str, by_post: bool, meaning: str, parameters: tuple[Parameter, ...]
) -> dict[str, Any]:
    responses = {
        "200": {
            "description": "As the command line's --format json has it.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        **{code: {"description": text} for code, text in ERRORS.items()},
    }
    get = {
        "operationId": name,
        "summary": meaning,
        "parameters": [
            {"name": one, "in": "query", "description": text, "schema": _schema(kind)}
            for one, kind, text in parameters
        ],
        "responses": responses,
    }
    if not by_post:
        return {"get": get}
    body = {"required": True, "content": {"application/json": {"schema": _body(name)}}}
    post = {
        "operationId": f"{name}-document",
        "summary": meaning,
        "requestBody": body,
        "responses": responses,
    }
    return {"get": get, "post": post}


def _schema(kind: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}} if kind == "array" else {"type": kind}


def _body(name: str) -> dict[str, Any]:
    numbers = {"type": "array", "items": {"type": "number"}}
    ids = {"type": "array", "items": {"type": ["integer", "string"]}}
    properties: dict[str, Any] = {
        "user_id": {"type": ["integer", "string", "null"]},
        "history": {
            "type": "object",
            "properties": {"movie_ids": ids, "ratings": numbers, "times": numbers},
        },
        "limit": {"type": "integer"},
        "explain": {"type": "boolean"},
        "as_of": {"type": ["integer", "null"]},
        "variety": {"type": ["number", "null"]},
        "constraints": {"type": "object"},
    }
    if name == "score":
        properties["movie_ids"] = ids
    if name == "why-not":
        properties["movie_id"] = {"type": ["integer", "string"]}
    return {"type": "object", "properties": properties, "additionalProperties": False}
