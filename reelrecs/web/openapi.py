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

READ, ASK, WRITE = ("get",), ("get", "post"), ("post",)

ENDPOINTS: tuple[tuple[str, tuple[str, ...], str, tuple[Parameter, ...]], ...] = (
    ("recommend", ASK, "A person's list, best first.", PERSON + LIST),
    (
        "score",
        ASK,
        "Scores with terms of exactly these movies.",
        (*PERSON, ("movie_id", "array", "A movie; repeatable; movie_ids in a document.")),
    ),
    (
        "why-not",
        ASK,
        "What keeps a movie off the list, or where it stands.",
        (*PERSON, ("movie_id", "string", "The movie."), *LIST),
    ),
    (
        "similar",
        READ,
        "The movies nearest to one.",
        (
            ("movie_id", "string", "The movie, by id."),
            ("title", "string", "The movie, by title."),
            ("limit", "integer", "Movies in the list."),
        ),
    ),
    (
        "search",
        READ,
        "Movies by title, best match first.",
        (("title", "string", "Part of a title."), ("limit", "integer", "Movies in the list.")),
    ),
    ("user", READ, "What is known of a user.", (("user_id", "string", "The user."),)),
    (
        "rate",
        WRITE,
        "Keep a rating, or many as ratings; in the next list already.",
        (
            ("user_id", "string", "Who rates; may be new."),
            ("movie_id", "string", "What is rated; may be new."),
            ("rating", "number", "On the data's own scale."),
            ("time", "integer", "When, in seconds since 1970; now unless given."),
            ("key", "string", "Sent again under its key it is still one rating."),
        ),
    ),
    (
        "forget",
        WRITE,
        "Forget a rating of a user, or the whole user.",
        (
            ("user_id", "string", "Who is forgotten."),
            ("movie_id", "string", "Of which movie; without it all of the user."),
        ),
    ),
    ("version", READ, "Version, data and model that answer.", ()),
    ("health", READ, "Whether it answers; needs no token.", ()),
)
"""Name, methods (by POST it takes a JSON document), meaning, parameters."""

ERRORS = {
    "400": "The request cannot be served as asked; the message says what can.",
    "403": "A page of another address may not ask this.",
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
            f"/api/v1/{name}": _operations(name, methods, meaning, parameters)
            for name, methods, meaning, parameters in ENDPOINTS
        },
    }


def _operations(
    name: str, methods: tuple[str, ...], meaning: str, parameters: tuple[Parameter, ...]
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
    schema = _written(name, parameters) if methods == WRITE else _body(name)
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    post = {
        "operationId": name if methods == WRITE else f"{name}-document",
        "summary": meaning,
        "requestBody": body,
        "responses": responses,
    }
    described = {"get": get, "post": post}
    return {method: described[method] for method in methods}


def _written(name: str, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """The document of what is to be kept or forgotten."""
    properties: dict[str, Any] = {
        one: {**_schema(kind), "description": text} for one, kind, text in parameters
    }
    for one in ("user_id", "movie_id"):
        properties[one]["type"] = ["integer", "string"]
    single = {"type": "object", "properties": properties, "additionalProperties": False}
    if name != "rate":
        return single
    many = {"type": "object", "properties": {"ratings": {"type": "array", "items": single}}}
    return {"oneOf": [single, {**many, "additionalProperties": False}]}


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
