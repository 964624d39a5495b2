"""What a client brings: a token, and certificates where the service speaks TLS."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from reelrecs.errors import InvalidRequest
from reelrecs.scorer.address import UNIX
from reelrecs.scorer.security import is_private
from reelrecs.scorer.tokens import AUTHORIZATION, VARIABLE

AUTHORITY, CERTIFICATE, KEY = "REELRECS_TLS_CA", "REELRECS_TLS_CERT", "REELRECS_TLS_KEY"
"""Environment variables: who signs services' certificates, and one's own for mutual TLS."""


class Access(NamedTuple):
    """A client's token and certificates, in PEM form; nothing of it is needed on one machine."""

    token: str | None = None
    authority: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None

    @classmethod
    def of_environment(cls) -> Access:
        """What the environment says; raises InvalidRequest for files that cannot be read."""
        return cls(os.environ.get(VARIABLE), *map(_file, (AUTHORITY, CERTIFICATE, KEY)))

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every call."""
        return () if self.token is None else ((AUTHORIZATION, f"Bearer {self.token}"),)

    def channel(self, address: str, options: Sequence[tuple[str, Any]]) -> Any:
        """A connection to a service; raises InvalidRequest rather than show a token to others."""
        if self.authority is not None and not address.startswith(UNIX):
            credentials = grpc.ssl_channel_credentials(self.authority, self.key, self.certificate)
            return grpc.secure_channel(address, credentials, options)
        if self.token is not None and not is_private(address):
            raise InvalidRequest(
                f"the token of {VARIABLE} could be read on the way to {address}: let {AUTHORITY} "
                "name who signs the service's certificate"
            )
        return grpc.insecure_channel(address, options)


def _file(variable: str) -> bytes | None:
    path = os.environ.get(variable)
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidRequest(f"cannot read {path}: {reason}; let {variable} name a file") from error
