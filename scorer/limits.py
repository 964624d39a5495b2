"""What a service takes at most; what is beyond is refused with what to change."""

from __future__ import annotations

from typing import NamedTuple

from reelrecs import config
from reelrecs.errors import InvalidRequest


class Limits(NamedTuple):
    """Bounds of one server; `serve` has an option for each, by which a refusal names it."""

    message_bytes: int = config.REQUEST_BYTES
    users: int = config.CALL_USERS  # of a call
    call_candidates: int = config.CALL_CANDIDATES  # of all users of a call
    candidates: int = config.USER_CANDIDATES  # of one user
    history: int = config.USER_HISTORY  # rated movies of one user
    ratings: int = config.CALL_RATINGS  # to be kept, of one message
    concurrency: int = config.SERVICE_CONCURRENCY  # calls worked on at once
    queue: int = config.SERVICE_QUEUE  # calls that wait for their turn
    arriving: int = config.ARRIVING_CALLS  # calls whose message is under way
    arrival_seconds: float = config.ARRIVAL_SECONDS  # that a message may take
    call_seconds: float = config.CALL_SECONDS  # of work
    connections: int = config.CONNECTIONS
    idle_seconds: float = config.IDLE_SECONDS  # of a connection without calls
    handshake_seconds: float = config.HANDSHAKE_SECONDS  # of a connection that says nothing

    @property
    def open_calls(self) -> int:
        """Calls that may be open at once, whatever they wait for."""
        return self.concurrency + self.queue + self.arriving

    def check_users(self, count: int) -> None:
        """Raise InvalidRequest for more users than a call may ask for."""
        if count > self.users:
            raise InvalidRequest(
                f"{count:,} users in a call: ask for {self.users:,} at most and in several calls, "
                "or raise serve --max-users"
            )

    def check_candidates(self, count: int) -> None:
        """Raise InvalidRequest for more candidates of one user than are scored."""
        if count > self.candidates:
            raise InvalidRequest(
                f"{count:,} candidates of a user: send {self.candidates:,} at most, or raise serve "
                "--max-candidates"
            )

    def check_all_candidates(self, count: int) -> None:
        """Raise InvalidRequest for more candidates of all users than a call may have."""
        if count > self.call_candidates:
            raise InvalidRequest(
                f"{count:,} candidates in a call: send {self.call_candidates:,} at most, the rest "
                "in further calls, or raise serve --max-call-candidates"
            )

    def check_history(self, count: int) -> None:
        """Raise InvalidRequest for a longer history than is read."""
        if count > self.history:
            raise InvalidRequest(
                f"a history of {count:,} movies: send the last {self.history:,} at most, or raise "
                "serve --max-history"
            )

    def check_ratings(self, count: int) -> None:
        """Raise InvalidRequest for more ratings than a message may bring to be kept."""
        if count > self.ratings:
            raise InvalidRequest(
                f"{count:,} ratings in a message: send {self.ratings:,} at most, the rest in "
                "further messages, or raise serve --max-ratings"
            )
