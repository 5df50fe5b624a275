"""How time and memory grow, as data, as text and as pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import median
from typing import TypedDict

import charts

__all__ = [
    "LINEAR",
    "RANGE",
    "ScalingChart",
    "ScalingLine",
    "ScalingReport",
    "draw",
    "foot_lines",
    "judge",
    "text_lines",
]

LINEAR = 1.05
"""The exponent up to which growth counts as linear, but for the noise. In the range that is
judged, n log n has 1.15 where there are 16 thousand units, and 1.06 where there are 64 million."""

RANGE = 256
"""What is judged: the numbers of units from the largest down to this part of it."""


class ScalingLine(TypedDict):
    """How one thing grows."""

    name: str
    points: list[tuple[int, float]]
    """Numbers of units, and what they take all together."""
    exponent: float
    """Of the growth in the last 2.4 decades; 1 is linear."""
    noise: float
    """By how much the exponent may be wrong, as the points are scattered about their line."""
    growth: float
    """In these: what a unit takes at the end, divided by what it takes at best."""
    linear: bool | None
    """None for what others are measured against."""


class ScalingChart(TypedDict):
    """One experiment."""

    name: str
    title: str
    unit: str
    measured_in: str
    reference: str
    """The line that the others are measured against, or ""."""
    lines: list[ScalingLine]


class ScalingReport(TypedDict):
    """All of them."""

    versions: dict[str, str]
    """What ran: wsproto_core alone."""
    python: str
    system: str
    interrupted: bool
    experiments: list[ScalingChart]


def further(best: Mapping[int, float]) -> dict[int, float]:
    """What each unit takes beyond what the first ones take together: of ``a + b * n``, b."""
    (least, first), *rest = sorted(best.items())
    return {count: (taken - first) / (count - least) for count, taken in rest if taken > first}


def slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The slope of the line through `points` where both axes are logarithmic, and its error.

    It is the median of the slopes between any two points (Theil and Sen): some that are
    far off, because they were disturbed or because a cache ends there, do not turn it. The
    error is two standard errors, as far as the median distance from the line tells.
    """
    logs = [(math.log(x), math.log(y)) for x, y in points]
    steepness = median([(d - b) / (c - a) for (a, b), (c, d) in combinations(logs, 2)])
    heights = [y - steepness * x for x, y in logs]
    level = median(heights)
    scatter = 1.4826 * median([abs(height - level) for height in heights])
    middle = sum(x for x, _ in logs) / len(logs)
    return steepness, 2 * scatter / math.sqrt(sum((x - middle) ** 2 for x, _ in logs))


def judge(
    name: str, best: Mapping[int, float], reference: Mapping[int, float] | None = None
) -> ScalingLine:
    """A line, given what each number of units takes.

    Where there is a `reference`, what grows as that does is linear: it has the same bytes
    to go through, and no cache holds those when there are many.
    """
    points = sorted(best.items())
    last = points[-1][0]
    each = [taken / count for count, taken in points if count >= last / RANGE]
    costs = further(best)
    if reference is not None and reference is not best:
        by = further(reference)
        costs = {count: cost / by[count] for count, cost in costs.items() if count in by}
    steepness, noise = slope([(n, cost) for n, cost in costs.items() if n >= last / RANGE])
    return ScalingLine(
        name=name,
        points=points,
        exponent=1 + steepness,
        noise=noise,
        growth=each[-1] / min(each),
        linear=None if best is reference else 1 + steepness - noise <= LINEAR,
    )


VERDICTS = {True: "linear", False: "NOT LINEAR", None: "for comparison"}


def text_lines(chart: ScalingChart) -> Iterator[str]:
    """An experiment as text: what all units take, and what each takes."""
    yield ""
    yield chart["title"]
    for line in chart["lines"]:
        exponent = f"exponent {line['exponent']:.2f} ± {line['noise']:.2f}"
        yield (
            f"  {line['name']}: {VERDICTS[line['linear']]}, {exponent}; "
            f"at the end a {chart['unit']} takes {line['growth']:.2f} times what it takes at best"
        )
        for count, taken in line["points"]:
            in_all, each = f"{taken:,.0f} {chart['measured_in']}", f"{taken / count:,.2f}"
            yield f"{count:14,} {chart['unit']}s{in_all:>24}{each:>16} each"


def foot_lines(report: ScalingReport) -> Iterator[str]:
    """What it comes to."""
    lines = [line for chart in report["experiments"] for line in chart["lines"]]
    verdicts = [line["linear"] for line in lines if line["linear"] is not None]
    yield ""
    yield f"{sum(verdicts)} of {len(verdicts)} lines are linear: exponent up to {LINEAR} ± noise"
    if report["interrupted"]:
        yield "interrupted: experiments are missing"


def draw(chart: ScalingChart) -> dict[str, str]:
    """The pictures of an experiment, by their names: of all units, and of each."""
    unit, measured_in = chart["unit"], chart["measured_in"]
    return {
        chart["name"]: charts.draw_lines(
            f"{chart['title']}: {measured_in} for all of them",
            f"{unit}s",
            measured_in,
            [charts.Line(line["name"], line["points"]) for line in chart["lines"]],
        ),
        f"{chart['name']}-each": charts.draw_lines(
            f"{chart['title']}: {measured_in} for each {unit}",
            f"{unit}s",
            f"{measured_in} for each",
            [
                charts.Line(line["name"], [(x, y / x) for x, y in line["points"]])
                for line in chart["lines"]
            ],
        ),
    }
