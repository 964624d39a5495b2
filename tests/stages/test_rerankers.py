"""The diversity re-ranker: nothing lost or doubled, order by score when off, variety when on."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs import config
from reelrecs.errors import InvalidRequest, ScorerError
from reelrecs.kernels.content import content_similarities
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix
from reelrecs.stages.rerankers import DiversityReranker
from reelrecs.stages.user_context import build_query
from tests.asking import reranked
from tests.kernels.test_rerank import marginal_relevance
from tests.worlds import random_triples, store_of

STORE = store_of(random_triples(7), movie_count=130)
QUERY = build_query(STORE, 0, 20)
SCORED = st.dictionaries(st.integers(0, STORE.movie_count - 1), st.integers(0, 64), max_size=40)
STRENGTHS = st.sampled_from([0.0, 0.1, 0.5, 1.0])


def scored(levels, scale=1.0, shift=0.0):
    rows = np.array(list(levels), np.int32)
    scores = np.array(list(levels.values()), np.float32) / np.float32(64)
    return Candidates(rows, scores=scores * np.float32(scale) + np.float32(shift))


def by_ids(levels):
    return scored({STORE.movie_row(movie): level for movie, level in levels.items()})


@given(SCORED, STRENGTHS, st.integers(1, 50))
def test_a_list_is_of_candidates_none_twice_none_too_many(levels, strength, limit):
    query = replace(QUERY, limit=limit)
    order = reranked(DiversityReranker(STORE, strength), query, scored(levels)).order
    assert len(order) == min(limit, len(levels))
    assert len(set(order.tolist())) == len(order)
    assert all(0 <= at < len(levels) for at in order)


@given(SCORED, st.integers(1, 50))
def test_without_strength_it_is_the_order_of_scores(levels, limit):
    query = replace(QUERY, limit=limit)
    order = reranked(DiversityReranker(STORE, 0.0), query, scored(levels)).order
    wanted = sorted(levels, key=lambda row: (-levels[row], row))[:limit]
    assert [list(levels)[at] for at in order] == wanted


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=30))
def test_without_strength_no_difference_is_too_small(scores):
    rows = np.arange(len(scores), dtype=np.int32)
    batch = Candidates(rows, scores=np.array(scores, np.float32))
    order = reranked(DiversityReranker(STORE, 0.0), replace(QUERY, limit=30), batch).order
    assert order.tolist() == sorted(rows.tolist(), key=lambda row: (-scores[row], row))


@given(SCORED.filter(bool), STRENGTHS)
def test_the_best_candidate_always_comes_first(levels, strength):
    first = reranked(DiversityReranker(STORE, strength), QUERY, scored(levels)).order[0]
    if strength < 1:
        assert list(levels)[first] == min(levels, key=lambda row: (-levels[row], row))


@given(SCORED, STRENGTHS, st.sampled_from([0.25, 8.0, 1024.0]), st.sampled_from([-64.0, 0, 8.0]))
def test_strength_means_the_same_on_any_scale(levels, strength, scale, shift):
    stage = DiversityReranker(STORE, strength)
    plain, moved = scored(levels), scored(levels, scale, shift)
    one, other = reranked(stage, QUERY, plain), reranked(stage, QUERY, moved)
    assert one.order.tolist() == other.order.tolist()


@given(SCORED, STRENGTHS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(levels, strength, random):
    stage = DiversityReranker(STORE, strength)
    rows = list(levels)
    random.shuffle(rows)
    mixed = {row: levels[row] for row in rows}
    one = reranked(stage, QUERY, scored(levels)).order
    other = reranked(stage, QUERY, scored(mixed)).order
    assert [list(levels)[at] for at in one] == [rows[at] for at in other]


@given(SCORED.filter(bool), st.sampled_from([0.02, 0.1, 0.5, 0.9, 1.0]), st.integers(1, 8))
def test_who_is_out_of_reach_is_left_out_without_a_change(levels, strength, limit):
    """The list is that of the kernel over all candidates."""
    batch = scored(levels)
    relevance = batch.scores.astype(np.float64) - batch.scores.min()
    order, _ = marginal_relevance(
        relevance / (relevance.max() or 1.0),
        batch.movies,
        STORE.movie_genres[batch.movies],
        STORE.movie_years[batch.movies],
        strength,
        config.ERA_SPAN,
        config.DIVERSITY_ERA_SHARE,
        limit,
    )
    found = reranked(DiversityReranker(STORE, strength), replace(QUERY, limit=limit), batch).order
    assert found.tolist() == order.tolist()


RAGGED = st.dictionaries(
    st.integers(0, STORE.movie_count - 1),
    st.floats(-4, 4, width=32) | st.floats(-(2.0**-20), 2.0**-20, width=32),
    max_size=30,
)
"""Scores of any sign and size, so that sums round."""


@given(RAGGED, st.floats(0, 1), st.integers(1, 40))
def test_shown_scores_descend_and_are_the_sums_of_their_terms(scores, strength, limit):
    rows = np.array(list(scores), np.int32)
    terms = np.array([[score / 3, score - score / 3] for score in scores.values()], np.float32)
    terms = terms.reshape(-1, 2)
    batch = Candidates(
        rows, scores=terms.cumsum(axis=1)[:, -1], terms=FeatureMatrix(("a", "b"), terms)
    )
    reranking = reranked(DiversityReranker(STORE, strength), replace(QUERY, limit=limit), batch)
    ranked = reranking.lists(CandidateBatch.of([batch])).rows
    assert (ranked.scores[1:] <= ranked.scores[:-1]).all()
    assert ranked.terms.columns == (("a", "b", "variety") if strength else ("a", "b"))
    for score, parts in zip(ranked.scores, ranked.terms.values, strict=True):
        total = np.float32(0)
        for part in parts:
            total += part
        assert total == score
    assert ranked.movies.tolist() == rows[reranking.order].tolist()


@given(SCORED.filter(bool), st.sampled_from([0.02, 0.1, 0.5, 0.9]))
def test_the_adjustment_is_the_penalty_for_likeness_on_the_scores_own_scale(levels, strength):
    """Marginal relevance, (1 - strength) relevance - strength similarity, in units of score."""
    batch = scored(levels, 8.0)
    _, order, term, adjustment = reranked(DiversityReranker(STORE, strength), QUERY, batch)
    assert term == "variety"
    spread = float(batch.scores.max() - batch.scores.min())
    taken: list[int] = []
    for at, added in zip(order.tolist(), adjustment.tolist(), strict=True):
        row = batch.movies[at]
        alike = content_similarities(
            STORE.movie_genres,
            STORE.movie_years,
            row,
            config.ERA_SPAN,
            config.DIVERSITY_ERA_SHARE,
        )
        wanted = -spread * strength / (1 - strength) * max(alike[taken], default=0.0)
        assert added == pytest.approx(wanted, rel=1e-5, abs=1e-5 * spread)
        assert added <= 0.0
        taken.append(int(row))


def test_variety_displaces_more_of_the_same():
    # movies 6, 66 and 126 are the same genre and year; 24 shares neither with them
    levels = {6: 64, 66: 62, 126: 60, 24: 58, 100: 0}
    batch = by_ids(levels)
    ids = list(levels)
    query = replace(QUERY, limit=2)
    for strength, wanted in ((0.0, [6, 66]), (0.01, [6, 66]), (0.5, [6, 24])):
        order = reranked(DiversityReranker(STORE, strength), query, batch).order
        assert [ids[at] for at in order] == wanted


def test_movies_of_one_era_are_alike_too():
    # 18 (1968) shares no genre with 20 (1970) or 50 (2000); 50 scores less but is of another era
    levels = {18: 64, 20: 40, 50: 39, 100: 0}
    order = reranked(DiversityReranker(STORE, 0.5), replace(QUERY, limit=2), by_ids(levels)).order
    assert [list(levels)[at] for at in order] == [18, 50]


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_outside_its_range_is_refused(strength):
    with pytest.raises(InvalidRequest, match="strength from 0 to 1"):
        DiversityReranker(STORE, strength)


@pytest.mark.parametrize("strength", [0.0, 0.5])
@pytest.mark.parametrize("scores", [None, np.array([1, np.nan], np.float32)])
def test_candidates_without_a_score_are_an_error(strength, scores):
    batch = Candidates(np.array([0, 1], np.int32), scores=scores)
    with pytest.raises(ScorerError):
        reranked(DiversityReranker(STORE, strength), QUERY, batch)
