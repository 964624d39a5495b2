"""People the store does not hold get what stored people get, and the clueless something good."""

import json
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from reelrecs import config
from reelrecs.cli import run
from reelrecs.datasets.imports.tables import import_frames
from reelrecs.engine import Engine
from reelrecs.errors import InvalidRequest, NotFound
from reelrecs.histories import (
    History,
    TitleFinder,
    history_of_file,
    history_of_likes,
    query_of_person,
)
from reelrecs.store.build import store_of as make_store
from reelrecs.store.store import Store
from reelrecs.store.subset import restrict
from tests.conftest import Logged
from tests.models import fixed_engine
from tests.worlds import random_triples, store_of


def history_of_user(store: Store, user_id: int) -> History:
    row = store.user_row(user_id)
    rated = store.by_user
    mine = slice(int(rated.indptr[row]), int(rated.indptr[row + 1]))
    return History(
        store.movie_ids.at(rated.movies[mine]),
        rated.ratings[mine].tolist(),
        rated.times[mine].tolist(),
    )


def without_user(store: Store, user_id: int) -> Store:
    """The store as it would be had this user never rated, but for what is counted of movies.

    What movies have in ratings stays, for a list differs where a movie's mean does.
    """
    keep = np.repeat(store.user_ids.values != user_id, np.diff(store.by_user.indptr))
    rest = restrict(store, keep)
    counted = (
        "movie_rating_counts",
        "movie_mean_ratings",
        "movie_like_counts",
        "movie_popularity_percentiles",
    )
    return Store(
        rest.arrays | {name: store.arrays[name] for name in counted},
        rest.metadata
        | {name: store.metadata[name] for name in ("mean_rating", "scale", "latest_timestamp")},
    )


@pytest.mark.parametrize("user_id", [15, 73, 430])
def test_a_removed_user_is_given_the_list_they_had(sample_engine: Engine, user_id: int) -> None:
    """Fold-in is the stored user's code path: only their own row is missing, and it never counts.

    Scores and terms agree to the last bit.
    """
    store = sample_engine.store
    with fixed_engine(store) as engine, fixed_engine(without_user(store, user_id)) as bereft:
        stored = engine.recommend(user_id, 40, explain=True)
        folded = bereft.recommend_for(history_of_user(store, user_id), 40, explain=True)
    assert folded.user_id is None
    assert folded.to_dict()["user_id"] is None
    for there, here in zip(stored, folded, strict=True):
        assert (there.movie, there.score, there.sources) == (here.movie, here.score, here.sources)
        assert there.explanation is not None
        assert here.explanation is not None
        assert there.explanation.contributions == here.explanation.contributions
        assert there.explanation.found_by == here.explanation.found_by
        assert there.explanation.similar_users == here.explanation.similar_users


def test_without_times_the_order_given_is_the_order_of_watching(sample_engine: Engine) -> None:
    timed = history_of_user(sample_engine.store, 15)
    untimed = History(timed.movie_ids, timed.ratings)
    assert (
        sample_engine.recommend_for(untimed).to_dict()["recommendations"]
        == sample_engine.recommend_for(timed).to_dict()["recommendations"]
    )


def test_history_is_never_recommended(sample_engine: Engine) -> None:
    seen = [1, 260, 318, 296, 593]
    ids = {one.movie.movie_id for one in sample_engine.recommend_for(History(seen, [5.0] * 5), 300)}
    assert len(ids) == 300
    assert not ids & set(seen)


