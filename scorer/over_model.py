"""What a service answers by: a model that may be another at the next call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

from reelrecs.scorer.limits import Limits
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.request_blocks import FeaturesFor

OneMoment: TypeAlias = Callable[[], AbstractContextManager[Any]]
"""Makes a block in which data that changes stays as it is."""


class OverModel:
    """A service over a model; a call begins by `one_moment` and asks for `model` inside."""

    def __init__(
        self,
        model: ScoringModel | Callable[[], ScoringModel],
        features_for: FeaturesFor | None = None,
        one_moment: OneMoment = nullcontext,
        limits: Limits | None = None,
    ) -> None:
        self._model_now = model
        self._features_for = features_for
        self._one_moment = one_moment
        self._limits = limits or Limits()

    @property
    def _model(self) -> ScoringModel:
        now = self._model_now
        return now if isinstance(now, ScoringModel) else now()
