"""The command line: `reelrecs-fast COMMAND`. Nothing heavy is imported until a command runs."""

from __future__ import annotations

import _thread
import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

import click

from reelrecs.cli.options import COMMANDS, Settings
from reelrecs.cli.output import listen, note, note_lines, printing
from reelrecs.config import PROFILES
from reelrecs.errors import ReelRecsError, StorageError

BY_KERNELS = "_numba_unpickle"
"""What numba's machine code calls in Python to tell a named tuple; it does not look for errors."""

ASK_AGAIN = 0.001
"""Seconds after which a Ctrl-C that came there is raised."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""


class _LazyGroup(click.Group):
    """Knows every command's name and one-line help without importing its module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _ = COMMANDS[name]
        command = getattr(importlib.import_module(f"reelrecs.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=_LazyGroup,
    context_settings={"auto_envvar_prefix": "REELRECS", "help_option_names": ["-h", "--help"]},
)
@click.option(
    "--data-dir",
    metavar="DIR",
    help="Folder in a MovieLens layout, or its zip [default: ./data/ml-1m, else the sample].",
)
@click.option(
    "--models-dir", metavar="DIR", default="models", show_default=True, help="Trained models."
)
@click.option(
    "--threads", type=click.IntRange(min=1), help="Threads for the kernels [default: all cores]."
)
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    help="Whose lists [default: learned where `train` has been run, else pretrained].",
)
@click.version_option(package_name="reelrecs", message="reelrecs-fast %(version)s")
@click.pass_context
def cli(
    ctx: click.Context,
    data_dir: str | None,
    models_dir: str,
    threads: int | None,
    profile: str | None,
) -> None:
    """Movie recommendations from a ratings file: ranked, explained, fast.

    Every option can also be set by a variable: --data-dir by REELRECS_DATA_DIR, recommend's
    --limit by REELRECS_RECOMMEND_LIMIT.

    Exit codes: 0 done, 1 failed, 2 bad request, 3 data, 4 not found, 5 model, 6 scorer,
    7 storage, 8 address, 9 download, 130 interrupted.
    """
    if threads is not None:
        from reelrecs.kernels.pool import ThreadBudget

        ctx.with_resource(ThreadBudget(threads).active())
    ctx.obj = Settings(data_dir, models_dir, profile)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code; every expected failure is one line on stderr."""
    sys.unraisablehook = _unraisable
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a reader that goes away early is no failure."""
    listen()
    words = list(sys.argv[1:] if arguments is None else arguments)
    code, fault = printing(lambda: _command(words))
    if fault is None or isinstance(fault, BrokenPipeError):
        return code
    reason = (fault.strerror or str(fault)).lower()
    return _failed(f"cannot write the output: {reason}; send it elsewhere", StorageError.exit_code)


def _command(words: list[str]) -> int:
    """The command's exit code; raises OSError where its output cannot be written."""
    try:
        with cli.make_context("reelrecs-fast", words) as context:
            result: Any = cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except ReelRecsError as error:
        return _failed(str(error), error.exit_code)
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        note_lines(told.getvalue())
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _failed("interrupted", INTERRUPTED)
    return result if isinstance(result, int) else 0


def _interrupt(_number: int, frame: FrameType | None) -> None:
    """Ctrl-C, but never in what a kernel calls: the process would die of it."""
    while frame is not None:
        if frame.f_code.co_name == BY_KERNELS:
            threading.Timer(ASK_AGAIN, _thread.interrupt_main).start()
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _unraisable(lost: sys.UnraisableHookArgs) -> None:
    """End at once where the wish to end cannot be raised, as in a callback of the compiler.

    Python would print it and go on compiling. What is then left undone is what is left by a kill,
    and later runs clear it away.
    """
    if isinstance(lost.exc_value, SystemExit):
        os._exit(lost.exc_value.code if isinstance(lost.exc_value.code, int) else 1)
    if isinstance(lost.exc_value, KeyboardInterrupt):
        os._exit(_failed("interrupted", INTERRUPTED))
    sys.__unraisablehook__(lost)


def _failed(message: str, code: int) -> int:
    note(message)
    return code