def test_somebody_new_gets_what_is_loved_and_of_all_kinds(sample_engine: Engine) -> None:
    store = sample_engine.store
    items = sample_engine.recommend_for(History(), explain=True)
    rows = [store.movie_row(item.movie.movie_id) for item in items]
    assert len(rows) == 20
    assert np.median(store.movie_popularity_percentiles[rows]) > 0.95
    assert store.movie_mean_ratings[rows].min() >= 3.5
    assert len({genre for item in items for genre in item.movie.genres}) >= 12
    assert len({(item.movie.year or 0) // 10 for item in items}) >= 5
    assert items.trace.relaxed == ()
    assert all(item.explanation.because_you_liked == [] for item in items if item.explanation)


def test_somebody_new_is_offered_more_variety_unless_a_strength_is_asked_for(
    sample_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def repeated(engine: Engine) -> int:
        """Pairs of movies in the list that share a genre."""
        kinds = [set(item.movie.genres) for item in engine.recommend_for(History(), 10)]
        return sum(bool(a & b) for a, b in combinations(kinds, 2))

    store = sample_engine.store
    with fixed_engine(store, diversity=0.0) as asked:
        off = asked.recommend_for(History(), 30)
        assert all(a.score >= b.score for a, b in pairwise(off))
        plain = repeated(asked)
    monkeypatch.setattr(config, "FIXED_DIVERSITY", 0.0)
    with fixed_engine(store) as engine:
        assert repeated(engine) < plain
        ranked = engine.recommend(15, 30)
        assert all(a.score >= b.score for a, b in pairwise(ranked))


@pytest.mark.parametrize(
    ("history", "error", "said"),
    [
        (History([1, 2], [5.0]), InvalidRequest, "one rating and one time for each"),
        (History([1, 1], [5.0, 4.0]), InvalidRequest, "rates a movie twice"),
        (History([1], [0.0]), InvalidRequest, "the rating 0: give stars above 0, up to 5"),
        (History([1], [8.0]), InvalidRequest, "the rating 8: give stars"),
        (History([1], [float("nan")]), InvalidRequest, "the rating nan"),
        (History([999999], [5.0]), NotFound, "no movie 999999 in ml-latest-small"),
        (History([-1], [5.0]), NotFound, "no movie -1"),
    ],
)
def test_impossible_histories_are_refused(
    sample_engine: Engine, history: History, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        sample_engine.recommend_for(history)


@pytest.mark.parametrize("limit", [0, 9067])
def test_impossible_limits_are_refused(sample_engine: Engine, limit: int) -> None:
    with pytest.raises(InvalidRequest, match="1 to 9066"):
        sample_engine.recommend_for(History(), limit)


@pytest.mark.parametrize(
    ("text", "title", "said"),
    [
        ("Toy Story (1995)", "Toy Story (1995)", ""),
        ("toy story 1995", "Toy Story (1995)", ""),
        ("Heat", "Heat (1995)", ""),
        ("the matrix", "Matrix, The (1999)", ""),
        ("Matrix, The", "Matrix, The (1999)", ""),
        ("star wars", "Star Wars: Episode IV - A New Hope (1977)", "'star wars' is taken as Star"),
        ("Cinderella", "Cinderella (1950)", "it could be Cinderella (1997)"),
    ],
)
def test_titles_find_the_best_known_and_say_what_else_they_fit(
    sample_engine: Engine, text: str, title: str, said: str
) -> None:
    row, doubt = TitleFinder(sample_engine.store).find(text)
    assert sample_engine.store.raw_title(row) == title
    assert bool(doubt) == bool(said)
    assert said in doubt


def test_likes_are_five_stars_in_the_order_given_each_once(sample_engine: Engine) -> None:
    liked = history_of_likes(sample_engine.store, ["Heat", "Toy Story", "heat (1995)"])
    assert (liked.movie_ids, liked.ratings, liked.times) == ([6, 1], [5.0, 5.0], None)
    with pytest.raises(NotFound, match="no title in ml-latest-small holds 'qqqzz'"):
        history_of_likes(sample_engine.store, ["Heat", "qqqzz"])


@pytest.mark.parametrize(
    ("rating", "values", "given", "stars"),
    [
        ("rating", range(1, 11), [10.0, 8.0, 1.0], [5.0, 4.0, 0.5]),
        ("rating", [0, 1], [1.0, 0.0], [5.0, 1.0]),
        ("plays", range(1, 11), [1.0, 5.0, 500.0], [3.69, 4.0, 5.0]),
        (None, range(1, 11), [1.0], [4.0]),
    ],
)
def test_a_history_speaks_in_the_numbers_of_the_data(
    rating: str | None, values: Sequence[float], given: list[float], stars: list[float]
) -> None:
    table = {"user": [n % 2 for n, _ in enumerate(values)], "item": list(range(len(values)))}
    if rating is not None:
        table[rating] = list(values)
    store = make_store(import_frames(table).tables, "mine")
    history = History(list(range(len(given))), given)
    query = query_of_person(store, history, 5)
    assert query.ratings == pytest.approx(stars, abs=0.01)
    assert query_of_person(store, history_of_likes(store, ["0"]), 5).ratings.tolist() == [5.0]
    if rating == "rating" and len(values) > 2:
        with pytest.raises(InvalidRequest, match="the rating 11: give ratings from 1 to 10"):
            query_of_person(store, History([1], [11.0]), 5)


LETTERBOXD = (
    "Date,Name,Year,Letterboxd URI,Rating\n2020-01-02,The Matrix,1999,https://boxd.it/2a,4.5\n"
    "2020-01-01,Toy Story,1995,https://boxd.it/2b,2\n2020-01-03,Heat,1995,https://boxd.it/2c,\n"
    "2020-01-04,No Such Film,1995,https://boxd.it/2d,5\n"
)
IMDB = (
    "Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,IMDb Rating,Year,Genres\n"
    "tt0133093,9,2020-01-02,Matrix,The Matrix,https://x,movie,8.7,1999,Action\n"
    "tt0114709,4,2020-01-01,Toy Story,Toy Story,https://x,movie,8.3,1995,Comedy\n"
    "tt9999999,4,2020-01-04,No Such Film,No Such Film,https://x,movie,8.3,1995,Comedy\n"
)
GOODREADS = (
    "Book Id,Title,Author,ISBN,ISBN13,My Rating,Average Rating,Original Publication Year,"
    "Year Published,Date Read,Date Added\n"
    '9,"Matrix, The",X,"=""0439023483""","=""9780439023481""",5,4.3,1999,2001,,2020/01/02\n'
    '8,Toy Story,Y,"=""""","=""""",2,4.3,1995,2001,2020/01/05,2020/01/01\n'
    '7,Heat,Y,"=""""","=""""",0,4.3,1995,2001,,2020/01/01\n'
    '6,No Such Film,Y,"=""""","=""""",1,4.3,1995,2001,,2020/01/04\n'
)


@pytest.mark.parametrize(
    ("text", "ratings", "blank", "missing"),
    [
        (LETTERBOXD, [2.0, 4.5], 1, "No Such Film (1995) (line 5)"),
        (IMDB, [2.0, 4.5], 0, "No Such Film (1995) (line 4)"),
        (GOODREADS, [2.0, 5.0], 1, "6 (line 5)"),
    ],
)
def test_exports_of_sites_are_read_as_they_come(
    sample_engine: Engine,
    tmp_path: Path,
    logged: Logged,
    text: str,
    ratings: list[float],
    blank: int,
    missing: str,
) -> None:
    history = history_of_file(sample_engine.store, written(tmp_path, text))
    assert history.movie_ids == [1, 2571]
    assert history.ratings == ratings
    assert history.times == [1577836800, 1577923200]
    assert any("1 of 3 movies" in line and missing in line for line in logged.lines)
    assert sum("without a rating" in line for line in logged.lines) == blank


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text)
    return path


def test_a_file_is_a_history_in_the_order_of_time(sample_engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, "movieId,rating,timestamp\n6,4,300\n1,5,100\n260,3,200\n")
    assert history_of_file(sample_engine.store, path) == History(
        [1, 260, 6], [5.0, 3.0, 4.0], [100, 200, 300], in_stars=True
    )


def test_a_file_of_titles_is_the_same_history(sample_engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, 'title,rating\n"Matrix, The (1999)",4.5\nToy Story,2\n')
    assert history_of_file(sample_engine.store, path) == History(
        [2571, 1], [4.5, 2.0], in_stars=True
    )


def test_a_movie_rated_again_counts_as_it_was_rated_last(
    sample_engine: Engine, tmp_path: Path, logged: Logged
) -> None:
    path = written(tmp_path, "movieId,rating,timestamp\n1,5,300\n1,2,100\n6,4,200\n6,3,200\n")
    history = history_of_file(sample_engine.store, path)
    assert history == History([6, 1], [3.0, 5.0], [200, 300], in_stars=True)
    assert logged.lines == ["mine.csv rates 2 movies again: the latest counts"]


def test_movies_that_the_data_does_not_hold_are_left_out_aloud(
    sample_engine: Engine, tmp_path: Path, logged: Logged
) -> None:
    path = written(tmp_path, "movieId,rating\n999999,5\n1,4\n4294967296,2\n")
    assert history_of_file(sample_engine.store, path) == History([1], [4.0], in_stars=True)
    assert logged.lines == [
        "2 of 3 movies of mine.csv are not in ml-latest-small and left out: 999999 (line 2), "
        "4294967296 (line 4)"
    ]
    path = written(tmp_path, "movieId,rating\n999999,5\n")
    with pytest.raises(NotFound, match="holds none of the 1 movies"):
        history_of_file(sample_engine.store, path)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    ask = ["--profile", "fixed", "recommend", "--format", "json", *arguments]
    assert run(ask) == 0
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    return document


def test_the_command_line_knows_three_ways_beside_user_ids(
    sample_engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "title,rating\nToy Story (1995),5\nHeat (1995),5\n")
    by_file = told(capsys, "--ratings", str(path))
    by_titles = told(capsys, "--like", "Toy Story (1995)", "--like", "heat")
    assert by_file == by_titles
    assert by_file["user_id"] is None
    api = sample_engine.recommend_for(History([1, 6], [5.0, 5.0]), explain=True)
    assert by_file == json.loads(json.dumps(api.to_dict()))
    new = told(capsys, "--new-user")
    assert new == json.loads(
        json.dumps(sample_engine.recommend_for(History(), explain=True).to_dict())
    )


@pytest.mark.parametrize(
    ("code", "arguments", "said"),
    [
        (2, [], "give exactly one of --user-id U, --ratings FILE, --like"),
        (2, ["--user-id", "1", "--new-user"], "give exactly one"),
        (2, ["--like", "Heat", "--ratings", "x"], "give exactly one"),
        (3, ["--ratings", "/nowhere/mine.csv"], "/nowhere/mine.csv is no file"),
        (4, ["--user-id", "99999"], "no user 99999"),
        (4, ["--user-id", "99999"], "give --ratings, --like or --new-user"),
        (4, ["--like", "Heat", "--like", "qqqzz"], "holds 'qqqzz'"),
        (2, ["--new-user", "--limit", "0"], "1 to 9066"),
    ],
)
def test_mistakes_are_one_line_and_a_code(
    capsys: pytest.CaptureFixture[str], code: int, arguments: list[str], said: str
) -> None:
    assert run(["recommend", *arguments]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert printed.err.count("\n") == 1


def test_a_choice_of_title_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recommend", "--like", "star wars", "--limit", "2"]) == 0
    printed = capsys.readouterr()
    assert "'star wars' is taken as Star Wars: Episode IV" in printed.err
    assert len(printed.out.splitlines()) == 3


def test_a_world_of_two_tastes_is_folded_in_by_taste() -> None:
    store = store_of(random_triples(3, users=200, movies=100, most=60))
    with fixed_engine(store, diversity=0.0) as engine:
        for parity in (0, 1):
            liked = [movie for movie in range(2, 40) if movie % 2 == parity]
            items = engine.recommend_for(History(liked, [5.0] * len(liked)), 5)
            assert np.mean([item.movie.movie_id % 2 == parity for item in items]) >= 0.8
