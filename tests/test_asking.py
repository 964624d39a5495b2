"""Scores of given movies, many lists at once, why a movie is not listed, and how results look."""

import builtins
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reelrecs
from reelrecs.constraints import Constraints
from reelrecs.engine import Engine
from reelrecs.errors import InvalidRequest, NotFound
from reelrecs.histories import History
from reelrecs.pipeline.candidates import Candidates, Mask
from reelrecs.pipeline.query import Query
from reelrecs.scorer.model import ScoringModel
from reelrecs.store.store import Store
from tests.models import learned_model_of
from tests.worlds import random_triples, store_of

MOVIES = 300
HISTORY = History([3, 5, 8], [4.0, 5.0, 2.0])


@pytest.fixture(scope="module")
def store() -> Store:
    """More movies than a source of the learned profile gives, so that some are not found."""
    return store_of(random_triples(2, users=80, movies=250, most=40), MOVIES)


@pytest.fixture(scope="module", params=["fixed", "learned"])
def engine(request: pytest.FixtureRequest, store: Store) -> Iterator[Engine]:
    """Without variety, so that a list's scores are the scorer's."""
    learned = request.param == "learned"
    model = learned_model_of(store) if learned else ScoringModel.fixed(store)
    with Engine(store, model=model, diversity=0.0) as engine:
        yield engine


@given(
    user=st.integers(1, 80) | st.just(HISTORY),
    movies=st.lists(st.integers(1, MOVIES), max_size=12),
)
def test_scores_are_of_exactly_what_was_asked(
    engine: Engine, user: int | History, movies: list[int]
) -> None:
    scored = engine.score(user, movies)
    assert [one.movie.movie_id for one in scored] == movies
    rated = {int(engine.store.movie_ids[row]) for row in engine.query(user, 1).movies}
    for one in scored:
        total = np.float32(0)
        for part in one.terms.values():
            total += np.float32(part)
        assert one.total == float(total)
        assert 0 <= one.score <= 1
        assert one.rated == (one.movie.movie_id in rated)
        (alone,) = engine.score(user, [one.movie.movie_id])
        assert alone == one, "a score does not depend on the company it was asked in"


def test_a_listed_movie_has_the_score_of_the_list(engine: Engine) -> None:
    for user in (1, 9, HISTORY):
        ask = engine.recommend_for if isinstance(user, History) else engine.recommend
        listed = ask(user, explain=True)
        scored = engine.score(user, [item.movie.movie_id for item in listed])
        assert [one.score for one in scored] == [item.score for item in listed]
        assert [one.terms for one in scored] == [item.explanation.contributions for item in listed]


class OneSource:
    name = "one"

    def __init__(self, row: int) -> None:
        self._row = row

    def find(self, query: Query) -> Candidates:
        return Candidates(np.array([self._row], np.int32), ("one.x",), np.ones((1, 1), np.float32))


