"""JSON under /api/v1, with the names of the command line's JSON."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reelrecs import config
from reelrecs.errors import InvalidRequest
from reelrecs.histories import TitleFinder
from reelrecs.scorer.lifetime import Once
from reelrecs.table import json_safe
from reelrecs.web.answers import Answers
from reelrecs.web.asked import Asked, asked_by_document, asked_by_query
from reelrecs.web.openapi import document as openapi
from reelrecs.web.told import ratings_to_keep, to_forget

T = TypeVar("T")

PREFIX = "/api/v1"


class Api:
    """The endpoints; work is done on threads of its own, never on the one that hears requests."""

    def __init__(self, answers: Answers, threads: Executor, leaving: threading.Event) -> None:
        self._leaving = leaving
        self._answers = answers
        self._threads = threads
        self._openapi = Once(openapi)

    def routes(self) -> list[Route]:
        """For the application."""
        both = ["GET", "POST"]
        return [
            Route(f"{PREFIX}/recommend", self.recommend, methods=both),
            Route(f"{PREFIX}/score", self.score, methods=both),
            Route(f"{PREFIX}/why-not", self.why_not, methods=both),
            Route(f"{PREFIX}/similar", self.similar),
            Route(f"{PREFIX}/search", self.search),
            Route(f"{PREFIX}/user", self.user),
            Route(f"{PREFIX}/rate", self.rate, methods=["POST"]),
            Route(f"{PREFIX}/forget", self.forget, methods=["POST"]),
            Route(f"{PREFIX}/version", self.version),
            Route(f"{PREFIX}/health", self.health),
            Route(f"{PREFIX}/openapi.json", self.described),
        ]

    async def recommend(self, request: Request) -> Response:
        """A person's list."""
        asked, _ = await self._asked(request)
        return await self._answer(request, lambda: self._answers.recommend(asked).to_dict())

    async def score(self, request: Request) -> Response:
        """Scores of given movies."""
        asked, document = await self._asked(request, "movie_ids")
        movies = document.get("movie_ids", request.query_params.getlist("movie_id"))
        if not isinstance(movies, list) or not movies:
            raise InvalidRequest("no movies are given: give movie_ids, or movie_id in the address")
        return await self._answer(request, lambda: self._answers.score(asked, movies))

    async def why_not(self, request: Request) -> Response:
        """What keeps a movie off the list."""
        asked, document = await self._asked(request, "movie_id")
        movie = document.get("movie_id", request.query_params.get("movie_id"))
        if movie is None:
            raise InvalidRequest("no movie is given: give movie_id")
        return await self._answer(request, lambda: self._answers.why_not(asked, movie))

    async def similar(self, request: Request) -> Response:
        """The movies nearest to one."""
        movie, title = (request.query_params.get(name) for name in ("movie_id", "title"))
        if (movie is None) == (title is None):
            raise InvalidRequest("give either movie_id or title")
        limit = _limit(request)

        def work() -> dict[str, Any]:
            engine = self._answers.engine
            if movie is not None:
                return engine.similar(movie, limit).to_dict()
            row, _ = TitleFinder(engine.store).find(title or "")
            return engine.similar(engine.store.movie_ids[row], limit).to_dict()

        return await self._answer(request, work)

    async def search(self, request: Request) -> Response:
        """Movies by title; none found is an empty list."""
        title, limit = request.query_params.get("title", ""), _limit(request)
        if not title.strip():
            raise InvalidRequest("no title is given: give title, or part of one")

        def work() -> dict[str, Any]:
            return {"movies": [one.to_dict() for one in self._answers.engine.search(title, limit)]}

        return await self._answer(request, work)

    async def user(self, request: Request) -> Response:
        """What is known of a user."""
        user_id = request.query_params.get("user_id")
        if not user_id:
            raise InvalidRequest("no user is given: give user_id")
        return await self._answer(request, lambda: self._answers.engine.user(user_id).to_dict())

    async def rate(self, request: Request) -> Response:
        """Keep ratings; answered when the disk has them."""
        ratings = ratings_to_keep(await _document(request), self._answers.limits)
        return await self._answer(request, lambda: self._answers.rate(ratings))

    async def forget(self, request: Request) -> Response:
        """Forget a rating, or all of a user."""
        named = to_forget(await _document(request))
        return await self._answer(request, lambda: self._answers.forget(*named))

    async def version(self, request: Request) -> Response:
        """What answers."""
        return await self._answer(request, self._answers.version)

    async def health(self, request: Request) -> Response:
        """Whether it answers and will go on to, asked of nothing that works."""
        if self._leaving.is_set():
            return _json({"status": "not serving"}, config.WEB_NOT_SERVING)
        return _json({"status": "serving"})

    async def described(self, request: Request) -> Response:
        """All of this, as OpenAPI has it."""
        return _json(self._openapi.get())

    async def _asked(self, request: Request, *beside: str) -> tuple[Asked, dict[str, Any]]:
        """What is asked for, and what stands beside it in a document."""
        if request.method != "POST":
            query = request.query_params
            return await self._worked(
                lambda: asked_by_query(query, self._answers.engine.store, self._answers.limits)
            ), {}
        document = await _document(request)
        kept = {name: document.pop(name) for name in beside if name in document}
        return asked_by_document(document, self._answers.limits), kept

    async def _answer(self, request: Request, work: Callable[[], dict[str, Any]]) -> Response:
        """The work's document; none where the reader has it already."""
        known = request.headers.get("if-none-match") if request.method == "GET" else None

        def answered() -> tuple[str, dict[str, Any] | None]:
            tag = f'"{self._answers.tag}"'
            return tag, None if known == tag else work()

        tag, document = await self._worked(answered)
        if document is None:
            return Response(status_code=304, headers={"ETag": tag})
        response = _json(document)
        if request.method == "GET":
            response.headers["ETag"] = tag
            response.headers["Cache-Control"] = "private, no-cache"
        return response

    async def _worked(self, work: Callable[[], T]) -> T:
        """The work done on a thread of its own, over one state of the data."""

        def in_one_moment() -> T:
            with self._answers.engine.one_moment():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._threads, in_one_moment)


async def _document(request: Request) -> dict[str, Any]:
    """The JSON object that was sent; raises InvalidRequest."""
    try:
        document = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise InvalidRequest("the body is no JSON: see /docs") from None
    if not isinstance(document, dict):
        raise InvalidRequest("the body is no JSON object: see /docs")
    return document


def _json(document: Any, status: int = 200) -> Response:
    text = json_safe(json.dumps(document, ensure_ascii=False))
    return Response(text.encode(), status, media_type="application/json")


def error_response(status: int, kind: str, message: str) -> Response:
    """An error as JSON has it."""
    return _json({"error": {"status": status, "kind": kind, "message": message}}, status)


def _limit(request: Request) -> int:
    text = request.query_params.get("limit") or str(config.DEFAULT_LIMIT)
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise InvalidRequest(f"limit {text!r} is no whole number")
    return int(text)
