"""`web`: the page, and JSON for programs."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import Any

import click

from reelrecs import config
from reelrecs.cli.options import COMPILING, Settings
from reelrecs.cli.output import log_line, note, progress_line
from reelrecs.cli.serve import Signals
from reelrecs.cli.serve_options import (
    chosen,
    drain_options,
    limit_options,
    list_options,
    log_options,
    security_options,
)

log = logging.getLogger(__name__)


@click.command()
@click.option("--address", default=config.WEB_ADDRESS, show_default=True, help="Where to listen.")
@limit_options
@security_options
@log_options
@drain_options
@list_options
@click.pass_context
def web(context: click.Context, /, address: str, **given: Any) -> None:
    """Show the page and answer JSON under /api/v1, until interrupted.

    Find movies as you type, give them stars, see the list change. /docs has the interface for
    programs. Data and models that change on disk are taken while it runs. Browsers are asked for a
    token as a password.
    """
    settings: Settings = context.obj
    options = chosen(settings, address, given)
    told_to = Signals()
    with contextlib.ExitStack() as running:
        with progress_line():
            from reelrecs.scorer.tokens import VARIABLE
            from reelrecs.web.host import web_hosted

            for warning in options.security(os.environ.get(VARIABLE)).warnings(address):
                log.warning(warning)
            log.info(COMPILING)
            host = running.enter_context(web_hosted(options, log_line))
        told_to.again = host.live.ask
        note(f"ready: {host.what} on {host.url}; stop with Ctrl-C")
        if host.metrics_address is not None:
            note(f"metrics at http://{host.metrics_address}/metrics")
        host.run()
