"""Scoring over the wire: asks a gRPC service and believes only whole answers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import grpc

from reelrecs import config
from reelrecs.errors import ScorerAway, ScorerError, one_line
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import FeatureMatrix, Floats
from reelrecs.pipeline.queries import Queries
from reelrecs.proto import scorer_pb2_grpc
from reelrecs.scorer import address as addresses
from reelrecs.scorer import wire
from reelrecs.scorer.access import Access
from reelrecs.scorer.batches import AnswersOne, joined, part_of, parts_by_size, with_scores
from reelrecs.scorer.lifetime import Closing
from reelrecs.scorer.tokens import VARIABLE
from reelrecs.store.store import Store

_OPTIONS = [
    ("grpc.max_receive_message_length", config.MESSAGE_BYTES),
    ("grpc.max_send_message_length", config.MESSAGE_BYTES),
    ("grpc.min_reconnect_backoff_ms", int(config.SCORER_CONNECT * 1000)),
    ("grpc.max_reconnect_backoff_ms", int(config.SCORER_CONNECT * 1000)),
    ("grpc.enable_http_proxy", 0),
]
"""A connection is given up after SCORER_CONNECT; a scorer is a neighbour, no web page to be had
through a proxy."""

_RETRIES = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": config.SCORER_ATTEMPTS,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
"""gRPC asks an only service again where it is away for a moment; where there are several, the next
one is asked at once."""


class _Link(NamedTuple):
    """A connection, made when it is first used."""

    channel: Any
    stub: Any


class GrpcScorer(Closing, AnswersOne):
    """Asks the first of several addresses that answers; safe for threads.

    They are asked in the given order; one that is known to be away is passed over at once and
    tried again in the background. A call to them all takes no longer than the deadline. A forked
    child makes connections of its own; gRPC does not survive a fork while calls are under way, so
    for processes that fork at any time there is the local scorer.
    """

    def __init__(
        self,
        places: Sequence[str],
        store: Store,
        deadline: float = config.SCORER_DEADLINE,
        access: Access | None = None,
    ) -> None:
        self._store = store
        self._access = access or Access()
        self._deadline = deadline
        self._addresses = [addresses.checked(place.strip()) for place in places]
        self._links: dict[int, list[_Link]] = {}  # by process
        self._closed = False

    def score_all(self, queries: Queries, candidates: CandidateBatch) -> CandidateBatch:
        """Fill in scores and terms, in one call unless it would be a large one.

        Raises ScorerError, never makes a score up. The deadline is that of each call.
        """
        answers: list[tuple[Floats, FeatureMatrix]] = []
        for part in parts_by_size(candidates, config.CLIENT_REQUEST_BYTES):
            asked = part_of(candidates, part)
            response = self._ask(wire.score_request(self._store, queries.items[part], asked))
            answers.append(wire.scores_of(response, len(asked.rows)))
        return with_scores(candidates, *joined(answers))

    def close(self) -> None:
        """Give the connections back; who is being answered gets a ScorerError."""
        self._closed = True
        for link in self._links.pop(os.getpid(), ()):
            link.channel.close()

    def _here(self) -> list[_Link]:
        """The connections of this process; of two lists made at once one is dropped unused."""
        found = self._links.get(os.getpid())
        if found is None:
            options: list[tuple[str, Any]] = [*_OPTIONS]
            if len(self._addresses) == 1:
                options.append(("grpc.service_config", json.dumps(_RETRIES)))
            made = [_linked(self._access, address, options) for address in self._addresses]
            found = self._links.setdefault(os.getpid(), made)
        return found

    def _ask(self, request: Any) -> Any:
        if self._closed:
            raise _closed()
        end = time.monotonic() + self._deadline
        for at, link in enumerate(self._here()):
            try:
                left = max(0.0, end - time.monotonic())
                return link.stub.Score(request, timeout=left, metadata=self._access.metadata)
            except grpc.RpcError as error:
                if self._closed:
                    raise _closed() from error
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise self._refused(at, error) from error
            except ValueError as error:  # what gRPC says of a channel that is closed
                raise _closed() from error
        raise ScorerAway(
            f"no scorer answers at {', '.join(self._addresses)}: start one with reelrecs-fast "
            "serve, or leave --scorer out"
        )

    def _refused(self, at: int, error: Any) -> ScorerError:
        where, code = self._addresses[at], error.code()
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return ScorerAway(
                f"the scorer at {where} did not answer within {self._deadline:g} s: try again, or "
                "another --scorer"
            )
        if code is grpc.StatusCode.UNAUTHENTICATED:
            return ScorerError(f"the scorer at {where} wants another token: let {VARIABLE} hold it")
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return ScorerError(f"what answers at {where} is no scorer: give another --scorer")
        line = one_line(str(error.details()))
        return ScorerError(f"the scorer at {where} refused ({code.name.lower()}): {line}")


def _closed() -> ScorerError:
    return ScorerError("the scorer was closed while it was asked: open another engine")


def _linked(access: Access, address: str, options: Sequence[tuple[str, Any]]) -> _Link:
    channel = access.channel(address, options)
    return _Link(channel, scorer_pb2_grpc.ScorerServiceStub(channel))  # type: ignore[no-untyped-call]
