"""The report against a naive twin and scipy."""

import numpy as np
import pytest
from scipy import stats

from reelrecs.datasets import locate
from reelrecs.experiments.exposures import Exposure
from reelrecs.experiments.plan import INTERLEAVE, Arm, Plan
from reelrecs.experiments.report import difference, mismatch, report_on, sign_test
from reelrecs.store.cache import open_store

DAY = 86_400
ARMS = (Arm("one", 2.0), Arm("two", 1.0))


def test_statistics_are_those_of_scipy():
    rng = np.random.default_rng(1)
    one, other = rng.poisson(2.0, 4000).astype(float), rng.poisson(1.8, 3000).astype(float)
    middle, low, high = difference(one, other)
    welch = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert middle == pytest.approx(one.mean() - other.mean())
    assert (low, high) == pytest.approx((welch.low, welch.high), abs=1e-4)
    assert difference(one, other[:1]) is None
    for counts in ([70, 30], [660, 340], [3, 0]):
        wanted = stats.chisquare(counts, np.array([2, 1]) / 3 * sum(counts)).pvalue
        assert mismatch(counts, [2 / 3, 1 / 3]) == pytest.approx(wanted)
    assert mismatch([0, 0], [0.5, 0.5]) is None
    for wins, losses in ((3, 9), (9, 3), (5, 5), (0, 1), (40, 70)):
        wanted = stats.binomtest(wins, wins + losses).pvalue
        assert sign_test(wins, losses) == pytest.approx(wanted)
    assert sign_test(0, 0) == 1.0


@pytest.fixture
def store(mine):
    """User u has rated movies u to u + 14, movie m at second m * DAY."""
    path = mine / "ratings.csv"
    head, *lines = path.read_text().splitlines()
    rows = [line.split(",") for line in lines]
    told = [f"{u},{m},{stars},{int(m) * DAY}" for u, m, stars, _ in rows]
    path.write_text("\n".join([head, *told]) + "\n")
    return open_store(locate(mine))


def random_exposures(seed, teams):
    rng = np.random.default_rng(seed)
    for _ in range(150):
        user = int(rng.integers(1, 34))  # some the data does not hold
        movies = (rng.choice(45, 5, replace=False) + 1).tolist()
        time = float(rng.integers(0, 45 * DAY)) + 0.5
        arm = "" if teams else ARMS[int(user % 3 == 0)].name
        own = rng.integers(-1, 2, 5).tolist() if teams else []
        yield Exposure("e", arm, user, time, movies, own)


def follows(user, movie, time, days=7.0):
    rated = user <= movie < user + 15 and user <= 30
    return rated and int(time) <= movie * DAY <= time + days * DAY


@pytest.mark.parametrize("seed", range(3))
def test_a_split_is_counted_as_a_naive_twin_counts(store, seed):
    exposures = [*random_exposures(seed, False), Exposure("e", "two", 1, 1.0, [2])]
    found = report_on(Plan("e", ARMS), exposures, store)
    hits, shown, lists = {}, {}, {}
    for _, arm, user, time, movies, _ in exposures:
        if user == 1:
            continue
        lists[arm] = lists.get(arm, 0) + 1
        shown.setdefault((arm, user), set()).update(movies)
        hits.setdefault((arm, user), set()).update(m for m in movies if follows(user, m, time))
    assert found.switched == 1
    for arm in found.arms:
        counts = [len(got) for (name, _), got in hits.items() if name == arm.arm]
        assert (arm.users, arm.exposures) == (len(counts), lists[arm.arm])
        assert arm.shown == sum(len(s) for (name, _), s in shown.items() if name == arm.arm)
        assert arm.conversions == sum(counts) > 0
        assert arm.hit_rate == pytest.approx(np.mean(np.array(counts) > 0))
        assert arm.per_user == pytest.approx(np.mean(counts))
    one, two = found.arms
    assert one.difference is None
    assert two.low < two.difference < two.high
    assert two.difference == pytest.approx(two.per_user - one.per_user)
    assert two.lift == pytest.approx(two.per_user / one.per_user - 1)
    users = np.array([one.users, two.users])
    wanted = stats.chisquare(users, users.sum() * np.array([2, 1]) / 3).pvalue
    assert found.mismatch_p == pytest.approx(wanted)


@pytest.mark.parametrize("seed", range(3))
def test_teams_are_counted_as_a_naive_twin_counts(store, seed):
    exposures = list(random_exposures(seed, True))
    found = report_on(Plan("e", ARMS, INTERLEAVE), exposures, store).preference
    first = {}
    for _, _, user, time, movies, teams in exposures:
        for movie, team in zip(movies, teams, strict=True):
            if follows(user, movie, time):
                first.setdefault((user, movie), team)
    credit = {one.user: [0, 0] for one in exposures}
    for (user, _), team in first.items():
        if team >= 0:
            credit[user][team] += 1
    assert list(found.conversions.values()) == np.sum(list(credit.values()), axis=0).tolist()
    assert found.wins == {
        "one": sum(a > b for a, b in credit.values()),
        "two": sum(b > a for a, b in credit.values()),
    }
    assert found.ties == sum(a == b for a, b in credit.values())
    assert found.users == len(credit)


def test_an_uneven_split_is_called_a_mismatch(store):
    def people(count, arm, first):
        return [Exposure("e", arm, user, 1.0, [1]) for user in range(first, first + count)]

    plan = Plan("e", ARMS)
    fair = report_on(plan, people(200, "one", 0) + people(100, "two", 1000), store)
    unfair = report_on(plan, people(150, "one", 0) + people(150, "two", 1000), store)
    assert not fair.mismatched
    assert unfair.mismatched
    assert report_on(plan, [], store).mismatch_p is None
