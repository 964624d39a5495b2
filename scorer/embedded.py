"""A scorer of one's own: the gRPC service in this very process, on a private address."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from reelrecs import config
from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.query import Query
from reelrecs.scorer import address, server, service
from reelrecs.scorer.client import GrpcScorer
from reelrecs.scorer.model import ScoringModel


class EmbeddedScorer:
    """Hosts the service from construction to `close`, and asks it over gRPC like any other.

    It listens on a unix socket in a folder that only this user may enter, or on a free loopback
    port where there are no such sockets.
    """

    def __init__(
        self,
        model: ScoringModel,
        workers: int = config.SERVICE_WORKERS,
        deadline: float = config.SCORER_DEADLINE,
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="reelrecs-"))
        socket_path = self._folder / "scorer.sock"
        place = f"{address.UNIX}{socket_path}"
        if not hasattr(socket, "AF_UNIX") or len(bytes(socket_path)) > address.LONGEST_PATH:
            place = "127.0.0.1:0"
        try:
            self._server = server.start(service.scorer_services(model), place, workers)
            self._scorer = GrpcScorer([self._server.address], model.store, deadline)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self.address = self._server.address

    def score(self, query: Query, candidates: Candidates) -> Candidates:
        """Fill in scores and terms; see `GrpcScorer.score`."""
        return self._scorer.score(query, candidates)

    def score_many(
        self, queries: Sequence[Query], batches: Sequence[Candidates]
    ) -> list[Candidates]:
        """Score many queries in one call; see `GrpcScorer.score_many`."""
        return self._scorer.score_many(queries, batches)

    def close(self) -> None:
        """Stop the service and remove its socket."""
        self._scorer.close()
        self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()
