"""Constraints against plain Python over the same tables, and lists that keep to them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.constraints import Constraints
from reelrecs.datasets.feedback import Feedback
from reelrecs.datasets.tables import Tables
from reelrecs.engine import Engine
from reelrecs.errors import InvalidRequest, NotFound
from reelrecs.histories import History
from reelrecs.store.build import build_store
from reelrecs.store.store import Store
from tests.models import learned_model_of
from tests.worlds import GENRES, random_triples, renamed, tables_of

MOVIES = 60


def known_in_part(tables: Tables) -> Tables:
    """Every sixth movie without a year, every seventh without genres."""
    movies = tables.movies
    assert movies is not None
    years = [0 if at % 6 == 0 else year for at, year in enumerate(movies.years)]
    genres = [() if at % 7 == 0 else some for at, some in enumerate(movies.genres)]
    return replace(tables, movies=replace(movies, years=np.array(years, np.int16), genres=genres))


def stored(tables: Tables, folder: Path) -> Store:
    return build_store(folder / "world.arrow", "world", tables)


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Movies 51 to 60 are rated by nobody."""
    return known_in_part(tables_of(random_triples(4, movies=50, most=12), MOVIES))


@pytest.fixture(scope="module")
def store(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return stored(tables, tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module", params=["fixed", "learned"])
def engine(request: pytest.FixtureRequest, store: Store) -> Iterator[Engine]:
    model = learned_model_of(store) if request.param == "learned" else None
    with Engine(store, model=model) as engine:
        yield engine


@st.composite
def constraints(draw: st.DrawFn) -> Constraints:
    ids = st.lists(st.integers(1, MOVIES), max_size=40)
    chosen = draw(st.permutations(GENRES))
    asked, excluded = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    first, last = sorted(draw(st.tuples(st.integers(1940, 2020), st.integers(1940, 2020))))
    return Constraints(
        allow=draw(st.none() | ids),
        deny=draw(ids),
        genres=chosen[:asked],
        all_genres=draw(st.booleans()),
        not_genres=chosen[asked : asked + excluded],
        year_from=draw(st.none() | st.just(first)),
        year_to=draw(st.none() | st.just(last)),
        min_rating=draw(st.none() | st.sampled_from([0.5, 2.5, 3.3, 5.0])),
        include_seen=draw(st.booleans()),
    )


def meeting(tables: Tables, wanted: Constraints) -> set[int]:
    """The ids that meet the constraints, by the letter of the documentation."""
    movies, ratings = tables.movies, tables.ratings
    assert movies is not None
    met = set()
    for at, movie in enumerate(movies.ids):
        own = ratings.stars[ratings.movies == movie]
        year, genres = int(movies.years[at]), set(movies.genres[at])
        combine = all if wanted.all_genres else any
        if (
            (wanted.allow is None or movie in wanted.allow)
            and movie not in wanted.deny
            and (not wanted.genres or combine(genre in genres for genre in wanted.genres))
            and not genres & set(wanted.not_genres)
            and (wanted.year_from is None or (year > 0 and year >= wanted.year_from))
            and (wanted.year_to is None or (year > 0 and year <= wanted.year_to))
            and (
                wanted.min_rating is None
                or (len(own) > 0 and np.float32(own.mean()) >= np.float32(wanted.min_rating))
            )
        ):
            met.add(int(movie))
    return met


@given(wanted=constraints())
def test_the_mask_is_what_the_constraints_say(
    store: Store, tables: Tables, wanted: Constraints
) -> None:
    mask = wanted.mask(store)
    expected = meeting(tables, wanted)
    if mask is None:
        assert expected == set(store.movie_ids)
    else:
        assert set(store.movie_ids.at(np.flatnonzero(mask))) == expected
    for row in range(store.movie_count):
        assert bool(wanted.refusals(store, row)) == (store.movie_ids[row] not in expected)


@given(wanted=constraints(), user=st.integers(1, 40), limit=st.integers(1, MOVIES))
def test_lists_keep_to_them_and_are_full(
    engine: Engine, tables: Tables, wanted: Constraints, user: int, limit: int
) -> None:
    rated = set(tables.ratings.movies[tables.ratings.users == user].tolist())
    may = meeting(tables, wanted) - (set() if wanted.include_seen else rated)
    result = engine.recommend(user, limit, constraints=wanted)
    ids = [item.movie.movie_id for item in result]
    assert set(ids) <= may
    assert len(ids) == len(set(ids)) == min(limit, len(may))
    assert bool(result.note) == (len(may) < limit)


@given(wanted=constraints())
def test_strangers_are_asked_the_same(engine: Engine, tables: Tables, wanted: Constraints) -> None:
    history = History([3, 5, 8], [4.0, 5.0, 2.0])
    may = meeting(tables, wanted) - (set() if wanted.include_seen else {3, 5, 8})
    result = engine.recommend_for(history, MOVIES, constraints=wanted)
    assert {item.movie.movie_id for item in result} == may


def test_ten_of_one_genre_among_many_movies(sample_engine: Engine) -> None:
    """A filter after retrieval would find almost none of them: retrieval has chosen already."""
    store = sample_engine.store
    wanted = Constraints(genres=["film-noir"], year_to=1949)
    noirs = {
        row
        for row in range(store.movie_count)
        if "Film-Noir" in store.genres_of(row) and 0 < store.movie_years[row] <= 1949
    }
    for user in (1, 15):
        seen = set(sample_engine.query(user, 1).movies.tolist())
        listed = sample_engine.recommend(user, store.movie_count, constraints=wanted)
        assert {store.movie_row(item.movie.movie_id) for item in listed} == noirs - seen
        assert "constraints" in listed.note


def test_what_is_seen_may_come_again(engine: Engine, store: Store) -> None:
    seen = [int(store.movie_ids[row]) for row in engine.query(7, 1).movies]
    again = Constraints(allow=seen, include_seen=True)
    assert {item.movie.movie_id for item in engine.recommend(7, constraints=again)} == set(seen)
    never = engine.recommend(7, constraints=Constraints(allow=seen))
    assert len(never) == 0
    assert never.note == (
        f"nothing is left to recommend: all {len(seen)} movies of world that meet the constraints "
        "are rated already"
    )
    nothing = engine.recommend(7, constraints=Constraints(allow=[]))
    assert nothing.note == "nothing can be recommended: no movie of world meets the constraints"


@pytest.mark.parametrize(
    ("given_", "error", "said"),
    [
        ({"genres": ["Western"]}, InvalidRequest, "choose from Action, Comedy, Drama, Horror, Sci"),
        ({"not_genres": [""]}, InvalidRequest, "no genre ''"),
        ({"allow": [1, 999]}, NotFound, "no movie 999 in world"),
        ({"deny": ["Heat"]}, InvalidRequest, "whole numbers"),
        ({"min_rating": 9}, InvalidRequest, "go from 0.5 to 5"),
        ({"min_rating": float("nan")}, InvalidRequest, "go from 0.5 to 5"),
        ({"min_rating": "good"}, InvalidRequest, "go from 0.5 to 5"),
    ],
)
def test_what_names_nothing_is_refused(
    engine: Engine, given_: dict[str, Any], error: type[Exception], said: str
) -> None:
    for ask in (engine.recommend, engine.recommend_many):
        with pytest.raises(error, match=said) as caught:
            ask(1 if ask == engine.recommend else [1], constraints=Constraints(**given_))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"year_from": 2000, "year_to": 1990}, "no year is 2000 or later and 1990 or earlier"),
        ({"year_from": "1990"}, "no year"),
        ({"year_to": True}, "no year"),
        ({"genres": "Drama"}, "give a list"),
        ({"allow": "12"}, "give a list"),
        ({"genres": ["Drama"], "not_genres": ["drama"]}, "both asked for and excluded"),
    ],
)
def test_what_contradicts_itself_is_refused_when_made(given_: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        Constraints(**given_)


def test_a_rating_is_on_the_scale_of_the_data(tmp_path: Path) -> None:
    """Ten stars in the file: 8 of 10, not 8 of the 5 that the store computes with."""
    tables = tables_of([(1, 1, 5.0), (2, 1, 3.0), (1, 2, 2.0)], 3)
    store = stored(replace(tables, scale=(1.0, 10.0)), tmp_path)
    mean = 1 + (4.0 - 0.5) * 2
    assert Constraints(min_rating=mean).mask(store).tolist() == [True, False, False]
    assert not Constraints(min_rating=mean + 0.01).mask(store).any()
    with pytest.raises(InvalidRequest, match="go from 1 to 10"):
        Constraints(min_rating=0.5).mask(store)


def test_data_without_ratings_has_no_least_rating(tmp_path: Path) -> None:
    tables = replace(tables_of([(1, 1, 4.0), (2, 2, 4.0)]), feedback=Feedback.NONE)
    with pytest.raises(InvalidRequest, match="world has no ratings"):
        Constraints(min_rating=3).mask(stored(tables, tmp_path))


def test_text_ids_and_more_genres_than_features_tell_apart(tmp_path: Path) -> None:
    """The genres beyond the 64 commonest count as well."""
    triples = [(user, movie, 4.0) for user in range(1, 5) for movie in range(1, 41)]
    tables = renamed(tables_of(triples, 90), lambda user: f"u{user}", lambda movie: f"m{movie}")
    movies = tables.movies
    genres = [(f"Kind {at}",) if at else () for at in range(90)]
    store = stored(replace(tables, movies=replace(movies, genres=genres)), tmp_path)
    assert len(store.genres) <= 64
    for at in range(1, 90):
        (row,) = np.flatnonzero(Constraints(genres=[f"kind {at}"]).mask(store))
        assert store.genres_of(int(row)) == [f"Kind {at}"]
    with pytest.raises(InvalidRequest, match="choose from Kind 1, Kind 10"):
        Constraints(genres=["Kind 90"]).mask(store)
    two = Constraints(allow=["m7", "m5", "m7"], deny=["m5"]).mask(store)
    assert store.movie_ids.at(np.flatnonzero(two)) == ["m7"]
    with pytest.raises(NotFound, match="no movie m0"):
        Constraints(allow=["m7", "m0"]).mask(store)


def test_own_sources_and_filters_are_bound_too(store: Store) -> None:
    from reelrecs.pipeline.candidates import Candidates

    class EverythingSource:
        name = "everything"

        def find(self, query: Any) -> Candidates:
            rows = np.arange(store.movie_count, dtype=np.int32)
            return Candidates(rows, ("everything.x",), np.ones((len(rows), 1), np.float32))

    with Engine(store, sources=[EverythingSource()]) as engine:
        wanted = Constraints(genres=["Horror"])
        for item in engine.recommend(1, MOVIES, constraints=wanted):
            assert "Horror" in item.movie.genres
