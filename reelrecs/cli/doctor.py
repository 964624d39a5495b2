"""`doctor`: what is wrong."""

from __future__ import annotations

import logging

import click

from reelrecs.cli.options import Settings, format_option
from reelrecs.cli.output import print_rows, progress_line

log = logging.getLogger(__name__)


@click.command()
@format_option
@click.pass_obj
def doctor(settings: Settings, format_: str) -> int:
    """Check packages, folders, store, model and scorer; exit with 1 if anything is amiss."""
    with progress_line():
        log.info("examining")
        from reelrecs.doctor import examine

        findings = examine(settings.data_dir, settings.models_dir)
    rows = [["ok" if f.good else "FAIL", f.what, f.detail] for f in findings]
    as_json = {"findings": [{"ok": f.good, "what": f.what, "detail": f.detail} for f in findings]}
    print_rows(format_, ("", "what", "detail"), rows, as_json)
    return 0 if all(f.good for f in findings) else 1
