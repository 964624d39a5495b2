"""An experiment while it runs: an engine for each arm, and lists that say whose they are."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from reelrecs import config
from reelrecs.constraints import Constraints
from reelrecs.datasets import locate
from reelrecs.datasets.ids import Id
from reelrecs.engine import Engine
from reelrecs.errors import InvalidRequest
from reelrecs.experiments.exposures import Exposure, ExposureLog
from reelrecs.experiments.plan import INTERLEAVE, Arm, Plan
from reelrecs.experiments.team_draft import team_draft
from reelrecs.learning.model_file import load_model_file
from reelrecs.results import RecommendationList
from reelrecs.scorer.lifetime import Closing
from reelrecs.store.cache import log_path, open_live


@dataclass(frozen=True, slots=True)
class TriedList(RecommendationList):
    """A list of an experiment."""

    arm: str = ""  # "interleave" where rows of both arms stand in it
    digest: str = ""  # of the data that it was made of

    def to_dict(self) -> dict[str, Any]:
        """The list as the JSON contract has it, and the arm."""
        return {**RecommendationList.to_dict(self), "arm": self.arm}


class Trial(Closing):
    """Answers `recommend` by the user's arm and logs what was shown.

    Lists as of another moment are no part of the experiment; the caller makes those, and the lists
    of people the data does not hold.
    """

    def __init__(
        self,
        plan: Plan,
        data_dir: str | None,
        models_dir: str | Path,
        profile: str | None = None,
        cache: int = 0,
    ) -> None:
        self.plan = plan
        self._source = data_dir, Path(models_dir), profile, cache
        self._engines = self._opened()
        self._log = ExposureLog(exposures_path(data_dir))
        self._chance = random.Random()

    def renew(self) -> None:
        """Open data and models anew; raises as `Engine.open` does, and then the old ones stay."""
        self._engines = self._opened()

    def recommend(
        self,
        user_id: Id,
        limit: int = config.DEFAULT_LIMIT,
        *,
        explain: bool = False,
        constraints: Constraints | None = None,
    ) -> TriedList:
        """The user's list by their arm; raises as `Engine.recommend` does."""
        if self.plan.mode == INTERLEAVE:
            return self._interleaved(user_id, limit, explain, constraints)
        with self._engines[0].one_moment() as moment:  # in which ids have one form each
            row = moment.store.user_row(user_id)
            place = self.plan.arm_of(moment.store.user_ids[row])
        arm = self.plan.arms[place]
        made = self._list_of(self._engines, place, user_id, limit, explain, constraints)
        self._log.add(self._exposure(arm.name, made))
        return made

    def close(self) -> None:
        """Write what was shown."""
        self._log.close()

    def _opened(self) -> list[Engine]:
        engines = [self._engine_of(arm) for arm in self.plan.arms]
        for place, engine in enumerate(engines):  # so that nobody meets what is wrong, or waits
            self._list_of(engines, place, engine.store.user_ids[0], 1, False, None)
        return engines

    def _engine_of(self, arm: Arm) -> Engine:
        data_dir, models_dir, profile, cache = self._source
        choices: dict[str, Any] = {
            "diversity": arm.diversity, "filters": arm.filters, "cache": cache
        }  # fmt: skip
        if arm.model is None:
            named = arm.profile or profile
            return Engine.open(data_dir, models_dir=models_dir, profile=named, **choices)
        live = open_live(locate(None if data_dir is None else Path(data_dir)))
        return Engine(live, model=load_model_file(arm.model, live.now()), **choices)

    def _list_of(
        self,
        engines: list[Engine],
        place: int,
        user_id: Id,
        limit: int,
        explain: bool,
        constraints: Constraints | None,
    ) -> TriedList:
        engine, arm = engines[place], self.plan.arms[place]
        asked = arm.constrained(constraints)
        with engine.one_moment():
            made = engine.recommend(user_id, limit, explain=explain, constraints=asked)
            told = {one.name: getattr(made, one.name) for one in fields(RecommendationList)}
            return TriedList(**told, arm=arm.name, digest=engine.store.digest)

    def _interleaved(
        self, user_id: Id, limit: int, explain: bool, constraints: Constraints | None
    ) -> TriedList:
        engines = self._engines
        both = [
            self._list_of(engines, place, user_id, limit, explain, constraints) for place in (0, 1)
        ]
        first, second = ([item.movie.movie_id for item in made] for made in both)
        picks = team_draft(first, second, limit, self._chance)
        items = [
            replace(both[pick.taken_from].items[pick.place], rank=rank)
            for rank, pick in enumerate(picks, 1)
        ]
        note = "" if len(items) == limit else both[0].note
        made = replace(both[0], items=items, arm=INTERLEAVE, note=note)
        self._log.add(self._exposure("", made, [pick.team for pick in picks]))
        return made

    def _exposure(self, arm: str, made: TriedList, teams: list[int] | None = None) -> Exposure:
        if made.user_id is None:
            raise InvalidRequest("an experiment is for users of the data: give a user_id")
        movies = [item.movie.movie_id for item in made]
        return Exposure(self.plan.name, arm, made.user_id, time.time(), movies, teams or [])


def exposures_path(data_dir: str | None) -> Path:
    """The file of exposures beside the data set's log; raises InvalidRequest for no such place."""
    path = log_path(locate(None if data_dir is None else Path(data_dir)))
    if path is None:
        raise InvalidRequest(
            "no folder for exposures is known: set REELRECS_LOG_DIR to one that can be written"
        )
    return path.with_suffix(".exposures.db")
