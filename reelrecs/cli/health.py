"""`health`: whether a service can be asked."""

from __future__ import annotations

import urllib.request

import click

from reelrecs import config
from reelrecs.cli.output import print_lines
from reelrecs.errors import ScorerError, one_line

HTTP = ("http://", "https://")


@click.command()
@click.argument("address", default=config.SERVE_ADDRESS)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=config.HEALTH_SECONDS,
    show_default=True,
    help="Seconds to wait for an answer.",
)
def health(address: str, timeout: float) -> None:
    """Ask a running `serve` (HOST:PORT or unix:PATH) or `web` (its URL) whether it can be asked.

    Exit code 0 where it says SERVING, else 6 and a line that says why. For containers and scripts.
    """
    if address.startswith(HTTP):
        _ask_web(address, timeout)
    else:
        _ask_service(address, timeout)
    print_lines(["SERVING"])


def _ask_service(address: str, timeout: float) -> None:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    from reelrecs.scorer.access import Access
    from reelrecs.scorer.address import checked

    access = Access.of_environment()
    with access.channel(checked(address), ()) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(
                health_pb2.HealthCheckRequest(), timeout=timeout, metadata=access.metadata
            )
        except grpc.RpcError as error:
            reason = one_line(str(error.details() or error.code().name))
            raise ScorerError(
                f"no service answers at {address}: {reason}; start one with serve"
            ) from error
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        raise ScorerError(f"the service at {address} says {name}: ask again in a moment")


def _ask_web(address: str, timeout: float) -> None:
    url = f"{address.rstrip('/')}/api/v1/health"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout) as answer:
            answer.read()
    except (OSError, ValueError) as error:
        reason = one_line(str(getattr(error, "reason", error)))
        raise ScorerError(f"no page answers at {url}: {reason}; start one with web") from error
