"""A short run of the crash evidence; the long one is `crash_log` itself."""

import subprocess
import sys


def test_nothing_acknowledged_is_lost_when_processes_are_killed() -> None:
    ask = [sys.executable, "-m", "tests.ratings_log.crash_log", "--kills", "25", "--limits", "9973"]
    done = subprocess.run(ask, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 lost, 0 doubled, 0 invented" in done.stdout
    assert "nothing lost" in done.stdout
