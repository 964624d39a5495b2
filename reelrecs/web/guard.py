"""Around every request: who may ask, how many at once, how much, and one line for the log."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import grpc

from reelrecs.errors import ModelError, NotFound, ReelRecsError, ScorerError, one_line
from reelrecs.scorer.calls import Call, Observer
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.tokens import AUTHORIZATION, Tokens
from reelrecs.web.api import PREFIX

log = logging.getLogger(__name__)

OPEN = (f"{PREFIX}/health", "/static/")
"""Beginnings of paths that need no token and are answered however many wait."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Sent with every answer: nothing is fetched from elsewhere, and no title is ever run."""

_CODES = {
    200: grpc.StatusCode.OK,
    304: grpc.StatusCode.OK,
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.UNIMPLEMENTED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
"""HTTP statuses as the log and the metrics of the gRPC service have them."""


class BodyTooLarge(ReelRecsError):
    """More was sent than is read."""


class Guard:
    """An ASGI application around another."""

    def __init__(
        self,
        app: Any,
        limits: Limits,
        tokens: Tokens,
        observers: Sequence[Observer],
        refuse: Callable[[Any, int, str, str], Any],
        local: bool,
    ) -> None:
        self._app = app
        self._limits = limits
        self._tokens = tokens
        self._observers = observers
        self._refuse = refuse  # scope, status, kind, message: a response
        self._local = local
        self._open = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = Call(f"/http{scope['path'] if len(scope['path']) < 40 else '/…'}")
        for observer in self._observers:
            observer.began(call.method)

        begun = False

        async def sent(message: Any) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                call.status = _CODES.get(message["status"], grpc.StatusCode.INTERNAL)
                added = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, sent)
                return
            self._open += 1
            try:
                await self._app(scope, self._bounded(receive), sent)
            except Exception:
                if not begun:
                    raise
                # It was answered and logged; Starlette raises it again for the server to see.
            finally:
                self._open -= 1
        finally:
            for observer in self._observers:
                observer.ended(call)

    def _refusal(self, scope: Any) -> Any:
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        if self._local and not is_local(headers.get("host", "")):
            # A page elsewhere may have its name point here, to read what only this machine may.
            line = "the address is not one of this machine: use localhost"
            return self._refuse(scope, 400, "InvalidRequest", line)
        origin = headers.get("origin")
        if scope["method"] == "POST" and not is_own(origin, headers.get("host", "")):
            # A browser sends along what it is asked to by any page that is open in it.
            line = "a page of another address asks: only this one's own page may"
            return self._refuse(scope, 403, "Forbidden", line)
        if scope["path"].startswith(OPEN):
            return None
        if not self._tokens.fits(bearer(headers.get(AUTHORIZATION, ""))):
            response = self._refuse(
                scope, 401, "Unauthorized", "the service asks for a token: it is the password"
            )
            response.headers["WWW-Authenticate"] = 'Basic realm="ReelRecs", charset="UTF-8"'
            return response
        if self._open >= self._limits.concurrency + self._limits.queue:
            return self._refuse(
                scope, 429, "Overloaded", f"{self._open:,} requests wait already: try again later"
            )
        return None

    def _bounded(self, receive: Any) -> Any:
        size = 0

        async def received() -> Any:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limits.message_bytes:
                raise BodyTooLarge(
                    f"more than {self._limits.message_bytes:,} bytes were sent: send less, or "
                    "raise web --max-message-mb"
                )
            return message

        return received


def is_local(host: str) -> bool:
    """Whether a Host header names this machine by a name that no other page can take."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    name = name.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_own(origin: str | None, host: str) -> bool:
    """Whether a request comes from a page of this very address, or from no page."""
    return origin is None or origin.partition("://")[2].lower() == host.lower()


def bearer(header: str) -> str:
    """The header as it would be with a bearer token; browsers send one as a password."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "basic":
        return header
    try:
        told = base64.b64decode(rest, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return f"Bearer {told.partition(':')[2]}"


def status_of(error: Exception) -> tuple[int, str, str]:
    """HTTP status, kind and one line of an error; a fault of ours is logged and not shown."""
    if not isinstance(error, ReelRecsError):
        log.error("a request failed", exc_info=error)
        return 500, "InternalError", "a fault of the service: see its log"
    if isinstance(error, BodyTooLarge):
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    elif isinstance(error, NotFound):
        status = HTTPStatus.NOT_FOUND
    elif isinstance(error, (ModelError, ScorerError)):
        status = HTTPStatus.SERVICE_UNAVAILABLE
    else:
        status = HTTPStatus.BAD_REQUEST
    return int(status), type(error).__name__, one_line(str(error))
