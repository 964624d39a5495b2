"""What the ranker is asked while it learns: nothing that base models or the future could tell."""

import numpy as np
import pytest

from reelrecs import config
from reelrecs.learning import base_models, markov_chain
from reelrecs.learning.training_groups import Teachers, choose_questions, choose_teachers
from reelrecs.store.store import Store
from tests.worlds import random_triples, store_of


@pytest.fixture(scope="module")
def world() -> Store:
    made = random_triples(3, users=200, movies=80, most=40)
    np.random.default_rng(4).shuffle(made)
    return store_of(made, 90)


def test_nobody_teaches_twice(world: Store) -> None:
    teachers = choose_teachers(world, np.random.default_rng(1))
    assert len(teachers.last) > 0
    assert len(teachers.first) > 0
    assert not np.isin(teachers.last, teachers.first).any()
    lengths = np.diff(world.by_user.indptr)
    assert lengths[teachers.last].min() >= 2 * config.TARGETS_PER_USER


def test_base_models_see_nothing_that_is_asked_for(
    world: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    teachers = choose_teachers(world, np.random.default_rng(1))
    questions = choose_questions(world, teachers, np.random.default_rng(2))
    seen: list[np.ndarray] = []

    class Fitted(Exception):
        pass

    def look(indptr: np.ndarray, movies: np.ndarray, *_: object) -> None:
        seen.extend(np.split(movies, indptr[1:-1]))
        raise Fitted

    monkeypatch.setattr(base_models, "fit_chain", look)
    with pytest.raises(Fitted):
        base_models.fit_base_models(world, teachers)
    for question in questions:
        target = world.by_user.movies[world.by_user.row(question.user)][question.target]
        assert target not in seen[question.user]
    others = np.setdiff1d(np.arange(world.user_count), np.concatenate(teachers))
    for user in others.tolist():
        assert seen[user].tolist() == world.by_user.movies[world.by_user.row(user)].tolist()


def test_questions_are_asked_before_their_answers_are_known(world: Store) -> None:
    teachers = choose_teachers(world, np.random.default_rng(1))
    questions = choose_questions(world, teachers, np.random.default_rng(2))
    lengths = [question.length for question in questions]
    assert set(range(config.NEWCOMER_PLACES)) <= set(lengths)
    long_after = 0
    for question in questions:
        times = world.by_user.times[world.by_user.row(question.user)]
        assert question.length <= question.target
        assert question.as_of < times[question.target]
        long_after += question.length < question.target
    assert long_after > 0


def test_without_teachers_base_models_see_everything(
    world: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []
    fit = markov_chain.fit_chain

    def look(indptr: np.ndarray, movies: np.ndarray, *rest: int) -> object:
        seen.append(movies)
        return fit(indptr, movies, *rest)

    monkeypatch.setattr(base_models, "fit_chain", look)
    base_models.fit_base_models(world, Teachers.nobody())
    assert (seen[0] == world.by_user.movies).all()
