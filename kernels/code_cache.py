"""Where the machine code of kernels is kept: one checked file for each kernel and its types.

This takes the place of numba's own cache, which fails at import where it finds no folder to write
to, does not see an edit in another file than the kernel's, and runs whatever a damaged file holds.
Here a cache is never a reason to fail: what cannot be read is compiled, what cannot be written is
compiled again by the next process.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import pickle
import shutil
import stat
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import caching, compiler, serialize

from reelrecs import config

PREFIX = "reelrecs-kernels-"
"""What the folder of one version of the kernels is called, up to its digest."""

KEPT_VERSIONS = 8
"""Newest versions kept in a place: every edit of a kernel makes another one of some megabytes, and
several interpreters may share a place."""

DIGEST_BYTES = 32

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """A folder that may hold machine code."""

    folder: Path
    private: bool  # in a folder where others may write: trusted only if it is this user's alone


class CodeCache(caching._Cache):  # type: ignore[misc]
    """The machine code of one kernel, in the form numba asks for; see `numba.core.caching`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._code = function.__code__
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        """The place asked first; code may lie in a later one."""
        return next((str(place.folder) for place in places()), None)

    def enable(self) -> None:
        """Use the files again."""
        self._enabled = True

    def disable(self) -> None:
        """Neither read nor write files."""
        self._enabled = False

    def flush(self) -> None:
        """Forget all types compiled so far."""
        for place in places():
            for path in place.folder.glob(f"{_file_stem(self._name)}-*"):
                _remove(path)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The machine code for these types from the first place that has it whole, or None."""
        if not self._enabled:
            return None
        target_context.refresh()
        key = self._key(signature, target_context.codegen())
        for place in places():
            path = place.folder / self._file_name(key)
            payload = read_checked(path) if _trusted(place) else None
            if payload is None:
                continue
            try:
                kept_key, reduced = pickle.loads(payload)
                if kept_key == key:
                    return compiler.CompileResult._rebuild(target_context, *reduced)
            except Exception as error:
                log.warning("%s is not what numba wrote (%r); compiling it anew", path, error)
                _remove(path)
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep the machine code for these types in the first place that can be written."""
        if not self._enabled:
            return
        if compiled.library.has_dynamic_globals or compiled.lifted:
            log.warning("%s cannot be kept: every process compiles it anew", self._name)
            return
        key = self._key(signature, compiled.codegen)
        payload = serialize.dumps((key, compiled._reduce()))
        failures = []
        for place in places():
            try:
                write_checked(place, self._file_name(key), payload)
                return
            except OSError as error:
                failures.append(f"{place.folder}: {error.strerror or error}")
        _warn_once("; ".join(failures) or "there is no place for it")

    def _key(self, signature: Any, codegen: Any) -> tuple[Any, ...]:
        """All that tells one piece of machine code from another, beside the folder it lies in.

        The kernel's own code is for one defined outside this package, as a test's.
        """
        constants = [one for one in self._code.co_consts if not isinstance(one, CodeType)]
        own = hashlib.blake2b(self._code.co_code + repr(constants).encode(), digest_size=16)
        flags = (numba.config.BOUNDSCHECK, numba.config.OPT, numba.config.DEBUGINFO_DEFAULT)
        return signature, codegen.magic_tuple(), own.hexdigest(), str(flags)

    def _file_name(self, key: tuple[Any, ...]) -> str:
        digest = hashlib.blake2b(str(key).encode(), digest_size=12).hexdigest()
        return f"{_file_stem(self._name)}-{digest}.code"


@functools.cache
def places() -> tuple[Place, ...]:
    """Where machine code may lie, in the order asked: the first that can be written gets it.

    $NUMBA_CACHE_DIR where it is set, beside the kernels (a read-only installation may come with
    its code), the user's cache folder, and one of this user's own in the temp folder. There is no
    place for kernels without source files, whose changes could not be told.
    """
    if not _sources():
        return ()
    version = f"{PREFIX}{DIGEST}"
    here = Path(__file__).parent / "__pycache__"
    chosen = Path(numba.config.CACHE_DIR) if numba.config.CACHE_DIR else None
    roots = (chosen, here, config.cache_folder())
    found = [Place(root / version, False) for root in roots if root is not None]
    with contextlib.suppress(OSError):  # there may be no temp folder that can be written
        owner = os.getuid() if hasattr(os, "getuid") else "user"
        root = Path(tempfile.gettempdir()) / f"reelrecs-code-of-{owner}"
        found.append(Place(root / version, True))
    return tuple(found)


def _sources() -> list[Path]:
    return sorted(path for path in Path(__file__).parent.glob("*.py") if path.is_file())


def _digest_of_package() -> str:
    """What changes with any kernel's source and with whatever compiles it.

    Taken when this module is imported: later the files may be of another version than the code.
    """
    digest = hashlib.blake2b(digest_size=10)
    for path in _sources():
        source = path.read_bytes()
        digest.update(f"{path.name} {len(source)} ".encode() + source)
    versions = (numba.__version__, np.__version__, sys.version)
    digest.update(" ".join(versions).encode())
    return digest.hexdigest()


DIGEST = _digest_of_package()


def read_checked(path: Path) -> bytes | None:
    """What was written to the file, or None if it is not there or not what was written."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    payload = content[DIGEST_BYTES:]
    if content[:DIGEST_BYTES] == _checksum(payload):
        return payload
    log.warning("%s is damaged; compiling it anew", path)
    _remove(path)
    return None


def write_checked(place: Place, name: str, payload: bytes) -> None:
    """Write a file whole or not at all, whoever else writes it at the same time."""
    _make(place)
    aside = place.folder / f"{name}.{uuid.uuid4().hex[:12]}"
    try:
        aside.write_bytes(_checksum(payload) + payload)
        os.replace(aside, place.folder / name)
    except BaseException:
        _remove(aside)
        raise


def _make(place: Place) -> None:
    """Make the folder and, if there was none, remove those of older versions beside it."""
    if place.folder.is_dir() and _trusted(place):
        return
    root = place.folder.parent
    root.mkdir(mode=0o700 if place.private else 0o777, parents=True, exist_ok=True)
    if not _trusted(place):
        raise PermissionError(f"{root} is not this user's alone")
    place.folder.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):  # another process may remove them too
        versions = sorted(root.glob(f"{PREFIX}*"), key=lambda one: one.stat().st_mtime)
        for old in versions[:-KEPT_VERSIONS]:
            shutil.rmtree(old, ignore_errors=True)


def _trusted(place: Place) -> bool:
    """Whether nobody else can have written what lies there: unpickling runs it."""
    if not place.private or not hasattr(os, "getuid"):
        return True
    try:
        found = place.folder.parent.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.getuid()
        and stat.S_IMODE(found.st_mode) & 0o077 == 0
    )


def _checksum(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=DIGEST_BYTES).digest()


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.debug("%s stays: %s", path, error)


def _file_stem(name: str) -> str:
    return name.replace("<", "").replace(">", "")


@functools.cache
def _warn_once(why: str) -> None:
    log.warning(
        "machine code cannot be kept (%s), so every process compiles it anew; "
        "let REELRECS_CACHE_DIR name a folder that can be written",
        why,
    )
