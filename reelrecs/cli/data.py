"""`data list|download|info|build|synthesize`: where ratings come from."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reelrecs.cli.data_build import build
from reelrecs.cli.options import Settings, format_option
from reelrecs.cli.output import note, print_lines, print_rows, progress, progress_line
from reelrecs.cli.overwriting import force_option, is_store, require_ours

if TYPE_CHECKING:
    from reelrecs.datasets.ids import Ids

log = logging.getLogger(__name__)

NO_TIMES = "no times: row order"


@click.group()
def data() -> None:
    """List, download, examine, build and synthesize data sets."""


data.add_command(build)


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
    from reelrecs.datasets.times import day_of
    from reelrecs.store.cache import log_path, open_live, store_path

    with progress_line():
        dataset = locate(None if settings.data_dir is None else Path(settings.data_dir))
        live = open_live(dataset)
        compacted = live.place
        store = live.now()
    at = dataset.path if dataset.is_store and compacted == 0 else store_path(dataset)
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
        "feedback": str(store.feedback),
        "file_scale": f"{store.file_scale[0]:g} to {store.file_scale[1]:g}",
        "first": day_of(int(store.by_user.times.min())) if store.has_times else NO_TIMES,
        "last": day_of(store.latest_timestamp) if store.has_times else NO_TIMES,
        "guessed": list(store.guesses),
        "store": str(at),
        "store_mb": round(at.stat().st_size / 1e6, 1),
        "digest": store.digest,
        "log": str(log_path(dataset) or "no home folder is known"),
        "log_records": live.place,
        "log_records_in_store": compacted,
    }
    print_rows(format_, ("what", "value"), _rows(facts), facts)


@data.command()
@click.option("--ratings", type=int, required=True, help="About how many to make.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--output", metavar="FILE", help="Store to write [default: ./NAME-xRATINGS.arrow].")
@force_option
@format_option
@click.pass_obj
def synthesize(
    settings: Settings, ratings: int, seed: int, output: str | None, format_: str, force: bool
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
        require_ours(path, "--output", is_store, force)
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


def _rows(facts: dict[str, Any]) -> list[list[str]]:
    """Facts one a row; lists one entry a row."""
    return [
        [key, str(one)]
        for key, value in facts.items()
        for one in (value if isinstance(value, list) else [value])
    ]


def _kind(ids: Ids) -> str:
    kind = "text" if ids.is_text else "whole numbers"
    return f"{kind}, {ids[0]} to {ids[-1]}"
