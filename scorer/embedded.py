"""A scorer of one's own: the gRPC service in this very process, on a private address."""

from __future__ import annotations

import os
import socket
import weakref
from functools import partial
from pathlib import Path

from reelrecs import config
from reelrecs.errors import ScorerError
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.queries import Queries
from reelrecs.scorer import address, server, service
from reelrecs.scorer.batches import AnswersOne
from reelrecs.scorer.client import GrpcScorer
from reelrecs.scorer.lifetime import Closing, Once
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.socket_folder import SOCKET, make_folder, remove_folder


class EmbeddedScorer(Closing, AnswersOne):
    """Hosts the service when it is first asked, and asks it over gRPC like any other.

    It listens on a unix socket in a folder that only this user may enter, or on a free loopback
    port where there are no such sockets. The service answers once its kernels are compiled, so the
    deadline counts none of that. All of it goes when the scorer is closed or nobody holds it any
    more; a forked child that asks gets a service of its own.
    """

    def __init__(
        self,
        model: ScoringModel,
        deadline: float = config.SCORER_DEADLINE,
    ) -> None:
        self._start = partial(_Host, model, deadline)
        self._hosts: dict[int, Once[_Host]] = {}  # by process
        self._closed = False

    @property
    def address(self) -> str:
        """Where the service listens; started now, if it has to be."""
        return self._host().address

    def score_all(self, queries: Queries, candidates: CandidateBatch) -> CandidateBatch:
        """Fill in scores and terms; see `GrpcScorer.score_all`."""
        return self._host().scorer.score_all(queries, candidates)

    def close(self) -> None:
        """Stop the service and remove its socket."""
        self._closed = True
        host = self._here().made()
        if host is not None:
            host.close()

    def _host(self) -> _Host:
        host = None if self._closed else self._here().get()
        if host is None or self._closed:
            self.close()
            raise ScorerError("the scorer is closed: open another engine")
        return host

    def _here(self) -> Once[_Host]:
        return self._hosts.setdefault(os.getpid(), Once(self._start))


class _Host:
    """The running service and the connection to it."""

    def __init__(self, model: ScoringModel, deadline: float) -> None:
        folder = make_folder() if hasattr(socket, "AF_UNIX") else None
        try:
            running = server.start([service.scorer_service(model)], _place(folder))
        except BaseException:
            _remove(folder)
            raise
        self.address = running.address
        self.scorer = GrpcScorer([running.address], model.store, deadline)
        self.close = weakref.finalize(self, _stop, os.getpid(), self.scorer, running, folder)


def _place(folder: Path | None) -> str:
    """The address of a socket in the folder, or any loopback port where its path is too long."""
    if folder is None or len(bytes(folder / SOCKET)) > address.LONGEST_PATH:
        return "127.0.0.1:0"
    return f"{address.UNIX}{folder / SOCKET}"


def _stop(
    owner: int, scorer: GrpcScorer, running: server.RunningServer, folder: Path | None
) -> None:
    """End what a host runs, in the process that started it: a forked child leaves it alone."""
    if os.getpid() == owner:
        scorer.close()
        running.close()
        _remove(folder)


def _remove(folder: Path | None) -> None:
    if folder is not None:
        remove_folder(folder)
