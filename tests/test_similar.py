"""Nearest movies against a scipy twin, and the case that is made for each."""

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from reelrecs import config
from reelrecs.cli import run
from reelrecs.engine import Engine
from reelrecs.errors import InvalidRequest, NotFound
from reelrecs.similar import common_likers, similar_movies
from reelrecs.store.store import Store
from tests.worlds import Triple, random_triples, store_of, triples


def likes_matrix(store: Store) -> np.ndarray:
    """[users, movies] of 0 and 1, by scipy from the plain ratings."""
    rated = store.by_user
    shape = (store.user_count, store.movie_count)
    stars = sparse.csr_array((rated.ratings, rated.movies, rated.indptr), shape, copy=True)
    return np.asarray((stars >= config.LIKED_FROM).toarray().astype(np.float64))


@given(triples(), st.integers(0, 3))
def test_counts_and_chance_are_those_of_scipy(world: list[Triple], empty: int) -> None:
    store = store_of(world, movie_count=15 + empty)
    likes = likes_matrix(store)
    common = likes.T @ likes
    for row in range(store.movie_count):
        assert common_likers(store, row).tolist() == common[row].tolist()
        found = similar_movies(store, row, 500)
        assert found.likers == common[row, row]
        for item in found.items:
            other = store.movie_row(item.movie.movie_id)
            assert other != row
            assert item.common_likers == common[row, other]
            chance = common[row, row] * common[other, other] / store.user_count
            assert item.by_chance == pytest.approx(chance)
            assert item.share == pytest.approx(common[row, other] / max(common[row, row], 1))
            assert 0.0 < item.score <= 1.0
        scores = [item.score for item in found.items]
        assert scores == sorted(scores, reverse=True)


def test_the_score_is_the_shrunken_correlation_of_likes() -> None:
    store = store_of(random_triples(4, users=120, movies=20, most=15), movie_count=22)
    likes = likes_matrix(store)
    with np.errstate(invalid="ignore"):
        correlation = np.nan_to_num(np.corrcoef(likes, rowvar=False))
    kind_at_most = config.SIMILAR_KIND
    for item in similar_movies(store, 3, 500).items:
        other = store.movie_row(item.movie.movie_id)
        total = item.common_likers + config.SIMILAR_SHRINKAGE
        kind = item.score - item.common_likers * correlation[3, other] / total
        assert kind >= -1e-12
        assert kind <= kind_at_most * config.SIMILAR_SHRINKAGE / total + 1e-12


def test_sequels_and_kin_come_first(sample_engine: Engine) -> None:
    """Toy Story is near other animations, not near whatever everybody likes."""
    found = sample_engine.similar(1, 8)
    titles = [item.movie.title for item in found.items]
    assert found.movie.title == "Toy Story"
    assert titles[0] == "Toy Story 2"
    assert sum("Animation" in item.shared_genres for item in found.items) >= 4
    assert [item.rank for item in found.items] == list(range(1, 9))
    for item in found.items:
        assert item.common_likers > item.by_chance
        assert set(item.shared_genres) <= set(item.movie.genres) & set(found.movie.genres)
        assert item.years_apart == abs((item.movie.year or 0) - 1995)


def test_a_movie_nobody_likes_is_like_its_kind(sample_engine: Engine) -> None:
    store = sample_engine.store
    row = int(np.flatnonzero((store.movie_like_counts == 0) & (store.movie_genres > 0))[0])
    found = sample_engine.similar(store.movie_ids[row], 10)
    assert found.likers == 0
    assert len(found.items) == 10
    assert all(item.common_likers == 0 and item.shared_genres for item in found.items)
    assert max(item.score for item in found.items) <= config.SIMILAR_KIND


def test_nothing_in_common_is_not_listed() -> None:
    store = store_of([(1, 19, 5.0), (2, 2, 5.0), (3, 33, 1.0)])
    assert [item.movie.movie_id for item in similar_movies(store, 0, 10).items] == []


def test_unknown_movies_and_impossible_limits_are_refused(sample_engine: Engine) -> None:
    with pytest.raises(NotFound, match="no movie 999999"):
        sample_engine.similar(999999)
    with pytest.raises(InvalidRequest, match="1 to 9066"):
        sample_engine.similar(1, 0)


def test_every_format_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["similar", "--title", "toy story (1995)", "--limit", "5", "--format"]
    assert run([*ask, "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["movie"]["movie_id"] == 1
    assert document["dataset"] == "ml-latest-small"
    assert run([*ask, "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert run(["similar", "--movie-id", "1", "--limit", "5"]) == 0
    printed = capsys.readouterr()
    assert "like Toy Story (1995), movie 1, which " in printed.err
    for told, row, line in zip(
        document["similar"], rows, printed.out.splitlines()[1:], strict=True
    ):
        assert list(told) == [
            "rank",
            "movie_id",
            "title",
            "year",
            "genres",
            "score",
            "explanation",
        ]
        assert float(row["score"]) == told["score"]
        assert int(row["common_likers"]) == told["explanation"]["common_likers"]
        assert told["title"] in line


@pytest.mark.parametrize(
    ("code", "arguments", "said"),
    [
        (2, [], "either --movie-id ID or --title T"),
        (2, ["--movie-id", "1", "--title", "Heat"], "either --movie-id ID or --title T"),
        (4, ["--movie-id", "999999"], "no movie 999999"),
        (4, ["--movie-id", "-1"], "no movie -1"),
        (4, ["--title", "qqqzz"], "holds 'qqqzz'"),
        (4, ["--title", ""], "holds ''"),
        (2, ["--movie-id", "1", "--limit", "9067"], "1 to 9066"),
    ],
)
def test_mistakes_are_one_line_and_a_code(
    capsys: pytest.CaptureFixture[str], code: int, arguments: list[str], said: str
) -> None:
    assert run(["similar", *arguments]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert printed.err.count("\n") == 1
