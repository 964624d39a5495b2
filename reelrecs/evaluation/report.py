"""Results as tables, csv rows and JSON: the same figures three ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from reelrecs.errors import InvalidRequest
from reelrecs.evaluation.bootstrap import Interval, paired_differences
from reelrecs.evaluation.candidate_recall import SourceRecall
from reelrecs.evaluation.diversity_tradeoff import TradeoffPoint
from reelrecs.evaluation.runner import Result
from reelrecs.evaluation.saved_runs import Pair


class Table(NamedTuple):
    """Columns and rows under a heading."""

    heading: str
    columns: tuple[str, ...]
    rows: list[list[Any]]


class Report(NamedTuple):
    """One piece of work, ready to print in any of three forms."""

    tables: list[Table]
    csv: Table
    json: dict[str, Any]


def evaluation_report(results: Sequence[Result], against: str | None = None) -> Report:
    """Means with intervals, and every system's paired difference from one (None: the first).

    Raises InvalidRequest for an `against` that was not evaluated.
    """
    setting = results[0].setting
    named = {result.system: result for result in results}
    if against is not None and against not in named:
        raise InvalidRequest(f"{against!r} was not evaluated: choose from {', '.join(named)}")
    base = named[against] if against is not None else results[0]
    differences = {
        name: paired_differences(result.per_user, base.per_user, setting.seed)
        for name, result in named.items()
        if name != base.system
    }
    k = setting.k
    accurate = [f"HR@{k}", f"NDCG@{k}", f"Recall@{k}", "MRR", f"MAP@{k}"]
    rest = [name for name in results[0].per_user if name not in accurate]
    accuracy = Table(
        f"{setting.dataset}, {setting.split}: {setting.users:,} users, {setting.targets:,} movies "
        f"held out; mean ± half the 95 % interval",
        ("system", *accurate),
        [[r.system, *(_plus_minus(r.intervals[name]) for name in accurate)] for r in results],
    )
    lists = Table(
        f"Lists of {setting.k}, and their cost",
        ("system", "coverage", *rest, "Gini", "fit s", "ms/user"),
        [
            [
                r.system,
                r.catalogue["coverage"],
                *(r.intervals[name].mean for name in rest),
                r.catalogue["Gini"],
                round(r.fit_seconds, 2),
                round(r.seconds_per_user * 1e3, 3),
            ]
            for r in results
        ],
    )
    paired = Table(
        f"Difference from {base.system}, paired by user, with 95 % interval",
        ("system", *accurate[:2]),
        [
            [name, *(_verdict(metrics[metric]) for metric in accurate[:2])]
            for name, metrics in differences.items()
        ],
    )
    document = {
        **asdict(setting),
        "against": base.system,
        "systems": [result.to_dict() for result in results],
        "differences": [
            {"system": name, "metric": metric, **_difference(one)}
            for name, metrics in differences.items()
            for metric, one in metrics.items()
        ],
    }
    return Report([accuracy, lists, *([paired] if differences else [])], _long(results), document)


def _long(results: Sequence[Result]) -> Table:
    """One row for each system and figure, which is what a spreadsheet can pivot."""
    rows: list[list[Any]] = []
    for result in results:
        rows += [
            [result.system, name, one.mean, one.low, one.high]
            for name, one in result.intervals.items()
        ]
        single = result.catalogue | {
            "fit_seconds": result.fit_seconds,
            "ms_per_user": result.seconds_per_user * 1e3,
        }
        rows += [[result.system, name, value, None, None] for name, value in single.items()]
    return Table("", ("system", "metric", "mean", "low", "high"), rows)


def recall_report(found: dict[str, list[SourceRecall]], heading: str) -> Report:
    """Candidate recall of each pipeline's sources, one column for each choice of filters."""
    first = next(iter(found.values()))[0]
    filters = tuple(first.recall)
    recall = Table(
        f"{heading}: share of held-out movies among the candidates, by filters",
        ("pipeline", "source", *filters),
        [
            [name, row.source, *(row.recall[one].mean for one in filters)]
            for name, rows in found.items()
            for row in rows
        ],
    )
    counts = Table(
        "Candidates a user",
        ("pipeline", "source", *filters),
        [
            [name, row.source, *(round(row.candidates[one], 1) for one in filters)]
            for name, rows in found.items()
            for row in rows
        ],
    )
    long = Table(
        "",
        ("pipeline", "source", "filters", "candidates", "recall", "low", "high"),
        [
            [name, row.source, one, row.candidates[one], at.mean, at.low, at.high]
            for name, rows in found.items()
            for row in rows
            for one, at in row.recall.items()
        ],
    )
    document = {name: [row.to_dict() for row in rows] for name, rows in found.items()}
    return Report([recall, counts], long, {"heading": heading, "recall": document})


