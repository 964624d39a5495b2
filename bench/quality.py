"""`python -m reelrecs.bench.quality FOLDER`: every figure of "How good it is", from the raw data.

FOLDER holds ml-1m.zip, ml-100k.zip and ml-latest-small.zip, and movietweetings.zip for the table.
Each line is a command of the CLI and is printed before its output, so that any of them can be run
alone. With `--table` all data sets and protocols become one table instead.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import click

from reelrecs.datasets import locate
from reelrecs.errors import DataError, ReelRecsError
from reelrecs.evaluation.evaluate import evaluate
from reelrecs.evaluation.overview import overview
from reelrecs.evaluation.runner import Result
from reelrecs.evaluation.ties import TIES
from reelrecs.store.cache import open_store
from reelrecs.table import table_lines

RUNS: tuple[tuple[str, str], ...] = (
    ("ml-1m", "--protocol last-out --plot bench/accuracy.svg"),
    ("ml-1m", "--protocol cold"),
    ("ml-1m", "--protocol fold-in"),
    ("ml-1m", "--protocol validation --recall"),
    (
        "ml-1m",
        "--protocol validation --systems learned --diversity 0,0.02,0.05,0.1,0.2,0.5 "
        "--plot bench/tradeoff.svg",
    ),
    ("ml-100k", "--protocol last-out"),
    ("ml-100k", "--protocol temporal"),
    ("ml-latest-small", "--protocol last-out"),
    ("ml-latest-small", "--protocol temporal"),
)
"""Data set and options of each evaluation."""

SETS = ("movietweetings", "ml-100k", "ml-latest-small", "ml-1m")
"""Data sets of the table; those with real times come first."""

ROWS: tuple[tuple[str, str | None], ...] = (
    ("temporal", None),
    ("cold", None),
    ("last-out", "given"),
    ("last-out", "withheld"),
)
"""Protocols of the table, and whether the moment of asking is told; None as by default."""

SYSTEMS = ("learned", "popularity", "recent", "at-length", "item-knn", "user-knn", "ease")
"""Columns of the table."""

K = 10
"""Length of the lists in the table."""


def command_line(folder: Path, dataset: str, options: str) -> list[str]:
    """Arguments of `reelrecs-fast` for one of the runs."""
    return ["--data-dir", str(folder / f"{dataset}.zip"), "evaluate", *shlex.split(options)]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--table", is_flag=True, help="Print one table of all data sets and protocols.")
@click.option("--sets", default=",".join(SETS), show_default=True, help="Data sets of the table.")
@click.option("--protocols", help="Protocols of the table, each as it asks by default.")
@click.option("--systems", default=",".join(SYSTEMS), show_default=True, help="Its columns.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def main(
    folder: Path, table: bool, sets: str, protocols: str | None, systems: str, seed: int
) -> None:
    """Evaluate on every data set in FOLDER; exits with the code of the first run that fails."""
    if table:
        named = None if protocols is None else [(name, None) for name in protocols.split(",")]
        try:
            _print_table(folder, sets.split(","), named or ROWS, systems.split(","), seed)
        except ReelRecsError as error:
            click.echo(str(error), err=True)
            sys.exit(error.exit_code)
        return
    for dataset, options in RUNS:
        arguments = command_line(folder, dataset, options)
        click.echo(f"\n$ reelrecs-fast {shlex.join(arguments)}")
        ended = subprocess.run([sys.executable, "-m", "reelrecs", *arguments], check=False)
        if ended.returncode:
            sys.exit(ended.returncode)


def _print_table(
    folder: Path,
    sets: list[str],
    rows: tuple[tuple[str, str | None], ...] | list[tuple[str, None]],
    systems: list[str],
    seed: int,
) -> None:
    """Run all and print HR and NDCG; what a data set is too small for is left out, saying so."""
    runs: list[list[Result]] = []
    for name in sets:
        packed = folder / f"{name}.zip"
        store = open_store(locate(packed if packed.exists() else folder / name))
        for protocol, request_time in rows:
            click.echo(f"{name}, {protocol}", err=True)
            try:
                runs.append(
                    evaluate(store, systems, protocol, K, seed=seed, request_time=request_time)
                )
            except DataError as error:
                click.echo(f"left out: {error}", err=True)
    click.echo(f"Seed {seed}; tied times {TIES}; time: whether the moment of asking was told")
    for one in overview(runs, K):
        click.echo(f"\n{one.heading}")
        click.echo("\n".join(table_lines(one.columns, one.rows)))


if __name__ == "__main__":
    main()
