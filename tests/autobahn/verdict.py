"""What a run of the suite must give, and how a run differs from that.

Reads the suite's index and the committed expectation; knows nothing of processes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple


class Outcome(NamedTuple):
    """The suite's judgement of one case: what the peer did, and how it closed."""

    behavior: str
    closing: str


def load_expected(file: Path) -> dict[str, Outcome]:
    """Read a file of `{case id: [behavior, behaviorClose]}`."""
    return {case: Outcome(*pair) for case, pair in json.loads(file.read_text("utf-8")).items()}


def save_expected(file: Path, outcomes: Mapping[str, Outcome]) -> None:
    """Write what `load_expected` reads, one case a line, in the suite's order."""
    lines = (f"  {json.dumps(case)}: {json.dumps(outcomes[case])}" for case in in_order(outcomes))
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def load_index(file: Path, agent: str) -> dict[str, Outcome]:
    """Read the suite's `index.json`; a run that came to nothing has no agents in it."""
    if not file.exists():
        return {}
    cases = json.loads(file.read_text("utf-8")).get(agent, {})
    return {case: Outcome(row["behavior"], row["behaviorClose"]) for case, row in cases.items()}


def in_order(cases: Iterable[str]) -> list[str]:
    """Sort case ids as the suite runs them: 1.2 before 1.10."""
    return sorted(cases, key=lambda case: [int(number) for number in case.split(".")])


def select(cases: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """The ids that match one of the shell patterns as a whole.

    Raises:
        ValueError: a pattern matches no case.
    """
    cases = list(cases)
    chosen: set[str] = set()
    for pattern in patterns:
        matching = [case for case in cases if fnmatchcase(case, pattern)]
        if not matching:
            raise ValueError(f"no case matches {pattern!r}")
        chosen.update(matching)
    return in_order(chosen)


def differences(expected: Mapping[str, Outcome], actual: Mapping[str, Outcome]) -> list[str]:
    """Say, line by line, where a run is not as expected: no line when it is."""
    lines = []
    if missing := in_order(expected.keys() - actual.keys()):
        lines.append(f"not run, {len(missing)} of {len(expected)} cases: {_few(missing)}")
    if unknown := in_order(actual.keys() - expected.keys()):
        lines.append(f"not expected at all, {len(unknown)} cases: {_few(unknown)}")
    lines.extend(
        f"case {case}: {describe(actual[case])}, not {describe(expected[case])}"
        for case in in_order(expected.keys() & actual.keys())
        if actual[case] != expected[case]
    )
    return lines


def _few(cases: list[str]) -> str:
    return ", ".join(cases[:10]) + (", ..." if len(cases) > 10 else "")


def describe(outcome: Outcome) -> str:
    """One outcome in words."""
    return f"{outcome.behavior} (closing {outcome.closing})"


def summary(outcomes: Mapping[str, Outcome]) -> str:
    """How many cases came to what."""
    return f"{_counts(o.behavior for o in outcomes.values())}; closing " + _counts(
        o.closing for o in outcomes.values()
    )


def _counts(words: Iterable[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in Counter(words).most_common()) or "nothing"
