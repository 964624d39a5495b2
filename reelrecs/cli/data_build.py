"""`data build`: the store of a data set, or of anybody's own files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reelrecs.cli.options import Settings
from reelrecs.cli.output import note, print_lines, progress_line
from reelrecs.cli.overwriting import force_option, is_rejected_lines, is_store, require_ours
from reelrecs.errors import InvalidRequest

if TYPE_CHECKING:
    from reelrecs.datasets.imports.choices import Choices
    from reelrecs.datasets.rejects import Rejects
    from reelrecs.store.store import Store

log = logging.getLogger(__name__)

STDIN = "-"


@click.command()
@click.option("--ratings", metavar="FILE", help="Your own: text, JSON lines, Parquet, Arrow, or -.")
@click.option("--movies", metavar="FILE", help="Their titles, genres and years, in any such file.")
@click.option("--output", metavar="FILE", help="Store to write [default: ./NAME.arrow].")
@click.option("--user-column", metavar="NAME", help="Who rated [this and those below: guessed].")
@click.option("--item-column", metavar="NAME", help="What was rated.")
@click.option("--rating-column", metavar="NAME", help="The number given, or the count.")
@click.option("--time-column", metavar="NAME", help="When.")
@click.option("--separator", metavar="MARK", help="Between fields: , ; | :: tab or blanks.")
@click.option("--no-header", is_flag=True, help="The first line is data; name columns by number.")
@click.option("--encoding", metavar="NAME", help="Such as utf-8, utf-16, latin-1, windows-1252.")
@click.option(
    "--feedback",
    type=click.Choice(["stars", "likes", "counts", "none"]),
    help="What the numbers mean.",
)
@click.option("--highest-rating", type=float, metavar="N", help="The most stars there are.")
@click.option("--movies-item-column", metavar="NAME", help="Of --movies: the id.")
@click.option("--title-column", metavar="NAME", help="Of --movies: the title.")
@click.option("--genres-column", metavar="NAME", help="Of --movies: genres, by | , ; or as JSON.")
@click.option("--year-column", metavar="NAME", help="Of --movies: the year.")
@click.option("--movies-separator", metavar="MARK", help="Of --movies: as --separator.")
@click.option("--movies-no-header", is_flag=True, help="Of --movies: as --no-header.")
@click.option("--movies-encoding", metavar="NAME", help="Of --movies: as --encoding.")
@click.option(
    "--on-error",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="Stop at a bad line, or leave such lines out.",
)
@click.option(
    "--rejected",
    metavar="FILE",
    default="rejected-lines.txt",
    show_default=True,
    help="Where lines that are left out go.",
)
@force_option
@click.pass_obj
def build(
    settings: Settings,
    /,
    ratings: str | None,
    movies: str | None,
    output: str | None,
    on_error: str,
    rejected: str,
    force: bool,
    **said: Any,
) -> None:
    """Build the store of --data-dir anew, or of your own --ratings; prints its path.

    What your files hold is guessed and shown with three rows each; an option says what cannot be.
    """
    from reelrecs.datasets.rejects import Rejects

    rejects = Rejects("skip" if on_error == "skip" else "fail")
    if ratings is None and (movies is not None or output is not None or any(said.values())):
        raise InvalidRequest("--movies, --output and what describes files go with --ratings")
    if on_error == "skip":
        require_ours(Path(rejected), "--rejected", is_rejected_lines, force)
    with progress_line():
        log.info("reading")
        if ratings is None:
            store, path = _build_located(settings, rejects)
        else:
            path = Path(output) if output else default_output(ratings)
            store = _build_foreign(
                Path(ratings), None if movies is None else Path(movies), path, rejects,
                _choices(said), force,
            )  # fmt: skip
    for cause, count in sorted(rejects.counts.items()):
        note(f"left out: {count:,} x {cause}")
    if rejects.lines:
        rejects.write(Path(rejected))
        note(f"the lines left out are in {rejected}")
    note(
        f"{store.name}: {store.rating_count:,} ratings of {store.movie_count:,} movies "
        f"by {store.user_count:,} users"
    )
    print_lines([str(path)])


def default_output(ratings: str) -> Path:
    """The store of a ratings file in the working folder, named as the file is."""
    if ratings == STDIN:
        return Path("stdin.arrow")
    stem = Path(ratings).name
    while (suffix := Path(stem).suffix) and len(suffix) <= 8 and len(stem) > len(suffix):
        stem = stem.removesuffix(suffix)
    return Path(f"{stem.replace('*', '').strip('.') or 'ratings'}.arrow")


def _choices(said: dict[str, Any]) -> Choices:
    from reelrecs.datasets.feedback import Feedback
    from reelrecs.datasets.imports.choices import Choices, FileChoices

    def file(columns: dict[str, str], prefix: str) -> FileChoices:
        return FileChoices(
            {role: said[option] for role, option in columns.items() if said[option] is not None},
            said[f"{prefix}separator"],
            False if said[f"{prefix}no_header"] else None,
            said[f"{prefix}encoding"],
        )

    return Choices(
        file({role: f"{role}_column" for role in ("user", "item", "rating", "time")}, ""),
        file(
            {"item": "movies_item_column"}
            | {role: f"{role}_column" for role in ("title", "genres", "year")},
            "movies_",
        ),
        None if said["feedback"] is None else Feedback(said["feedback"]),
        said["highest_rating"],
    )


def _build_located(settings: Settings, rejects: Rejects) -> tuple[Store, Path]:
    from reelrecs.datasets import locate
    from reelrecs.store.cache import build_cached, store_path

    dataset = locate(None if settings.data_dir is None else Path(settings.data_dir))
    if dataset.is_store:
        raise InvalidRequest(f"{dataset.path} is a store already; there is nothing to build")
    source = dataset.fingerprint()
    return build_cached(dataset, dataset.read(rejects=rejects), source), store_path(dataset)


def _build_foreign(
    ratings: Path,
    movies: Path | None,
    path: Path,
    rejects: Rejects,
    choices: Choices,
    force: bool,
) -> Store:
    from reelrecs.datasets import STORE_SUFFIX
    from reelrecs.datasets.imports.files import import_files
    from reelrecs.store.build import build_store

    if path.suffix != STORE_SUFFIX:
        raise InvalidRequest(f"--output {path}: give it a name that ends in {STORE_SUFFIX}")
    require_ours(path, "--output", is_store, force)
    imported = import_files(ratings, movies, rejects, choices)
    for line in (*imported.samples, *imported.notes):
        note(line)
    tables = [imported.tables]
    del imported
    return build_store(path, path.stem, tables.pop)  # nothing here holds them any more
