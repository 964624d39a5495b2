"""Data sets over https: resumed after a break, checked by digest before anything is unpacked."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from reelrecs.atomic_write import storage_error
from reelrecs.datasets.fetch.registry import Entry, find
from reelrecs.datasets.fetch.unpack import require_space, unpack
from reelrecs.errors import DownloadError, StorageError

ATTEMPTS = 5
"""Tries in a row that may each bring less than a block before giving up."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds before the second try, doubled for each further one up to the longest."""

SILENCE = 30.0
"""Seconds without a byte after which a connection counts as broken."""

BLOCK = 1 << 18
"""Most bytes read at once, and least that make a try worth while: bounds the number of tries."""

GROWTH = 4
"""Times its listed size a zip may have: "latest" grows, but an endless answer must end."""

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be better next time."""

Progress = Callable[[int, int | None], None]


class _Broken(Exception):
    """The connection ended early; what came stays for the next try."""


class _Partial(NamedTuple):
    """A download under way: its bytes so far and what identifies the whole."""

    path: Path
    tag: Path

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() and self.tag.exists() else 0

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self.tag.unlink(missing_ok=True)


def download(
    name: str,
    folder: Path,
    mirror: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Path:
    """Get a data set and unpack it below `folder`; returns its folder, at once if it is there.

    `mirror` replaces GroupLens's address, by an http or https folder that holds the zip. Raises
    InvalidRequest for an unknown name, DownloadError and StorageError.
    """
    entry = find(name)
    target = folder / entry.folder
    if target.is_dir():
        return target
    if target.exists():
        raise StorageError(f"{target} is a file; move it away or choose another folder")
    if mirror is not None and not mirror.startswith(("https://", "http://")):
        raise DownloadError(f"{mirror!r} is no http or https address of a folder")
    partial = _Partial(folder / f".{entry.file}.partial", folder / f".{entry.file}.partial.tag")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one(folder / f".{entry.file}.lock"):
            _fetch(entry, entry.address(mirror), partial, progress)
            _check_digest(entry, partial)
            try:
                unpack(partial.path, entry.folder, target)
            except DownloadError:
                partial.drop()
                raise
            partial.drop()
    except OSError as error:
        raise storage_error(folder, error) from error
    return target


def _fetch(entry: Entry, address: str, partial: _Partial, progress: Progress) -> None:
    """Bring the partial file to its full length, in as many tries as bring it forward."""
    fruitless, pause = 0, FIRST_PAUSE
    while True:
        before = partial.size()
        try:
            _continue(entry, address, partial, progress)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in RETRIED:
                raise DownloadError(
                    f"{address} answers {error.code} {error.reason}; try another --mirror"
                ) from error
            reason = f"it answers {error.code}"
        except urllib.error.URLError as error:
            reason = str(error.reason)
        except (_Broken, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = str(error) or type(error).__name__
        fruitless = 0 if partial.size() >= before + BLOCK else fruitless + 1
        if fruitless >= ATTEMPTS:
            raise DownloadError(
                f"cannot get {address} ({' '.join(reason.split())}); without a network, bring "
                f"{entry.file} from elsewhere and name it with --data-dir"
            )
        time.sleep(pause if fruitless else FIRST_PAUSE)
        pause = min(2 * pause, LONGEST_PAUSE) if fruitless else FIRST_PAUSE


def _continue(entry: Entry, address: str, partial: _Partial, progress: Progress) -> None:
    """One request for what is missing; returns when the file is whole, else raises _Broken."""
    have = partial.size()
    request = urllib.request.Request(address, headers={"User-Agent": "reelrecs"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", partial.tag.read_text())
    try:
        response = _opener().open(request, timeout=SILENCE)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            if have and error.headers.get("Content-Range") == f"bytes */{have}":
                return
            partial.drop()
            raise _Broken("the server has another file now") from error
        raise
    with response:
        if response.status == 206:
            start = response.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
            if start != str(have):
                partial.drop()
                raise _Broken("the server continued elsewhere")
        else:
            have = 0
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isascii() and length.isdigit() else None
        if (total or 0) > GROWTH * entry.size:
            raise DownloadError(f"{address} has {total:,} bytes and is no {entry.file}")
        require_space(partial.path.parent, (total or entry.size) - have)
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
        partial.tag.unlink(missing_ok=True)
        if tag and not tag.startswith("W/"):
            partial.tag.write_text(tag)
        with partial.path.open("ab" if have else "wb") as file:
            done = _copy(response, file, have, total, GROWTH * entry.size, progress)
    if total is not None and done < total:
        raise _Broken(f"the connection ended after {done:,} of {total:,} bytes")


def _copy(
    response: Any, file: IO[bytes], done: int, total: int | None, most: int, progress: Progress
) -> int:
    progress(done, total)
    while block := response.read1(BLOCK):
        file.write(block)
        done += len(block)
        progress(done, total)
        if done > most:
            raise DownloadError(f"the server sent more than {most:,} bytes; nothing was unpacked")
    return done


def _check_digest(entry: Entry, partial: _Partial) -> None:
    with partial.path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if entry.md5 and found != entry.md5:
        partial.drop()
        raise DownloadError(
            f"{entry.file} has MD5 {found}, not {entry.md5}; nothing was unpacked: "
            "try again or another --mirror"
        )


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold a lock against other processes with the same download, where the system has one."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadError(f"{path.parent}: this download is under way already") from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to something less."""

    def redirect_request(
        self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, new: Any
    ) -> Any:
        if req.full_url.startswith("https:") and not new.startswith("https:"):
            raise DownloadError(f"{req.full_url} leads to {new[:80]}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, new)


def _opener() -> urllib.request.OpenerDirector:
    """Follows the proxy variables as they are now."""
    return urllib.request.build_opener(_NoDowngrade)
