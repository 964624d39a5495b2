"""The options that say what may be on a list, and the question why a movie is not."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from reelrecs.cli import run
from reelrecs.constraints import Constraints
from reelrecs.engine import Engine

ASK = ["--profile", "fixed", "recommend", "--user-id", "15", "--scorer", "local"]


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run([*ASK, *arguments, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def ids(told: Any) -> list[int]:
    return [one["movie_id"] for one in told["recommendations"]]


def test_every_option_means_what_the_engine_means(
    sample_engine: Engine,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("some.txt").write_text("1201\n 924 \n")
    for options, wanted in [
        (["--allow", "some.txt", "--include-seen"], {"allow": [1201, 924], "include_seen": True}),
        (
            ["--allow", "1201, 924", "--allow", "32", "--include-seen"],
            {"allow": [1201, 924, 32], "include_seen": True},
        ),
        (
            ["--deny", "some.txt", "--genre", "western"],
            {"deny": [1201, 924], "genres": ["Western"]},
        ),
        (
            ["--genre", "Comedy", "--genre", "War", "--all-genres", "--not-genre", "drama"],
            {"genres": ["Comedy", "War"], "all_genres": True, "not_genres": ["Drama"]},
        ),
        (
            ["--year-from", "1970", "--year-to", "1979", "--min-rating", "4.2"],
            {"year_from": 1970, "year_to": 1979, "min_rating": 4.2},
        ),
    ]:
        expected = sample_engine.recommend(15, 12, constraints=Constraints(**wanted))
        assert ids(answer(capsys, "--limit", "12", *options)) == [
            item.movie.movie_id for item in expected
        ]


def test_a_list_may_be_as_long_as_the_catalogue(
    sample_engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    most = sample_engine.store.movie_count
    told = answer(capsys, "--limit", str(most), "--genre", "Film-Noir")
    noirs = sum("Film-Noir" in sample_engine.store.genres_of(row) for row in range(most))
    rated = sample_engine.query(15, 1).movies.tolist()
    seen = sum("Film-Noir" in sample_engine.store.genres_of(row) for row in rated)
    assert len(ids(told)) == noirs - seen
    assert f"holds {noirs} movies that meet the constraints, of which {seen}" in told["note"]


@pytest.mark.parametrize(
    ("code", "options", "said"),
    [
        (2, ["--genre", "Dance"], "no genre 'Dance' in ml-latest-small: choose from Action,"),
        (2, ["--year-from", "1990", "--year-to", "1980"], "no year is 1990 or later"),
        (2, ["--min-rating", "6"], "go from 0.5 to 5"),
        (2, ["--min-rating", "nan"], "go from 0.5 to 5"),
        (4, ["--deny", "1,9999999"], "no movie 9999999"),
        (2, ["--allow", "missing.txt"], "--allow missing.txt: no such file, and id 'missing.txt'"),
        (4, ["--allow", "unknown.txt"], "unknown.txt, line 2: no movie 9999999"),
        (3, ["--deny", "empty.txt"], "holds no movie ids"),
        (2, ["--allow", "1"], "--allow 1 is a movie and a file: write ./1 for the file"),
        (4, ["--why-not", "No Such Title At All"], "no title in ml-latest-small holds"),
        (4, ["--user-id", "99999"], "give --ratings, --like or --new-user"),
    ],
)
def test_what_names_nothing_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    options: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("unknown.txt").write_text("1\n9999999\n")
    Path("empty.txt").write_text("")
    Path("1").write_text("32\n")
    assert run([*ASK, *options]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert printed.err.count("\n") == 1


def test_why_not_by_title_and_by_id(
    sample_engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    denied = answer(capsys, "--why-not", "Toy Story", "--not-genre", "Animation", "--include-seen")
    assert denied["movie"]["movie_id"] == 1
    assert denied["refused_by"] == ["no Animation"]
    first = sample_engine.recommend(15)[0].movie
    told = answer(capsys, "--why-not", str(first.movie_id))
    assert (told["rank"], told["listed"]) == (1, True)
    assert run([*ASK, "--why-not", str(first.movie_id)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(first.title)
    assert "it is on the list: rank 1 of" in lines[1]
    assert lines[2].strip().startswith("score ")
    assert run([*ASK, "--why-not", "Toy Story (1995)", "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["movie_id"], row["rank"]) == ("1", "")
    assert "nothing that is rated already" in row["answer"]


def test_ray_scores_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["batch", "--output", "x.parquet", "--ray", "local", "--scorer", "embedded"]
    assert run(arguments) == 2
    assert "leave --scorer out" in capsys.readouterr().err
