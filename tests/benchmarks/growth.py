"""How time and memory grow, as data, as text and as pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

import charts

__all__ = [
    "LINEAR",
    "ScalingChart",
    "ScalingLine",
    "ScalingReport",
    "draw",
    "foot_lines",
    "judge",
    "text_lines",
]

LINEAR = 1.5
"""The exponent up to which growth counts as linear: half-way to quadratic. 1 would do but for
the caches, which hold what is small and not what is large: see how mere copying grows."""


class ScalingLine(TypedDict):
    """How one thing grows."""

    name: str
    points: list[tuple[int, float]]
    """Numbers of units, and what they take all together."""
    exponent: float
    """Of the growth in the last two decades; 1 is linear."""
    growth: float
    """In these: what a unit takes at the end, divided by what it takes at best."""
    linear: bool


class ScalingChart(TypedDict):
    """One experiment."""

    name: str
    title: str
    unit: str
    measured_in: str
    lines: list[ScalingLine]


class ScalingReport(TypedDict):
    """All of them."""

    versions: dict[str, str]
    """What ran: wsproto_core alone."""
    python: str
    system: str
    interrupted: bool
    experiments: list[ScalingChart]


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the line that fits `points` best where both axes are logarithmic."""
    xs = [math.log(x) for x, _ in points]
    ys = [math.log(y) for _, y in points]
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    covariance = sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True))
    return covariance / sum((x - middle_x) ** 2 for x in xs)


def judge(name: str, best: Mapping[int, float]) -> ScalingLine:
    """A line, given what each number of units takes."""
    points = sorted(best.items())
    last = points[-1][0]
    end = [point for point in points if point[0] >= last / 100]
    slope = exponent(end)
    each = [taken / count for count, taken in end]
    return ScalingLine(
        name=name,
        points=points,
        exponent=slope,
        growth=each[-1] / min(each),
        linear=slope <= LINEAR,
    )


def text_lines(chart: ScalingChart) -> Iterator[str]:
    """An experiment as text: what all units take, and what each takes."""
    yield ""
    yield chart["title"]
    for line in chart["lines"]:
        verdict = "linear" if line["linear"] else "NOT LINEAR"
        yield (
            f"  {line['name']}: {verdict}, exponent {line['exponent']:.2f}; "
            f"at the end a {chart['unit']} takes {line['growth']:.2f} times what it takes at best"
        )
        for count, taken in line["points"]:
            in_all, each = f"{taken:,.0f} {chart['measured_in']}", f"{taken / count:,.2f}"
            yield f"{count:14,} {chart['unit']}s{in_all:>24}{each:>16} each"


def foot_lines(report: ScalingReport) -> Iterator[str]:
    """What it comes to."""
    verdicts = [line["linear"] for chart in report["experiments"] for line in chart["lines"]]
    yield ""
    yield f"{sum(verdicts)} of {len(verdicts)} lines are linear: exponent up to {LINEAR}"
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
