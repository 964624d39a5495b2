"""Accuracy as tables, csv rows and JSON: the same figures three ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

from reelrecs.errors import InvalidRequest
from reelrecs.evaluation.bootstrap import Interval, paired_differences
from reelrecs.evaluation.runner import Result, Setting
from reelrecs.evaluation.tables import Report, Table, difference, plus_minus, verdict

Differences: TypeAlias = Mapping[str, Mapping[str, Interval]]
"""System to metric to its paired difference from the base."""


def evaluation_report(results: Sequence[Result], against: str | None = None) -> Report:
    """Means with intervals, and every system's paired difference from one (None: the first).

    Where a protocol has several cuts, each is a row with a column a system. Raises InvalidRequest
    for an `against` that was not evaluated.
    """
    parts: dict[str, list[Result]] = {}
    for result in results:
        parts.setdefault(result.setting.part, []).append(result)
    base = _base(next(iter(parts.values())), against).system
    differences = {
        part: _differences(of_part, _base(of_part, base)) for part, of_part in parts.items()
    }
    one = len(parts) == 1
    if one:
        tables = _single_cut(results, base, differences[results[0].setting.part])
    else:
        tables = _ladder(parts, base, differences)
    documents = [_document(of_part, base, differences[part]) for part, of_part in parts.items()]
    document = documents[0] if one else {"cuts": documents}
    return Report(tables, _long(results), document)


def told(setting: Setting) -> str:
    """What must stand beside every figure: who asked what, when, and the rule for ties."""
    moment = {
        "given": "request time given",
        "withheld": "request time withheld",
        "none": "no request time",
    }[setting.request_time]
    questions = f", {setting.questions:,} questions" if setting.questions != setting.users else ""
    return (
        f"{setting.users:,} users{questions}, {setting.targets:,} movies held out; {moment}; "
        f"tied times {setting.ties}"
    )


def _base(results: Sequence[Result], against: str | None) -> Result:
    """The result that others differ from."""
    named = {result.system: result for result in results}
    if against is not None and against not in named:
        raise InvalidRequest(f"{against!r} was not evaluated: choose from {', '.join(named)}")
    return named[against] if against is not None else results[0]


def _single_cut(results: Sequence[Result], base: str, differences: Differences) -> list[Table]:
    """Accuracy, lists and differences, a row for each system."""
    setting = results[0].setting
    k = setting.k
    accurate = [f"HR@{k}", f"NDCG@{k}", f"Recall@{k}", "MRR", f"MAP@{k}"]
    rest = [name for name in results[0].per_user if name not in accurate]
    accuracy = Table(
        f"{setting.dataset}, {setting.split}: {told(setting)}; mean ± half the 95 % interval",
        ("system", *accurate),
        [[r.label, *(plus_minus(r.intervals[name]) for name in accurate)] for r in results],
    )
    lists = Table(
        f"Lists of {setting.k}, and their cost",
        ("system", "coverage", *rest, "Gini", "fit s", "ms/question"),
        [
            [
                r.label,
                r.catalogue["coverage"],
                *(r.intervals[name].mean for name in rest),
                r.catalogue["Gini"],
                round(r.fit_seconds, 2),
                round(r.seconds_per_question * 1e3, 3),
            ]
            for r in results
        ],
    )
    paired = Table(
        f"Difference from {base}, paired by user, with 95 % interval",
        ("system", *accurate[:2]),
        [
            [name, *(verdict(metrics[metric]) for metric in accurate[:2])]
            for name, metrics in differences.items()
        ],
    )
    return [accuracy, lists, *([paired] if differences else [])]


def _ladder(
    parts: Mapping[str, Sequence[Result]], base: str, differences: Mapping[str, Differences]
) -> list[Table]:
    """For HR and NDCG a row each cut and a column each system; then all differences."""
    first = next(iter(parts.values()))
    setting, systems = first[0].setting, [result.label for result in first]
    shared = setting.split.removesuffix(setting.part).removesuffix("after ").removesuffix(", ")
    tables = []
    for metric in (f"HR@{setting.k}", f"NDCG@{setting.k}"):
        moment = told(setting).partition("; ")[2]
        heading = f"{setting.dataset}, {shared}, {metric}: {moment}; mean ± half the 95 % interval"
        rows = [
            [part, of_part[0].setting.users, *(plus_minus(r.intervals[metric]) for r in of_part)]
            for part, of_part in parts.items()
        ]
        tables.append(Table(heading, ("cut", "users", *systems), rows))
        paired = [
            [part, *(verdict(one[metric]) for one in differences[part].values())]
            for part, of_part in parts.items()
        ]
        others = [result.label for result in first if result.system != base]
        if others:
            heading = f"Difference in {metric} from {base}, paired by user, with 95 % interval"
            tables.append(Table(heading, ("cut", *others), paired))
    return tables


def _differences(results: Sequence[Result], base: Result) -> Differences:
    """System to metric to its difference from the base."""
    return {
        result.system: paired_differences(result.per_user, base.per_user, base.setting.seed)
        for result in results
        if result.system != base.system
    }


def _document(results: Sequence[Result], base: str, differences: Differences) -> dict[str, Any]:
    """One cut for JSON."""
    return {
        **asdict(results[0].setting),
        "against": base,
        "systems": [result.to_dict() for result in results],
        "differences": [
            {"system": name, "metric": metric, **difference(one)}
            for name, metrics in differences.items()
            for metric, one in metrics.items()
        ],
    }


def _long(results: Sequence[Result]) -> Table:
    """One row for each cut, system and figure, which is what a spreadsheet can pivot."""
    rows: list[list[Any]] = []
    for result in results:
        setting = result.setting
        asked = [setting.split, setting.users, setting.request_time, setting.ties]
        rows += [
            [result.system, name, one.mean, one.low, one.high, *asked]
            for name, one in result.intervals.items()
        ]
        single = result.catalogue | {
            "fit_seconds": result.fit_seconds,
            "ms_per_question": result.seconds_per_question * 1e3,
        }
        rows += [[result.system, name, value, None, None, *asked] for name, value in single.items()]
    columns = ("system", "metric", "mean", "low", "high", "split", "users", "request_time", "ties")
    return Table("", columns, rows)
