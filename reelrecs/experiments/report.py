"""What an experiment has shown: conversions by arm, lift, and whether people were split fairly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.datasets.ids import Id
from reelrecs.errors import NotFound
from reelrecs.experiments.exposures import Exposure
from reelrecs.experiments.plan import INTERLEAVE, Plan
from reelrecs.experiments.team_draft import NOBODY
from reelrecs.store.store import Store

Times = dict[Id, int]
"""A person's ratings: when each movie was rated."""

_TWO_SIDED = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class ArmReport:
    """What the people of an arm did."""

    arm: str
    share: float  # planned
    users: int
    exposures: int
    shown: int  # movies by user, each once
    conversions: int  # of those: rated after they were shown
    hit_rate: float  # share of the users with a conversion
    per_user: float  # conversions, mean over users
    difference: float | None  # of that from the first arm's; None for itself or too few users
    low: float | None  # of the difference's interval of 95 %
    high: float | None
    lift: float | None  # the difference beside the first arm's mean, as a share of it


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two interleaved arms people took more from."""

    users: int
    exposures: int
    conversions: dict[str, int]  # by arm
    wins: dict[str, int]  # users by the arm they took more from
    ties: int
    p_value: float  # of the sign test: were there no preference, a split as uneven as this


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    experiment: str
    mode: str
    days: float
    arms: list[ArmReport]
    preference: Preference | None
    mismatch_p: float | None  # of the chi-square test of users by arm; None where interleaved
    switched: int  # users who were shown lists of several arms and are left out

    @property
    def mismatched(self) -> bool:
        """Whether the arms have other shares of the people than planned: trust no figure then."""
        return self.mismatch_p is not None and self.mismatch_p < config.MISMATCH_P

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "mismatched": self.mismatched}


def report_on(
    plan: Plan, exposures: Iterable[Exposure], store: Store, days: float = config.CONVERSION_DAYS
) -> Report:
    """What the plan's exposures have led to in the ratings of the store.

    A conversion is a movie that a person was shown and rated at most so many days later, once for
    each person. The person is the unit of all intervals.
    """
    people: dict[str, list[Exposure]] = {}
    for one in exposures:
        if bool(one.teams) == (plan.mode == INTERLEAVE):
            people.setdefault(str(one.user), []).append(one)
    if plan.mode == INTERLEAVE:
        found = _preference(plan, people, store, days)
        return Report(plan.name, plan.mode, days, [], found, None, 0)
    of_arm: dict[str, list[list[Exposure]]] = {arm.name: [] for arm in plan.arms}
    switched = 0
    for shown in people.values():
        names = {one.arm for one in shown}
        if len(names) > 1:
            switched += 1
        elif (name := names.pop()) in of_arm:
            of_arm[name].append(shown)
    arms: list[ArmReport] = []
    control: NDArray[np.float64] | None = None
    for (name, members), share in zip(of_arm.items(), plan.shares, strict=True):
        hits = np.array([len(_converted(one, store, days)) for one in members], np.float64)
        arms.append(_arm_report(name, share, members, hits, control))
        control = hits if control is None else control
    p = mismatch([arm.users for arm in arms], plan.shares)
    return Report(plan.name, plan.mode, days, arms, None, p, switched)


def difference(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[float, float, float] | None:
    """Mean of one minus mean of the other, and its interval of 95 % by Welch's standard error.

    None where either has fewer than two values. Normal: it wants some dozens of people an arm.
    """
    if min(len(one), len(other)) < 2:
        return None
    middle = float(one.mean() - other.mean())
    half = _TWO_SIDED * float(np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other)))
    return middle, middle - half, middle + half


def mismatch(counts: list[int], shares: list[float]) -> float | None:
    """The p-value of Pearson's chi-square test that people fell to arms by these shares."""
    total = sum(counts)
    if total == 0:
        return None
    from scipy.special import chdtrc

    expected = np.array(shares) * total
    statistic = float((((np.array(counts) - expected) ** 2) / expected).sum())
    return float(chdtrc(len(counts) - 1, statistic))


def sign_test(wins: int, losses: int) -> float:
    """The two-sided p-value of wins and losses where each is as likely; ties are left out."""
    if wins + losses == 0:
        return 1.0
    from scipy.special import bdtr

    return min(1.0, 2.0 * float(bdtr(min(wins, losses), wins + losses, 0.5)))


def _converted(shown: list[Exposure], store: Store, days: float) -> set[Id]:
    """Movies one person was shown and then rated."""
    return {
        movie
        for one, rated in _with_ratings(shown, store)
        for movie in one.movies
        if _follows(rated.get(movie), one.time, days)
    }


def _with_ratings(shown: list[Exposure], store: Store) -> list[tuple[Exposure, Times]]:
    try:
        own = store.by_user.row(store.user_row(shown[0].user))
    except NotFound:  # all they rated was forgotten
        return [(one, {}) for one in shown]
    movies = store.movie_ids.at(store.by_user.movies[own])
    rated: Times = dict(zip(movies, store.by_user.times[own].tolist(), strict=True))
    return [(one, rated) for one in shown]


def _follows(rated: int | None, shown: float, days: float) -> bool:
    """Whether a rating came after a list; ratings have whole seconds."""
    return rated is not None and int(shown) <= rated <= shown + days * 86_400


def _arm_report(
    name: str,
    share: float,
    members: list[list[Exposure]],
    hits: NDArray[np.float64],
    control: NDArray[np.float64] | None,
) -> ArmReport:
    apart = None if control is None else difference(hits, control)
    middle, low, high = (None, None, None) if apart is None else apart
    base = 0.0 if control is None or len(control) == 0 else float(control.mean())
    return ArmReport(
        arm=name,
        share=share,
        users=len(members),
        exposures=sum(map(len, members)),
        shown=sum(len({movie for one in shown for movie in one.movies}) for shown in members),
        conversions=int(hits.sum()),
        hit_rate=float((hits > 0).mean()) if len(hits) else 0.0,
        per_user=float(hits.mean()) if len(hits) else 0.0,
        difference=middle,
        low=low,
        high=high,
        lift=None if middle is None or base == 0.0 else middle / base,
    )


def _preference(
    plan: Plan, people: Mapping[str, list[Exposure]], store: Store, days: float
) -> Preference:
    """A movie that was shown for both arms in turn counts for the first that showed it."""
    names = [arm.name for arm in plan.arms]
    totals, wins, ties = [0, 0], [0, 0], 0
    for shown in people.values():
        team_of: dict[Id, int] = {}
        for one, rated in _with_ratings(shown, store):
            for movie, team in zip(one.movies, one.teams, strict=True):
                if _follows(rated.get(movie), one.time, days):
                    team_of.setdefault(movie, team)
        own = [sum(team == arm for team in team_of.values() if team != NOBODY) for arm in (0, 1)]
        totals = [sum(pair) for pair in zip(totals, own, strict=True)]
        if own[0] == own[1]:
            ties += 1
        else:
            wins[int(own[1] > own[0])] += 1
    return Preference(
        users=len(people),
        exposures=sum(map(len, people.values())),
        conversions=dict(zip(names, totals, strict=True)),
        wins=dict(zip(names, wins, strict=True)),
        ties=ties,
        p_value=sign_test(*wins),
    )
