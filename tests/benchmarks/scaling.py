"""Measure how wsproto_core's time and memory grow with what there can be much of.

    python tests/benchmarks/scaling.py [--quick] [--only TEXT] [--json] [--plot DIR]

Prints what each number of units takes, and the exponent of the growth where there are most
of them: 1 is linear.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict

import charts
import progress
import steady
from experiments import EXPERIMENTS, Experiment
from running import PYTHON, SYSTEM, VERSION

LINEAR = 1.35
"""The exponent up to which growth counts as linear: 1, and room for the caches, which hold
what is small and not what is large. Where that matters, see how mere copying grows."""


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

    version: str
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


def judge(name: str, best: dict[int, float]) -> ScalingLine:
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


def measured(
    experiments: Sequence[Experiment], quick: bool, result: ScalingReport
) -> Iterator[ScalingChart]:
    """Carry out `experiments`, add them to `result`, and give each when it is done.

    Ends early, and says so in `result`, when the user presses Ctrl-C."""
    try:
        for experiment in experiments:
            best = carry_out(experiment, quick)
            chart = ScalingChart(
                name=experiment.name,
                title=experiment.title,
                unit=experiment.unit,
                measured_in=experiment.measured_in,
                lines=[judge(line, taken) for line, taken in best.items()],
            )
            result["experiments"].append(chart)
            yield chart
    except KeyboardInterrupt:
        result["interrupted"] = True
    finally:
        progress.clear()


def carry_out(experiment: Experiment, quick: bool) -> dict[str, dict[int, float]]:
    """What each number of units takes, by line. All is done several times: the best counts."""
    best: dict[str, dict[int, float]] = {line: {} for line in experiment.lines}
    counts = experiment.quick_counts if quick else experiment.counts
    for _ in range(1 if experiment.measured_in == "B" else 2 if quick else 4):
        for line, measure in experiment.lines.items():
            for count in counts:
                progress.show(f"{experiment.name}, {line}: {count:,}")
                taken = measure(count, 0.02 if quick else 0.05)
                if taken > 0:  # less memory than a page cannot be seen
                    best[line][count] = min(best[line].get(count, taken), taken)
    return best


def lines_of(chart: ScalingChart) -> Iterator[str]:
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


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="fewer and smaller numbers")
    parser.add_argument("--only", default="", metavar="TEXT", help="experiments named so")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="draw SVG pictures, too")
    options = parser.parse_args(argv)
    steady.keep_memory()
    experiments = [each for each in EXPERIMENTS if options.only in each.name]
    result = ScalingReport(
        version=VERSION, python=PYTHON, system=SYSTEM, interrupted=False, experiments=[]
    )
    if not options.json:
        print(f"wsproto_core {VERSION}, {PYTHON} on {SYSTEM}")
    for chart in measured(experiments, options.quick, result):
        if not options.json:
            progress.clear()
            print(*lines_of(chart), sep="\n", flush=True)
        if options.plot:
            options.plot.mkdir(parents=True, exist_ok=True)
            for name, picture in draw(chart).items():
                (options.plot / f"{name}.svg").write_text(picture, "utf-8")
    if options.json:
        print(json.dumps(result, indent=1))
    return 130 if result["interrupted"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
