"""`data list|download|info|build|synthesize`: where ratings come from."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reelrecs.cli.options import Settings, format_option
from reelrecs.cli.output import note, print_lines, print_rows, progress, progress_line

if TYPE_CHECKING:
    from reelrecs.datasets.ids import Ids
    from reelrecs.datasets.rejects import Rejects
    from reelrecs.store.store import Store

log = logging.getLogger(__name__)


@click.group()
def data() -> None:
    """List, download, examine, build and synthesize data sets."""


@data.command("list")
@format_option
def list_(format_: str) -> None:
    """Data sets that `data download` knows."""
    from reelrecs.datasets.fetch.registry import ENTRIES

    columns = ("name", "ratings", "zip_mb", "md5", "address", "licence")
    rows = [
        [e.name, f"{e.ratings:,}" if format_ == "table" else e.ratings, f"{e.size / 1e6:.1f}",
         e.md5 or "not pinned", e.address(), e.licence]
        for e in ENTRIES.values()
    ]  # fmt: skip
    print_rows(format_, columns, rows, [dict(zip(columns, row, strict=True)) for row in rows])


@data.command()
@click.argument("name")
@click.option("--output", metavar="DIR", default="data", show_default=True, help="Folder for it.")
@click.option("--mirror", metavar="URL", help="Folder on another server that holds the zip.")
def download(name: str, output: str, mirror: str | None) -> None:
    """Get a data set, check its digest and unpack it; prints its folder.

    A download that was interrupted goes on where it stopped.
    """
    from reelrecs.datasets.fetch.download import download as get
    from reelrecs.datasets.fetch.registry import find

    entry = find(name)

    def show(done: int, total: int | None) -> None:
        size = None if total is None else round(total / 1e6, 1)
        progress(entry.file, round(done / 1e6, 1), size, "MB")

    with progress_line():
        log.info(f"asking for {entry.address(mirror)}")
        folder = get(name, Path(output), mirror, show)
    note(f"{entry.name}: {entry.licence}")
    print_lines([str(folder)])


@data.command()
@format_option
@click.pass_obj
def info(settings: Settings, format_: str) -> None:
    """What the data set of --data-dir holds."""
    from reelrecs.datasets import locate
    from reelrecs.store.cache import open_store, store_path

    with progress_line():
        dataset = locate(None if settings.data_dir is None else Path(settings.data_dir))
        store = open_store(dataset)
    at = dataset.path if dataset.is_store else store_path(dataset)
    facts: dict[str, Any] = {
        "name": store.name,
        "path": str(dataset.path),
        "layout": dataset.layout.name,
        "ratings": store.rating_count,
        "users": store.user_count,
        "movies": store.movie_count,
        "user_ids": _kind(store.user_ids),
        "movie_ids": _kind(store.movie_ids),
        "rated_movies": int((store.movie_rating_counts > 0).sum()),
        "genres": len(store.genres),
        "stars": f"{store.min_rating:g} to {store.max_rating:g}",
        "mean_stars": round(store.mean_rating, 3),
        "first": _day(int(store.by_user.times.min())),
        "last": _day(store.latest_timestamp),
        "store": str(at),
        "store_mb": round(at.stat().st_size / 1e6, 1),
        "digest": store.digest,
    }
    print_rows(format_, ("what", "value"), [[key, str(v)] for key, v in facts.items()], facts)


@data.command()
@click.option("--ratings", metavar="FILE", help="csv or Parquet: user, item, rating, timestamp.")
@click.option("--movies", metavar="FILE", help="csv or Parquet: item, title, genres, year.")
@click.option("--output", metavar="FILE", help="Store to write [default: ./NAME.arrow].")
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
@click.pass_obj
def build(
    settings: Settings,
    ratings: str | None,
    movies: str | None,
    output: str | None,
    on_error: str,
    rejected: str,
) -> None:
    """Build the store of --data-dir anew, or of your own --ratings; prints its path."""
    from reelrecs.datasets.rejects import Rejects

    rejects = Rejects("skip" if on_error == "skip" else "fail")
    if ratings is None and (movies is not None or output is not None):
        raise click.UsageError("--movies and --output go with --ratings")
    with progress_line():
        log.info("reading")
        if ratings is None:
            store, path = _build_located(settings, rejects)
        else:
            path = Path(output or f"{Path(ratings).stem}.arrow")
            store = _build_foreign(
                Path(ratings), None if movies is None else Path(movies), path, rejects
            )
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


@data.command()
@click.option("--ratings", type=int, required=True, help="About how many to make.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--output", metavar="FILE", help="Store to write [default: ./NAME-xRATINGS.arrow].")
@format_option
@click.pass_obj
def synthesize(
    settings: Settings, ratings: int, seed: int, output: str | None, format_: str
) -> None:
    """Make a data set of any size in the likeness of --data-dir, for load tests.

    Prints how its degrees compare with the source's; use it by --data-dir FILE.
    """
    from reelrecs.datasets import locate
    from reelrecs.store.cache import open_store
    from reelrecs.store.names import safe_name
    from reelrecs.store.synthetic import compare_degrees
    from reelrecs.store.synthetic import synthesize as make

    with progress_line():
        source = open_store(locate(None if settings.data_dir is None else Path(settings.data_dir)))
        path = Path(output or f"{safe_name(source.name)}-x{ratings}.arrow")
        store = make(source, ratings, path, seed)
        compared = compare_degrees(source, store)
    rows = []
    for what, both in compared.items():
        for side, degrees in (("source", both.source), ("made", both.expansion)):
            spread = [f"{value:.2f}" for value in degrees.quantiles.values()]
            shape = [f"{value:.3f}" for value in (degrees.top_share, degrees.gini, both.gap)]
            rows.append([what, side, f"{degrees.count:,}", f"{degrees.mean:.1f}", *spread, *shape])
    quantiles = tuple(compared["users"].source.quantiles)
    columns = ("of", "side", "count", "mean", *quantiles, "top_1%_share", "gini", "ks_gap")
    as_json = [dict(zip(columns, row, strict=True)) for row in rows]
    print_rows(format_, columns, rows, {"path": str(path), "degrees": as_json})
    note(f"{path}: {store.rating_count:,} ratings; degrees are in multiples of their mean")


def _build_located(settings: Settings, rejects: Rejects) -> tuple[Store, Path]:
    from reelrecs.datasets import locate
    from reelrecs.errors import InvalidRequest
    from reelrecs.store.cache import build_cached, store_path

    dataset = locate(None if settings.data_dir is None else Path(settings.data_dir))
    if dataset.is_store:
        raise InvalidRequest(f"{dataset.path} is a store already; there is nothing to build")
    source = dataset.fingerprint()
    return build_cached(dataset, dataset.read(rejects=rejects), source), store_path(dataset)


def _build_foreign(ratings: Path, movies: Path | None, path: Path, rejects: Rejects) -> Store:
    from reelrecs.datasets import STORE_SUFFIX
    from reelrecs.datasets.imports.files import import_files
    from reelrecs.errors import InvalidRequest
    from reelrecs.store.build import build_store

    if path.suffix != STORE_SUFFIX:
        raise InvalidRequest(f"--output {path}: give it a name that ends in {STORE_SUFFIX}")
    imported = import_files(ratings, movies, rejects)
    note("ratings: " + ", ".join(f"{role} = {name}" for role, name in imported.columns.items()))
    for text in imported.notes:
        note(text)
    return build_store(path, path.stem, imported.tables)


def _kind(ids: Ids) -> str:
    kind = "text" if ids.is_text else "whole numbers"
    return f"{kind}, {ids[0]} to {ids[-1]}"


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
