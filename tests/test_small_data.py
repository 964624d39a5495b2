"""Small data is data: everything unseen is recommended, and a short list says why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from reelrecs.cli import run
from reelrecs.engine import Engine
from reelrecs.histories import History
from reelrecs.pipeline.candidates import Candidates, Mask
from reelrecs.pipeline.query import Query
from reelrecs.scorer.model import ScoringModel
from reelrecs.store.build import build_store
from tests.asking import candidates_of, lists_of
from tests.models import fixed_engine, learned_model_of
from tests.worlds import Triple, random_triples, store_of, tables_of, triples

TEN: list[Triple] = [
    (1, 1, 5.0), (1, 2, 4.0), (1, 3, 2.0), (2, 1, 4.0), (2, 4, 5.0),
    (3, 5, 3.0), (3, 1, 1.0), (4, 6, 4.0), (4, 2, 5.0), (4, 3, 3.0),
]  # fmt: skip
"""Ten ratings of six movies."""


@settings(max_examples=25)
@given(triples(users=4, movies=7))
def test_the_unseen_movies_are_the_list_however_few(rated: Sequence[Triple]) -> None:
    store = store_of(rated, 7)
    every = set(range(1, 8))
    for model in (ScoringModel.fixed(store), learned_model_of(store)):
        with Engine(store, model=model) as engine:
            for user_id in store.user_ids:
                unseen = every - {movie for user, movie, _ in rated if user == user_id}
                result = engine.recommend(user_id, 20, explain=True)
                assert {item.movie.movie_id for item in result} == unseen
                scores = [item.score for item in result]
                assert scores == sorted(scores, reverse=True)
                assert result.note
                assert "\n" not in result.note
            assert len(engine.recommend_for(History(), 20)) == 7
            alone = engine.recommend_for(History([1], [5.0]), 20)
            assert {item.movie.movie_id for item in alone} == every - {1}
            rows = range(store.user_count)
            lists = lists_of(engine.pipeline, [engine.query_of_row(row, 3) for row in rows])
            for row, one in zip(rows, lists, strict=True):
                asked = engine.recommend(store.user_ids[row], 3)
                assert store.movie_ids.at(one.movies) == [item.movie.movie_id for item in asked]


def test_a_short_list_says_why() -> None:
    with fixed_engine(store_of(TEN)) as engine:
        assert engine.recommend(1, 3).note == ""
        assert engine.recommend(1, 4).note == (
            "only 3 of the 4 asked for: world holds 6 movies, of which 3 are rated already"
        )
        assert engine.recommend_for(History(), 7).note == (
            "only 6 of the 7 asked for: world holds 6 movies"
        )
        every = History(range(1, 7), [4.0] * 6)
        result = engine.recommend_for(every, 5)
        assert result.to_dict() | {"dataset": ""} == {
            "user_id": None, "dataset": "", "as_of": engine.store.latest_timestamp,
            "relaxed": [], "refused": {}, "recommendations": [],
            "note": "nothing is left to recommend: all 6 movies of world are rated already",
        }  # fmt: skip


class Odd:
    """A filter of somebody's own."""

    name = "odd"

    def keep(self, query: Query, candidates: Candidates) -> Mask:
        return np.asarray(candidates.movies % 2 == 1)


def test_what_no_filter_lets_pass_is_not_filled_in() -> None:
    with fixed_engine(store_of(TEN), filters=[Odd()]) as engine:
        result = engine.recommend(3, 5)
        assert {item.movie.movie_id for item in result} == {2, 4, 6}
        assert result.note == (
            "only 3 of the 5 asked for: of 4 unseen movies of world the others pass no filter"
        )


def test_only_as_many_are_filled_in_as_are_missing() -> None:
    store = store_of(random_triples(5, users=60, movies=90, most=60), 200)
    with fixed_engine(store) as engine:
        few, trace = engine.pipeline.run_one(engine.query(1, 20))
        assert len(few) == 20
        assert "catalogue" not in trace.found
        found = candidates_of(engine.pipeline, engine.query(1, 20))
        most = engine.query(1, len(found) + 5)
        more = candidates_of(engine.pipeline, most)
        assert len(more) == len(found) + 5
        added = ~np.isin(more.movies, found.movies)
        unseen = ~np.isin(np.arange(200), [*most.movies, *found.movies])
        left = np.flatnonzero(unseen)
        by_count = left[np.argsort(-store.movie_rating_counts[left], kind="stable")]
        assert more.movies[added].tolist() == sorted(by_count[:5].tolist())


def test_the_command_line_is_never_silent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ten.arrow"
    build_store(path, "ten", tables_of([*TEN, *((9, movie, 3.0) for movie in range(1, 7))]))
    command = ["--data-dir", str(path), "recommend", "--scorer", "local", "--format", "csv"]
    for person, rows, said in (
        (["--user-id", "1"], 3, "of which 3 are rated already"),
        (["--new-user"], 6, "only 6 of the 20 asked for: ten holds 6 movies"),
        (["--user-id", "9"], 0, "nothing is left to recommend: all 6 movies of ten"),
    ):
        assert run([*command, *person]) == 0
        printed = capsys.readouterr()
        assert len(printed.out.splitlines()) == 1 + rows
        assert said in printed.err
