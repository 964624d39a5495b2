"""Finished lists, kept for whoever asks for the same again before anything changes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from reelrecs.errors import InvalidRequest
from reelrecs.fork_lock import ForkLock
from reelrecs.pipeline.trace import Trace
from reelrecs.results import Reason, RecommendationList


class ListCache:
    """The lists last asked for, `size` of them at most, all of one state of data and model.

    Lists of another state are dropped with the first request that sees it: any rating moves what
    is counted for everybody, so none of them may be used again.
    """

    def __init__(self, size: int) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise InvalidRequest(f"cache {size!r}: keep at least 1 list, or leave it out")
        self.hits, self.misses = 0, 0
        self._size = size
        self._state: object = None
        self._lists: OrderedDict[str, RecommendationList] = OrderedDict()
        self._lock = ForkLock()

    def list_of(
        self, state: object, request: str, make: Callable[[], RecommendationList]
    ) -> RecommendationList:
        """The list of a request over a state, made if it is not kept.

        A state is what makes lists, of which there is one object for each state. What is asked for
        by several at once may be made by each.
        """
        start = time.perf_counter()
        with self._lock:
            if state is not self._state:
                self._state = state
                self._lists.clear()
            kept = self._lists.get(request)
            if kept is not None:
                self._lists.move_to_end(request)
                self.hits += 1
            else:
                self.misses += 1
        if kept is None:
            kept = make()
            with self._lock:
                if state is self._state:
                    self._lists[request] = kept
                    if len(self._lists) > self._size:
                        self._lists.popitem(last=False)
            return _copy(kept, kept.trace)
        seconds = {"cache": time.perf_counter() - start}
        return _copy(kept, replace(kept.trace, seconds=seconds))


def _copy(kept: RecommendationList, trace: Trace) -> RecommendationList:
    """The list for one caller, whose changes nobody else sees."""
    items = [
        item if item.explanation is None else replace(item, explanation=_reason(item.explanation))
        for item in kept.items
    ]
    return replace(kept, items=items, trace=trace, refused=dict(kept.refused))


def _reason(kept: Reason) -> Reason:
    return replace(
        kept,
        contributions=dict(kept.contributions),
        in_words=list(kept.in_words),
        found_by=dict(kept.found_by),
        because_you_liked=list(kept.because_you_liked),
        because_you_watched=list(kept.because_you_watched),
    )
