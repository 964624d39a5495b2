"""What each movie of a history brought a candidate, against the sums it is a part of."""

import numpy as np
import pytest

from reelrecs.learning.base_models import fit_base_models
from reelrecs.learning.training_groups import Teachers
from reelrecs.pipeline.candidates import FeatureMatrix
from reelrecs.pipeline.query import Query
from reelrecs.stages.sequence_attribution import contributed, history_shares, watched_shares
from reelrecs.stages.sequence_model import SequenceModel, candidate_votes
from reelrecs.stages.user_context import build_query, query_of_history
from tests.asking import evidence_of
from tests.learning.test_sparse_rows import dense_of
from tests.worlds import random_triples, store_of

MOVIES = np.array([40, 3, 17, 29, 11], np.int32)


@pytest.fixture(scope="module")
def model() -> SequenceModel:
    store = store_of(random_triples(12, users=80, movies=50), 55)
    return SequenceModel(store, fit_base_models(store, Teachers.nobody()))


@pytest.fixture(scope="module")
def query(model: SequenceModel) -> Query:
    return build_query(model.store, int(np.argmax(np.diff(model.store.by_user.indptr))), 5)


def terms_of(**gave: float) -> FeatureMatrix:
    """Terms that gave every movie the same; "__" stands for the dot of a name."""
    names = tuple(name.replace("__", ".") for name in gave)
    return FeatureMatrix(names, np.tile(np.array(list(gave.values()), np.float32), (5, 1)))


def naive_parts(model: SequenceModel, query: Query, name: str, decay: float) -> np.ndarray:
    """[MOVIES, history newest first] by the definition of the matrices, negative ones as 0."""
    dense = dense_of(model.matrices[name])
    parts = np.zeros((len(MOVIES), len(query.movies)))
    for back, watched in enumerate(query.movies[::-1].tolist()):
        for row, movie in enumerate(MOVIES.tolist()):
            parts[row, back] = max(decay**back * float(dense[watched, movie]), 0.0)
    return parts


def test_the_parts_of_the_last_movies_are_all_votes(model: SequenceModel, query: Query) -> None:
    unseen = np.setdiff1d(np.arange(model.store.movie_count), query.movies).astype(np.int32)
    parts = model.anchor_votes(query, unseen)
    assert parts.shape == (len(unseen), model.settings.votes.anchors)
    assert (parts >= 0).all()
    assert (parts > 0).any(axis=0).all(), "each of the last movies votes"
    votes = candidate_votes(evidence_of(model, query).votes)[unseen]
    np.testing.assert_allclose(parts.sum(axis=1), votes, rtol=1e-5)


def test_shares_by_the_order_of_watching_equal_their_naive_twin(
    model: SequenceModel, query: Query
) -> None:
    terms = terms_of(
        sequence__next=0.6,
        sequence__next__relative=-0.2,
        model__next_item=0.3,
        model__co_occurrence__relative=0.1,
        model__ease=9.0,
        popularity__ratings=5.0,
    )
    last, shares = watched_shares(model, query, MOVIES, terms)
    assert last.tolist() == query.movies[::-1][:4].tolist()
    votes = model.anchor_votes(query, MOVIES)
    wanted = np.zeros((len(MOVIES), 4))
    weights = np.zeros(len(MOVIES))
    for weight, parts in (
        (0.4, votes),
        (0.3, naive_parts(model, query, "next_item", 0.8)[:, :31]),
        (0.1, naive_parts(model, query, "co_occurrence", 0.96)[:, :60]),
    ):
        whole = parts.sum(axis=1)
        spoke = whole > 0
        wanted[spoke] += weight * parts[spoke, :4] / whole[spoke, None]
        weights += weight * spoke
    assert weights.any()
    np.testing.assert_allclose(
        shares, wanted / np.where(weights > 0, weights, 1)[:, None], rtol=1e-4, atol=1e-6
    )


def test_shares_in_any_order_are_those_of_ease(model: SequenceModel, query: Query) -> None:
    history, shares = history_shares(model, query, MOVIES, terms_of(model__ease=0.2))
    assert history.tolist() == query.movies[::-1].tolist()
    parts = naive_parts(model, query, "ease", 1.0)
    whole = parts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        shares, np.divide(parts, whole, out=np.zeros_like(parts), where=whole > 0), rtol=1e-4
    )
    assert (whole > 0).any()


def test_what_spoke_against_a_movie_is_no_reason_for_it(model: SequenceModel, query: Query) -> None:
    against = terms_of(sequence__next=-0.6, model__next_item=-0.1, model__ease=-0.5)
    for tell in (watched_shares, history_shares):
        assert not tell(model, query, MOVIES, against)[1].any()
        assert not tell(model, query, MOVIES, terms_of(age=3.0))[1].any()


def test_a_history_may_be_short_or_empty(model: SequenceModel) -> None:
    nothing = np.zeros(0, np.int32)
    terms = terms_of(sequence__next=1.0, model__ease=1.0)
    nobody = query_of_history(model.store, nothing, nothing, nothing, 5)
    one = query_of_history(model.store, np.array([7], np.int32), np.ones(1), np.ones(1), 5)
    for query, length in ((nobody, 0), (one, 1)):
        for tell in (watched_shares, history_shares):
            movies, shares = tell(model, query, MOVIES, terms)
            assert len(movies) == length
            assert shares.shape == (len(MOVIES), length)
            assert ((shares >= 0) & (shares <= 1)).all()


def test_contributions_are_added_up_by_name() -> None:
    terms = terms_of(model__ease=1.0, model__ease__relative=2.0, model__easel=4.0, trees=8.0)
    assert contributed(terms, "model.ease").tolist() == [3.0] * 5
    assert contributed(terms, "model").tolist() == [7.0] * 5
    assert contributed(terms, "sequence").tolist() == [0.0] * 5
