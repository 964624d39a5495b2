"""What is answered over HTTP, as the command line's JSON has it."""

from __future__ import annotations

import hashlib
from importlib import metadata
from typing import Any

from reelrecs.datasets.ids import Id
from reelrecs.engine import Engine
from reelrecs.experiments.trial import Trial
from reelrecs.results import RecommendationList
from reelrecs.scorer.limits import Limits
from reelrecs.serving.live_engine import LiveEngine
from reelrecs.store.incoming import Rating
from reelrecs.web.asked import Asked

VERSION = metadata.version("reelrecs")


class Answers:
    """Asks the engine that is being served; safe for threads."""

    def __init__(self, live: LiveEngine, limits: Limits, trial: Trial | None = None) -> None:
        self._trial = trial
        self.limits = limits
        self._live = live
        self._varied: dict[tuple[int, float], Engine] = {}

    @property
    def engine(self) -> Engine:
        """The engine of the profile's own variety."""
        return self._live.engine

    @property
    def tag(self) -> str:
        """Differs whenever data, model or version do."""
        engine = self.engine
        plan = None if self._trial is None else self._trial.plan
        told = (engine.store.digest, engine.profile.name, self._live.model_written, VERSION, plan)
        return hashlib.blake2b(repr(told).encode(), digest_size=9).hexdigest()

    def recommend(self, asked: Asked) -> RecommendationList:
        """A list; raises InvalidRequest, NotFound, ModelError, ScorerError."""
        trial, user = self._trial, asked.user_id
        if trial is not None and user is not None and asked.variety is asked.as_of is None:
            return trial.recommend(
                user, asked.limit, explain=asked.explain, constraints=asked.constraints
            )
        engine = self._of_variety(asked.variety)
        choices: dict[str, Any] = {
            "explain": asked.explain,
            "as_of": asked.as_of,
            "constraints": asked.constraints,
        }
        if asked.user_id is None:
            return engine.recommend_for(asked.history, asked.limit, **choices)
        return engine.recommend(asked.user_id, asked.limit, **choices)

    def score(self, asked: Asked, movies: list[Id]) -> dict[str, Any]:
        """Scores with terms of given movies."""
        self.limits.check_candidates(len(movies))
        return self.engine.score(asked.person, movies, as_of=asked.as_of).to_dict()

    def why_not(self, asked: Asked, movie_id: Id) -> dict[str, Any]:
        """Where a movie stands, or what keeps it off the list."""
        engine = self._of_variety(asked.variety)
        return engine.why_not(
            asked.person, movie_id, asked.limit, as_of=asked.as_of, constraints=asked.constraints
        ).to_dict()

    def rate(self, ratings: list[Rating]) -> dict[str, Any]:
        """Keep ratings; how many were new, and how many were known by their keys."""
        kept = self.engine.append_many(ratings)
        return {"kept": kept, "known": len(ratings) - kept}

    def forget(self, user_id: Id, movie_id: Id | None) -> dict[str, Any]:
        """Forget a rating, or all of a user."""
        self.engine.forget(user_id, movie_id)
        return {"user_id": user_id, "movie_id": movie_id, "forgotten": True}

    def version(self) -> dict[str, Any]:
        """What answers: version, data, model."""
        store = self.engine.store
        return {
            "version": VERSION,
            "dataset": store.name,
            "dataset_digest": store.digest,
            "users": store.user_count,
            "movies": store.movie_count,
            "ratings": store.rating_count,
            "data_until": store.latest_timestamp,
            "profile": self.engine.profile.name,
            "model_written": self._live.model_written,
        }

    def _of_variety(self, variety: float | None) -> Engine:
        """An engine over the same store and model; the few that there can be are kept."""
        engine = self.engine
        if variety is None:
            return engine
        key = (id(engine), variety)
        found = self._varied.get(key)
        if found is None or found.model is not engine.model:
            for old in [one for one in self._varied if one[0] != id(engine)]:
                self._varied.pop(old, None)
            found = Engine(engine.store, model=engine.model, diversity=variety)
            self._varied[key] = found
        return found
