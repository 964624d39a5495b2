"""Team draft: nobody is favoured, nothing comes twice."""

import random

from hypothesis import given
from hypothesis import strategies as st

from reelrecs.experiments.team_draft import NOBODY, team_draft

LISTS = st.lists(st.integers(0, 30), unique=True, max_size=15)


@given(LISTS, LISTS, st.integers(1, 20), st.integers())
def test_teams_are_even_in_each_prefix_and_each_movie_comes_once(first, second, limit, seed):
    picks = team_draft(first, second, limit, random.Random(seed))
    lists = (first, second)
    movies = [lists[pick.taken_from][pick.place] for pick in picks]
    assert len(set(movies)) == len(movies) == min(limit, len({*first, *second}))
    counts, nobodys = [0, 0], False
    for place, pick in enumerate(picks):
        nobodys |= pick.team == NOBODY
        if pick.team != NOBODY:
            assert not nobodys
            assert pick.team == pick.taken_from
            counts[pick.team] += 1
        assert abs(counts[0] - counts[1]) <= 1
        better = lists[pick.taken_from][: pick.place]
        assert set(better) <= set(movies[:place])
    if min(len(first), len(second)) >= limit:
        assert not nobodys


@given(LISTS, st.integers())
def test_two_equal_lists_are_that_list(movies, seed):
    picks = team_draft(movies, movies, 15, random.Random(seed))
    assert [movies[pick.place] for pick in picks] == movies


def test_either_may_begin():
    begun = [team_draft([1, 2], [3, 4], 2, random.Random(seed))[0].team for seed in range(200)]
    assert 60 < sum(begun) < 140
