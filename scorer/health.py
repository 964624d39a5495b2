"""Health and reflection: answered by threads of their own, whatever else is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from reelrecs import config
from reelrecs.scorer.admission import ArrivalWatch
from reelrecs.scorer.calls import Ended, Refused
from reelrecs.scorer.dispatch import on_threads
from reelrecs.scorer.tokens import Tokens

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """`grpc.health.v1.Health` of these services and of the server as a whole, which is ""."""

    def __init__(self, names: Sequence[str], watch: ArrivalWatch) -> None:
        self._names = ("", *names)
        self._watch = watch
        self._statuses = health.HealthServicer()
        self._threads = ThreadPoolExecutor(
            config.HEALTH_THREADS, thread_name_prefix="reelrecs-health"
        )
        self.say(serving=False)

    def say(self, serving: bool) -> None:
        """Tell everybody who watches; after `leave` nothing more is told."""
        for name in self._names:
            self._statuses.set(name, SERVING if serving else NOT_SERVING)

    def leave(self) -> None:
        """Say NOT_SERVING for good."""
        self._statuses.enter_graceful_shutdown()

    def close(self) -> None:
        """Let idle threads end."""
        self._threads.shutdown(wait=False)

    def handler(self) -> Any:
        """For the server."""
        watching = on_threads(self._threads, self._watched)
        watching.experimental_non_blocking = True  # or each watcher would hold a thread
        pack = health_pb2.HealthCheckResponse.SerializeToString
        methods = {
            "Check": grpc.stream_unary_rpc_method_handler(
                on_threads(self._threads, self._checked), response_serializer=pack
            ),
            "Watch": grpc.stream_stream_rpc_method_handler(watching, response_serializer=pack),
        }
        return grpc.method_handlers_generic_handler(health.SERVICE_NAME, methods)

    def _checked(self, messages: Iterator[bytes], context: Any) -> Any:
        return self._statuses.Check(self._request(messages, context), context)

    def _watched(
        self, messages: Iterator[bytes], context: Any, send: Callable[[Any], None]
    ) -> None:
        self._statuses.Watch(self._request(messages, context), context, send)

    def _request(self, messages: Iterator[bytes], context: Any) -> Any:
        try:
            data = self._watch.message(messages, context, config.HEALTH_ARRIVAL_SECONDS)
            return health_pb2.HealthCheckRequest.FromString(data)
        except Refused as refusal:
            context.abort(refusal.status, refusal.line)
        except Ended:
            context.abort(grpc.StatusCode.CANCELLED, "ended")
        raise AssertionError("abort always raises")


class Reflection:
    """`grpc.reflection.v1alpha.ServerReflection` for those who bring a token."""

    def __init__(self, names: Sequence[str], tokens: Tokens) -> None:
        self._servicer = reflection.ReflectionServicer(
            (*names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        )
        self._tokens = tokens
        self._threads = ThreadPoolExecutor(
            config.HEALTH_THREADS, thread_name_prefix="reelrecs-reflection"
        )

    def close(self) -> None:
        """Let idle threads end."""
        self._threads.shutdown(wait=False)

    def handler(self) -> Any:
        """For the server."""
        answering = grpc.stream_stream_rpc_method_handler(
            on_threads(self._threads, self._answer),
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        methods = {"ServerReflectionInfo": answering}
        return grpc.method_handlers_generic_handler(reflection.SERVICE_NAME, methods)

    def _answer(self, messages: Iterator[Any], context: Any) -> Iterator[Any]:
        if not self._tokens.admit(context.invocation_metadata()):
            context.abort(
                grpc.StatusCode.UNAUTHENTICATED,
                "the service asks for a token: send authorization: Bearer TOKEN",
            )
        yield from self._servicer.ServerReflectionInfo(messages, context)
