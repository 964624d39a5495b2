"""Whatever ids look like, the lists are the same; and everybody is answered for themselves."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelrecs.batch import read_user_ids, write_lists
from reelrecs.cli import run
from reelrecs.datasets.ids import Id, Ids
from reelrecs.engine import Engine
from reelrecs.errors import DataError, InvalidRequest, NotFound
from reelrecs.histories import History
from reelrecs.pipeline.candidates import Candidates
from reelrecs.store import arrow_file
from reelrecs.store.build import build_store, store_of
from reelrecs.store.store import Store
from reelrecs.store.subset import restrict
from tests.asking import lists_of
from tests.models import learned_model_of
from tests.worlds import random_triples, renamed, tables_of

TABLES = tables_of(random_triples(4), 70)
PLAIN = store_of(TABLES, "world")

Naming = Callable[[int], Id]

ASCENDING: dict[str, Naming] = {
    "numbers of 64 bits": lambda n: n * 10**17 - 3 * 10**18,
    "leading zeros": lambda n: f"{n:07d}",
    "letters": lambda n: f"u{n:03d}",
    "beyond 64 bits": lambda n: str(10**30 + n),
    "other alphabets": lambda n: f"Ж{chr(0x4E00 + n)}",
    "beyond the basic plane": lambda n: "\U0001f3ac" + chr(0x10000 + n),
    "what csv quotes": lambda n: f'"a, b"\t{n:03d}',
}
"""Names that keep the order of the numbers."""


def lists(engine: Engine) -> list[Candidates]:
    """Everybody's list, with scores and terms, over rows."""
    return lists_of(engine.pipeline, [engine.query_of_row(row, 9) for row in range(40)])


def same(one: Sequence[Candidates], other: Sequence[Candidates]) -> bool:
    return all(
        np.array_equal(a.movies, b.movies)
        and np.array_equal(a.scores, b.scores)
        and np.array_equal(a.terms.values, b.terms.values)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("users", ASCENDING)
@pytest.mark.parametrize("movies", ["letters", "numbers of 64 bits"])
def test_ids_in_the_same_order_change_no_list(users: str, movies: str) -> None:
    store = store_of(renamed(TABLES, ASCENDING[users], ASCENDING[movies]), "world")
    assert (store.user_ids.is_text, store.movie_ids.is_text) == (
        users != "numbers of 64 bits", movies == "letters"
    )  # fmt: skip
    with Engine(PLAIN) as plain, Engine(store) as engine:
        assert same(lists(plain), lists(engine))
        for number in (1, 17, 40):
            told = engine.recommend(ASCENDING[users](number), 5)
            usual = plain.recommend(number, 5)
            assert told.user_id == ASCENDING[users](number)
            assert [item.movie.movie_id for item in told] == [
                ASCENDING[movies](item.movie.movie_id) for item in usual
            ]


def test_ids_in_the_same_order_change_no_learned_list() -> None:
    store = store_of(renamed(TABLES, ASCENDING["letters"], ASCENDING["leading zeros"]), "world")
    with (
        Engine(PLAIN, model=learned_model_of(PLAIN)) as plain,
        Engine(store, model=learned_model_of(store)) as engine,
    ):
        assert same(lists(plain), lists(engine))


@pytest.mark.parametrize("seed", range(3))
def test_ids_in_another_order_change_only_ties(seed: int) -> None:
    """Movies of distinct scores keep their places; sums are added up in another order."""
    rng = np.random.default_rng(seed)
    users, movies = rng.permutation(41), rng.permutation(71)
    store = store_of(renamed(TABLES, lambda n: f"u{users[n]}", lambda n: int(movies[n])), "world")
    numbers = {int(movies[n]): n for n in range(1, 71)}
    with Engine(PLAIN, diversity=0.0) as plain, Engine(store, diversity=0.0) as engine:
        for user in range(1, 41):
            usual = plain.recommend(user, 70)
            told = engine.recommend(f"u{users[user]}", 70)
            scores = np.array([item.score for item in usual])
            np.testing.assert_allclose([item.score for item in told], scores, atol=1e-5)
            apart = np.abs(np.diff(scores)) > 1e-4
            alone = np.append(True, apart) & np.append(apart, True)
            for place in np.flatnonzero(alone):
                meant = numbers[told[place].movie.movie_id]
                assert meant == usual[place].movie.movie_id


@settings(max_examples=15)
@given(st.sets(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=6),
               min_size=70, max_size=70))  # fmt: skip
