"""Options of the commands that serve: limits, certificates, tokens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reelrecs import config
from reelrecs.cli.options import Settings
from reelrecs.errors import InvalidRequest

if TYPE_CHECKING:
    from reelrecs.serving.options import ServeOptions

F = TypeVar("F", bound=Callable[..., Any])

_LIMITS: tuple[tuple[str, int | float, str], ...] = (
    ("concurrency", config.SERVICE_CONCURRENCY, "Requests a process works on at once."),
    ("queue", config.SERVICE_QUEUE, "Calls that may wait for their turn; more are refused."),
    ("max-users", config.CALL_USERS, "Users of a call."),
    ("max-call-candidates", config.CALL_CANDIDATES, "Candidates of a call."),
    ("max-candidates", config.USER_CANDIDATES, "Candidates of one user."),
    ("max-history", config.USER_HISTORY, "Rated movies of one user."),
    ("max-ratings", config.CALL_RATINGS, "Ratings of a message that are to be kept."),
    ("max-message-mb", config.REQUEST_BYTES / 2**20, "MiB of a request."),
    ("call-seconds", config.CALL_SECONDS, "Seconds of work for a call."),
    ("arrival-seconds", config.ARRIVAL_SECONDS, "Seconds that a request's message may take."),
    ("connections", config.CONNECTIONS, "Open connections."),
    ("idle-seconds", config.IDLE_SECONDS, "Seconds until a connection without calls is closed."),
    ("handshake-seconds", config.HANDSHAKE_SECONDS, "Seconds until a silent one is."),
)
"""Option, default and help."""


_SECONDS: tuple[tuple[str, float, float, str], ...] = (
    (
        "--reload-seconds", 0.05, config.RELOAD_SECONDS,
        "Seconds between looks at data, model and tokens on disk.",
    ),
    (
        "--drain-notice", 0, config.DRAINING_NOTICE,
        "Seconds to serve on after SIGTERM, while health says that it is ending.",
    ),
    (
        "--drain-grace", 0, config.DRAINING_GRACE,
        "Seconds for what is under way when told to end.",
    ),
)  # fmt: skip
"""Option, least, default and help."""


def _with(command: F, *options: Callable[[F], F]) -> F:
    """The command with these options; the last one stands first in its help."""
    for option in options:
        command = option(command)
    return command


def limit_options(command: F) -> F:
    """What is taken at most."""
    for name, default, help_ in reversed(_LIMITS):
        kind: Any = (
            click.IntRange(min=0 if name == "queue" else 1)
            if isinstance(default, int)
            else click.FloatRange(min=0, min_open=True)
        )
        command = click.option(
            f"--{name}", type=kind, default=default, show_default=True, help=help_
        )(command)
    return command


def security_options(command: F) -> F:
    """Who may listen in and who may ask."""
    file = click.Path(path_type=Path)
    return _with(
        command,
        click.option(
            "--reflection/--no-reflection",
            default=True,
            show_default=True,
            help="Whether clients may ask what services there are.",
        ),
        click.option(
            "--socket-mode",
            default=f"{config.SOCKET_MODE:o}",
            show_default=True,
            metavar="OCTAL",
            help="Who may connect to a unix socket.",
        ),
        click.option(
            "--token-file",
            type=file,
            metavar="FILE",
            help="Tokens, one a line: calls need one; $REELRECS_TOKEN is another way to give one.",
        ),
        click.option(
            "--tls-client-ca",
            type=file,
            metavar="FILE",
            help="Who signs clients' certificates: they must have one (mutual TLS).",
        ),
        click.option("--tls-key", type=file, metavar="FILE", help="The key of --tls-cert."),
        click.option(
            "--tls-cert", type=file, metavar="FILE", help="Speak TLS by this certificate (PEM)."
        ),
    )


def log_options(command: F) -> F:
    """What is told of requests."""
    return _with(
        command,
        click.option(
            "--metrics-host",
            default=config.METRICS_HOST,
            show_default=True,
            help="Where metrics are shown; whoever reaches it may read them.",
        ),
        click.option(
            "--metrics-port",
            type=click.IntRange(0, 65535),
            help="Show metrics for Prometheus at this port.",
        ),
        click.option(
            "--request-log/--no-request-log",
            default=True,
            show_default=True,
            help="One line of JSON on stderr for each request.",
        ),
    )


def list_options(command: F) -> F:
    """How users' lists are come by."""
    return _with(
        command,
        click.option(
            "--experiments",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Make users' lists by the arms of this experiment, and log what is shown.",
        ),
        click.option(
            "--cache",
            type=click.IntRange(min=0),
            default=0,
            show_default=True,
            metavar="LISTS",
            help="Finished lists that a process keeps until anything changes.",
        ),
    )


def drain_options(command: F) -> F:
    """What happens at the end, and what is looked at until then."""
    return _with(
        command,
        *(
            click.option(
                name,
                type=click.FloatRange(min=least),
                default=default,
                show_default=True,
                help=help_,
            )
            for name, least, default, help_ in _SECONDS
        ),
    )


def chosen(settings: Settings, address: str, given: dict[str, Any]) -> ServeOptions:
    """All of it as one value; raises InvalidRequest for what does not fit together."""
    from reelrecs.kernels import pool
    from reelrecs.scorer.limits import Limits
    from reelrecs.scorer.security import Certificates
    from reelrecs.serving.options import ServeOptions

    certificate, key = given["tls_cert"], given["tls_key"]
    if (certificate is None) != (key is None):
        raise InvalidRequest("--tls-cert and --tls-key belong together: give both")
    if given["tls_client_ca"] is not None and certificate is None:
        raise InvalidRequest("--tls-client-ca needs TLS: give --tls-cert and --tls-key, too")
    return ServeOptions(
        data_dir=settings.data_dir,
        models_dir=settings.models_dir,
        profile=settings.profile,
        threads=pool.current().count,
        address=address,
        limits=Limits(
            message_bytes=int(given["max_message_mb"] * 2**20),
            users=given["max_users"],
            call_candidates=given["max_call_candidates"],
            candidates=given["max_candidates"],
            history=given["max_history"],
            ratings=given["max_ratings"],
            concurrency=given["concurrency"],
            queue=given["queue"],
            arrival_seconds=given["arrival_seconds"],
            call_seconds=given["call_seconds"],
            connections=given["connections"],
            idle_seconds=given["idle_seconds"],
            handshake_seconds=given["handshake_seconds"],
        ),
        certificates=None
        if certificate is None
        else Certificates(certificate, key, given["tls_client_ca"]),
        token_file=given["token_file"],
        socket_mode=_mode(given["socket_mode"]),
        reflection=given["reflection"],
        request_log=given["request_log"],
        metrics_port=given["metrics_port"],
        metrics_host=given["metrics_host"],
        drain_notice=given["drain_notice"],
        drain_grace=given["drain_grace"],
        reload_seconds=given["reload_seconds"],
        cache=given["cache"],
        experiments=given["experiments"],
    )


def _mode(text: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 < mode <= 0o777:
        raise InvalidRequest(f"--socket-mode {text!r} is no mode: give one such as 600 or 660")
    return mode
