"""Systems measured by a real Ray cluster on this machine: the figures of one machine."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from reelrecs.engine import Engine
from reelrecs.errors import DataError, InvalidRequest
from reelrecs.evaluation.evaluate import evaluate
from reelrecs.evaluation.runner import Result
from tests.by_ray.workers import workers

pytest.importorskip("ray", reason="the extra `ray` is not installed")

from reelrecs.ray_evaluation import Asked, evaluate_by_ray

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # Ray warns of its own code
    pytest.mark.usefixtures("cluster"),
]

SYSTEMS = ["fixed", "popularity", "item-knn"]


def same(found: list[Result], wanted: list[Result]) -> None:
    """All but the seconds."""
    assert [(one.label, one.setting) for one in found] == [
        (one.label, one.setting) for one in wanted
    ]
    for one, other in zip(found, wanted, strict=True):
        assert one.user_ids == other.user_ids
        assert one.intervals == other.intervals
        assert one.catalogue == other.catalogue
        assert one.per_user.keys() == other.per_user.keys()
        for name, values in one.per_user.items():
            assert np.array_equal(values, other.per_user[name], equal_nan=True), name


def test_figures_are_those_of_one_machine_also_when_a_worker_dies(sample_engine: Engine) -> None:
    killed: list[int] = []
    ended = threading.Event()

    def kill_one() -> None:
        while not ended.wait(0.02):
            at_work = workers()
            if len(at_work) == 2:
                killed.append(at_work[0])
                os.kill(at_work[0], signal.SIGKILL)
                return

    killer = threading.Thread(target=kill_one)
    killer.start()
    try:
        found = evaluate_by_ray(None, SYSTEMS, Asked("cold", k=7, seed=3))
    finally:
        ended.set()
        killer.join()
    assert len(killed) == 1
    same(found, evaluate(sample_engine.store, SYSTEMS, "cold", 7, seed=3))


def test_what_one_machine_refuses_is_refused(mine: Path) -> None:
    with pytest.raises(InvalidRequest, match="no system 'nonsense': choose from"):
        evaluate_by_ray(mine, ["nonsense"])
    with pytest.raises(InvalidRequest, match="k 0, negatives None: both must be at least 1"):
        evaluate_by_ray(mine, ["popularity"], Asked("last-out", k=0))


def test_workers_with_other_data_are_refused(
    mine: Path, sample_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would measure, and nobody would see that it is of something else."""
    monkeypatch.setattr("reelrecs.ray_evaluation.open_store", lambda dataset: sample_engine.store)
    with pytest.raises(DataError, match="is not the same data on every machine of the cluster"):
        evaluate_by_ray(mine, ["popularity"], Asked("last-out"))