def test_a_movie_no_source_found_is_scored_beside_those_they_found(
    engine: Engine, store: Store
) -> None:
    """As it would be, had a source found it: a learned score tells of the company."""
    unseen = np.flatnonzero(engine.query(1, 1).open_movies(MOVIES))
    cases = [engine.why_not(1, store.movie_ids[row]) for row in unseen]
    lost = [case.movie.movie_id for case in cases if case.rank is None]
    assert len(lost) >= 5
    for movie_id in lost[:: len(lost) // 5]:
        source = OneSource(store.movie_row(movie_id))
        with Engine(store, model=engine.model, diversity=0.0, sources=[source]) as finding:
            found = finding.why_not(1, movie_id)
        assert found.rank is not None
        (scored,) = engine.score(1, [movie_id])
        assert (scored.score, scored.terms) == (found.score, found.terms)


def test_what_is_rated_has_the_terms_that_it_would_be_listed_with(engine: Engine) -> None:
    """Those that tell of the company, and the trees over them, differ with it."""
    again = Constraints(include_seen=True)
    listed = engine.recommend(1, MOVIES, explain=True, constraints=again)
    by_id = {item.movie.movie_id: item.explanation.contributions for item in listed}
    rated = [engine.store.movie_ids[row] for row in engine.query(1, 1).movies]
    for one in engine.score(1, rated):
        assert one.rated
        for term, part in one.terms.items():
            if not term.endswith(".relative") and term not in ("trees", "alternatives"):
                assert part == by_id[one.movie.movie_id][term], term


def test_scores_refuse_what_is_unknown(engine: Engine) -> None:
    with pytest.raises(NotFound, match="no movie 999"):
        engine.score(1, [3, 999])
    with pytest.raises(NotFound, match="no user 999"):
        engine.score(999, [3])
    assert len(engine.score(1, [])) == 0


def test_many_lists_are_the_lists_one_by_one(engine: Engine) -> None:
    wanted = Constraints(genres=["Horror", "Drama"], include_seen=True)
    users: list[Any] = [7, 3, HISTORY, 12]
    many = engine.recommend_many(users, 6, constraints=wanted, as_of=1_000_000_500)
    assert many.user_ids == [7, 3, None, 12]
    assert len(many) == 4
    for place, (user, one) in enumerate(zip(users, many, strict=True)):
        ask = engine.recommend_for if isinstance(user, History) else engine.recommend
        alone = ask(user, 6, constraints=wanted, as_of=1_000_000_500)
        assert one.to_dict() == many.at(place).to_dict() == alone.to_dict()
    assert many[3].to_dict() == many.at(1).to_dict()
    with pytest.raises(NotFound, match="no list of user 5 was asked for"):
        many[5]
    with pytest.raises(NotFound, match="no user 999"):
        many[999]


def test_many_lists_are_one_table_in_every_library(engine: Engine) -> None:
    many = engine.recommend_many(limit=5)
    table = many.to_arrow()
    assert table.column_names == ["user_id", "rank", "movie_id", "score"]
    assert table["user_id"].to_pylist() == [
        user for user in engine.store.user_ids for _ in range(5)
    ]
    assert many.to_polars().to_arrow().cast(table.schema).equals(table)
    assert pa.Table.from_pandas(many.to_pandas(), preserve_index=False).equals(table)
    strangers = engine.recommend_many([HISTORY, 4], limit=2).to_arrow()
    assert strangers["user_id"].to_pylist() == [None, None, 4, 4]
    one = engine.recommend(4, 2)
    assert one.to_pandas()["title"].tolist() == [item.movie.title for item in one]
    assert one.to_polars()["movie_id"].to_list() == [item.movie.movie_id for item in one]
    scored = engine.score(4, [2, 1])
    assert scored.to_polars()["movie_id"].to_list() == [2, 1]
    assert scored.to_pandas().columns[4].startswith("term.")
    assert engine.recommend_many([], 3).to_arrow().num_rows == 0


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_missing_library_is_named(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """As it is where neither is installed, which the base installation does not do."""
    real = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == package:
            raise ImportError(name)
        return real(name, *arguments, **named)

    many = engine.recommend_many([1], 2)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InvalidRequest, match=f"needs the package {package}: pip install"):
        getattr(many, f"to_{package}")()


class NoEvenFilter:
    name = "no_even"

    def keep(self, query: Query, candidates: Candidates) -> Mask:
        return candidates.movies % 2 == 1


def test_why_not_names_what_kept_it_off(store: Store) -> None:
    with Engine(store, model=learned_model_of(store), filters=[NoEvenFilter()]) as engine:
        wanted = Constraints(deny=[11, 13], year_from=1960, not_genres=["Horror"])
        denied = engine.why_not(1, 11, constraints=wanted)
        assert "no denied movies" in denied.refused_by
        assert denied.rank is None
        assert "the constraints do not let it pass" in str(denied)
        rated = int(store.movie_ids[engine.query(1, 1).movies[0]])
        assert engine.why_not(1, rated).refused_by == ["nothing that is rated already"]
        assert not engine.why_not(1, rated, constraints=Constraints(include_seen=True)).refused_by
        seen = set(engine.query(1, 1).movies.tolist())
        even = next(row for row in range(0, 200, 2) if row not in seen)
        filtered = engine.why_not(1, store.movie_ids[even])
        assert filtered.removed_by == ["no_even"]
        assert filtered.answer == "a filter removed it: no_even"
        assert filtered.score == engine.score(1, [store.movie_ids[even]])[0].score


def test_why_not_tells_the_rank(engine: Engine) -> None:
    listed = engine.recommend(1, 40, explain=True)
    for item in (listed[0], listed[39]):
        case = engine.why_not(1, item.movie.movie_id, 40)
        assert (case.rank, case.score, case.listed) == (item.rank, item.score, True)
        assert case.terms == item.explanation.contributions
    low = engine.why_not(1, listed[39].movie.movie_id, 5)
    assert not low.listed
    assert low.rank is not None
    assert low.rank > 5
    assert low.answer.startswith(f"it ranks too low for a list of 5: rank {low.rank} of")
    assert low.to_dict()["movie"]["movie_id"] == listed[39].movie.movie_id


def test_why_not_of_what_no_source_found(store: Store) -> None:
    with Engine(store) as engine:
        case = engine.why_not(1, 299, 5)  # which nobody has rated
        assert (case.rank, case.refused_by, case.removed_by) == (None, [], [])
        assert case.answer.startswith("no source found it")


def test_results_print_in_terminals_and_notebooks(tmp_path: Path) -> None:
    title = "<script>alert('x')</script> & \x1b[31mCo"
    table = pa.table(
        {"user_id": [1, 1, 2], "movie_id": [title, "Plain", "Plain"], "rating": [4.0, 5.0, 4.0]}
    )
    with reelrecs.open(table, models_dir=tmp_path) as engine:
        listed = engine.recommend(2, explain=True)
        shown: list[Any] = [listed, engine.recommend_many([2]), engine.score(2, [title])]
        for one in shown:
            html = one._repr_html_()
            assert html.startswith("<table>")
            assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp;" in html
            assert "\x1b" not in html + str(one)
            assert "<script>" in str(one)
        assert "only 1 of the 20 asked for" in listed._repr_html_()
        assert str(listed).splitlines()[-1] == listed.note
        assert repr(shown[1]) == "<1 list of table, 1 movie in all>"


def sequences() -> pa.Table:
    return pa.table(
        {
            "user_id": np.repeat(np.arange(1, 61), 12),
            "movie_id": (np.repeat(np.arange(60), 12) + np.tile(np.arange(12), 60)) % 40,
            "rating": np.full(720, 4.0),
            "timestamp": np.tile(np.arange(12), 60),
        }
    )


def test_models_are_made_without_the_command_line(tmp_path: Path) -> None:
    with reelrecs.open(sequences(), models_dir=tmp_path) as engine:
        before = engine.recommend(5)
        assert engine.profile.name == "pretrained"
        path = engine.train()
        assert path.parent == tmp_path
        assert engine.profile.name == "learned"
        after = engine.recommend(5)
        assert after.to_dict() != before.to_dict()
        assert all(a.score >= b.score for a, b in pairwise(after))
    elsewhere = tmp_path / "elsewhere"
    with reelrecs.train(sequences(), models_dir=elsewhere) as trained:
        assert trained.recommend(5).to_dict() == after.to_dict()
    assert [one.name for one in elsewhere.iterdir()] == [path.name]
    with pytest.raises(InvalidRequest, match="the engine is closed"):
        engine.train()


def test_training_leaves_an_embedded_scorer_to_those_who_use_it(tmp_path: Path) -> None:
    with reelrecs.open(sequences(), models_dir=tmp_path, scorer="embedded") as engine:
        pipeline = engine.pipeline
        before, _ = pipeline.run_one(engine.query(5, 3))
        engine.train()
        again, _ = pipeline.run_one(engine.query(5, 3))
        assert before.movies.tolist() == again.movies.tolist()
        assert engine.recommend(5, 3)[0].sources
