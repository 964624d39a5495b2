"""Every RUN line of deploy/Dockerfile, and what they make, where no container engine is at hand.

    python .ci/container.py

Files stand in a folder that takes the place of the image's root. What was installed is then used as
the image uses it: by its environment, its entry point, its command and its health check, by nobody
in particular where this is root and its Python is for all, and nothing but the volumes is written.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
DOCKERFILE = CHECKOUT / "deploy" / "Dockerfile"
NOBODY = 10001
IN_IMAGE = re.compile(r"(?<![\w/.])/(src|opt|var|tmp)(?=[/\s\"\[:]|$)")


def instructions() -> list[tuple[str, str]]:
    """Name and text of each, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2]) for line in lines]


def placed(text: str, root: Path) -> str:
    """The text with the image's folders in the place of the root's."""
    return IN_IMAGE.sub(lambda found: f"{root}/{found[1]}", text)


def copy_source(root: Path) -> None:
    """What COPY takes, without what deploy/Dockerfile.dockerignore leaves out."""
    left_out = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().split()
    names = [pattern.removeprefix("**/").rpartition("/")[2] or pattern for pattern in left_out]
    shutil.copytree(CHECKOUT, root / "src", symlinks=True, ignore=shutil.ignore_patterns(*names))


def main() -> None:
    """Run it all; raises where anything is not as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        (root / "opt").mkdir()
        (root / "tmp").mkdir(mode=0o1777)
        copy_source(root)
        told = instructions()
        for name, text in told:
            if name == "RUN":
                print(f"RUN {text}", flush=True)
                subprocess.run(["sh", "-ec", placed(text, root)], check=True, stdout=sys.stderr)
        environment = {"LANG": "C.UTF-8", "TMPDIR": str(root / "tmp")}
        for name, text in told:
            if name == "ENV":
                said = placed(text, root).replace("$PATH", os.environ["PATH"])
                environment |= dict(one.split("=", 1) for one in shlex.split(said))
        use(root, dict(told), environment)


def user_of(root: Path) -> dict[str, object]:
    """Nobody in particular, where that can be and may run this Python."""
    nobody: dict[str, object] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    if os.geteuid() != 0:
        return {}
    try:
        subprocess.run([root / "opt/reelrecs/bin/python", "-c", ""], check=True, **nobody)
    except (PermissionError, subprocess.CalledProcessError):
        print("others may not run this Python: used by this user", flush=True)
        return {}
    return nobody


def files_in(folder: Path) -> set[tuple[str, int]]:
    """Each file and when it was written."""
    return {(str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def use(root: Path, told: dict[str, str], environment: dict[str, str]) -> None:
    """Start the command, ask its health until it is well, ask for a list, end it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    choices = {"env": environment, "cwd": root / "var/lib/reelrecs", **user_of(root)}
    entry, command = json.loads(told["ENTRYPOINT"]), json.loads(told["CMD"])
    tool = str(root / "opt/reelrecs/bin" / entry[0])
    check = [*json.loads(told["HEALTHCHECK"].partition("CMD ")[2])[1:], address]
    command[command.index("--address") + 1] = address
    before = files_in(root / "opt")
    with subprocess.Popen([tool, *command], **choices) as serving:
        try:
            end = time.monotonic() + 120
            while subprocess.run([tool, *check], stdout=subprocess.DEVNULL, **choices).returncode:
                assert serving.poll() is None, "it ended by itself"
                assert time.monotonic() < end, "it never got well"
                time.sleep(1)
            ask = [tool, "recommend", "--user-id", "1"]
            asked = subprocess.run(ask, stdout=subprocess.PIPE, text=True, check=True, **choices)
            assert len(asked.stdout.splitlines()) == 21, asked.stdout
            serving.send_signal(signal.SIGTERM)
            assert serving.wait(60) == 0, "it did not end well"
        finally:
            serving.kill()
    assert files_in(root / "opt") == before, "the installation was written to"
    compiled = list((root / "var").rglob("*.code"))
    assert not compiled, f"kernels were compiled again: {compiled[:3]}"
    print("the image's commands do what they are for, and compile nothing")


if __name__ == "__main__":
    main()
