"""Every failure that ReelRecs reports, each with the exit code of the command line.

    ReelRecsError 1
    ├── InvalidRequest 2        a limit, a name or an option that cannot be served
    ├── DataError 3             the ratings or movies cannot be read
    │   └── MalformedRow        one line of them, named by file, line and byte
    ├── NotFound 4              no such user or movie in this data
    ├── ModelError 5            a model file is missing, damaged or made from other data
    ├── ScorerError 6           the scorer is away, too slow or refused the request
    │   └── ScorerAway          the first two of these
    ├── StorageError 7          a file or folder cannot be written
    ├── AddressError 8          a port is in use or an address makes no sense
    ├── DownloadError 9         the network or what came over it is not as promised
    └── StageError 1            a stage answered with arrays that cannot be: a bug in that stage

A message is one line: what happened, then what to do about it.
"""

from __future__ import annotations

LONGEST_LINE = 1_000
"""Characters of a message to somebody far away: gRPC refuses to carry 8 kB of them."""


def one_line(text: str, most: int = LONGEST_LINE) -> str:
    """The text as one line of at most `most` characters, all of them printable.

    What others sent must not move a terminal's cursor, end a line of a log or fill it.
    """
    printable = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * most])
    line = " ".join(printable.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


class ReelRecsError(Exception):
    """Root of all errors raised on purpose; catching it catches no bug."""

    exit_code = 1


class InvalidRequest(ReelRecsError, ValueError):
    """What was asked for cannot be served as asked; the message says what can."""

    exit_code = 2


class DataError(ReelRecsError):
    """A data set is absent, empty, of an unknown layout, or contradicts itself."""

    exit_code = 3


class MalformedRow(DataError):
    """One line of a data file breaks its layout."""

    def __init__(
        self,
        file: str,
        line: int,
        offset: int,
        cause: str,
        text: bytes,
        column: str = "",
        value: str = "",
    ) -> None:
        shown = text[:80].decode("utf-8", "backslashreplace")
        shown = shown.encode("unicode_escape").decode("ascii")[:80]
        where = f", column {one_line(column, 80)}" if column else ""
        wrong = f"{cause} ({one_line(value, 80)!a})" if column else cause
        super().__init__(
            f"{file}, line {line} (byte {offset}){where}: {wrong}: '{shown}'; "
            "mend the line, or leave such lines out with data build --on-error skip"
        )
        self.file, self.line, self.offset, self.cause, self.text = file, line, offset, cause, text


class NotFound(ReelRecsError, LookupError):
    """The data holds no such user or movie."""

    exit_code = 4


class ModelError(ReelRecsError):
    """A model file cannot be used with this data; training again always mends it."""

    exit_code = 5


class ScorerError(ReelRecsError):
    """The scorer did not answer with scores; none are ever made up in their place."""

    exit_code = 6


class ScorerAway(ScorerError):
    """No scorer answers, or none in time."""


class StorageError(ReelRecsError):
    """A file could not be written; what stood there before still stands."""

    exit_code = 7


class AddressError(ReelRecsError):
    """The address cannot be listened on or is no address at all."""

    exit_code = 8


class DownloadError(ReelRecsError):
    """A download could not be finished or did not match its digest; nothing was unpacked."""

    exit_code = 9


class StageError(ReelRecsError, RuntimeError):
    """A source, filter, featurizer or scorer broke its contract; the message names it."""
