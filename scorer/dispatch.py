"""Calls as they arrive: who may ask, whose turn it is, what is answered, who is told of it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import grpc

from reelrecs.kernels import pool
from reelrecs.scorer.admission import ArrivalWatch, Gate
from reelrecs.scorer.call_threads import CallThreads
from reelrecs.scorer.calls import REQUEST_ID, Call, Ended, Method, Observer, Refused
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.tokens import Tokens

log = logging.getLogger(__name__)


class Service(NamedTuple):
    """A gRPC service that a server can offer."""

    name: str  # full, such as "reelrecs.v1.ScorerService"
    methods: Mapping[str, Method]  # by plain name
    warm_up: Callable[[], None]  # does what its requests make it do, so that none waits for it


class Dispatcher(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers the calls of all services, each in a thread of its own once it is its turn.

    A call is refused before its message is read where it brings no token or too many are open. It
    waits for its message and for its turn without a place among those that work.
    """

    def __init__(
        self, limits: Limits, tokens: Tokens, observers: Sequence[Observer], watch: ArrivalWatch
    ) -> None:
        self.gate = Gate(limits.concurrency, limits.queue)
        self.ready = False
        self._limits = limits
        self._tokens = tokens
        self._observers = observers
        self._watch = watch
        self._methods: dict[str, Method] = {}
        self._open = 0
        self._lock = threading.Lock()
        self._refusing = ThreadPoolExecutor(1, thread_name_prefix="reelrecs-refusing")

    def offer(self, services: Sequence[Service]) -> None:
        """Answer by these services from now on; calls under way end as they began."""
        self._methods = {
            f"/{service.name}/{name}": method
            for service in services
            for name, method in service.methods.items()
        }

    def threads(self) -> CallThreads:
        """Threads for every call that may be open."""
        return CallThreads(self._limits.open_calls, "reelrecs-scorer", pool.current().adopt)

    def close(self) -> None:
        """Let idle threads end."""
        self._refusing.shutdown(wait=False)

    def service(self, details: Any) -> Any:
        """GRPC asks who answers a call that has begun, before its message is there."""
        if details.method not in self._methods:
            return None
        refusal = self._refusal(details)
        if refusal is None:
            with self._lock:
                self._open += 1
            return grpc.stream_unary_rpc_method_handler(
                lambda messages, context: self._answer(details.method, messages, context)
            )
        return grpc.stream_unary_rpc_method_handler(
            _OnThreads(
                self._refusing,
                lambda _, context: self._observed(details.method, context, refusal.raised),
            )
        )

    def _refusal(self, details: Any) -> _Refusal | None:
        if not self._tokens.admit(details.invocation_metadata):
            return _Refusal(
                grpc.StatusCode.UNAUTHENTICATED,
                "the service asks for a token: send authorization: Bearer TOKEN",
            )
        if not self.ready:
            return _Refusal(
                grpc.StatusCode.UNAVAILABLE, "the service is starting: ask its health, then again"
            )
        if self._open >= self._limits.open_calls:
            return _Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{self._open:,} calls are open already: try again later",
            )
        return None

    def _answer(self, method: str, messages: Iterator[bytes], context: Any) -> bytes:
        def work(call: Call) -> bytes:
            if self._methods[method].stream:
                call.turn = lambda: self._turn(call)
                arriving = self._watch.messages(messages, context, self._limits.arrival_seconds)
                return self._methods[method].respond_to_stream(map(self._bounded, arriving), call)
            data = self._watch.message(messages, context, self._limits.arrival_seconds)
            self._bounded(data)
            with self._turn(call):
                return self._methods[method].respond(data, call)

        try:
            return self._observed(method, context, work)
        finally:
            with self._lock:
                self._open -= 1

    def _bounded(self, data: bytes) -> bytes:
        if len(data) > self._limits.message_bytes:
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"a message of {len(data):,} bytes: send {self._limits.message_bytes:,} at "
                "most, the rest in further calls, or raise serve --max-message-mb",
            )
        return data

    @contextlib.contextmanager
    def _turn(self, call: Call) -> Iterator[None]:
        """Work in the block, once it is the call's turn."""
        with self.gate.turn(call):
            call.begin_work()
            yield

    def _observed(self, method: str, context: Any, work: Callable[[Call], bytes]) -> bytes:
        """Do the work and tell the observers; what is refused ends the call by gRPC's exception."""
        call = Call(method, context, self._limits.call_seconds)
        for observer in self._observers:
            observer.began(method)
        line = ""
        answer = b""
        try:
            answer = work(call)
        except Refused as refusal:
            call.status, line = refusal.status, refusal.line
        except Ended:
            over = context.time_remaining()
            late = over is not None and over <= 0.0
            code = grpc.StatusCode
            call.status, line = (code.DEADLINE_EXCEEDED if late else code.CANCELLED), "ended"
        for observer in self._observers:
            observer.ended(call)
        context.set_trailing_metadata(((REQUEST_ID, call.id), *call.told.items()))
        if call.status is not grpc.StatusCode.OK:
            context.abort(call.status, line)
        return answer


class _Refusal(NamedTuple):
    status: grpc.StatusCode
    line: str

    def raised(self, _call: Call) -> bytes:
        raise Refused(self.status, self.line)


class _OnThreads:
    """A behaviour that gRPC runs on these threads in place of the server's."""

    def __init__(self, threads: ThreadPoolExecutor, behaviour: Callable[..., Any]) -> None:
        self.experimental_thread_pool = threads
        self._behaviour = behaviour

    def __call__(self, *arguments: Any) -> Any:
        return self._behaviour(*arguments)


def on_threads(threads: ThreadPoolExecutor, behaviour: Callable[..., Any]) -> Any:
    """The behaviour, for gRPC to run on these threads."""
    return _OnThreads(threads, behaviour)
