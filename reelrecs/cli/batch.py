"""`batch`: everybody's lists in one file."""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path

import click

from reelrecs import config
from reelrecs.cli.options import COMPILING, Settings, limit_option, scorer_option
from reelrecs.cli.output import note, print_lines, progress, progress_line
from reelrecs.cli.overwriting import force_option, is_lists, require_ours

log = logging.getLogger(__name__)


@click.command()
@click.option("--output", metavar="FILE", required=True, help="To write: .parquet, .csv or .jsonl.")
@limit_option
@click.option("--users", metavar="FILE", help="Only these: one user id a line [default: all].")
@scorer_option(config.LOCAL_SCORER)
@force_option
@click.pass_obj
def batch(
    settings: Settings,
    /,
    output: str,
    limit: int,
    users: str | None,
    scorer: str,
    force: bool,
) -> None:
    """Write the lists of many users to one file, whole or not at all.

    Columns user_id, rank, movie_id, score; a user's rows stand together, best first, and are what
    recommend prints.
    """
    require_ours(Path(output), "--output", is_lists, force)
    start = time.perf_counter()
    with contextlib.ExitStack() as stack:
        stack.enter_context(progress_line())
        engine = stack.enter_context(settings.open_engine(scorer))
        from reelrecs.batch import read_user_ids, write_lists

        user_ids = None if users is None else read_user_ids(engine, Path(users))
        log.info(COMPILING)
        engine.recommend(engine.store.user_ids[0], limit)
        length = engine.store.user_count if user_ids is None else len(user_ids)
        listed = 0

        def show(more: int) -> None:
            nonlocal listed
            listed += more
            progress("users", listed, length)

        done = write_lists(engine, Path(output), limit, user_ids, show)
        settings.say_profile(engine)
    seconds = time.perf_counter() - start
    note(f"{done.rows:,} rows for {done.users:,} users in {seconds:.1f} s")
    if done.short:
        note(f"{done.short:,} users had fewer than {limit} movies left to recommend")
    print_lines([output])
