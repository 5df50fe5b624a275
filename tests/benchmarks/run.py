"""Time wsproto_core beside wsproto, websockets' sans-I/O layer and aiohttp.

    python tests/benchmarks/run.py [--quick] [--rounds N] [--only TEXT] [--json]

Prints one table: what wsproto_core takes, the ratio to each of the others, and which
targets of the mode that runs are met. All engines run in this process and take turns, the
best of several rounds counts. The ratios mean something, also on a busy machine; the times
say nothing beyond this machine and minute.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import charts
import report
import running
import steady
from engines import VERSIONS
from passes import FULL, QUICK, measured
from rows import ROWS


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--passes", type=int, help="passes over the whole table")
    parser.add_argument("--rounds", type=int, help="turns of each engine in each pass")
    parser.add_argument(
        "--quick", action="store_true", help="a rough table, in a quarter of a minute"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="rows that have it in the name")
    parser.add_argument("--pure", action="store_true", help="not the compiled modules")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the table, too")
    parser.add_argument(
        "--compare",
        nargs=2,
        type=Path,
        metavar="FILE",
        help="measure nothing; show two reports that --json printed side by side",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = arguments()
    options = parser.parse_args(argv)
    if options.compare:
        one, other = (json.loads(path.read_text("utf-8")) for path in options.compare)
        print(*report.compare(one, other), sep="\n")
        return 0
    if options.pure:
        running.start_again_pure()
    steady.keep_memory()
    plan = QUICK if options.quick else FULL
    plan = replace(
        plan,
        passes=options.passes or plan.passes,
        effort=replace(plan.effort, rounds=options.rounds or plan.effort.rounds),
    )
    rows = [row for row in ROWS.values() if options.only in row.name]
    if not rows:
        parser.error(f"no row has {options.only!r} in its name: {', '.join(ROWS)}")
    result = report.heading(VERSIONS, plan.passes * plan.effort.rounds)
    if options.json:
        for _ in measured(rows, plan, result):
            pass
        print(json.dumps(result, indent=1))
    else:
        print(*report.head_lines(result), sep="\n")
        group = ""
        for row in measured(rows, plan, result):
            print(
                *report.row_lines(row, result["mode"], row["group"] != group), sep="\n", flush=True
            )
            group = row["group"]
        print(*report.foot_lines(result), sep="\n")
    if options.plot:
        options.plot.write_text(charts.draw_report(result), "utf-8")
    return 130 if result["interrupted"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
