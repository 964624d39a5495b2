"""The harness against naive twins and scikit-learn: a wrong ruler spoils every figure."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    coverage_error,
    ndcg_score,
    recall_score,
)

from reelrecs.errors import InvalidRequest
from reelrecs.evaluation import evaluate, metrics, runner, splits
from reelrecs.evaluation.bootstrap import bootstrap, bootstrap_all, paired_difference
from reelrecs.evaluation.popularity import Popularity
from reelrecs.evaluation.questions import Questions
from reelrecs.evaluation.sparse import largest
from reelrecs.evaluation.system import System
from tests.evaluation.asking import stranger
from tests.worlds import random_triples, store_of


def test_ranks_count_ties_against_the_system() -> None:
    scores = np.array([[3.0, 2.0, 2.0, -np.inf, 1.0]])
    rows = np.zeros(5, np.int64)
    ranks = metrics.ranks_of(scores, rows, np.arange(5, dtype=np.int32))
    assert ranks.tolist() == [1, 3, 3, metrics.MISSED, 4]


SCORES = st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0])


@given(st.lists(st.lists(SCORES, min_size=7, max_size=7), min_size=1, max_size=4), st.data())
def test_ranks_and_lists_equal_naive_twins(rows: list[list[float]], data: st.DataObject) -> None:
    scores = np.array(rows)
    where = st.tuples(st.integers(0, len(rows) - 1), st.integers(0, 6))
    targets = data.draw(st.lists(where, min_size=1, max_size=8))
    got = metrics.ranks_of(
        scores, np.array([row for row, _ in targets]), np.array([at for _, at in targets], np.int32)
    )
    for (row, at), rank in zip(targets, got, strict=True):
        ahead = sum(score >= rows[row][at] for score in rows[row])
        assert rank == (metrics.MISSED if rows[row][at] == -np.inf else ahead)
    for k in (1, 3, 9):
        lists = runner.top_movies(scores, k)
        for listed, row in zip(lists.tolist(), rows, strict=True):
            best = sorted(range(7), key=lambda at, row=row: (-row[at], at))[:k]
            assert listed == [at if row[at] > -np.inf else -1 for at in best]
        assert largest(scores, k).shape == (len(rows), min(k, 7))
        shown = metrics.ranks_in_lists(lists, np.zeros(7, np.int64), np.arange(7, dtype=np.int32))
        places = [listed + 1 for listed in range(lists.shape[1]) if lists[0, listed] >= 0]
        assert sorted(shown[shown < metrics.MISSED].tolist()) == places


RANKS = st.lists(
    st.lists(st.integers(1, 30) | st.just(metrics.MISSED), min_size=1, max_size=5),
    min_size=1,
    max_size=8,
)


@given(RANKS, st.integers(1, 12))
def test_accuracy_equals_a_naive_twin(by_user: list[list[int]], k: int) -> None:
    by_user = [sorted(set(ranks)) for ranks in by_user]
    indptr = np.concatenate([[0], np.cumsum([len(ranks) for ranks in by_user])])
    flat = np.array([rank for ranks in by_user for rank in ranks], np.int64)
    got = metrics.accuracy(indptr, flat, k)
    for place, ranks in enumerate(by_user):
        hits = [rank for rank in ranks if rank <= k]
        best = min(len(ranks), k)
        dcg = sum(1 / math.log2(1 + rank) for rank in hits)
        ideal = sum(1 / math.log2(2 + at) for at in range(best))
        precision = sum((at + 1) / rank for at, rank in enumerate(hits))
        first = ranks[0]
        assert got[f"HR@{k}"][place] == (len(hits) > 0)
        assert got[f"NDCG@{k}"][place] == pytest.approx(dcg / ideal)
        assert got[f"Recall@{k}"][place] == pytest.approx(len(hits) / len(ranks))
        assert got[f"MAP@{k}"][place] == pytest.approx(precision / best)
        assert got["MRR"][place] == pytest.approx(0 if first == metrics.MISSED else 1 / first)


def test_coverage_and_gini_of_known_lists() -> None:
    store = store_of([(user, movie, 4.0) for user in (1, 2) for movie in range(1, 5)])
    even = metrics.catalogue_use(store, np.array([[0, 1], [2, 3]], np.int32))
    assert even == {"coverage": 1.0, "Gini": 0.0}
    one_for_all = metrics.catalogue_use(store, np.array([[0], [0]], np.int32))
    assert one_for_all == {"coverage": 0.25, "Gini": pytest.approx(0.75)}


def test_a_list_like_the_history_is_calibrated_and_popular_movies_are_no_news() -> None:
    store = store_of(random_triples(3))
    user = int(np.argmax(np.diff(store.by_user.indptr)))
    watched = store.by_user.movies[store.by_user.indptr[user] : store.by_user.indptr[user + 1]]
    users = stranger(watched.tolist())
    like = metrics.list_quality(store, users, watched[None, :])
    one = metrics.list_quality(store, users, np.repeat(watched[:1], 5)[None, :])
    assert like["calibration"][0] == pytest.approx(0, abs=1e-9)
    assert one["calibration"][0] > 0.1
    assert one["diversity"][0] == 0
    assert like["diversity"][0] > 0.3
    common = np.argsort(-store.movie_rating_counts)[:5].astype(np.int32)
    rare = np.argsort(store.movie_rating_counts)[:5].astype(np.int32)
    novelty = [
        metrics.list_quality(store, users, one[None, :])["novelty"][0] for one in (common, rare)
    ]
    assert novelty[0] < novelty[1]


class Oracle(System):
    """Knows the targets; everything else is tied."""

    name = "oracle"

    def __init__(self, split: splits.Split) -> None:
        self._split = split

    def scores(self, questions: Questions) -> np.ndarray:
        scores = np.zeros((len(questions), self._split.train.movie_count))
        for row, user in enumerate(questions.users):
            place = int(np.searchsorted(self._split.users, user))
            scores[row, self._split.targets_of(place)] = 1.0
        return scores


def test_the_harness_gives_an_oracle_everything_and_a_constant_nothing() -> None:
    split = splits.last_out(store_of(random_triples(6, users=300, movies=60)))
    best = runner.run(split, Oracle(split), 10)
    assert best.intervals["HR@10"].mean == 1.0
    assert best.intervals["NDCG@10"].mean == 1.0

    class Constant(Oracle):
        def scores(self, questions: Questions) -> np.ndarray:
            return np.zeros((len(questions), 60))

    assert runner.run(split, Constant(split), 10).intervals["HR@10"].mean == 0.0


def test_a_system_is_closed_and_its_nonsense_is_refused() -> None:
    store = store_of(random_triples(6))
    split = splits.last_out(store)
    closed: list[str] = []

    class Nonsense(Oracle):
        def scores(self, questions: Questions) -> np.ndarray:
            return np.full((len(questions), split.train.movie_count), np.nan)

        def close(self) -> None:
            closed.append(self.name)

    with pytest.raises(RuntimeError, match="did not give one number a movie"):
        evaluate(store, {"nonsense": lambda train: Nonsense(split)}, "last-out")
    assert closed == ["oracle"]
    with pytest.raises(InvalidRequest, match="at least 1"):
        runner.run(split, Oracle(split), 0)


def test_sampled_negatives_make_it_easier() -> None:
    split = splits.last_out(store_of(random_triples(7, users=200, movies=300)))
    full = runner.run(split, Popularity(split.train), 10)
    sampled = runner.run(split, Popularity(split.train), 10, negatives=20, seed=1)
    assert sampled.intervals["HR@10"].mean > full.intervals["HR@10"].mean + 0.1


def test_negatives_are_that_many_and_never_the_target() -> None:
    split = splits.last_out(store_of(random_triples(7, users=50, movies=60, most=20)))
    rated_nothing = np.zeros((1, split.train.movie_count))

    class Constant(System):
        name = "constant"

        def scores(self, questions: Questions) -> np.ndarray:
            return np.repeat(rated_nothing, len(questions), axis=0)

    result = runner.run(split, Constant(), 10, negatives=5)
    np.testing.assert_allclose(result.per_user["MRR"], 1 / 6)
    assert result.setting.negatives == 5


def test_the_bootstrap_interval_is_that_of_the_normal_law_for_many_users() -> None:
    values = (np.random.default_rng(0).random(4000) < 0.3).astype(float)
    interval = bootstrap(values)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert interval.low == pytest.approx(values.mean() - half, abs=0.002)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.002)


@pytest.mark.parametrize("n", [1, 2, 50])
def test_metrics_that_share_resamples_have_the_intervals_they_have_alone(n: int) -> None:
    rng = np.random.default_rng(2)
    named = {"a": rng.random(n), "b": rng.random(n)}
    both = bootstrap_all(named, seed=3)
    for name, values in named.items():
        alone = bootstrap(values, seed=3)
        assert both[name].low == pytest.approx(alone.low)
        assert both[name].high == pytest.approx(alone.high)
        assert alone.low <= alone.mean <= alone.high or n > 2


def test_pairing_finds_small_but_steady_differences() -> None:
    rng = np.random.default_rng(1)
    theirs = rng.random(2000)
    better = paired_difference(theirs + 0.01 + rng.normal(0, 0.01, 2000), theirs)
    assert 0 < better.low < 0.01 < better.high
    tie = paired_difference(rng.permutation(theirs), theirs)
    assert tie.low < 0 < tie.high


@pytest.mark.parametrize("k", [1, 3, 10])
def test_ndcg_and_average_precision_equal_scikit_learn(k: int) -> None:
    rng = np.random.default_rng(k)
    for _ in range(20):
        scores = rng.permutation(30).astype(float)[None, :]
        targets = rng.choice(30, rng.integers(1, 8), replace=False).astype(np.int32)
        relevant = np.zeros((1, 30))
        relevant[0, targets] = 1.0
        ranks = metrics.ranks_of(scores, np.zeros(len(targets), np.int64), targets)
        indptr = np.array([0, len(targets)])
        got = metrics.accuracy(indptr, ranks, k)
        assert got[f"NDCG@{k}"][0] == pytest.approx(ndcg_score(relevant, scores, k=k))
        everything = metrics.accuracy(indptr, ranks, 30)["MAP@30"][0]
        assert everything == pytest.approx(average_precision_score(relevant[0], scores[0]))
        best = scores[0] >= np.sort(scores[0])[-k]
        assert got[f"Recall@{k}"][0] == pytest.approx(recall_score(relevant[0], best))
        (hit,) = got[f"HR@{k}"]
        assert hit == (relevant[0] * best).any()
        assert got["MRR"][0] == pytest.approx(label_ranking_first(relevant, scores))


def label_ranking_first(relevant: np.ndarray, scores: np.ndarray) -> float:
    """Reciprocal rank of the first relevant one, by scikit-learn: coverage is the last's rank."""
    first = np.where(scores == scores[relevant > 0].max(), 1, 0)
    return float(1 / coverage_error(first, scores))


@pytest.mark.parametrize("targets", [3, 60])
def test_many_targets_of_one_row_are_ranked_as_few_are(targets: int) -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 20, (2, 100)).astype(float)
    movies = rng.choice(100, targets, replace=False).astype(np.int32)
    ranks = metrics.ranks_of(scores, np.ones(targets, np.int64), movies)
    assert ranks.tolist() == [int((scores[1] >= scores[1][movie]).sum()) for movie in movies]


def test_who_asks_often_counts_as_one() -> None:
    values = {"HR": np.array([1.0, 0.0, 0.0, 1.0])}
    assert metrics.by_user(values, np.array([0, 0, 0, 1]))["HR"].tolist() == [1 / 3, 1.0]
