"""Bearer tokens: who may ask, told by a secret from a file or the environment."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reelrecs.errors import InvalidRequest

VARIABLE = "REELRECS_TOKEN"
"""Environment variable of a service's token, and of a client's."""

SHORTEST = 16
"""Characters of a token: shorter ones can be guessed."""

AUTHORIZATION, BEARER = "authorization", "bearer "


class Tokens:
    """Any of several secrets, so that one can be replaced by the next; none lets everybody in.

    The file has one a line and is read anew when it has changed. Comparing takes the same time
    whatever was sent, for what is compared are digests.
    """

    def __init__(self, file: Path | None = None, variable: str | None = None) -> None:
        self._file = file
        self._given = [] if not variable else [_checked(variable, VARIABLE)]
        self._stamp: object = None
        self._digests = [_digest(token) for token in self._given]
        if file is not None:
            self._read(file)

    @property
    def wanted(self) -> bool:
        """Whether a token is asked for."""
        return self._file is not None or bool(self._given)

    def admit(self, metadata: Iterable[tuple[str, Any]]) -> bool:
        """Whether a call with these metadata may go on."""
        return not self.wanted or self.fits(
            next((value for key, value in metadata if key == AUTHORIZATION), "")
        )

    def fits(self, header: object) -> bool:
        """Whether an authorization header has one of the tokens; no header fits where none is."""
        if not isinstance(header, str) or header[: len(BEARER)].lower() != BEARER:
            return not self.wanted
        sent = _digest(header[len(BEARER) :].strip())
        found = False
        for known in self._digests:
            found |= hmac.compare_digest(sent, known)
        return found or not self.wanted

    def refresh(self) -> None:
        """Read the file again if it has changed; raises InvalidRequest, the old tokens staying."""
        if self._file is not None:
            self._read(self._file)

    def _read(self, file: Path) -> None:
        try:
            status = file.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return
            lines = file.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise InvalidRequest(
                f"cannot read tokens from {file}: {reason.lower()}; give --token-file a file with "
                "one token a line"
            ) from error
        found = [_checked(line.strip(), str(file)) for line in lines if line.strip()]
        if not found:
            raise InvalidRequest(f"{file} holds no token: write one a line")
        self._digests = [_digest(token) for token in (*self._given, *found)]
        self._stamp = stamp


def _checked(token: str, where: str) -> str:
    if len(token) < SHORTEST or not (token.isascii() and token.isprintable()) or " " in token:
        raise InvalidRequest(
            f"a token of {where} is shorter than {SHORTEST} characters or has blanks or letters "
            "beyond ASCII: make one by `openssl rand -hex 32`"
        )
    return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
