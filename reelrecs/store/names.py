"""Names of data sets as parts of file names: a name may come from a file and say anything."""

from __future__ import annotations

import hashlib
import os

LONGEST = 80
"""Bytes of a name that go into a file name; file systems take 255 in all."""


def safe_name(name: str) -> str:
    """The name without what a path could be made of: no separators, no dots at the ends."""
    plain = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
    return plain.encode()[:LONGEST].decode(errors="ignore").strip(".") or "data"


def file_stem(name: str, origin: str) -> str:
    """A file name's beginning for this data set, which one of the same name elsewhere has not.

    `origin` tells the two apart: the path a data set was read from.
    """
    place = hashlib.blake2b(os.fsencode(origin), digest_size=6).hexdigest()
    return f"{safe_name(name)}-{place}"
