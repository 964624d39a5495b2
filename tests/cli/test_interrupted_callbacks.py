"""Ctrl-C and SIGTERM that arrive inside a callback from C, whence Python cannot raise them."""

import subprocess
import sys

import pytest

INSIDE_A_CALLBACK = """
import ctypes
import reelrecs.cli

@ctypes.CFUNCTYPE(None)
def callback():
    {}

def command(words):
    callback()
    return 7

reelrecs.cli._command = command
reelrecs.cli.main(["doctor"])
"""


@pytest.mark.parametrize(
    ("what", "code", "told"),
    [
        ("raise KeyboardInterrupt", 130, "reelrecs-fast: interrupted\n"),
        ("raise SystemExit(0)", 0, ""),
        ("raise SystemExit", 1, ""),
        ("raise ValueError('of somebody else')", 7, "ValueError: of somebody else\n"),
    ],
)
def test_the_wish_to_end_is_heard_in_a_callback(what: str, code: int, told: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INSIDE_A_CALLBACK.format(what)],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr[-len(told) :] if told else ended.stderr) == (code, told)


def test_ctrl_c_waits_until_a_kernel_has_what_it_calls_for() -> None:
    """Numba's machine code does not look whether what it calls in Python raised."""
    code = (
        "import signal, sys, time\n"
        "from numba.core.serialize import _numba_unpickle\n"
        "import reelrecs.cli as cli\n"
        "assert _numba_unpickle.__name__ == cli.BY_KERNELS\n"
        "def _numba_unpickle():\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    return 'whole'\n"
        "def command(words):\n"
        "    print(_numba_unpickle(), flush=True)\n"
        "    time.sleep(30)\n"
        "cli._command = command\n"
        "try:\n"
        "    cli.main([])\n"
        "except KeyboardInterrupt:\n"
        "    print('then raised')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.split("\n") == ["whole", "then raised", ""], done.stderr
