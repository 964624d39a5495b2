"""The engine that is being served; another takes its place when its data or model have changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reelrecs import config
from reelrecs.config import FIXED, PRETRAINED
from reelrecs.datasets import locate
from reelrecs.engine import Engine
from reelrecs.errors import ReelRecsError
from reelrecs.learning.model_folder import find_model, named_models
from reelrecs.scorer.lifetime import Closing
from reelrecs.scorer.metrics import Facts
from reelrecs.store.file_memory import Identity, identity
from reelrecs.store.store import Store

log = logging.getLogger(__name__)

State = tuple[Any, Identity | None]
"""Of the data's files and of the model on disk: equal as long as nobody changes them. Ratings that
arrive change neither: the engine itself sees them at each request."""

Adopt = Callable[[Engine], None]
"""Makes an engine ready and puts it to work; what it raises refuses the engine."""


class LiveEngine(Closing):
    """An engine, and the watch over what it was made from.

    A new one is opened beside the old, which serves until the new one is ready, and ends what it
    has begun. One that cannot be opened is refused with its reason, once, and the old one stays.
    """

    def __init__(
        self,
        data_dir: str | None,
        models_dir: str | Path,
        profile: str | None = None,
        seconds: float = config.RELOAD_SECONDS,
        cache: int = 0,
    ) -> None:
        self._source = (data_dir, Path(models_dir), profile)
        self._cache = cache
        self._seconds = seconds
        self._asked = threading.Event()
        self._over = False
        self._thread: threading.Thread | None = None
        self.engine = self._opened()
        self._models: dict[Path, Identity] = {}  # that were there at the last look
        self._model: Path | None = None  # the one to be used, as of the last look
        self._taken: State = self._state()
        self.engine.model  # noqa: B018 (read now, so that what is wrong with it is told at once)
        self.opened = time.time()
        """When the present engine was opened, in seconds since 1970."""
        self.taken, self.refused = 0, 0
        """How many engines have taken another's place, and how many could not."""
        self._last = ""  # reason of a refusal

    @property
    def model_written(self) -> float | None:
        """When the model in use was written, in seconds since 1970; None for fixed weights."""
        found = self._taken[1]
        return None if found is None else float(found.modified) / 1e9

    def facts(self) -> Facts:
        """What metrics tell of data and model."""
        until = float(self.engine.store.latest_timestamp)
        cache = self.engine.cache
        hits, misses = (0, 0) if cache is None else (cache.hits, cache.misses)
        return Facts(self.model_written, until, self.taken, self.refused, hits, misses)

    def watch(self, adopt: Adopt, look: Callable[[], None] = lambda: None) -> None:
        """Look for changes from now on, in a thread of its own.

        `look` looks at something else, as often; it may raise ReelRecsError.
        """
        self._thread = threading.Thread(
            target=self._watch, args=(adopt, look), name="reelrecs-reload", daemon=True
        )
        self._thread.start()

    def ask(self) -> None:
        """Open the engine anew now, changed or not; safe in a signal's handler."""
        self._asked.set()

    def close(self) -> None:
        """Watch no more. The engine is gone when nobody uses it any more."""
        self._over = True
        self._asked.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self, adopt: Adopt, look: Callable[[], None]) -> None:
        seen = self._taken
        while True:
            asked = self._asked.wait(self._seconds)
            self._asked.clear()
            if self._over:
                return
            try:
                look()
                state = self._state()
            except ReelRecsError as error:
                self._refuse(error, asked)
                continue
            settled, seen = state == seen, state
            if asked or (settled and state != self._taken):
                self._take(state, adopt)

    def _take(self, state: State, adopt: Adopt) -> None:
        before, self._taken = self._taken, state  # a bad state is not tried twice
        if state[1] is None and before[1] is not None and state[0] == before[0]:
            log.warning("the model is no longer there; the one in memory stays in use")
            return
        try:
            engine = self._opened()
            engine.model  # noqa: B018
            adopt(engine)
        except Exception as error:
            self._refuse(error, told=True)
            return
        self.engine, self.opened = engine, time.time()
        self._taken = state[0], self._model_of(engine.store)
        self.taken += 1
        self._last = ""
        log.warning(
            f"{engine.store.name} ({engine.profile.name}) was read anew and is served from now on"
        )

    def _opened(self) -> Engine:
        data_dir, models_dir, profile = self._source
        return Engine.open(data_dir, models_dir=models_dir, profile=profile, cache=self._cache)

    def _refuse(self, error: Exception, told: bool) -> None:
        """Say why the old engine stays; the same reason once, unless somebody asked."""
        line = str(error) if isinstance(error, ReelRecsError) else type(error).__name__
        if not isinstance(error, ReelRecsError):
            log.error("a fault while data and model were read anew", exc_info=error)
        if told or line != self._last:
            self._last = line
            log.warning(f"{line}; what was served before stays in use")
            self.refused += 1

    def _state(self) -> State:
        data_dir, models_dir, profile = self._source
        dataset = locate(None if data_dir is None else Path(data_dir))
        data = identity(dataset.path) if dataset.is_store else dataset.fingerprint()
        if profile in (FIXED, PRETRAINED):
            return data, None
        models = named_models(self.engine.store, models_dir)
        if models == self._models:  # then none is read
            return data, None if self._model is None else models.get(self._model)
        with self.engine.one_moment():  # with what has arrived, which a model may be of
            store = self.engine.store
        self._models = models
        return data, self._model_of(store)

    def _model_of(self, store: Store) -> Identity | None:
        """The state of the model that this data uses, as of the last look at the files."""
        _, models_dir, profile = self._source
        if profile in (FIXED, PRETRAINED):
            return None
        self._model = find_model(store, models_dir)
        return None if self._model is None else self._models.get(self._model)
