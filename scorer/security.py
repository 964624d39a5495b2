"""Who may listen in and who may ask: certificates, tokens, modes of sockets, and warnings."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from reelrecs import config
from reelrecs.errors import InvalidRequest
from reelrecs.scorer.address import UNIX
from reelrecs.scorer.tokens import Tokens

if TYPE_CHECKING:
    import ssl  # which few need, and starting pays for

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: a server's certificate and key, and who signs its clients' for mutual TLS."""

    certificate: Path
    key: Path
    client_authority: Path | None = None

    def credentials(self) -> Any:
        """What a gRPC server listens with; files that change count from the next connection on.

        Raises InvalidRequest for files that cannot be read or do not belong together.
        """
        first = self._read()
        last = [first]

        def changed() -> Any:
            try:
                now = self._read()
            except InvalidRequest as error:
                log.warning(f"{error}; the old certificate stays in use")
                return None
            if now == last[0]:
                return None
            last[0] = now
            log.warning(f"{self.certificate} has changed: new connections get it")
            return _configuration(now)

        return grpc.dynamic_ssl_server_credentials(
            _configuration(first),
            changed,
            require_client_authentication=self.client_authority is not None,
        )

    def refreshing(self, context: ssl.SSLContext) -> Callable[[], None]:
        """What has a listening context take a certificate and key that have changed.

        It raises InvalidRequest for bad ones, and the old stay. Who signs clients' certificates
        stays as it was: a context takes further authorities, and forgets none.
        """
        last = [self._read()]

        def refresh() -> None:
            now = self._read()
            if now[:2] != last[0][:2]:
                context.load_cert_chain(self.certificate, self.key, password="")
                log.warning(f"{self.certificate} has changed: new connections get it")
            last[0] = now

        return refresh

    def _read(self) -> tuple[bytes, bytes, bytes | None]:
        import ssl

        certificate, key = _bytes(self.certificate), _bytes(self.key)
        authority = None if self.client_authority is None else _bytes(self.client_authority)
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate, self.key, password="")
            if self.client_authority is not None:
                context.load_verify_locations(self.client_authority)
        except (ssl.SSLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or "no certificate in PEM form"
            raise InvalidRequest(
                f"{self.certificate} and {self.key} cannot be used "
                f"({str(reason).lower().replace('_', ' ')}): give PEM files that belong together"
            ) from error
        return certificate, key, authority


@dataclass(frozen=True, slots=True)
class Security:
    """How a server is guarded."""

    certificates: Certificates | None = None
    tokens: Tokens = field(default_factory=Tokens)
    socket_mode: int = config.SOCKET_MODE  # of a unix socket
    reflection: bool = True

    def warnings(self, address: str) -> list[str]:
        """What whoever starts it should know, a sentence each."""
        if is_private(address):
            return []
        told = []
        if self.certificates is None:
            told.append(
                f"{address} can be reached from other machines, and what is sent can be read on "
                "the way: give --tls-cert and --tls-key, or listen on 127.0.0.1"
            )
        if not self.tokens.wanted and (
            self.certificates is None or self.certificates.client_authority is None
        ):
            told.append(
                f"whoever reaches {address} may ask: give --token-file, --tls-client-ca, or listen "
                "on 127.0.0.1"
            )
        return told


def is_private(address: str) -> bool:
    """Whether only this machine can reach the address: a unix socket, or loopback."""
    if address.startswith(UNIX):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in found)


_umask = threading.Lock()


@contextmanager
def socket_mode(mode: int) -> Iterator[None]:
    """Files made in the block, sockets among them, let in nobody whom the mode does not."""
    with _umask:
        before = os.umask(0o777 & ~mode)
        try:
            yield
        finally:
            os.umask(before)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidRequest(f"cannot read {path}: {reason}; give a PEM file") from error


def _configuration(read: tuple[bytes, bytes, bytes | None]) -> Any:
    certificate, key, authority = read
    return grpc.ssl_server_certificate_configuration([(key, certificate)], authority)
