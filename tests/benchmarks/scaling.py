"""Measure how wsproto_core's time and memory grow with what there can be much of.

    python tests/benchmarks/scaling.py [--quick] [--only TEXT] [--json] [--plot DIR]

Prints what each number of units takes, and the exponent of the growth where there are most
of them: 1 is linear. See growth.py for how it is judged.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import growth
import running
import steady
from experiments import EXPERIMENTS, Experiment
from growth import ScalingChart, ScalingReport
from names import OURS
from progress import Progress


def measured(
    experiments: Sequence[Experiment], quick: bool, result: ScalingReport
) -> Iterator[ScalingChart]:
    """Carry out `experiments`, add them to `result`, and give each when it is done.

    Ends early, and says so in `result`, when the user presses Ctrl-C."""
    progress = Progress()
    try:
        for experiment in experiments:
            best = carry_out(experiment, quick, progress)
            progress.clear()
            chart = ScalingChart(
                name=experiment.name,
                title=experiment.title,
                unit=experiment.unit,
                measured_in=experiment.measured_in,
                reference=experiment.reference,
                lines=[
                    growth.judge(line, taken, best.get(experiment.reference))
                    for line, taken in best.items()
                ],
            )
            result["experiments"].append(chart)
            yield chart
    except KeyboardInterrupt:
        result["interrupted"] = True
    finally:
        progress.clear()


def carry_out(
    experiment: Experiment, quick: bool, progress: Progress
) -> dict[str, dict[int, float]]:
    """What each number of units takes, by line. All is done several times: the best counts."""
    best: dict[str, dict[int, float]] = {line: {} for line in experiment.lines}
    counts = experiment.quick_counts if quick else experiment.counts
    for _ in range(1 if experiment.measured_in == "B" else 5 if quick else 4):
        for line, measure in experiment.lines.items():
            for count in counts:
                progress.show(experiment.name, f"{line}: {count:,} {experiment.unit}s")
                taken = measure(count, 0.02 if quick else 0.05)
                if taken > 0:  # less memory than a page cannot be seen
                    best[line][count] = min(best[line].get(count, taken), taken)
    return best


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="fewer and smaller numbers")
    parser.add_argument("--only", default="", metavar="TEXT", help="experiments named so")
    parser.add_argument("--pure", action="store_true", help="not the compiled modules")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="draw SVG pictures, too")
    options = parser.parse_args(argv)
    if options.pure:
        running.start_again_pure()
    steady.keep_memory()
    experiments = [each for each in EXPERIMENTS if options.only in each.name]
    if not experiments:
        names = ", ".join([each.name for each in EXPERIMENTS])
        parser.error(f"no experiment has {options.only!r} in its name: {names}")
    result = ScalingReport(
        versions={OURS: running.VERSION},
        python=running.PYTHON,
        system=running.SYSTEM,
        interrupted=False,
        experiments=[],
    )
    if not options.json:
        print(f"wsproto_core {running.VERSION}, {running.PYTHON} on {running.SYSTEM}")
    for chart in measured(experiments, options.quick, result):
        if not options.json:
            print(*growth.text_lines(chart), sep="\n", flush=True)
        if options.plot:
            options.plot.mkdir(parents=True, exist_ok=True)
            for name, picture in growth.draw(chart).items():
                (options.plot / f"{name}.svg").write_text(picture, "utf-8")
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        print(*growth.foot_lines(result), sep="\n")
    return 130 if result["interrupted"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
