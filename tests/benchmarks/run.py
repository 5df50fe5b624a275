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
from collections.abc import Iterator
from pathlib import Path

import report
from engines import VERSIONS
from engines.ours import COMPILED
from report import Report
from rows import ROWS, Effort
from targets import Mode

MODE: Mode = "compiled" if COMPILED else "pure"
QUICK = Effort(rounds=3, scale=0.1)


def measured(wanted: str, effort: Effort, result: Report) -> Iterator[report.ReportedRow]:
    """Measure the rows whose names have `wanted` in them, and add them to `result`.

    Ends early, and says so in `result`, when the user presses Ctrl-C."""
    rows = [row for row in ROWS.values() if wanted in row.name]
    try:
        for number, row in enumerate(rows, 1):
            if not sys.stdout.isatty():
                print(f"[{number}/{len(rows)}] {row.name}", file=sys.stderr, flush=True)
            values = row.measure(effort)
            found = report.reported(row.name, row.group, row.unit, row.size, values, MODE)
            result["rows"].append(found)
            yield found
    except KeyboardInterrupt:
        result["interrupted"] = True


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, help="rounds of which the best counts")
    parser.add_argument("--quick", action="store_true", help="a rough table in half a minute")
    parser.add_argument("--only", default="", metavar="TEXT", help="rows that have it in the name")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--compare",
        nargs=2,
        type=Path,
        metavar="FILE",
        help="measure nothing; show two reports that --json printed side by side",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    options = arguments().parse_args(argv)
    if options.compare:
        one, other = (json.loads(path.read_text("utf-8")) for path in options.compare)
        print(*report.compare(one, other), sep="\n")
        return 0
    effort = QUICK if options.quick else Effort()
    if options.rounds:
        effort = Effort(options.rounds, effort.scale)
    result = report.heading(MODE, VERSIONS, effort.rounds)
    if options.json:
        for _ in measured(options.only, effort, result):
            pass
        print(json.dumps(result, indent=1))
    else:
        print(*report.head_lines(result), sep="\n")
        group = ""
        for row in measured(options.only, effort, result):
            print(*report.row_lines(row, MODE, row["group"] != group), sep="\n", flush=True)
            group = row["group"]
        print(*report.foot_lines(result), sep="\n")
    return 130 if result["interrupted"] else 0


if __name__ == "__main__":
    sys.exit(main())
