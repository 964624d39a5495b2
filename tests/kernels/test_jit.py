"""Machine code is kept where it can be, checked before it runs, and never a reason to fail."""

import gc
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.kernels import code_cache
from reelrecs.kernels.jit import as_readonly_contiguous, inner, kernel

NOWHERE = "/dev/null"
"""A folder in which nobody can write, root neither."""

STRANGER = """
import os, pwd
def nobody_of_that_number(number):
    raise KeyError(number)
pwd.getpwuid = nobody_of_that_number
del os.environ["HOME"]
"""
"""As a container may run it: the system knows neither the user nor a home."""

CANNOT_BE_KEPT = r"machine code cannot be kept \(.*; let REELRECS_CACHE_DIR name .*\n"

ASK = """
from reelrecs.kernels.outer import outer
print(outer(20), sum(outer.stats.cache_hits.values()), sum(outer.stats.cache_misses.values()))
"""


def total(values: NDArray[np.float64]) -> float:
    found = 0.0
    for value in values:
        found += value
    return found


class Installation:
    """A package of its own with two kernels in two files, asked by processes of their own."""

    def __init__(self, root: Path) -> None:
        self.kernels = root / "site" / "reelrecs" / "kernels"
        self.home, self.temp = root / "home", root / "temp"
        for folder in (self.kernels, self.home, self.temp):
            folder.mkdir(parents=True)
        (self.kernels.parent / "__init__.py").touch()
        (self.kernels / "__init__.py").touch()
        for module in ("jit.py", "code_cache.py"):
            shutil.copy(Path(code_cache.__file__).parent / module, self.kernels)
        shutil.copy(config.__file__, self.kernels.parent)
        self.write_inner(1)
        (self.kernels / "outer.py").write_text(
            "from reelrecs.kernels.inner import inner\nfrom reelrecs.kernels.jit import kernel\n\n"
            "@kernel\ndef outer(n):\n    return inner(n) + 1\n"
        )

    def write_inner(self, added: int) -> None:
        """Python itself does not see an edit of the same length within a second."""
        for compiled in self.kernels.glob("__pycache__/inner.*.pyc"):
            compiled.unlink()
        (self.kernels / "inner.py").write_text(
            "from reelrecs.kernels.jit import kernel\n\n"
            f"@kernel\ndef inner(n):\n    return 2 * n + {added}\n"
        )

    def begin(self, script: str = ASK, **variables: str) -> subprocess.Popen[str]:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.kernels.parent.parent)}
        places = {"HOME": str(self.home), "TMPDIR": str(self.temp)}
        return subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=self.home,
            env=environment | places | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, script: str = ASK, **variables: str) -> tuple[list[int], str]:
        """The script's numbers (for ASK the result, hits and misses), and what it complained of."""
        process = self.begin(script, **variables)
        try:
            out, complaints = process.communicate(timeout=120)
        finally:
            process.kill()
        assert process.returncode == 0, complaints
        return [int(number) for number in out.split()], complaints

    def close_package(self) -> None:
        """Let nothing be written beside the kernels, as in a read-only installation."""
        shutil.rmtree(self.kernels / "__pycache__", ignore_errors=True)
        (self.kernels / "__pycache__").touch()


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def code_in(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"**/{code_cache.PREFIX}*/*"))


def test_a_second_process_finds_what_the_first_has_compiled(installation: Installation) -> None:
    assert installation.ask() == ([42, 0, 1], "")
    assert len(code_in(installation.kernels / "__pycache__")) == 2
    assert installation.ask() == ([42, 1, 0], "")
    assert code_in(installation.home) == code_in(installation.temp) == []


def test_an_edit_in_another_file_is_seen(installation: Installation) -> None:
    assert installation.ask() == ([42, 0, 1], "")
    installation.write_inner(added=3)
    assert installation.ask() == ([44, 0, 1], "")


def test_a_folder_the_person_chose_comes_first(installation: Installation) -> None:
    chosen = installation.home / "chosen"
    for hits in (0, 1):
        assert installation.ask(NUMBA_CACHE_DIR=str(chosen)) == ([42, hits, 1 - hits], "")
    assert len(code_in(chosen)) == 2
    assert not list(installation.kernels.glob(f"__pycache__/{code_cache.PREFIX}*"))


