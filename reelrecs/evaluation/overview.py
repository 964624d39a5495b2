"""Many data sets and protocols in one table: the best simple baseline beside, losses marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reelrecs.evaluation.bootstrap import paired_difference
from reelrecs.evaluation.registry import PIPELINES
from reelrecs.evaluation.runner import Result
from reelrecs.evaluation.tables import Table

LOSS, GAIN = "-", "+"
"""Behind a figure that is significantly below, or above, that of the best baseline of its row."""

ABSENT = "."
"""Stands for a system that was not asked in a row."""


def overview(runs: Sequence[Sequence[Result]], k: int) -> list[Table]:
    """HR and NDCG of all runs: a row for each data set, protocol and cut, a column for each system.

    The engine's pipelines are held against the baseline with the best figure of the very row, which
    favours the baselines: it is chosen on the test. Pairs by user; an interval that holds 0 is no
    loss and no gain.
    """
    rows = [cut for results in runs for cut in _cuts(results)]
    systems = list(dict.fromkeys(result.system for cut in rows for result in cut))
    tables = []
    for metric in (f"HR@{k}", f"NDCG@{k}"):
        heading = (
            f"{metric}: {LOSS} and {GAIN} mark what is significantly below and above the best "
            "baseline of the row, paired by user"
        )
        columns = ("data", "protocol", "users", "time", *systems, "best baseline", "is")
        tables.append(Table(heading, columns, [_row(cut, systems, metric) for cut in rows]))
    return tables


def _cuts(results: Sequence[Result]) -> list[list[Result]]:
    """The results of one protocol, cut by cut."""
    parts: dict[str, list[Result]] = {}
    for result in results:
        parts.setdefault(result.setting.part, []).append(result)
    return list(parts.values())


def _row(results: Sequence[Result], systems: Sequence[str], metric: str) -> list[Any]:
    setting = results[0].setting
    baselines = [result for result in results if result.system not in PIPELINES]
    best = max(baselines, key=lambda result: result.intervals[metric].mean, default=None)
    named = {result.system: _cell(result, best, metric) for result in results}
    protocol, _, _ = setting.split.partition(", ")
    return [
        setting.dataset,
        f"{protocol}, {setting.part}" if setting.part else setting.split,
        setting.users,
        setting.request_time,
        *(named.get(system, ABSENT) for system in systems),
        ABSENT if best is None else best.label,
        ABSENT if best is None else f"{best.intervals[metric].mean:.3f}",
    ]


def _cell(result: Result, best: Result | None, metric: str) -> str:
    text = f"{result.intervals[metric].mean:.3f}"
    if best is None or result.system not in PIPELINES:
        return text
    difference = paired_difference(
        result.per_user[metric], best.per_user[metric], result.setting.seed
    )
    if difference.holds_zero:
        return text
    return f"{text} {LOSS if difference.mean < 0 else GAIN}"
