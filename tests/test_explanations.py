"""Reasons are causes, and reasons for this very movie; what is merely true stands apart."""

from dataclasses import replace

import numpy as np
import pytest

from reelrecs import config
from reelrecs.engine import Engine
from reelrecs.explanations import explain
from reelrecs.histories import History
from reelrecs.learning.train import train
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix
from reelrecs.pipeline.query import Query
from reelrecs.results import Reason
from reelrecs.scorer.model import ScoringModel
from reelrecs.store.store import Store
from tests.learning.test_train import walks
from tests.models import fixed_engine
from tests.worlds import Triple, store_of


def likes_of(store: Store, user: int) -> set[int]:
    return set(store.likes.movies[slice(*store.likes.user_indptr[user : user + 2])].tolist())


def naive_liked(store: Store, query: Query, movie: int) -> list[int]:
    """Liked movies that the neighbours who like this one like beyond chance, by sets."""
    neighbours = [likes_of(store, user) for user in query.neighbours.users.tolist()]
    n = len(neighbours)
    excess = {}
    for liked in sorted(set(query.liked[-config.SUPPORTING_LIKES :].tolist())):
        one = sum(movie in likes for likes in neighbours) / n
        other = sum(liked in likes for likes in neighbours) / n
        both = sum({movie, liked} <= likes for likes in neighbours)
        variance = n * one * other * (1 - one) * (1 - other)
        if variance > 0:
            excess[liked] = (both - n * one * other) / variance**0.5
    best = sorted(excess, key=lambda liked: (-excess[liked], liked))[:3]
    return [liked for liked in best if excess[liked] >= 2]


def test_neighbours_name_the_liked_movies_they_like_beyond_chance(sample_engine: Engine) -> None:
    store = sample_engine.store
    for user_id in (2, 15):
        query = sample_engine.query(user_id, 20)
        named = []
        for item in sample_engine.recommend(user_id, explain=True):
            assert item.explanation is not None
            liked = item.explanation.because_you_liked
            found = [store.movie_row(movie.movie_id) for movie in liked]
            assert found == naive_liked(store, query, store.movie_row(item.movie.movie_id))
            row = store.movie_row(item.movie.movie_id)
            assert item.explanation.similar_users == int(query.neighbours.likes[row])
            assert item.explanation.because_you_watched == []
            assert item.explanation.related is None
            named.append(tuple(found))
        assert len(set(named)) > 15, "the argument is for this movie, not for the list"


def test_what_everybody_likes_argues_for_nothing() -> None:
    """Movies 1 to 4 are liked by all; two tastes share nothing else."""
    world: list[Triple] = []
    rng = np.random.default_rng(5)
    for user in range(1, 121):
        own = 10 if user % 2 else 30
        some = rng.choice(np.arange(own, own + 12), size=7, replace=False)
        world += [(user, movie, 5.0) for movie in (1, 2, 3, 4)]
        world += [(user, int(movie), 5.0) for movie in some]
    mine = [(999, movie, 5.0) for movie in (1, 2, 3, 4, 10, 11, 12)]
    store = store_of(world + mine)
    with fixed_engine(store, diversity=0.0) as engine:
        items = list(engine.recommend(999, 20, explain=True))
    reasons = {item.movie.movie_id: item.explanation for item in items}
    for movie_id, reason in reasons.items():
        assert reason is not None
        liked = {movie.movie_id for movie in reason.because_you_liked}
        assert not liked & {1, 2, 3, 4}
        assert liked <= {10, 11, 12}
        assert movie_id < 30 or not liked
    assert any(reason is not None and reason.because_you_liked for reason in reasons.values())


def test_where_nothing_argues_nothing_is_said(sample_engine: Engine) -> None:
    """The first user of the sample likes three movies, too few for neighbours."""
    for item in sample_engine.recommend(1, explain=True):
        assert item.explanation is not None
        assert item.explanation.because_you_liked == []
        assert item.explanation.similar_users == 0


@pytest.fixture(scope="module")
def ring() -> ScoringModel:
    return train(store_of(walks(150, 60, 1)))


