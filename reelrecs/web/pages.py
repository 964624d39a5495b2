"""The page: movies found as one types, liked with stars, a list that changes at once.

All that a person has said stands in the address, so that a page can be kept, sent and reloaded;
nothing is kept on the server. It works by forms alone; htmx exchanges parts where scripts run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from reelrecs import config
from reelrecs.datasets.times import day_of
from reelrecs.results import movie_of
from reelrecs.web.answers import Answers
from reelrecs.web.asked import RATED, asked_by_query, ratings_of
from reelrecs.web.openapi import ENDPOINTS, ERRORS
from reelrecs.web.shown import COLOURS, with_bars

HERE = Path(__file__).parent

_CHOICES = ("genre", "year_from", "year_to", "variety")


class Pages:
    """What people look at."""

    def __init__(self, answers: Answers, threads: Executor) -> None:
        self._answers = answers
        self._threads = threads
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["colours"] = COLOURS

    def routes(self) -> list[Route | Mount]:
        """For the application."""
        return [
            Route("/", self.home),
            Route("/found", self.found),
            Route("/movie", self.movie),
            Route("/user", self.user),
            Route("/docs", self.docs),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]

    async def home(self, request: Request) -> Response:
        """What one likes, and the list."""
        return await self._page(request, "home.html", self._home)

    async def found(self, request: Request) -> Response:
        """The part of the page that shows movies found by title."""
        return await self._page(request, "found.html", self._search)

    async def movie(self, request: Request) -> Response:
        """A movie, and those nearest to it."""
        return await self._page(request, "movie.html", self._similar)

    async def user(self, request: Request) -> Response:
        """A user of the data, and their list."""
        return await self._page(request, "user.html", self._user)

    async def docs(self, request: Request) -> Response:
        """The JSON interface."""
        return await self._page(
            request, "docs.html", lambda _: {"endpoints": ENDPOINTS, "errors": ERRORS}
        )

    def error(self, status: int, message: str) -> Response:
        """A page that says what is wrong."""
        text = self._templates.get_template("error.html").render(
            message=message, status=status, about=self._answers.version(), until=self._until()
        )
        return HTMLResponse(text, status)

    async def _page(
        self, request: Request, name: str, work: Callable[[Request], Mapping[str, Any]]
    ) -> Response:
        def render() -> str:
            with self._answers.engine.one_moment():
                told = work(request)
                return self._templates.get_template(name).render(
                    about=self._answers.version(), until=self._until(), **told
                )

        loop = asyncio.get_running_loop()
        response = HTMLResponse(await loop.run_in_executor(self._threads, render))
        if request.headers.get("hx-request") and request.url.path == "/":
            response.headers["HX-Push-Url"] = _plain_address(request)
        return response

    def _until(self) -> str:
        return day_of(self._answers.engine.store.latest_timestamp)

    def _home(self, request: Request) -> dict[str, Any]:
        query, store = request.query_params, self._answers.engine.store
        asked = asked_by_query(query, store, self._answers.limits)
        listed = self._answers.recommend(asked._replace(limit=config.PAGE_MOVIES, explain=True))
        told = listed.to_dict()
        rows = told["recommendations"]
        varied = asked.variety
        return {
            **self._search(request),
            "rated": [
                {**movie_of(store, store.movie_row(movie)).to_dict(), "stars": stars}
                for movie, stars in ratings_of(query).items()
            ],
            "rows": rows,
            "terms": with_bars(rows),
            "note": told["note"],
            "variety": self._answers.engine.profile.diversity if varied is None else varied,
            "steps": config.VARIETY_STEPS,
            "genres": store.genres,
            "genre": query.get("genre") or "",
            "year_from": query.get("year_from") or "",
            "year_to": query.get("year_to") or "",
        }

    def _search(self, request: Request) -> dict[str, Any]:
        text = (request.query_params.get("q") or "")[: config.PAGE_SEARCH_LETTERS]
        found = []
        if text.strip():
            found = self._answers.engine.search(text, config.PAGE_FOUND)
        given = ratings_of(request.query_params)
        return {
            "q": text,
            "found": [{**one.to_dict(), "stars": given.get(str(one.movie_id), 0)} for one in found],
            "ratings": [f"{movie}:{stars:g}" for movie, stars in given.items()],
            "address": urlencode([(RATED, f"{m}:{stars:g}") for m, stars in given.items()]),
        }

    def _similar(self, request: Request) -> dict[str, Any]:
        movie = request.query_params.get("movie_id", "")
        store = self._answers.engine.store
        similar = self._answers.engine.similar(movie, config.PAGE_MOVIES)
        asked = asked_by_query(request.query_params, store, self._answers.limits)
        stars = ratings_of(request.query_params).get(str(similar.movie.movie_id), 0)
        why_not = self._answers.why_not(asked._replace(limit=config.PAGE_MOVIES), movie)["answer"]
        return {
            **self._search(request),
            **similar.to_dict(),
            "stars": stars,
            "why_not": "" if stars else why_not,
        }

    def _user(self, request: Request) -> dict[str, Any]:
        user_id = request.query_params.get("user_id", "").strip()
        profile = self._answers.engine.user(user_id)
        store = self._answers.engine.store
        asked = asked_by_query(request.query_params, store, self._answers.limits)
        listed = self._answers.recommend(
            asked._replace(user_id=profile.user_id, limit=config.PAGE_MOVIES, explain=True)
        ).to_dict()
        rows = listed["recommendations"]
        return {
            **self._search(request),
            "user": profile.to_dict(),
            "rows": rows,
            "terms": with_bars(rows),
            "note": listed["note"],
        }


def _plain_address(request: Request) -> str:
    """The address that says the same, without what was searched and what says nothing."""
    query = request.query_params
    said = [(RATED, f"{movie}:{stars:g}") for movie, stars in ratings_of(query).items()]
    said += [(name, query[name]) for name in _CHOICES if query.get(name)]
    return f"/?{urlencode(said)}" if said else "/"