def tradeoff_report(curves: dict[str, list[TradeoffPoint]], k: int, heading: str) -> Report:
    """NDCG against intra-list diversity, strength by strength."""
    ndcg = f"NDCG@{k}"
    also = (f"HR@{k}", "diversity", "novelty", "calibration")
    flat = [(name, point) for name, points in curves.items() for point in points]
    rest = [
        [*(point.intervals[one].mean for one in also), point.catalogue["coverage"]]
        for _, point in flat
    ]
    changes = [point.ndcg_difference for _, point in flat]
    shown = Table(
        f"{heading}: the change in NDCG is from the first strength, paired by user",
        ("pipeline", "strength", ndcg, "change", *also, "coverage"),
        [
            [name, point.strength, _plus_minus(point.intervals[ndcg]), _verdict(change), *figures]
            for (name, point), change, figures in zip(flat, changes, rest, strict=True)
        ],
    )
    ends = (ndcg, "low", "high", "change", "change low", "change high")
    long = Table(
        "",
        ("pipeline", "strength", *ends, *also, "coverage"),
        [
            [
                name,
                point.strength,
                *_three(point.intervals[ndcg]),
                *_three(point.ndcg_difference),
                *figures,
            ]
            for (name, point), figures in zip(flat, rest, strict=True)
        ],
    )
    document = {name: [point.to_dict() for point in points] for name, points in curves.items()}
    return Report([shown], long, {"heading": heading, "tradeoff": document})


def comparison_report(pairs: Sequence[Pair]) -> Report:
    """Two kept runs, metric by metric."""
    columns = ("first", "second", "metric", "first mean", "second mean", "difference")
    shown: list[list[Any]] = []
    long: list[list[Any]] = []
    document: list[dict[str, Any]] = []
    for pair in pairs:
        for metric, one in pair.differences.items():
            first, second = pair.our_means[metric], pair.their_means[metric]
            start = [pair.ours, pair.theirs, metric, first.mean, second.mean]
            shown.append([*start, _verdict(one)])
            long.append([*start, *_three(one), one.holds_zero])
            document.append(
                {
                    "first": pair.ours,
                    "second": pair.theirs,
                    "metric": metric,
                    "first_mean": first.to_dict(),
                    "second_mean": second.to_dict(),
                    "difference": _difference(one),
                }
            )
    heading = "Two runs, paired by user: the first less the second, with 95 % interval"
    rows = Table("", (*columns, "low", "high", "tie"), long)
    return Report([Table(heading, columns, shown)], rows, {"comparison": document})


def _plus_minus(interval: Interval) -> str:
    return f"{interval.mean:.4f} ± {interval.half_width:.4f}"


def _verdict(interval: Interval) -> str:
    interval_text = f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
    return f"{interval_text} tie" if interval.holds_zero else interval_text


def _three(interval: Interval) -> list[float]:
    return [interval.mean, interval.low, interval.high]


def _difference(interval: Interval) -> dict[str, float | bool]:
    return {**interval.to_dict(), "tie": interval.holds_zero}
