"""`python -m reelrecs` is `reelrecs-fast`."""

from reelrecs.cli import main

if __name__ == "__main__":  # worker processes import this file
    main()
