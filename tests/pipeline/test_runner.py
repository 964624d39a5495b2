"""The loop over stages: nothing lost, nothing reordered, relaxing said aloud."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.errors import StageError
from reelrecs.pipeline.candidate_batch import CandidateBatch, merge
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix
from reelrecs.pipeline.query import CoLikeNeighbours, Preferences, Query
from reelrecs.pipeline.reranking import Reranking
from reelrecs.pipeline.runner import Pipeline
from reelrecs.pipeline.trace import Trace
from tests.asking import lists_of

MOVIE_COUNT = 40


def query_for(limit: int) -> Query:
    nothing = np.zeros(0, np.int32)
    return Query(
        limit=limit,
        user_row=-1,
        movies=nothing,
        ratings=np.zeros(0, np.float32),
        times=np.zeros(0, np.int64),
        as_of=0,
        liked=nothing,
        find_preferences=lambda: Preferences(
            3.5, np.zeros(0, np.float32), np.zeros(0, np.int64), 0, 0
        ),
        find_neighbours=lambda: CoLikeNeighbours(nothing, nothing, nothing, nothing),
    )


def batch(movies: list[int], channel: str) -> Candidates:
    rows = np.array(movies, np.int32)
    return Candidates(rows, (channel,), (rows[:, None] + 1).astype(np.float32))


class FixedSource:
    def __init__(self, name: str, movies: list[int]) -> None:
        self.name, self.movies = name, movies

    def find(self, query: Query) -> Candidates:
        return batch(self.movies, f"{self.name}.all")


class BelowFilter:
    def __init__(self, name: str, bound: int) -> None:
        self.name, self.bound = name, bound

    def keep(self, query: Query, candidates: Candidates) -> np.ndarray:
        return candidates.movies < self.bound


class RowFeature:
    def features(self, query: Query, candidates: Candidates) -> FeatureMatrix:
        return FeatureMatrix(("row",), candidates.movies[:, None].astype(np.float32))


class RowScorer:
    def score(self, query: Query, candidates: Candidates) -> Candidates:
        assert candidates.features is not None
        return replace(
            candidates, scores=candidates.features.column("row"), terms=candidates.features
        )


class BestFirst:
    def rerank(self, query: Query, candidates: Candidates) -> Reranking:
        return Reranking(np.argsort(-candidates.scores)[: query.limit])


def pipeline_of(*filters: BelowFilter, relax: tuple[str, ...] = ()) -> Pipeline:
    return Pipeline(
        MOVIE_COUNT,
        [FixedSource("a", [1, 3, 5]), FixedSource("b", [3, 4])],
        filters,
        [RowFeature()],
        RowScorer(),
        BestFirst(),
        relax,
    )


def test_a_run_finds_filters_scores_and_ranks() -> None:
    ranked, trace = pipeline_of(BelowFilter("below5", 5)).run_one(query_for(2))
    assert ranked.movies.tolist() == [4, 3]
    assert ranked.channels == ("a.all", "b.all")
    assert ranked.retrieval_scores.tolist() == [[0, 5], [4, 4]]
    assert trace.found == {"a": 3, "b": 2}
    assert trace.why_removed(5) == ["below5"]
    assert trace.why_removed(4) == []
    assert set(trace.seconds) == {"a", "b", "merge", "filter", "features", "score", "rerank"}


def test_an_adjustment_is_a_term_and_part_of_the_score() -> None:
    class Adjusts(BestFirst):
        def rerank(self, query: Query, candidates: Candidates) -> Reranking:
            order = super().rerank(query, candidates).order
            return Reranking(order, "company", np.array([0, -0.5], np.float32))

    pipeline = replace(pipeline_of(), reranker=Adjusts())
    for ranked in (pipeline.run_one(query_for(2))[0], *lists_of(pipeline, [query_for(2)] * 3)):
        assert ranked.movies.tolist() == [5, 4]
        assert ranked.scores is not None
        assert ranked.terms is not None
        assert ranked.scores.tolist() == [5, 3.5]
        assert ranked.terms.columns == ("row", "company")
        assert ranked.terms.values.tolist() == [[5, 0], [4, -0.5]]


def test_filters_are_relaxed_in_order_and_only_as_far_as_needed() -> None:
    two = (BelowFilter("below4", 4), BelowFilter("below2", 2), BelowFilter("below5", 5))
    ranked, trace = pipeline_of(*two, relax=("below2", "below4", "below5")).run_one(query_for(2))
    assert trace.relaxed == ("below2",)
    assert ranked.movies.tolist() == [3, 1]
    ranked, trace = pipeline_of(*two, relax=("below2", "below4")).run_one(query_for(4))
    assert trace.relaxed == ("below2", "below4")
    assert ranked.movies.tolist() == [4, 3, 1], "below5 is not named, so it holds"


def test_an_empty_pipeline_answers_an_empty_list() -> None:
    ranked, _ = pipeline_of(BelowFilter("none", 0)).run_one(query_for(3))
    assert len(ranked) == 0


def test_a_scorer_that_reorders_is_caught() -> None:
    class Reorders(RowScorer):
        def score(self, query: Query, candidates: Candidates) -> Candidates:
            return super().score(query, candidates.take(np.arange(len(candidates))[::-1]))

    bad = replace(pipeline_of(), scorer=Reorders())
    with pytest.raises(StageError, match="scorer Reorders: it changed which candidates"):
        bad.run_one(query_for(2))


def test_a_scorer_that_loses_a_candidate_is_caught() -> None:
    class Loses(RowScorer):
        def score(self, query: Query, candidates: Candidates) -> Candidates:
            return super().score(query, candidates.take(np.arange(len(candidates) - 1)))

    with pytest.raises(StageError, match="scorer Loses: it changed which candidates"):
        replace(pipeline_of(), scorer=Loses()).run_one(query_for(2))


def test_a_filter_of_the_wrong_length_is_caught() -> None:
    class Short(BelowFilter):
        def keep(self, query: Query, candidates: Candidates) -> np.ndarray:
            return np.ones(1, np.bool_)

    with pytest.raises(StageError, match="filter short: what it keeps"):
        pipeline_of(Short("short", 1)).run_one(query_for(2))


def test_a_filter_that_answers_positions_is_caught() -> None:
    """As numbers they would pick rows instead of masking them."""

    class Positions(BelowFilter):
        def keep(self, query: Query, candidates: Candidates) -> np.ndarray:
            return np.arange(len(candidates))

    with pytest.raises(StageError, match="filter positions: what it keeps: int64"):
        pipeline_of(Positions("positions", 1)).run_one(query_for(2))


ROWS = np.array([3, 1], np.int32)
ONES = np.ones((2, 1), np.float32)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: None, "a NoneType is no Candidates"),
        (lambda: Candidates(ROWS.astype(np.int64), ("own.x",), ONES), "movies: int64"),
        (lambda: Candidates(ROWS), "candidates without a channel"),
        (lambda: Candidates(ROWS, ("own.x",)), "retrieval_scores"),
        (lambda: Candidates(ROWS, ("own.x",), ONES * np.nan), "not finite"),
        (lambda: Candidates(np.array([3, 3], np.int32), ("own.x",), ONES), "row 3 is found twice"),
        (lambda: Candidates(np.array([-1, 3], np.int32), ("own.x",), ONES), "row -1 is outside"),
        (lambda: Candidates(ROWS + MOVIE_COUNT - 3, ("own.x",), ONES), "row 40 is outside 0 to 39"),
    ],
)
def test_a_source_that_misbehaves_is_named(answer: Callable[[], Candidates], said: str) -> None:
    class Own:
        name = "own"

        def find(self, query: Query) -> Candidates:
            return answer()

    bad = pipeline_of()
    for pipeline in (replace(bad, sources=[Own()]), replace(bad, sources=[*bad.sources, Own()])):
        with pytest.raises(StageError, match=f"^source own: .*{said}") as caught:
            pipeline.run_one(query_for(2))
        assert "\n" not in str(caught.value)
        with pytest.raises(StageError, match=f"^source own: .*{said}"):
            lists_of(pipeline, [query_for(2)] * 3)


def test_two_sources_of_one_channel_are_refused() -> None:
    pipeline = replace(pipeline_of(), sources=[FixedSource("a", [1]), FixedSource("a", [2])])
    with pytest.raises(StageError, match=r"channel a\.all is named twice"):
        pipeline.run_one(query_for(2))


def test_a_source_may_find_nothing() -> None:
    class Nothing:
        name = "nothing"

        def find(self, query: Query) -> Candidates:
            return Candidates.empty(("nothing.x",))

    pipeline = replace(pipeline_of(), sources=[*pipeline_of().sources, Nothing()])
    assert pipeline.run_one(query_for(2))[0].movies.tolist() == [5, 4]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (lambda rows: np.ones((len(rows), 1)), "float64"),
        (lambda rows: np.ones((len(rows) - 1, 1), np.float32), r"shape \(3, 1\) must be"),
        (lambda rows: np.ones((len(rows), 2), np.float32), r"shape \(4, 2\) must be"),
    ],
)
def test_a_featurizer_that_misbehaves_is_named(
    values: Callable[[np.ndarray], np.ndarray], said: str
) -> None:
    class OwnFeatures:
        def features(self, query: Query, candidates: Candidates) -> FeatureMatrix:
            return FeatureMatrix(("own",), values(candidates.movies))

    for featurizers in ([OwnFeatures()], [RowFeature(), OwnFeatures()]):
        with pytest.raises(StageError, match=f"^featurizer OwnFeatures: .*{said}"):
            replace(pipeline_of(), featurizers=featurizers).run_one(query_for(2))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scores": None}, "without scores"),
        ({"terms": None}, "without terms"),
        ({"scores": np.ones(4)}, "scores: float64"),
        ({"scores": np.ones(3, np.float32)}, "scores: .* must be"),
    ],
)
def test_a_scorer_that_misbehaves_is_named(change: dict[str, object], said: str) -> None:
    class OwnScorer(RowScorer):
        def score(self, query: Query, candidates: Candidates) -> Candidates:
            return replace(super().score(query, candidates), **change)

    pipeline = replace(pipeline_of(), scorer=OwnScorer())
    with pytest.raises(StageError, match=f"^scorer OwnScorer: .*{said}"):
        pipeline.run_one(query_for(2))
    with pytest.raises(StageError, match=f"^scorer OwnScorer: .*{said}"):
        lists_of(pipeline, [query_for(2)] * 3)


MOVIES = st.lists(st.integers(0, 30), unique=True, max_size=12)


@given(st.lists(MOVIES, min_size=1, max_size=4))
def test_merge_keeps_every_movie_and_channel_once(lists: list[list[int]]) -> None:
    found = [CandidateBatch.of([batch(movies, f"s{at}.x")]) for at, movies in enumerate(lists)]
    merged = merge(found, MOVIE_COUNT).rows
    assert merged.movies.tolist() == sorted({movie for movies in lists for movie in movies})
    for at, movies in enumerate(lists):
        column = merged.retrieval_scores[:, merged.channels.index(f"s{at}.x")]
        assert merged.movies[column > 0].tolist() == sorted(movies)


def test_take_cuts_every_array_alike() -> None:
    ranked, _ = pipeline_of().run_one(query_for(4))
    cut = ranked.take(np.array([2, 0]))
    assert cut.movies.tolist() == [ranked.movies[2], ranked.movies[0]]
    assert cut.features is not None
    assert cut.features.values[:, 0].tolist() == cut.movies.tolist()
    assert cut.scores is not None
    assert cut.scores.tolist() == cut.movies.tolist()


def test_time_is_added_up_by_stage() -> None:
    trace = Trace()
    with trace.stage("x"):
        pass
    once = trace.seconds["x"]
    with trace.stage("x"):
        pass
    assert trace.seconds["x"] > once
