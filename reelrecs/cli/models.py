"""`models`: the trained models and what stands in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reelrecs.cli.options import Settings, format_option
from reelrecs.cli.output import note, print_lines, print_rows, progress_line

if TYPE_CHECKING:
    from reelrecs.learning.model_folder import ModelFile
    from reelrecs.store.store import Store

COLUMNS = ("file", "dataset", "profile", "created", "size", "digest", "state")

SHOWN_DIGEST = 12
"""Letters of a digest in a table: enough to tell data sets apart."""


@click.group()
def models() -> None:
    """List, show, verify and prune the models in --models-dir."""


@models.command("list")
@format_option
@click.pass_obj
def list_(settings: Settings, format_: str) -> None:
    """Print every model file: of which data, of which profile, in which state.

    States: good, older (of an earlier state of this data, which it serves), stale (of a data set of
    this name that it cannot serve), damaged (or of another version), of other data (which
    --data-dir does not name, so nothing is said of them).
    """
    with progress_line():
        store = _store(settings)
        from reelrecs.learning.model_folder import list_models

        found = list_models(Path(settings.models_dir), store)
    if not found:
        note(f"no models in {settings.models_dir}; make one with train")
    _print(found, format_)


@models.command()
@format_option
@click.pass_obj
def show(settings: Settings, format_: str) -> None:
    """Print the ranker that scores this data set, term by term.

    A score adds up weight * (transform(column) - center) / scale, and what the trees say of the
    transformed columns together.
    """
    with progress_line():
        store = _store(settings)
        from reelrecs.learning.later_data import age_of
        from reelrecs.learning.model_folder import find_model, load_model
        from reelrecs.scorer.ranker import TREES

        model = load_model(store, Path(settings.models_dir), settings.profile)
        ranker, age = model.ranker, age_of(model)
        trained = find_model(store, Path(settings.models_dir)) is not None
    rows: list[list[Any]] = [list(term) for term in ranker.parameters]
    if ranker.trees is not None:
        rows.append(
            [TREES, "", f"{len(ranker.trees.leaves)} trees over all of these", 0.0, 1.0, 1.0]
        )
    columns = ("term", "column", "transform", "center", "scale", "weight")
    note(
        f"profile {ranker.profile}, {len(rows)} terms, for {store.name}"
        + ("" if trained else "; no model is trained yet, make one with train")
    )
    document = {
        "dataset": store.name,
        "profile": ranker.profile,
        "trained": trained,
        "age": None if age is None else age._asdict(),
        "terms": [dict(zip(columns, row, strict=True)) for row in rows],
    }
    print_rows(format_, columns, rows, document)


@models.command()
@click.pass_obj
def verify(settings: Settings) -> None:
    """Check that this data set's model can be opened and serves this data; say how old it is.

    Exits with 5 where it cannot be used or there is none.
    """
    with progress_line():
        store = _store(settings)
        from reelrecs.learning.model_file import load_model_file
        from reelrecs.learning.model_folder import find_model, model_path

        folder = Path(settings.models_dir)
        path = find_model(store, folder) or model_path(store, folder)
        from reelrecs.learning.later_data import age_of

        model = load_model_file(path, store)
        age = age_of(model)
    terms, origin = len(model.ranker.term_names), model.origin
    trained_on = f"trained on {origin.dataset} ({origin.digest[:SHOWN_DIGEST]})"
    state = "good" if age is None else "older"
    since = "" if age is None else f": {age}"
    print_lines(
        [f"{path}: {state}, profile {model.ranker.profile} with {terms} terms, {trained_on}{since}"]
    )


@models.command()
@click.option("--dry-run", is_flag=True, help="Say what would be removed and keep it.")
@format_option
@click.pass_obj
def prune(settings: Settings, dry_run: bool, format_: str) -> None:
    """Remove models that are damaged, stale, or older than the one that is used.

    Models of data sets of other names stay; name theirs with --data-dir.
    """
    with progress_line():
        store = _store(settings)
        from reelrecs.learning.model_folder import prune_models

        gone = prune_models(Path(settings.models_dir), store, dry_run)
    note(f"{'would remove' if dry_run else 'removed'} {len(gone)} models")
    _print(gone, format_)


def _store(settings: Settings) -> Store:
    from reelrecs.datasets import locate
    from reelrecs.store.cache import open_store

    named = settings.data_dir
    return open_store(locate(None if named is None else Path(named)))


def _print(found: list[ModelFile], format_: str) -> None:
    rows = [
        [
            one.file,
            one.dataset,
            one.profile,
            one.created,
            one.size,
            one.digest and (one.digest[:SHOWN_DIGEST] if format_ == "table" else one.digest),
            one.state,
        ]
        for one in found
    ]
    print_rows(format_, COLUMNS, rows, {"models": [one.to_dict() for one in found]})
