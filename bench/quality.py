"""`python -m reelrecs.bench.quality FOLDER`: every figure of "How good it is", from the raw data.

FOLDER holds ml-1m.zip, ml-100k.zip and ml-latest-small.zip. Each line is a command of the CLI and
is printed before its output, so that any of them can be run alone.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import click

RUNS: tuple[tuple[str, str], ...] = (
    ("ml-1m", "--plot bench/accuracy.svg"),
    ("ml-1m", "--protocol fold-in"),
    ("ml-1m", "--protocol validation --recall"),
    (
        "ml-1m",
        "--protocol validation --systems learned --diversity 0,0.02,0.05,0.1,0.2,0.5 "
        "--plot bench/tradeoff.svg",
    ),
    ("ml-100k", ""),
    ("ml-100k", "--protocol temporal"),
    ("ml-latest-small", ""),
    ("ml-latest-small", "--protocol temporal"),
)
"""Data set and options of each evaluation."""


def command_line(folder: Path, dataset: str, options: str) -> list[str]:
    """Arguments of `reelrecs-fast` for one of the runs."""
    return ["--data-dir", str(folder / f"{dataset}.zip"), "evaluate", *shlex.split(options)]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(folder: Path) -> None:
    """Evaluate on every data set in FOLDER; exits with the code of the first run that fails."""
    for dataset, options in RUNS:
        arguments = command_line(folder, dataset, options)
        click.echo(f"\n$ reelrecs-fast {shlex.join(arguments)}")
        ended = subprocess.run([sys.executable, "-m", "reelrecs", *arguments], check=False)
        if ended.returncode:
            sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