@pytest.mark.parametrize("variable", ["REELRECS_CACHE_DIR", "HOME"])
def test_a_read_only_installation_keeps_code_for_the_user(
    installation: Installation, variable: str
) -> None:
    installation.close_package()
    for hits in (0, 1):
        where = str(installation.home / "mine")
        assert installation.ask(**{variable: where}) == ([42, hits, 1 - hits], "")
    assert len(code_in(installation.home / "mine")) == 2
    assert code_in(installation.temp) == []


@pytest.mark.parametrize("before", ["", STRANGER])
def test_without_a_home_code_is_kept_in_a_folder_that_no_other_user_can_enter(
    installation: Installation, before: str
) -> None:
    installation.close_package()
    for hits in (0, 1):
        assert installation.ask(before + ASK, HOME=NOWHERE) == ([42, hits, 1 - hits], "")
    assert len(code_in(installation.temp)) == 2
    assert not list(installation.home.iterdir())
    (own,) = installation.temp.iterdir()
    assert stat.S_IMODE(own.stat().st_mode) == 0o700


def test_code_that_others_could_have_written_is_not_run(installation: Installation) -> None:
    installation.close_package()
    installation.ask(HOME=NOWHERE)
    (own,) = installation.temp.iterdir()
    own.chmod(0o770)
    numbers, complaint = installation.ask(HOME=NOWHERE)
    assert numbers == [42, 0, 1]
    assert "is not this user's alone" in complaint


def test_where_nothing_can_be_written_kernels_work_and_one_line_says_why(
    installation: Installation,
) -> None:
    installation.close_package()
    script = f"import tempfile; tempfile.tempdir = {NOWHERE!r}\n{ASK}"
    for _ in range(2):
        numbers, complaint = installation.ask(script, HOME=NOWHERE)
        assert numbers == [42, 0, 1]
        assert re.fullmatch(
            r"machine code cannot be kept \(.*; let REELRECS_CACHE_DIR name .*\n", complaint
        )


def test_a_full_disk_stops_nobody(installation: Installation) -> None:
    """A limit on the size of files stands for the disk: writing fails in the midst of a file."""
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
    numbers, complaint = installation.ask(limit + ASK, PYTHONDONTWRITEBYTECODE="1")
    assert numbers == [42, 0, 1]
    assert re.fullmatch(
        r"machine code cannot be kept \(.*; let REELRECS_CACHE_DIR name .*\n", complaint
    )
    assert code_in(installation.kernels) == code_in(installation.home) == []


def test_processes_that_compile_at_once_do_each_other_no_harm(installation: Installation) -> None:
    processes = [installation.begin() for _ in range(4)]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [(out.split()[0], errors) for out, errors in answers] == [("42", "")] * 4
    assert len(code_in(installation.kernels)) == 2
    assert installation.ask() == ([42, 1, 0], "")


def test_kernels_are_plain_functions_where_numba_is_switched_off(
    installation: Installation,
) -> None:
    script = "from reelrecs.kernels.outer import outer\nprint(outer(20))"
    assert installation.ask(script, NUMBA_DISABLE_JIT="1") == ([42], "")


def test_a_child_forked_while_another_thread_compiles_can_compile_too(
    installation: Installation,
) -> None:
    script = """
import os, signal, threading, time
from numba.core.compiler_lock import global_compiler_lock
from reelrecs.kernels.inner import inner

locked = threading.Event()

def compile_long():
    with global_compiler_lock:
        locked.set()
        time.sleep(0.5)

threading.Thread(target=compile_long).start()
locked.wait()
child = os.fork()
if child == 0:
    os._exit(inner(20))
for _ in range(300):
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        break
    time.sleep(0.1)
else:
    os.kill(child, signal.SIGKILL)
    raise SystemExit("the child hangs")
print(os.waitstatus_to_exitcode(status))
"""
    assert installation.ask(script) == ([41], "")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that this process keeps its machine code in."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    code_cache.places.cache_clear()
    yield tmp_path
    code_cache.places.cache_clear()


def compiled_anew() -> bool:
    """Whether a new kernel of the same source had to be compiled; it is right in either case."""
    fresh: Any = kernel(total)
    assert fresh(np.arange(5.0)) == 10.0
    return bool(fresh.stats.cache_misses)


