"""Named cases, timed: `python -m reelrecs.bench` prints them, `pytest bench/` runs them too."""
