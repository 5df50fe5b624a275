"""What was measured, as data and as text.

A report is the object that ``--json`` prints. Its rows have, besides the values, what was to
be reached; whether it was reached is said for the mode that ran.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypedDict

from names import FLOOR, OURS
from running import MODE, PYTHON, SYSTEM
from targets import MODES, TARGETS, Mode, Target

__all__ = [
    "NOISE",
    "Report",
    "ReportedRow",
    "ReportedTarget",
    "compare",
    "foot_lines",
    "head_lines",
    "heading",
    "reported",
    "row_lines",
    "verdict",
]


class ReportedTarget(TypedDict, total=False):
    """A target, and for the mode that ran what became of it."""

    kind: str
    bound: float
    other: str
    """What ours is compared with, or ""."""
    text: str
    """The target in words."""
    measured: float
    met: bool
    floor: float
    """What the least that Python can do would have been measured as, where that is known."""


class ReportedRow(TypedDict):
    """One line of the table."""

    name: str
    group: str
    unit: str
    size: int
    """Bytes of payload that one operation handles, or 0."""
    values: dict[str, float]
    """By engine, in `unit`: the lower the better."""
    spread: float | None
    """How much worse the second best pass of an engine is than its best, as a part of the
    best: the most of any engine. Large: the machine was busy. None for a single pass."""
    targets: dict[str, list[ReportedTarget]]
    """By mode."""


class Report(TypedDict):
    """All of it."""

    mode: Mode
    """How wsproto_core ran."""
    versions: dict[str, str]
    """What ran, by engine."""
    python: str
    system: str
    rounds: int
    load: float
    """The processes that wanted each CPU, at most, as the system counts them for a minute.
    Over 1, others were at work."""
    interrupted: bool
    """Whether rows are missing because the user would not wait."""
    rows: list[ReportedRow]


def heading(versions: Mapping[str, str], rounds: int) -> Report:
    """A report without rows."""
    return Report(
        mode=MODE,
        versions=dict(versions),
        python=PYTHON,
        system=SYSTEM,
        rounds=rounds,
        load=0.0,
        interrupted=False,
        rows=[],
    )


def reported(
    name: str,
    group: str,
    unit: str,
    size: int,
    values: dict[str, float],
    spread: float | None = None,
    mode: Mode = MODE,
) -> ReportedRow:
    """A row with its targets; those of `mode` are judged."""
    targets: dict[str, list[ReportedTarget]] = {}
    for each in MODES:
        targets[each] = [
            _judge(target, unit, size, values if each == mode else None)
            for target in TARGETS.get(name, {}).get(each, ())
        ]
    return ReportedRow(
        name=name,
        group=group,
        unit=unit,
        size=size,
        values=values,
        spread=spread,
        targets=targets,
    )


def _judge(
    target: Target, unit: str, size: int, values: Mapping[str, float] | None
) -> ReportedTarget:
    judged = ReportedTarget(
        kind=target.kind,
        bound=target.bound,
        other=target.other,
        text=target.show(target.bound, unit),
    )
    if values is not None:
        judged["measured"] = target.measured(values, size)
        judged["met"] = target.met(judged["measured"])
        if target.kind == "ratio" and FLOOR in values:
            judged["floor"] = values[target.other] / values[FLOOR]
    return judged


# As text

NOISE = 0.05
"""The spread from which a row is marked: the two best passes of an engine are not alike."""

_NAME, _VALUE, _RATIO = 38, 11, 12


def head_lines(report: Report) -> Iterator[str]:
    """What ran, and how to read what follows."""
    yield f"{report['python']} on {report['system']}, {report['rounds']} rounds"
    for engine, version in report["versions"].items():
        yield f"  {engine} {version}"
    yield "Ratios: what the others take, divided by what wsproto_core takes."


def row_lines(row: ReportedRow, mode: Mode, new_group: bool) -> Iterator[str]:
    """A row, below the heading of its group where that begins."""
    values = row["values"]
    others = [engine for engine in values if engine != OURS]
    if new_group:
        columns = "".join(f"{'/' + engine:>{max(_RATIO, len(engine) + 2)}}" for engine in others)
        yield ""
        yield f"{row['group']:{_NAME}}{row['unit'].rpartition('/')[0]:>{_VALUE}}{columns}"
    ratios = "".join(
        f"{values[engine] / values[OURS]:{max(_RATIO, len(engine) + 2)}.2f}" for engine in others
    )
    rate = f"  {row['size'] / values[OURS]:.3g} GB/s" if row["size"] else ""
    notes = [verdict(target) for target in row["targets"][mode]]
    if row["spread"] is not None and row["spread"] > NOISE:
        notes.append(f"noise {row['spread']:.0%}")
    line = f"{row['name']:{_NAME}}{values[OURS]:{_VALUE},.0f}{ratios}{rate}  {', '.join(notes)}"
    yield line.rstrip()


def verdict(target: ReportedTarget, missed: str = "MISSED") -> str:
    """A target in words, and whether it was met."""
    outcome = "met" if target["met"] else missed
    if not target["met"] and target.get("floor", target["bound"]) < target["bound"]:
        outcome += f", out of reach: the floor is at {target['floor']:.3g}x"
    if target["kind"] == "overhead":  # what no column shows
        outcome += f" ({target['measured']:.0%})"
    return f"{target['text']}: {outcome}"


def foot_lines(report: Report) -> Iterator[str]:
    """What it comes to."""
    targets = [target for row in report["rows"] for target in row["targets"][report["mode"]]]
    met = sum(target["met"] for target in targets)
    yield ""
    if report["load"] > 1:
        yield f"a busy machine, with {report['load']:.1f} processes for each CPU: measure again"
    if report["interrupted"]:
        yield "interrupted: rows are missing"
    yield f"{met} of {len(targets)} targets of {report['mode']} mode met"


def compare(one: Report, other: Report) -> Iterator[str]:
    """Two reports side by side: what wsproto_core took in each, and the ratio."""
    yield f"{'':{_NAME}}{one['mode']:>{_VALUE}}{other['mode']:>{_VALUE}}{'ratio':>{_VALUE}}"
    rows = {row["name"]: row for row in other["rows"]}
    for row in one["rows"]:
        if row["name"] in rows:
            mine, its = row["values"][OURS], rows[row["name"]]["values"][OURS]
            numbers = f"{mine:{_VALUE},.0f}{its:{_VALUE},.0f}{mine / its:{_VALUE}.2f}"
            yield f"{row['name']:{_NAME}}{numbers}  {row['unit']}"
