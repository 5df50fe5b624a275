"""The tables and pictures of what was measured. Pure functions: reports in, rows and SVG out.

The numbers are in ``docs/benchmarks``, as the programs in ``tests/benchmarks`` printed them:
``pure.json`` and ``compiled.json`` come from ``run.py --json``, ``scaling.json`` comes from
``scaling.py --json``. A file that is not there is not shown.

A row is a tuple of reStructuredText texts, the first row is the heading.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import growth
from charts import draw_rows
from growth import ScalingChart, ScalingReport
from names import OURS
from report import Report, ReportedRow, verdict
from targets import Mode

__all__ = [
    "groups",
    "growth_pictures",
    "growth_table",
    "picture",
    "scaling",
    "table",
    "tables",
    "what_ran",
]

Row = tuple[str, ...]

NOTHING = "\N{EN DASH}"

RESULTS = Path(__file__).parents[1] / "benchmarks"


def tables(folder: Path = RESULTS) -> Iterator[Report]:
    """The reports of both modes."""
    yield from _load(folder, "compiled.json", "pure.json")


def scaling(folder: Path = RESULTS) -> Iterator[ScalingReport]:
    """The report on growth."""
    yield from _load(folder, "scaling.json")


def _load(folder: Path, *names: str) -> Iterator[Any]:
    for name in names:
        if (folder / name).exists():
            yield json.loads((folder / name).read_text("utf-8"))


def what_ran(report: Report | ScalingReport) -> str:
    """The engines, and on what they ran."""
    engines = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return f"{engines}; {report['python']} on {report['system']}."


def groups(report: Report) -> list[list[ReportedRow]]:
    """The rows, group by group."""
    return [list(rows) for _, rows in groupby(report["rows"], lambda row: row["group"])]


def table(rows: list[ReportedRow], mode: Mode) -> list[Row]:
    """One group: what ours takes, the ratios to the others, and what became of the targets."""
    others = list(dict.fromkeys(name for row in rows for name in row["values"] if name != OURS))
    unit, _, each = rows[0]["unit"].partition("/")
    shown: list[Row] = [(rows[0]["group"], f"{unit} a {each}", *others, "Targets")]
    for row in rows:
        ours = row["values"][OURS]
        ratios = [
            f"{row['values'][name] / ours:.2f}" if name in row["values"] else NOTHING
            for name in others
        ]
        targets = ", ".join([verdict(each, "**missed**") for each in row["targets"][mode]])
        shown.append((row["name"], f"{ours:,.0f}", *ratios, targets or NOTHING))
    return shown


def picture(rows: list[ReportedRow], mode: Mode) -> str:
    """One group, as bars."""
    return draw_rows(rows, mode)


def growth_table(report: ScalingReport) -> list[Row]:
    """How each thing grows, in one line."""
    shown: list[Row] = [("What grows", "", "From", "To", "Exponent", "Growth of each")]
    for chart in report["experiments"]:
        for line in chart["lines"]:
            exponent = f"{line['exponent']:.2f} ± {line['noise']:.2f}"
            shown.append(
                (
                    chart["title"],
                    line["name"],
                    f"{line['points'][0][0]:,}",
                    f"{line['points'][-1][0]:,}",
                    f"**{exponent}**" if line["linear"] is False else exponent,
                    f"{line['growth']:.2f}",
                )
            )
    return shown


def growth_pictures(chart: ScalingChart) -> list[str]:
    """What all units take, and what each takes."""
    return list(growth.draw(chart).values())