def test_a_step_of_a_walk_is_explained_by_the_step_before(ring: ScoringModel) -> None:
    with Engine(ring.store, model=ring, diversity=0.0) as engine:
        right = total = 0
        for user_id in list(ring.store.user_ids)[:60]:
            last = engine.query(user_id, 1).movies[-1]
            (item,) = engine.recommend(user_id, 1, explain=True)
            assert item.explanation is not None
            watched = [movie.movie_id for movie in item.explanation.because_you_watched]
            assert set(watched) <= {
                ring.store.movie_ids[row] for row in engine.query(user_id, 1).movies[-4:]
            }
            step = (item.movie.movie_id - ring.store.movie_ids[last]) % 60
            if step in (1, 2):
                total += 1
                right += watched[:1] == [ring.store.movie_ids[last]]
    assert total > 40
    assert right / total > 0.8


def test_a_learned_reason_names_no_neighbours_and_no_movie_twice(ring: ScoringModel) -> None:
    store = ring.store
    with Engine(store, model=ring) as engine:
        for user_id in list(store.user_ids)[:20]:
            query = engine.query(user_id, 10)
            assert len(query.liked) < config.RELATED_LIKERS / store.user_count
            for item in engine.recommend(user_id, 10, explain=True):
                reason = item.explanation
                assert reason is not None
                assert reason.similar_users is None
                assert reason.related is not None
                row = store.movie_row(item.movie.movie_id)
                assert reason.related.similar_users == int(query.neighbours.likes[row])
                liked = {movie.movie_id for movie in reason.because_you_liked}
                watched = {movie.movie_id for movie in reason.because_you_watched}
                assert liked <= set(store.movie_ids.at(query.liked))
                assert not liked & watched
                ease = sum(
                    part
                    for term, part in reason.contributions.items()
                    if term.startswith("model.ease")
                )
                assert ease > 0 or not liked


def reasons_of(engine: Engine, query: Query, terms: FeatureMatrix) -> list[Reason]:
    ranked, _ = engine.pipeline.run_one(query)
    values = np.tile(terms.values, (len(ranked), 1))
    return explain(
        engine.store,
        query,
        replace(ranked, terms=FeatureMatrix(terms.columns, values)),
        engine.profile.sequence,
    )


def test_only_what_the_score_is_made_of_is_a_reason(ring: ScoringModel) -> None:
    """A scorer of one's own may use none of the columns, whatever the profile offers."""
    user_id = ring.store.user_ids[3]
    with Engine(ring.store, model=ring) as engine:
        query = engine.query(user_id, 10)
        own = FeatureMatrix(("age",), np.ones((1, 1), np.float32))
        for reason in reasons_of(engine, query, own):
            assert (reason.because_you_liked, reason.because_you_watched) == ([], [])
            assert reason.similar_users is None
            assert reason.related is not None
        votes = FeatureMatrix(("sequence.next",), np.ones((1, 1), np.float32))
        assert any(reason.because_you_watched for reason in reasons_of(engine, query, votes))
        assert not any(reason.because_you_liked for reason in reasons_of(engine, query, votes))


def test_people_of_like_taste_are_found_by_the_rarest_likes_in_bounded_time(
    ring: ScoringModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ring.store
    with Engine(store, model=ring) as engine:
        query = engine.query(store.user_ids[0], 5)
        counts = np.sort(store.movie_like_counts[query.liked])
        monkeypatch.setattr(config, "RELATED_LIKERS", int(counts[:4].sum()))
        rarest = query.liked[np.argsort(store.movie_like_counts[query.liked], kind="stable")[:4]]
        alike = [
            user
            for user in range(store.user_count)
            if user != query.user_row and len(likes_of(store, user) & set(rarest.tolist())) >= 3
        ]
        ranked, _ = engine.pipeline.run_one(query)
        reasons = explain(store, query, ranked, engine.profile.sequence)
        for movie, reason in zip(ranked.movies.tolist(), reasons, strict=True):
            assert reason.related is not None
            wanted = sum(movie in likes_of(store, user) for user in alike)
            assert reason.related.similar_users == wanted
        assert alike


def test_somebody_new_is_given_no_reasons_of_their_own(ring: ScoringModel) -> None:
    with Engine(ring.store, model=ring) as engine:
        for item in engine.recommend_for(History(), 10, explain=True):
            assert item.explanation is not None
            assert item.explanation.because_you_liked == []
            assert item.explanation.because_you_watched == []
            assert item.explanation.related is not None
            assert item.explanation.related.similar_users == 0


def test_candidates_without_terms_cannot_be_explained(sample_engine: Engine) -> None:
    bare = Candidates(np.zeros(1, np.int32))
    with pytest.raises(ValueError, match="only scored candidates"):
        explain(sample_engine.store, sample_engine.query(15, 5), bare)
