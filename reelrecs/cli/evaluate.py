"""`evaluate`: how good the lists are, beside baselines, with honest intervals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reelrecs.cli.options import Settings, format_option
from reelrecs.cli.output import note, print_lines, print_rows, progress_line
from reelrecs.cli.overwriting import force_option, is_plot, is_saved_run, require_ours
from reelrecs.errors import InvalidRequest

if TYPE_CHECKING:
    from reelrecs.evaluation.runner import Result
    from reelrecs.evaluation.tables import Report
    from reelrecs.store.store import Store

CAUTION = (
    "figures among sampled negatives are for comparison with papers that did the same: they "
    "flatter every system and may order them wrongly"
)

REPLAY = "replay"
"""The protocol that has ways to serve instead of systems; see `reelrecs.evaluation.replay`."""

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--protocol",
    metavar="NAME",
    help="temporal, temporal-validation, successive, cold, new-movies, last-out, validation, "
    "random-out, fold-in or replay [default: temporal where times are real, else last-out].",
)
@click.option(
    "--request-time",
    type=click.Choice(["given", "withheld"]),
    help="Whether systems know when they are asked [default: given, but withheld by last-out, "
    "validation and fold-in].",
)
@click.option("--systems", metavar="A,B,C", help="What to evaluate [default: all there are].")
@click.option("--k", type=click.IntRange(min=1), default=10, show_default=True)
@click.option(
    "--negatives",
    type=click.IntRange(min=1),
    help="Rank among so many random unseen movies, as old papers did [default: among all].",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--against", metavar="SYSTEM", help="Whom others differ from [default: the first].")
@click.option("--per-user", type=FILE, help="Keep every user's figures in a Parquet file.")
@click.option("--compare", type=FILE, nargs=2, help="Compare two such files instead of evaluating.")
@click.option("--recall", is_flag=True, help="Measure what the candidate sources find instead.")
@click.option(
    "--diversity",
    metavar="0,0.1,...",
    help="Measure NDCG against diversity at these strengths instead.",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Let a Ray cluster measure the systems side by side: HOST:PORT, or local.",
)
@click.option("--plot", type=FILE, help="Draw the result: FILE.png or FILE.svg.")
@force_option
@format_option
@click.pass_obj
def evaluate(settings: Settings, /, format_: str, **chosen: Any) -> None:
    """Fit systems on a part of the data and measure how well they find the rest.

    docs/evaluation.md says what each protocol asks. Full ranking over all unseen movies, ties
    against the system, 95 % bootstrap intervals over users. A difference whose interval holds 0 is
    a tie.
    """
    _check(chosen)
    _check_outputs(chosen)
    with progress_line():
        report, afterwards = _work(settings, chosen)
    if chosen["negatives"] is not None:
        note(CAUTION)
    _print(report, format_)
    afterwards()


def _check(chosen: dict[str, Any]) -> None:
    """Refuse what does not go together; raises InvalidRequest."""
    if chosen["protocol"] == REPLAY:
        for name, value in chosen.items():
            if name not in ("protocol", "k", "seed") and value not in (None, False, ()):
                option = name.replace("_", "-")
                raise InvalidRequest(f"--{option} does not go with {REPLAY}: leave it out")
    modes = [name for name in ("compare", "recall", "diversity") if chosen[name]]
    if len(modes) > 1:
        raise InvalidRequest(f"--{modes[0]} and --{modes[1]} are two questions: ask one at a time")
    if not modes:
        return
    alone = ("negatives", "against", "per_user", "ray")
    useless = [name for name in alone if chosen[name] is not None]
    if modes[0] == "compare":
        useless += [name for name in ("protocol", "request_time") if chosen[name] is not None]
    if modes[0] != "diversity" and chosen["plot"] is not None:
        useless.append("plot")
    if useless:
        option = useless[0].replace("_", "-")
        raise InvalidRequest(f"--{option} does not go with --{modes[0]}: leave one of them out")


def _check_outputs(chosen: dict[str, Any]) -> None:
    """Refuse to write over what others wrote, before anything is computed; raises StorageError."""
    if chosen["per_user"] is not None:
        require_ours(chosen["per_user"], "--per-user", is_saved_run, chosen["force"])
    if chosen["plot"] is not None:
        require_ours(chosen["plot"], "--plot", is_plot, chosen["force"])


def _work(settings: Settings, chosen: dict[str, Any]) -> tuple[Report, Callable[[], None]]:
    """Do what was asked; give the report, and what is left to write when that is printed."""
    from reelrecs.evaluation import inside_report, plots, report, saved_runs
    from reelrecs.evaluation.protocols import require_single

    if chosen["compare"]:
        pairs = saved_runs.compare_files(*chosen["compare"])
        return inside_report.comparison_report(pairs), _nothing
    if chosen["plot"] is not None:
        plots.check_plottable(chosen["plot"])
        require_single(chosen["protocol"])
    if chosen["protocol"] == REPLAY:
        from reelrecs.evaluation.replay import replay, replay_report

        return replay_report(replay(_open(settings), chosen["k"], chosen["seed"])), _nothing
    if chosen["recall"] or chosen["diversity"]:
        return _look_inside(settings, chosen)
    results = _results(settings, chosen)

    def write() -> None:
        if chosen["per_user"] is not None:
            saved_runs.save(chosen["per_user"], results)
        if chosen["plot"] is not None:
            plots.plot_evaluation(chosen["plot"], results)

    return report.evaluation_report(results, chosen["against"]), write


def _results(settings: Settings, chosen: dict[str, Any]) -> list[Result]:
    """Every system on every cut, by this process or by a cluster."""
    from reelrecs.evaluation.evaluate import evaluate as run_all

    names = _words(chosen["systems"])
    asked = {name: chosen[name] for name in ("protocol", "k", "negatives", "seed", "request_time")}
    if chosen["ray"] is None:
        return run_all(_open(settings), names, **asked)
    from reelrecs.ray_evaluation import Asked, evaluate_by_ray

    return evaluate_by_ray(_data_dir(settings), names, Asked(**asked), address=chosen["ray"])


def _look_inside(settings: Settings, chosen: dict[str, Any]) -> tuple[Report, Callable[[], None]]:
    """Candidate recall or the re-ranking trade-off of each pipeline."""
    from reelrecs.evaluation import inside_report, plots
    from reelrecs.evaluation.candidate_recall import candidate_recall
    from reelrecs.evaluation.diversity_tradeoff import diversity_tradeoff
    from reelrecs.evaluation.protocols import split_by
    from reelrecs.evaluation.registry import pipelines_by_name

    builders = pipelines_by_name(_words(chosen["systems"]))
    strengths = _numbers(chosen["diversity"] or "")
    store, k, seed = _open(settings), chosen["k"], chosen["seed"]
    split = split_by(chosen["protocol"], store, seed, chosen["request_time"])
    heading = f"{store.name}, {split.name}"
    if chosen["recall"]:
        found = {name: candidate_recall(split, build, seed) for name, build in builders.items()}
        return inside_report.recall_report(found, heading), _nothing
    curves = {
        name: diversity_tradeoff(split, build, strengths, k, seed)
        for name, build in builders.items()
    }

    def write() -> None:
        if chosen["plot"] is not None:
            plots.plot_tradeoff(chosen["plot"], curves, k, heading)

    return inside_report.tradeoff_report(curves, k, heading), write


def _print(report: Report, format_: str) -> None:
    if format_ == "csv":
        print_rows("csv", report.csv.columns, report.csv.rows, None)
    elif format_ == "json":
        print_rows("json", (), (), report.json)
    else:
        for place, table in enumerate(report.tables):
            print_lines([*([""] if place else []), table.heading])
            print_rows("table", table.columns, table.rows, None)


def _open(settings: Settings) -> Store:
    from reelrecs.datasets import locate
    from reelrecs.store.cache import open_store

    return open_store(locate(_data_dir(settings)))


def _data_dir(settings: Settings) -> Path | None:
    return None if settings.data_dir is None else Path(settings.data_dir)


def _words(text: str | None) -> list[str] | None:
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


def _numbers(text: str) -> list[float]:
    try:
        return [float(word) for word in _words(text) or []]
    except ValueError as error:
        raise InvalidRequest(f"--diversity {text}: give numbers, as in 0,0.1,0.2") from error


def _nothing() -> None:
    """Write nothing afterwards."""
