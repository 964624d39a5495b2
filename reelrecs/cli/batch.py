"""`batch`: everybody's lists in one file."""

from __future__ import annotations

import contextlib
import logging
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reelrecs import config
from reelrecs.cli.constraint_options import ConstraintOptions, constraint_options
from reelrecs.cli.options import COMPILING, Settings, as_of_option, limit_option, scorer_option
from reelrecs.cli.output import note, print_lines, progress, progress_line
from reelrecs.cli.overwriting import force_option, is_lists, require_ours
from reelrecs.errors import InvalidRequest

if TYPE_CHECKING:
    from reelrecs.batch import Workers
    from reelrecs.engine import Engine

log = logging.getLogger(__name__)


@click.command()
@click.option("--output", metavar="FILE", required=True, help="To write: .parquet, .csv or .jsonl.")
@limit_option
@click.option("--users", metavar="FILE", help="Only these: one user id a line [default: all].")
@as_of_option
@constraint_options
@click.option(
    "--shard",
    metavar="I/N",
    help="Only the I-th of N parts of the users, to a file of its own: 2/4 of lists.parquet is "
    "lists.2-of-4.parquet.",
)
@click.option(
    "--ray",
    metavar="local|ADDRESS",
    help="Let the workers of a Ray cluster make the lists; local: one on this machine.",
)
@scorer_option(config.LOCAL_SCORER)
@force_option
@click.pass_obj
def batch(
    settings: Settings,
    /,
    output: str,
    limit: int,
    users: str | None,
    as_of: int | None,
    asked: ConstraintOptions,
    shard: str | None,
    ray: str | None,
    scorer: str,
    force: bool,
) -> None:
    """Write the lists of many users to one file, whole or not at all.

    Columns user_id, rank, movie_id, score; a user's rows stand together, best first, and are what
    recommend prints, whoever makes them: shards and Ray workers give the same bits.
    """
    from reelrecs.batch import Shard, job_of, read_user_ids, write_job

    part = None if shard is None else Shard.parse(shard)
    path = Path(output) if part is None else part.path(Path(output))
    if ray is not None and scorer != config.LOCAL_SCORER:
        raise InvalidRequest("--ray has every worker score by itself: leave --scorer out")
    require_ours(path, "--output", is_lists, force)
    start = time.perf_counter()
    with contextlib.ExitStack() as stack:
        stack.enter_context(progress_line())
        engine = stack.enter_context(settings.open_engine(scorer))
        user_ids = None if users is None else read_user_ids(engine, Path(users))
        job = job_of(
            engine,
            limit,
            user_ids,
            as_of=as_of,
            constraints=asked.constraints(engine.store),
            shard=part,
        )
        log.info(COMPILING)
        engine.recommend(engine.store.user_ids[0], limit)
        listed = 0

        def show(more: int) -> None:
            nonlocal listed
            listed += more
            progress("users", listed, len(job.users))

        done = write_job(engine, path, job, show, _workers(settings, engine, ray))
        settings.say_profile(engine)
    seconds = time.perf_counter() - start
    note(f"{done.rows:,} rows for {done.users:,} users in {seconds:.1f} s")
    if done.short:
        note(f"{done.short:,} users had fewer than {limit} movies left to recommend")
    print_lines([str(path)])


def _workers(settings: Settings, engine: Engine, ray: str | None) -> Workers | None:
    """Who makes the lists: a cluster, or None for this process."""
    if ray is None:
        return None
    from reelrecs.ray_batch import Opening, ray_blocks

    opening = Opening.of(engine, settings.data_dir, settings.models_dir)
    return partial(ray_blocks, opening=opening, address=ray)
