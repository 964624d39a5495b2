"""Two lists as one, each row owed to one of them: team-draft interleaving.

Radlinski, Kurup and Joachims, "How Does Clickthrough Data Reflect Retrieval Quality?", CIKM 2008.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T", bound=Hashable)

NOBODY = -1


class Pick(NamedTuple):
    """A row of the common list."""

    place: int  # in the list it was taken from
    taken_from: int  # 0 or 1: the list
    team: int  # whom the row counts for: 0, 1 or NOBODY


def team_draft(
    first: Sequence[T], second: Sequence[T], limit: int, chance: random.Random
) -> list[Pick]:
    """Both lists take turns, by lot in each round, to give their best row that is not there yet.

    In every prefix their counts differ by one at most. Once a list has nothing to give in its turn
    the other's rows follow and count for nobody.
    """
    lists = (first, second)
    taken: set[T] = set()
    at = [0, 0]
    picks: list[Pick] = []

    def take(which: int, team: int) -> bool:
        while at[which] < len(lists[which]) and lists[which][at[which]] in taken:
            at[which] += 1
        if at[which] == len(lists[which]) or len(picks) == limit:
            return False
        taken.add(lists[which][at[which]])
        picks.append(Pick(at[which], which, team))
        return True

    while True:
        lot = chance.randrange(2)
        if not (take(lot, lot) and take(1 - lot, 1 - lot)):
            break
    for which in (0, 1):
        while take(which, NOBODY):
            pass
    return picks
