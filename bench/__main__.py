"""`python -m reelrecs.bench`: latency and throughput of every stage and of the whole."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np

from reelrecs import config
from reelrecs.bench.cases import CASES, Case
from reelrecs.bench.fixture import Fixture
from reelrecs.errors import ModelError, ReelRecsError
from reelrecs.kernels import pool
from reelrecs.table import styled, table_lines, visible

WARMUP = 3
"""Calls before the clock starts: they compile kernels and touch the mapped pages."""


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="Data set [default: as the CLI].")
@click.option(
    "--models-dir",
    type=click.Path(path_type=Path),
    default=Path(config.MODELS_DIR),
    show_default=True,
    envvar="REELRECS_MODELS_DIR",
)
@click.option("--only", default="", help="Only cases whose name holds this.")
@click.option(
    "--rounds", type=click.IntRange(min=1), help="At most so many calls of a case, to try it out."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    data_dir: Path | None, models_dir: Path, only: str, rounds: int | None, as_json: bool
) -> None:
    """Time every stage on one data set; figures are of this machine, now."""
    try:
        with Fixture(data_dir, models_dir) as fixture:
            cases = [case for case in runnable(fixture) if only in case.name]
            figures = [measure(case, fixture, rounds) for case in cases]
            machine = describe_machine(fixture)
    except ReelRecsError as error:
        click.echo(f"reelrecs.bench: {visible(str(error))}", err=True)
        sys.exit(error.exit_code)
    if as_json:
        click.echo(json.dumps({"machine": machine, "cases": figures}, indent=2))
        return
    for name, value in machine.items():
        click.echo(f"{name:8} {visible(value)}")
    click.echo()
    columns = ("case", "p50 ms", "p95 ms", "min ms", "max ms", "calls", "throughput")
    rows = [
        [
            figure["case"],
            *(f"{figure[key]:.3f}" for key in ("p50_ms", "p95_ms", "min_ms", "max_ms")),
            figure["calls"],
            f"{figure['items_per_second']:,.0f} {figure['unit']}s/s",
        ]
        for figure in figures
    ]
    for line in table_lines(columns, rows):
        click.echo(styled(line, sys.stdout.isatty()))


def runnable(fixture: Fixture) -> list[Case]:
    """The cases this data set and its model allow; says on stderr why others are left out."""
    cases = list(CASES)
    if not fixture.has_text:
        cases = [case for case in cases if not case.needs_text]
        click.echo(visible(f"{fixture.dataset.path} is a store: nothing to parse"), err=True)
    try:
        _ = fixture.model
    except ModelError as error:
        cases = [case for case in cases if not case.needs_model]
        click.echo(visible(f"{error}; the learned cases are left out"), err=True)
    return cases


def measure(case: Case, fixture: Fixture, most: int | None = None) -> dict[str, Any]:
    """Time the case, `most` calls of it or fewer: percentiles in ms, throughput at the median."""
    call = case.prepare(fixture)
    for _ in range(WARMUP):
        call()
    rounds = case.rounds if most is None else min(most, case.rounds)
    seconds = np.empty(rounds)
    for turn in range(rounds):
        start = time.perf_counter()
        call()
        seconds[turn] = time.perf_counter() - start
    p50, p95 = np.percentile(seconds, [50, 95])
    return {
        "case": case.name,
        "calls": rounds,
        "p50_ms": p50 * 1e3,
        "p95_ms": p95 * 1e3,
        "min_ms": seconds.min() * 1e3,
        "max_ms": seconds.max() * 1e3,
        "unit": case.unit,
        "items_per_second": case.items(fixture) / p50,
    }


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
