"""Addresses of scorers: `host:port`, `[ipv6]:port` or `unix:/path`."""

from __future__ import annotations

import re
import socket
import stat
from pathlib import Path

from reelrecs.errors import AddressError

UNIX = "unix:"

LONGEST_PATH = 107
"""Bytes of a socket's path on Linux; macOS stops at 103, which the system then says itself."""

_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.-]+):([0-9]{1,5})")


def checked(address: str, lowest_port: int = 1) -> str:
    """Return the address when it makes sense; raises AddressError."""
    if address.startswith(UNIX):
        path = address.removeprefix(UNIX)
        if path and len(path.encode()) <= LONGEST_PATH:
            return address
    elif (match := _HOST_PORT.fullmatch(address)) and lowest_port <= int(match[2]) <= 65535:
        return address
    raise AddressError(
        f"{address!r} is no address: give HOST:PORT such as 127.0.0.1:50051, or unix:/PATH"
    )


def ensure_available(address: str) -> None:
    """Make sure a server could listen there; raises AddressError with the system's reason.

    gRPC would take a living unix socket away from its owner, and gives no reason for anything.
    """
    if address.startswith(UNIX):
        _free_path(Path(address.removeprefix(UNIX)), address)
        return
    host, port = address.rsplit(":", 1)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        raise address_error(address, error) from error


def address_error(address: str, error: OSError) -> AddressError:
    """Say why nothing can listen at an address."""
    reason = (error.strerror or str(error)).lower()
    return AddressError(f"cannot listen at {address}: {reason}; choose another --address")


def _free_path(path: Path, address: str) -> None:
    try:
        if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
            raise FileExistsError(0, "a file is in its place")
        if path.exists():
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(path))
            raise OSError(0, "address already in use")
        if not path.parent.is_dir():
            raise FileNotFoundError(0, f"there is no folder {path.parent}")
    except ConnectionRefusedError:
        path.unlink()
    except OSError as error:
        raise address_error(address, error) from error
