"""Kept lists: those of an engine that keeps none, whatever happens in between."""

import contextlib
import random
import threading
from pathlib import Path

import pytest

from reelrecs import Constraints
from reelrecs.datasets import locate
from reelrecs.engine import Engine
from reelrecs.errors import InvalidRequest, NotFound, ReelRecsError
from reelrecs.list_cache import ListCache
from reelrecs.store.cache import compact
from tests.models import learned_model_of


def answer(engine: Engine, *words, **choices) -> dict | str:
    try:
        return engine.recommend(*words, **choices).to_dict()
    except ReelRecsError as error:
        return str(error)


def test_a_kept_list_is_the_one_that_would_be_made(mine: Path) -> None:
    """While ratings arrive and are forgotten, by this engine and by others, and are compacted."""
    rng = random.Random(5)
    wishes = [None, Constraints(year_to=1995), Constraints(allow=[1, 2, 3]), Constraints(deny=[1])]
    with Engine.open(mine, cache=6) as keeping, Engine.open(mine) as plain:
        assert keeping.cache is not None
        for _ in range(400):
            action = rng.random()
            user = rng.randrange(1, 5)
            if action < 0.02:
                rng.choice([keeping, plain]).append(user, rng.randrange(1, 40), 3.0)
            elif action < 0.04:
                with contextlib.suppress(NotFound):
                    rng.choice([keeping, plain]).forget(user, rng.randrange(1, 40))
            elif action < 0.05:
                compact(locate(mine))
            else:
                words = (user, 3)
                choices = {
                    "explain": rng.random() < 0.3,
                    "as_of": rng.choice([None, None, 30]),
                    "constraints": rng.choice(wishes),
                }
                assert answer(keeping, *words, **choices) == answer(plain, *words, **choices)
        assert keeping.cache.hits > 20
        assert keeping.cache.misses > 20


def test_another_model_makes_other_lists(mine: Path) -> None:
    with Engine.open(mine, cache=4, profile="fixed") as engine:
        first = engine.recommend(1, 5)
        assert engine.recommend(1, 5).to_dict() == first.to_dict()
        engine._moments.serve_by(engine._assembler_of(learned_model_of(engine.store)))
        again = engine.recommend(1, 5)
        assert engine.cache.hits == 1
        assert [one.score for one in again] != [one.score for one in first]


def test_who_changes_a_list_changes_nobody_elses(mine: Path) -> None:
    with Engine.open(mine, cache=4) as engine:
        for _ in range(3):
            found = engine.recommend(1, 5)
            assert len(found.items) == 5
            found.items.clear()
            explained = engine.recommend(1, 5, explain=True)
            assert explained[0].explanation.contributions
            explained[0].explanation.contributions.clear()
            explained[0].explanation.in_words.append("nothing")
            found.refused["nothing"] = 1
        assert engine.recommend(1, 5).refused == {}
        assert "nothing" not in engine.recommend(1, 5, explain=True)[0].explanation.in_words
        assert list(engine.recommend(1, 5).trace.seconds) == ["cache"]


def test_requests_that_look_alike_are_told_apart(mine: Path) -> None:
    with Engine.open(mine, cache=9) as engine:
        engine.recommend(1, 5)
        for user, limit in [(True, 5), (1, True), (1.0, 5), (1, 5.0)]:
            with pytest.raises((InvalidRequest, NotFound)):
                engine.recommend(user, limit)
        engine.close()
        with pytest.raises(InvalidRequest, match="the engine is closed"):
            engine.recommend(1, 5)


def test_the_bound_holds(mine: Path) -> None:
    for size in (-1, True, 1.5):
        with pytest.raises(InvalidRequest, match="keep at least 1 list"):
            ListCache(size)
    with Engine.open(mine, cache=2) as engine:
        for user in (1, 2, 1, 3, 1, 2):
            engine.recommend(user, 5)
        assert (engine.cache.hits, engine.cache.misses) == (2, 4)
        assert len(engine.cache._lists) == 2


def test_many_threads_see_what_was_rated_before_they_asked(mine: Path) -> None:
    wrong = []
    with Engine.open(mine, cache=8) as engine:

        def rate_and_ask(first: int) -> None:
            for movie in range(first, 46, 4):
                engine.append(2, movie, 3.0)
                if movie in [one.movie.movie_id for one in engine.recommend(2, 10)]:
                    wrong.append(movie)

        threads = [threading.Thread(target=rate_and_ask, args=(one,)) for one in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_what_may_change_unseen_is_not_kept(mine: Path) -> None:
    class Own:
        name = "own"

        def keep(self, query, candidates):
            return candidates.scores > 0

    with Engine.open(mine) as engine:
        for choices in ({"scorer": "127.0.0.1:1"}, {"filters": [Own()]}, {"sources": [Own()]}):
            with pytest.raises(InvalidRequest, match="may change unseen"):
                Engine(engine.store, cache=3, **choices)
