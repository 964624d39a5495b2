"""docs/live-ratings.md: its program runs, and keeps each row of a database once."""

import re
import sqlite3
from pathlib import Path

import pytest

from tests.ingest.test_run import logged_users

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "live-ratings.md").read_text()


def test_the_program_keeps_each_row_of_a_database_once(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    mine.rename("data/shop")
    with sqlite3.connect("shop.db") as database:
        database.execute("CREATE TABLE ratings (id INTEGER PRIMARY KEY, user, movie, stars, at)")
    for first, last in [(0, 2500), (2500, 2510), (2510, 2510)]:
        with sqlite3.connect("shop.db") as database:
            rows = [(5000 + number, 1, 4.0, 1577836800) for number in range(first, last)]
            insert = "INSERT INTO ratings (user, movie, stars, at) VALUES (?, ?, ?, ?)"
            database.executemany(insert, rows)
        database.close()
        exec(program, {})
    assert logged_users(Path("data/shop")) == list(range(5000, 7510))
