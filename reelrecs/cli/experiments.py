"""`experiments`: what the arms of an experiment have come to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reelrecs import config
from reelrecs.cli.options import Settings, format_option, user_option
from reelrecs.cli.output import note, print_rows, progress_line

if TYPE_CHECKING:
    from reelrecs.experiments.report import Report


@click.group()
def experiments() -> None:
    """Compare ways to make lists by what people rate afterwards."""


@experiments.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True),
    default=config.CONVERSION_DAYS,
    show_default=True,
    help="A rating of a shown movie counts so long after the list.",
)
@format_option
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.pass_obj
def report(settings: Settings, file: Path, days: float, format_: str, as_json: bool) -> None:
    """Print what the experiment of FILE has shown so far, by arm.

    A conversion is a movie that somebody was shown and rated later. Differences are from the first
    arm, with intervals of 95 % over people.
    """
    with progress_line():
        from reelrecs.datasets import locate
        from reelrecs.experiments.exposures import read_exposures
        from reelrecs.experiments.plan import read_plan
        from reelrecs.experiments.report import report_on
        from reelrecs.experiments.trial import exposures_path
        from reelrecs.store.cache import open_store

        plan = read_plan(file)
        named = settings.data_dir
        store = open_store(locate(None if named is None else Path(named)))
        found = report_on(plan, read_exposures(exposures_path(named), plan.name), store, days)
    print_rows("json" if as_json else format_, *_rows(found), found.to_dict())
    if found.switched:
        note(f"{found.switched:,} users were shown lists of several arms and are left out")
    if found.mismatch_p is not None:
        said = f"users by arm against the planned shares: p = {found.mismatch_p:.3g}"
        note(f"{said}, a MISMATCH: trust no figure" if found.mismatched else f"{said}, as planned")
    if found.preference is not None:
        note(f"{found.preference.ties:,} ties; sign test: p = {found.preference.p_value:.3g}")


@experiments.command()
@user_option
@click.pass_obj
def forget(settings: Settings, user_id: str) -> None:
    """Erase what a user was shown, in every experiment on this data; ratings are forget's."""
    with progress_line():
        from reelrecs.experiments.exposures import erase_user
        from reelrecs.experiments.trial import exposures_path

        count = erase_user(exposures_path(settings.data_dir), user_id)
    note(f"{count:,} lists that user {user_id} was shown are erased")


def _rows(found: Report) -> tuple[tuple[str, ...], list[list[str]]]:
    if found.preference is not None:
        told = found.preference
        columns: tuple[str, ...] = ("arm", "users", "exposures", "conversions", "wins")
        return columns, [
            [arm, f"{told.users}", f"{told.exposures}", f"{told.conversions[arm]}", f"{wins}"]
            for arm, wins in told.wins.items()
        ]
    columns = ("arm", "share", "users", "exposures", "conversions", "hit rate", "per user")
    rows = []
    for arm in found.arms:
        apart = ["", ""]
        if arm.difference is not None:
            apart[0] = f"{arm.difference:+.3f} ({arm.low:+.3f} to {arm.high:+.3f})"
            apart[1] = "" if arm.lift is None else f"{arm.lift:+.1%}"
        counts = [f"{arm.share:.1%}", f"{arm.users}", f"{arm.exposures}", f"{arm.conversions}"]
        rows.append([arm.arm, *counts, f"{arm.hit_rate:.1%}", f"{arm.per_user:.3f}", *apart])
    return (*columns, "difference (95 %)", "lift"), rows
