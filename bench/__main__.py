"""`python -m reelrecs.bench`: latency and throughput of every stage and of the whole."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from reelrecs import config
from reelrecs.bench.case import Case
from reelrecs.bench.cases import CASES
from reelrecs.bench.figures import Figures, add_ratios, compare, differences, measure, read_earlier
from reelrecs.bench.fixture import Fixture
from reelrecs.errors import ModelError, ReelRecsError
from reelrecs.kernels import pool
from reelrecs.table import styled, table_lines, visible


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="Data set [default: as the CLI].")
@click.option(
    "--models-dir",
    type=click.Path(path_type=Path),
    default=Path(config.MODELS_DIR),
    show_default=True,
    envvar="REELRECS_MODELS_DIR",
)
@click.option("--only", multiple=True, help="Only cases whose name holds this; repeatable.")
@click.option(
    "--rounds", type=click.IntRange(min=1), help="At most so many calls of a case, to try it out."
)
@click.option(
    "--compare",
    "earlier_path",
    type=click.Path(path_type=Path),
    help="What an earlier run printed with --json: show each case's median then, and the ratio.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    data_dir: Path | None,
    models_dir: Path,
    only: Sequence[str],
    rounds: int | None,
    earlier_path: Path | None,
    as_json: bool,
) -> None:
    """Time every stage on one data set, and other packages that are installed beside.

    Figures are of this machine, now.
    """
    try:
        earlier = None if earlier_path is None else read_earlier(earlier_path)
        with Fixture(data_dir, models_dir) as fixture:
            cases = [case for case in runnable(fixture) if _asked_for(case, only)]
            figures = [measure(case, fixture, rounds) for case in cases]
            machine = describe_machine(fixture)
    except ReelRecsError as error:
        click.echo(f"reelrecs.bench: {visible(str(error))}", err=True)
        sys.exit(error.exit_code)
    add_ratios(figures, CASES)
    if earlier is not None:
        compare(figures, earlier)
    if as_json:
        click.echo(json.dumps({"machine": machine, "cases": figures}, indent=2))
        return
    for name, value in machine.items():
        click.echo(f"{name:8} {visible(value)}")
    for line in [] if earlier is None else differences(machine, earlier):
        click.echo(visible(line))
    click.echo()
    for line in table_lines(*table_of(figures, earlier is not None)):
        click.echo(styled(line, sys.stdout.isatty()))


def table_of(figures: Sequence[Figures], compared: bool) -> tuple[list[str], list[list[Any]]]:
    """The columns and rows to print."""
    columns = ["case", "p50 ms", "p95 ms", "p99 ms", "min ms", "cpu ms", "calls", "throughput"]
    columns += ["then ms", "speedup"] if compared else []
    columns += ["ours to theirs"] if any("beside" in figure for figure in figures) else []
    return columns, [_row(figure, columns) for figure in figures]


def _row(figure: Figures, columns: Sequence[str]) -> list[Any]:
    row = [
        figure["case"],
        *(f"{figure[key]:.3f}" for key in ("p50_ms", "p95_ms", "p99_ms", "min_ms", "cpu_ms")),
        figure["calls"],
        f"{_rate(figure['items_per_second'])} {figure['unit']}s/s",
    ]
    if "speedup" in columns:
        known = "speedup" in figure
        row += (
            [f"{figure['before_p50_ms']:.3f}", f"{figure['speedup']:.2f}x"] if known else ["", ""]
        )
    if "ours to theirs" in columns:
        known = "beside" in figure
        row.append(f"{figure['ours_to_theirs']:.2f}x {figure['beside']}" if known else "")
    return row


def _asked_for(case: Case, only: Sequence[str]) -> bool:
    return not only or any(part in case.name for part in only)


def _rate(number: float) -> str:
    return f"{number:,.0f}" if number >= 10.0 else f"{number:.2f}"


def runnable(fixture: Fixture) -> list[Case]:
    """The cases this data set and its model allow; says on stderr why others are left out."""
    cases = [case for case in CASES if case.installed]
    missing = sorted({case.package for case in CASES if not case.installed})
    if missing:
        click.echo(
            f"not installed, so not compared with: {', '.join(missing)} "
            "(pip install 'reelrecs[peers]')",
            err=True,
        )
    if not fixture.has_text:
        cases = [case for case in cases if not case.needs_text]
        click.echo(visible(f"{fixture.dataset.path} is a store: nothing to parse"), err=True)
    try:
        _ = fixture.model
    except ModelError as error:
        cases = [case for case in cases if not case.needs_model]
        click.echo(visible(f"{error}; the learned cases are left out"), err=True)
    return cases


def describe_machine(fixture: Fixture) -> dict[str, str]:
    """What the figures were measured on."""
    store = fixture.store
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {pool.threads()} threads used",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in ("numba", "numpy", "grpcio")),
        "data": f"{store.name}: {store.user_count:,} users, {store.movie_count:,} movies, "
        f"{store.rating_count:,} ratings",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