def test_any_text_ids_change_rows_and_nothing_else(words: set[str]) -> None:
    names = sorted(words)
    names = names[35:] + names[:35]  # in another order than the numbers
    store = store_of(renamed(TABLES, lambda n: names[n - 1], lambda n: names[n - 1]), "world")
    for number in range(1, 41):
        row, usual = store.user_row(names[number - 1]), PLAIN.user_row(number)
        rated, meant = store.by_user.row(row), PLAIN.by_user.row(usual)
        assert store.movie_ids.at(store.by_user.movies[rated]) == [
            names[movie - 1] for movie in PLAIN.movie_ids.at(PLAIN.by_user.movies[meant])
        ]
        assert store.by_user.ratings[rated].tolist() == PLAIN.by_user.ratings[meant].tolist()
    for number in range(1, 71):
        title = store.raw_title(store.movie_row(names[number - 1]))
        assert title == PLAIN.raw_title(PLAIN.movie_row(number))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose users are u1, u10, u2, ... and whose movies are 01, 02, ..."""
    path = tmp_path_factory.mktemp("text") / "text.arrow"
    build_store(path, "text", renamed(TABLES, "u{}".format, "{:02d}".format))
    return path


def test_a_store_of_text_ids_is_read_as_written(path: Path) -> None:
    store = Store.read(path)
    assert list(store.user_ids) == sorted(f"u{n}" for n in range(1, 41))
    arrays, metadata = arrow_file.read(path)
    assert arrays["user_ids"].type == arrays["movie_ids"].type == pa.large_string()
    assert metadata["format"] == "reelrecs.store/5"
    rest = restrict(store, store.by_user.owners() != store.user_row("u10"))
    assert list(rest.user_ids) == [one for one in store.user_ids if one != "u10"]


def test_everybody_is_answered_for_themselves(path: Path) -> None:
    with Engine.open(path) as engine:
        for user_id in ("u1", "u10", "u2"):
            rated = engine.user(user_id, recent=100)
            assert rated.user_id == user_id
            number = int(user_id[1:])
            usual = PLAIN.movie_ids.at(PLAIN.by_user.movies[PLAIN.by_user.row(number - 1)])
            assert [int(str(movie.movie_id)) for movie in rated.recent] == usual[::-1]
        assert engine.similar("07").movie.movie_id == "07"
        assert engine.recommend_for(History(["07", "01"], [5.0, 3.0]), 3).user_id is None
        assert engine.store.movie_row(10) == engine.store.movie_row("10")
        with pytest.raises(NotFound, match="no user 10 in text: its 40 users have ids from u1 to "):
            engine.recommend(10)
        with pytest.raises(NotFound, match="no movie 7 in text"):
            engine.similar(7)
        for wrong in (None, 1.0, True, b"u1"):
            with pytest.raises(InvalidRequest, match="ids of this data are text such as u1"):
                engine.recommend(wrong)


def test_a_batch_joins_back_to_the_file(path: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "users.txt"
    chosen.write_text("u10\r\n u2 \nu1\nu10\n")
    output = tmp_path / "lists.parquet"
    with Engine.open(path) as engine:
        users = read_user_ids(engine, chosen)
        assert users == ["u10", "u2", "u1"]
        write_lists(engine, output, 3, users)
        expected = [
            (user_id, item.rank, item.movie.movie_id)
            for user_id in users
            for item in engine.recommend(user_id, 3)
        ]
        chosen.write_text("u1\nu99\n")
        with pytest.raises(NotFound, match="line 2: no user u99"):
            read_user_ids(engine, chosen)
        chosen.write_text("\n")
        with pytest.raises(DataError, match="holds no user ids"):
            read_user_ids(engine, chosen)
    table = pq.read_table(output)
    assert [table.schema.field(name).type for name in ("user_id", "movie_id")] == [pa.string()] * 2
    rows = table.to_pylist()
    assert [(row["user_id"], row["rank"], row["movie_id"]) for row in rows] == expected


@pytest.mark.parametrize("name", ASCENDING)
def test_csv_and_json_lines_hold_what_parquet_holds(name: str, tmp_path: Path) -> None:
    store = store_of(renamed(TABLES, ASCENDING[name], ASCENDING[name]), "world")
    with Engine(store) as engine:
        for suffix in ("parquet", "csv", "jsonl"):
            write_lists(engine, tmp_path / f"lists.{suffix}", 3)
    rows = pq.read_table(tmp_path / "lists.parquet").to_pylist()
    lines = (tmp_path / "lists.jsonl").read_text(encoding="utf-8").split("\n")
    assert [json.loads(line) for line in lines[:-1]] == rows
    with (tmp_path / "lists.csv").open(encoding="utf-8", newline="") as file:
        for row, line in zip(rows, csv.DictReader(file), strict=True):
            score = np.float32(line.pop("score"))
            assert score == np.float32(row.pop("score"))
            assert line == {column: str(value) for column, value in row.items()}


def test_the_command_line_takes_and_prints_ids_as_they_are(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*command: str) -> str:
        assert run(["--data-dir", str(path), *command]) == 0
        return capsys.readouterr().out

    for user_id in ("u1", "u10"):
        asked = ("recommend", "--user-id", user_id, "--limit", "3", "--scorer", "local")
        document = json.loads(told(*asked, "--format", "json"))
        assert document["user_id"] == user_id
        ids = [row["movie_id"] for row in document["recommendations"]]
        rows = list(csv.DictReader(told(*asked, "--format", "csv").splitlines()))
        assert [row["movie_id"] for row in rows] == ids
        assert all(isinstance(one, str) and len(one) == 2 for one in ids)
        known = json.loads(told("user", "--user-id", user_id, "--format", "json"))
        assert known["user_id"] == user_id
    near = json.loads(told("similar", "--movie-id", "07", "--format", "json"))
    assert near["movie"]["movie_id"] == "07"
    facts = json.loads(told("data", "info", "--format", "json"))
    assert (facts["user_ids"], facts["movie_ids"]) == ("text, u1 to u9", "text, 01 to 70")
    assert run(["--data-dir", str(path), "recommend", "--user-id", "10"]) == 4
    assert "no user 10 in text" in capsys.readouterr().err


def test_ids_that_are_numbers_are_given_as_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ("u1", "1.0", "007", ""):
        assert run(["recommend", "--user-id", wrong]) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert said == f"reelrecs-fast: id {wrong!r}: ids of this data are whole numbers such as 1"
    assert run(["user", "--user-id", "-5"]) == 4
    assert run(["similar", "--movie-id", str(10**40)]) == 4


def test_a_movie_without_a_table_is_shown_by_its_id() -> None:
    tables = renamed(TABLES, "u{}".format, "B{:04d}".format)
    store = store_of(type(tables)(tables.ratings, None), "world")
    assert store.all_titles == list(store.movie_ids)
    assert Ids(store.arrays["movie_ids"]) == store.movie_ids


def test_a_table_of_numbers_meets_ratings_of_text() -> None:
    mixed = renamed(TABLES, lambda n: n, str)
    tables = type(mixed)(mixed.ratings, TABLES.movies)
    store = store_of(tables, "world")
    assert store.movie_ids.is_text
    assert store.raw_title(store.movie_row("10")) == PLAIN.raw_title(PLAIN.movie_row(10))
    twice = renamed(TABLES, lambda n: n, lambda n: n // 2)
    with pytest.raises(DataError, match="names a movie twice"):
        store_of(twice, "world")
    absent = type(mixed)(renamed(TABLES, lambda n: n, lambda n: f"x{n}").ratings, TABLES.movies)
    with pytest.raises(DataError, match=r"\d+ rated movies are not in the movie table, the first"):
        store_of(absent, "world")
