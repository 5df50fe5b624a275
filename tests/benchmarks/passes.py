"""Measures the rows of the table, each several times and a while apart."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import report
from progress import Progress
from report import NOISE, Report, ReportedRow
from rows import Effort, Row

__all__ = ["FULL", "QUICK", "Plan", "measured"]


@dataclass(frozen=True)
class Plan:
    """How the table is measured."""

    passes: int
    """Times that the whole table is gone through: what disturbs a machine for seconds then
    has to come back at the same row to be seen."""
    more: int
    """Times that a row is measured again in the last pass while its passes do not agree."""
    effort: Effort
    """What is done for a row each time."""


FULL = Plan(passes=8, more=8, effort=Effort())
QUICK = Plan(passes=1, more=0, effort=Effort(rounds=10, scale=0.3))


class Passes:
    """What the passes over one row found."""

    def __init__(self) -> None:
        self._found: dict[str, list[float]] = {}

    def add(self, values: Mapping[str, float]) -> None:
        """Take note of one pass."""
        for engine, value in values.items():
            self._found.setdefault(engine, []).append(value)

    def best(self) -> dict[str, float]:
        """The best of each engine."""
        return {engine: min(found) for engine, found in self._found.items()}

    def spread(self) -> float | None:
        """How much worse the second best of an engine is than its best, as a part of the
        best: the most of any engine. None after a single pass."""
        spread = 0.0
        for found in self._found.values():
            if len(found) < 2:
                return None
            first, second, *_ = sorted(found)
            spread = max(spread, second / first - 1)
        return spread

    def agree(self) -> bool:
        """Whether there is more than one pass to believe."""
        spread = self.spread()
        return spread is not None and spread <= NOISE


def measured(rows: Sequence[Row], plan: Plan, result: Report) -> Iterator[ReportedRow]:
    """Measure `rows`, add them to `result`, and give each one when its numbers are final.

    Ends early, and says so in `result`, when the user presses Ctrl-C."""
    passes = {row.name: Passes() for row in rows}
    progress = Progress()

    def measure(row: Row, part: str) -> None:
        progress.show(part, row.name)
        passes[row.name].add(row.measure(plan.effort))
        result["load"] = max(result["load"], os.getloadavg()[0] / (os.cpu_count() or 1))

    def finish(row: Row) -> ReportedRow:
        found = passes[row.name]
        final = report.reported(
            row.name, row.group, row.unit, row.size, found.best(), found.spread()
        )
        result["rows"].append(final)
        return final

    try:
        for number in range(1, plan.passes):
            for row in rows:
                measure(row, f"pass {number} of {plan.passes}")
        for row in rows:
            measure(row, "last pass")
            for _ in range(plan.more):
                if not passes[row.name].agree():
                    measure(row, "last pass")
            progress.clear()
            yield finish(row)
    except KeyboardInterrupt:
        result["interrupted"] = True
        for row in rows[len(result["rows"]) :]:
            if passes[row.name].best():
                yield finish(row)
    finally:
        progress.clear()
