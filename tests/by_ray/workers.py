"""The processes of this test's cluster that work."""

import os
import re
from pathlib import Path


def workers() -> list[int]:
    """Processes of this test's cluster that were given work."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            named = folder.name.isdecimal() and b"MapWorker" in (folder / "cmdline").read_bytes()
            if named and os.getpid() in ancestors(int(folder.name)):
                found.append(int(folder.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


def ancestors(process: int) -> list[int]:
    above = []
    while process > 1:
        status = Path(f"/proc/{process}/status").read_text()
        process = int(re.search(r"^PPid:\s+(\d+)", status, re.MULTILINE)[1])
        above.append(process)
    return above
