"""The data set that ships inside the package: MovieLens ml-latest-small of October 2016.

100,004 ratings of 9,066 movies by 671 users, in GroupLens's csv layout, under GroupLens's own
conditions (`ml-latest-small/README.txt`). `build_sample.py` beside this file makes it anew.
"""

from __future__ import annotations

from pathlib import Path

SAMPLE: Path = Path(__file__).resolve().parent / "ml-latest-small"
"""Folder of the embedded sample."""
