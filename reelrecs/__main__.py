"""`python -m reelrecs` is `reelrecs-fast`."""

from reelrecs.cli import main

main()
