"""The application: routes, errors, and the guard around them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from reelrecs.errors import ReelRecsError
from reelrecs.experiments.trial import Trial
from reelrecs.kernels import pool
from reelrecs.scorer.calls import Observer
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.tokens import Tokens
from reelrecs.serving.live_engine import LiveEngine
from reelrecs.web.answers import Answers
from reelrecs.web.api import PREFIX, Api, error_response
from reelrecs.web.guard import Guard, status_of
from reelrecs.web.pages import Pages


def application(
    live: LiveEngine,
    limits: Limits | None = None,
    tokens: Tokens | None = None,
    observers: Sequence[Observer] = (),
    local: bool = True,
    trial: Trial | None = None,
    leaving: threading.Event | None = None,
) -> Any:
    """The ASGI application over a live engine; `local` refuses names of other machines.

    Lists of users are made by the `trial`, if there is one. Health says that it is going once
    `leaving` is set.
    """
    limits = limits or Limits()
    threads = ThreadPoolExecutor(
        limits.concurrency, thread_name_prefix="reelrecs-web", initializer=pool.current().adopt
    )
    answers = Answers(live, limits, trial)
    pages = Pages(answers, threads)

    def refuse(path: str, status: int, kind: str, message: str) -> Response:
        if path.startswith(PREFIX):
            return error_response(status, kind, message)
        return pages.error(status, message)

    async def failed(request: Request, error: Exception) -> Response:
        return refuse(request.url.path, *status_of(error))

    async def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        said = {404: "there is no such page", 405: "that method is not answered here"}
        message = said.get(error.status_code, "the request cannot be answered")
        return refuse(request.url.path, error.status_code, "InvalidRequest", message)

    handlers: dict[Any, Any] = {ReelRecsError: failed, HTTPException: unknown, Exception: failed}
    api = Api(answers, threads, leaving or threading.Event())
    routed = Starlette(routes=[*api.routes(), *pages.routes()], exception_handlers=handlers)
    return Guard(
        routed,
        limits,
        tokens or Tokens(),
        observers,
        lambda scope, *said: refuse(scope["path"], *said),
        local,
    )
