"""Arms and shares: read strictly, and everybody's arm stays theirs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from reelrecs.constraints import Constraints
from reelrecs.errors import InvalidRequest
from reelrecs.experiments.plan import Arm, Plan, read_plan

PLAN = """
name = "variety"
salt = "one"
[[arms]]
name = "as is"
share = 3
[[arms]]
name = "varied"
share = 1
diversity = 0.5
filters = ["recency"]
constraints = {year_from = 1980, not_genres = ["War"]}
"""


def plan_in(folder: Path, text: str) -> Plan:
    path = folder / "experiments.toml"
    path.write_text(text)
    return read_plan(path)


def test_shares_hold_and_no_arm_is_bound_to_anothers(tmp_path: Path) -> None:
    plan = plan_in(tmp_path, PLAN)
    arms = np.array([plan.arm_of(user) for user in range(100_000)])
    assert stats.binomtest(int(arms.sum()), len(arms), 0.25).pvalue > 1e-4
    other = Plan("other", plan.arms, salt="one")
    again = np.array([other.arm_of(user) for user in range(100_000)])
    table = np.array([[((arms == a) & (again == b)).sum() for a in (0, 1)] for b in (0, 1)])
    assert stats.chi2_contingency(table).pvalue > 1e-4


def test_an_arm_is_the_same_in_every_process(tmp_path: Path) -> None:
    plan = plan_in(tmp_path, PLAN)
    ask = (
        "from pathlib import Path; from reelrecs.experiments.plan import read_plan;"
        f"plan = read_plan(Path({str(tmp_path / 'experiments.toml')!r}));"
        "print([plan.arm_of(user) for user in range(60)])"
    )
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == str([plan.arm_of(str(user)) for user in range(60)])
    assert [plan.arm_of(user) for user in range(12)] == [0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0]


def test_a_person_is_heard_before_the_arm(tmp_path: Path) -> None:
    arm = plan_in(tmp_path, PLAN).arms[1]
    assert arm.constrained(None) == Constraints(year_from=1980, not_genres=("War",))
    asked = Constraints(genres=("war",), year_to=1960, min_rating=3)
    assert arm.constrained(asked) == asked
    assert arm.constrained(Constraints(deny=[1])) == Constraints(
        deny=[1], year_from=1980, not_genres=("War",)
    )
    assert Arm("plain").constrained(asked) == asked


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("share = 3", "share = 0"), "share 0"),
        (("share = 3", "share = true"), "share True"),
        (("share = 3", "part = 3"), "'part'"),
        (('name = "varied"', 'name = "as is"'), "one name"),
        (('salt = "one"', "salt = 1"), "salt 1"),
        (('salt = "one"', 'mode = "both"'), "both"),
        (('salt = "one"', 'mode = "interleave"'), "same constraints"),
        (("diversity = 0.5", "diversity = 2"), "diversity 2"),
        (("diversity = 0.5", 'profile = "best"'), "'best'"),
        (("year_from = 1980", "genre = 1"), "'genre'"),
        (('["recency"]', '"recency"'), "filters"),
        (('name = "variety"', ""), "no name"),
        (("[[arms]]", "[[arm"), "TOML"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert change[0] in PLAN
    with pytest.raises(InvalidRequest, match=said):
        plan_in(tmp_path, PLAN.replace(*change, 1))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="--experiments"):
        read_plan(tmp_path / "none.toml")
