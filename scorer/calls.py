"""One call while it is answered: its deadline, its facts for the log, and how it may end."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

import grpc
from google.protobuf.message import DecodeError

from reelrecs.errors import ModelError, NotFound, ReelRecsError, one_line
from reelrecs.kernels.message_fields import count_field

T = TypeVar("T")

log = logging.getLogger(__name__)

Statuses = Sequence[tuple[type[ReelRecsError], grpc.StatusCode]]

STATUSES: Statuses = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (ModelError, grpc.StatusCode.FAILED_PRECONDITION),
    (ReelRecsError, grpc.StatusCode.INVALID_ARGUMENT),
)
"""What an error says to a client."""

REQUEST_ID = "x-request-id"
"""Metadata by which a caller may name a request; the answer's trailing metadata have it too."""

LONGEST_STATUS = 4_000
"""Bytes of a status's text as gRPC writes it, a byte beyond ASCII as three: it drops some of 8 kB,
and sends another status in place of one beyond 16."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Refused(Exception):
    """The call ends with this status and this line."""

    def __init__(self, status: grpc.StatusCode, line: str) -> None:
        super().__init__(line)
        self.status, self.line = status, line


class Ended(Exception):
    """Nobody waits for the answer any more: it was cancelled, or its deadline is over."""


class Call:
    """A call that is being answered, or with no context a request of our own."""

    def __init__(
        self, method: str = "", context: Any = None, seconds: float = float("inf")
    ) -> None:
        self.method = method  # "/package.Service/Method"
        self.context = context
        self.id = _id_of(context)
        self.users, self.candidates = 0, 0  # asked for, for the log
        self.stages: dict[str, float] = {}  # seconds by stage
        self.told: dict[str, str] = {}  # trailing metadata of the answer, beside the id
        self.turn: Callable[[], AbstractContextManager[Any]] = nullcontext
        """Makes a block of work for a stream, which waits for its messages outside of such."""
        self.status = grpc.StatusCode.OK
        self.begun = time.perf_counter()
        self._seconds = seconds
        self._end = float("inf")  # of work, on the clock of `begun`

    @property
    def seconds(self) -> float:
        """Since the call arrived."""
        return time.perf_counter() - self.begun

    def begin_work(self) -> None:
        """From now on its seconds of work are counted."""
        self._end = time.perf_counter() + self._seconds

    def check(self) -> None:
        """Raise Ended once nobody waits any more, and Refused once it has taken too long.

        Long work asks between its blocks; gRPC itself ends no thread.
        """
        if self.context is None:
            return
        if not self.context.is_active():
            raise Ended
        left = self.context.time_remaining()
        if left is not None and left <= 0.0:
            raise Refused(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline is over")
        if time.perf_counter() > self._end:
            raise Refused(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"{self._seconds:g} s of work are over: ask for less in a call, or raise serve "
                "--call-seconds",
            )

    def when_over(self, tell: Callable[[], None]) -> None:
        """Call this once nobody waits any more; at once where that is so already."""
        if self.context is not None and not self.context.add_callback(tell):
            tell()


class Observer(Protocol):
    """Hears of every call; it must be quick and never raise."""

    def began(self, method: str) -> None:
        """A call has arrived."""
        ...

    def ended(self, call: Call) -> None:
        """It has ended, and how."""
        ...


class Bound(NamedTuple):
    """How often a repeated field may stand in a message."""

    field: int  # its number
    check: Callable[[int], None]  # raises InvalidRequest for too many


class Method(NamedTuple):
    """One method of a service: what it takes and how it is answered."""

    request: Any  # class of message
    answer: Callable[[Any, Call], Any]  # message
    statuses: Statuses = STATUSES
    bound: Bound | None = None  # looked at before the message is unpacked
    stream: bool = False  # of messages; `answer` takes them as they come, and works in call.turn()

    def respond(self, data: bytes, call: Call) -> bytes:
        """The answer to a packed request, packed; raises Refused and Ended."""
        return guarded(lambda: self._respond(data, call), self.statuses)

    def respond_to_stream(self, messages: Iterator[bytes], call: Call) -> bytes:
        """The answer to a stream of packed requests, packed; raises Refused and Ended."""

        def work() -> bytes:
            packed: bytes = self.answer(map(self.message, messages), call).SerializeToString()
            return packed

        return guarded(work, self.statuses)

    def _respond(self, data: bytes, call: Call) -> bytes:
        packed: bytes = self.answer(self.message(data), call).SerializeToString()
        return packed

    def message(self, data: bytes) -> Any:
        """A packed request; raises Refused for what is none, InvalidRequest beyond the bound."""
        if self.bound is not None:
            count = count_field(data, self.bound.field)
            if count < 0:
                raise self._no_message()
            self.bound.check(count)
        try:
            return self.request.FromString(data)
        except DecodeError as error:
            raise self._no_message() from error

    def _no_message(self) -> Refused:
        name = self.request.DESCRIPTOR.full_name
        line = f"the message is no {name}: see the .proto files"
        return Refused(grpc.StatusCode.INVALID_ARGUMENT, line)


def guarded(work: Callable[[], T], statuses: Statuses = STATUSES) -> T:
    """Do the work; raises Refused with the first status that fits its error, and Ended."""
    try:
        return work()
    except (Refused, Ended):
        raise
    except ReelRecsError as error:
        status = next(status for kind, status in statuses if isinstance(error, kind))
        raise Refused(status, status_line(str(error))) from error
    except Exception as error:
        log.exception("a request failed")
        line = "a fault of the service: see its log"
        raise Refused(grpc.StatusCode.INTERNAL, line) from error


def status_line(text: str) -> str:
    """The text as one printable line that gRPC can carry whatever letters it has."""
    line = one_line(text)
    while len(quote(line)) > LONGEST_STATUS:
        line = f"{line[: len(line) * 3 // 4]}…"
    return line


def _id_of(context: Any) -> str:
    """The caller's own name for the request where it is one, else a new one."""
    given: Iterable[tuple[str, Any]] = () if context is None else context.invocation_metadata()
    for key, value in given:
        if key == REQUEST_ID and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            return value
    return uuid.uuid4().hex[:16]
