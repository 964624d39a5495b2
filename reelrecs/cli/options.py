"""What the commands share: their names, the settings before them, and common options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reelrecs import config
from reelrecs.cli.output import note
from reelrecs.errors import InvalidRequest

if TYPE_CHECKING:
    from reelrecs.engine import Engine

COMPILING = "compiling kernels, once on a machine"
"""What a first request mostly waits for."""

F = TypeVar("F", bound=Callable[..., Any])

COMMANDS = {
    "recommend": ("recommend", "A user's list of movies, ranked and explained."),
    "user": ("user", "What the engine knows of a user."),
    "search": ("search", "Find movies by title."),
    "similar": ("similar", "The movies nearest to one, and why."),
    "rate": ("rate", "Keep ratings that arrive, one or many."),
    "ingest": ("ingest", "Read ratings from a growing file, a pipe or Kafka."),
    "forget": ("forget", "Forget a rating, or all of a user."),
    "compact": ("compact", "Write what has arrived into the store."),
    "batch": ("batch", "Write everybody's lists to one file."),
    "train": ("train", "Make and keep the model of a data set."),
    "models": ("models", "List, show, verify and prune trained models."),
    "serve": ("serve", "Serve recommendations and scores over gRPC."),
    "web": ("web", "Show a page, and answer JSON over HTTP."),
    "health": ("health", "Ask a running service whether it can be asked."),
    "benchmark": ("benchmark", "Send recommend requests and print latencies."),
    "experiments": ("experiments", "What the arms of an experiment have come to."),
    "evaluate": ("evaluate", "Measure the lists beside baselines."),
    "data": ("data", "List, download, examine, build and synthesize data sets."),
    "warmup": ("warmup", "Compile all kernels and build the store ahead of time."),
    "doctor": ("doctor", "Check this installation, the data and the model."),
}
"""Command to (module of reelrecs.cli, one line of help)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options before the command."""

    data_dir: str | None
    models_dir: str
    profile: str | None

    def open_engine(self, scorer: str = config.LOCAL_SCORER, **choices: Any) -> Engine:
        """The engine of these settings; it reads no model before one is needed."""
        from reelrecs.engine import Engine

        return Engine.open(
            self.data_dir,
            models_dir=self.models_dir,
            profile=self.profile,
            scorer=scorer,
            **choices,
        )

    def say_profile(self, engine: Engine) -> None:
        """Say that other people's data taught the ranker, where nobody asked for that."""
        if self.profile is None and engine.profile.name == config.PRETRAINED:
            note("ranked by what other data taught; `reelrecs-fast train` learns from yours")


def format_option(command: F) -> F:
    """--format table|json|csv."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(["table", "json", "csv"]),
        default="table",
        show_default=True,
        help="How to print; csv puts ' before text that a spreadsheet would run.",
    )(command)


def scorer_option(usual: str) -> Callable[[F], F]:
    """--scorer local|embedded|ADDRESS[,ADDRESS]."""
    return click.option(
        "--scorer",
        default=usual,
        show_default=True,
        metavar="local|embedded|ADDRESS[,ADDRESS]",
        help="Who scores: this process, the same over gRPC, or running services.",
    )


def limit_option(command: F) -> F:
    """--limit, whose bounds the engine checks."""
    return click.option(
        "--limit", type=int, default=20, show_default=True, help="Movies in the list, up to all."
    )(command)


def as_of_option(command: F) -> F:
    """--as-of, in seconds since 1970, or None."""
    return click.option(
        "--as-of",
        metavar="DATE",
        callback=lambda context, option, text: None if text is None else _moment(text),
        help="The moment of asking: a date, or seconds since 1970 [default: the data's end].",
    )(command)


def _moment(text: str) -> int:
    from reelrecs.datasets.times import seconds_of_date, whole_number

    seconds = whole_number(text)
    if seconds is None:
        seconds = seconds_of_date(text)
    if seconds is None:
        raise InvalidRequest(f"--as-of {text!r} is no date: write it as 2013-08-17")
    return seconds


def user_option(command: F) -> F:
    """--user-id."""
    return click.option(
        "--user-id", metavar="ID", required=True, help="A user, as the data says it."
    )(command)