def flip(at: float, bit: int) -> Callable[[bytes], bytes]:
    """Flip one bit at this share of the file's length."""

    def flipped(content: bytes) -> bytes:
        place = int(at * (len(content) - 1))
        return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]

    return flipped


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: bytes(len(content)),
        *(flip(at, bit) for bit, at in enumerate(np.linspace(0, 1, 8))),
    ],
)
def test_damaged_code_is_made_anew(
    place: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[bytes], bytes]
) -> None:
    assert compiled_anew()
    assert not compiled_anew()
    (path,) = code_in(place)
    good = path.read_bytes()
    path.write_bytes(damage(good))
    with caplog.at_level(logging.WARNING):
        assert compiled_anew()
    (record,) = caplog.records
    assert record.getMessage() == f"{path} is damaged; compiling it anew"
    assert not compiled_anew()
    assert code_in(place) == [path]


def test_a_whole_file_of_something_else_is_made_anew(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert compiled_anew()
    (path,) = code_in(place)
    code_cache.write_checked(code_cache.places()[0], path.name, b"no pickle")
    assert compiled_anew()
    assert "is not what numba wrote" in caplog.text
    assert not compiled_anew()


def test_whoever_reads_while_others_write_finds_a_whole_file(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = code_cache.places()[0]
    payloads = [bytes([number]) * 200_000 for number in range(6)]
    code_cache.write_checked(here, "some.code", payloads[0])

    def write_and_read(payload: bytes) -> set[bytes | None]:
        found = set()
        for _ in range(30):
            code_cache.write_checked(here, "some.code", payload)
            found.add(code_cache.read_checked(here.folder / "some.code"))
        return found

    with ThreadPoolExecutor(len(payloads)) as threads:
        found = set().union(*threads.map(write_and_read, payloads))
    assert found <= set(payloads)
    assert not caplog.records
    assert [path.name for path in code_in(place)] == ["some.code"]


def test_code_is_forgotten_on_demand(place: Path) -> None:
    fresh: Any = kernel(total)
    fresh(np.arange(5.0))
    fresh.recompile()
    assert fresh.stats.cache_hits.total() == 0
    assert len(code_in(place)) == 1


def test_only_the_newest_versions_of_a_place_are_kept(place: Path) -> None:
    old = [place / f"{code_cache.PREFIX}{age:02}" for age in range(1, 20)]
    other = place / "other"
    for age, folder in enumerate([*old, other], 1):
        folder.mkdir()
        (folder / "some.code").write_bytes(b"old")
        os.utime(folder, (1e9 - age, 1e9 - age))
    assert compiled_anew()
    left = [folder for folder in old if folder.exists()]
    assert left == old[: code_cache.KEPT_VERSIONS - 1]
    assert other.exists()


def test_arrays_are_shown_the_same_but_read_only_and_contiguous() -> None:
    numbers = np.arange(12).reshape(3, 4)
    ours, part = as_readonly_contiguous(numbers, numbers[:, ::2])
    assert (ours == numbers).all()
    assert (part == numbers[:, ::2]).all()
    assert ours.flags.c_contiguous
    assert part.flags.c_contiguous
    assert not ours.flags.writeable
    assert not part.flags.writeable
    assert numbers.flags.writeable


def test_what_only_kernels_call_has_no_way_in_from_python() -> None:
    @inner
    def twice(number: int) -> int:
        return 2 * number

    @numba.njit  # type: ignore[untyped-decorator]
    def outer(number: int) -> int:
        return twice(number) + 1

    for _ in range(2):
        with pytest.raises(TypeError, match="only kernels call this function"):
            twice(3)
        assert outer(3) == 7


def test_garbage_is_collected_again_once_numba_has_compiled() -> None:
    assert gc.isenabled()

    @kernel
    def fails(values: NDArray[np.float64]) -> float:
        return values.no_such_thing  # type: ignore[attr-defined, no-any-return]

    with pytest.raises(numba.TypingError):
        fails(np.zeros(1))
    assert gc.isenabled()
    gc.disable()
    try:
        numba.njit(lambda number: number + 1)(1)
        assert not gc.isenabled(), "whoever has turned it off keeps it off"
    finally:
        gc.enable()
