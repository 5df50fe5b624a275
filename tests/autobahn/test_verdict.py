"""The judgement on a run must not be kinder than the suite's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from verdict import (
    Outcome,
    differences,
    in_order,
    load_expected,
    load_index,
    save_expected,
    select,
    summary,
)

OK = Outcome("OK", "OK")
INFORMATIONAL = Outcome("INFORMATIONAL", "INFORMATIONAL")
EXPECTED_FILE = Path(__file__).with_name("expected.json")


def test_committed_expectation_is_514_ok_and_3_informational_in_the_suites_order() -> None:
    expected = load_expected(EXPECTED_FILE)
    informational = [case for case, outcome in expected.items() if outcome == INFORMATIONAL]
    assert len(expected) == 517
    assert informational == ["7.1.6", "7.13.1", "7.13.2"]
    assert list(expected.values()).count(OK) == 514
    assert list(expected) == in_order(expected)


def test_same_results_differ_in_nothing() -> None:
    assert differences({"1.1": OK, "7.13": INFORMATIONAL}, {"7.13": INFORMATIONAL, "1.1": OK}) == []


@pytest.mark.parametrize(
    "outcome", [Outcome("NON-STRICT", "OK"), Outcome("OK", "UNCLEAN"), INFORMATIONAL]
)
def test_another_behaviour_or_another_closing_is_a_difference(outcome: Outcome) -> None:
    (line,) = differences({"1.1": OK}, {"1.1": outcome})
    assert line.startswith(f"case 1.1: {outcome.behavior} (closing {outcome.closing})")


def test_missing_and_unknown_cases_are_differences() -> None:
    assert differences({"1.1": OK, "1.2": OK}, {"1.2": OK, "1.3": OK}) == [
        "not run, 1 of 2 cases: 1.1",
        "not expected at all, 1 cases: 1.3",
    ]


def test_many_missing_cases_are_not_all_named() -> None:
    (line,) = differences({f"1.{number}": OK for number in range(1, 12)}, {})
    assert line.endswith("1.10, ...")


def test_a_run_without_reports_or_without_the_agent_has_no_results(tmp_path: Path) -> None:
    index = tmp_path / "index.json"
    assert load_index(index, "server") == {}
    index.write_text("{}")
    assert load_index(index, "server") == {}


def test_results_are_read_from_the_suites_index(tmp_path: Path) -> None:
    index = tmp_path / "index.json"
    row = {"behavior": "OK", "behaviorClose": "UNCLEAN", "duration": 3, "remoteCloseCode": None}
    index.write_text(json.dumps({"server": {"1.1": row}, "other": {"1.2": row}}))
    assert load_index(index, "server") == {"1.1": Outcome("OK", "UNCLEAN")}


def test_saved_expectation_reads_back_the_same(tmp_path: Path) -> None:
    file = tmp_path / "expected.json"
    save_expected(file, {"1.10": OK, "1.2": INFORMATIONAL})
    assert list(load_expected(file).items()) == [("1.2", INFORMATIONAL), ("1.10", OK)]


def test_patterns_match_whole_ids() -> None:
    cases = ["1.1.1", "1.2.1", "10.1.1", "12.1.1", "12.1.10"]
    assert select(cases, ["12.1.1", "1.*"]) == ["1.1.1", "1.2.1", "12.1.1"]


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no case matches '14"):
        select(["1.1.1"], ["1.*", "14.*"])


def test_summary_counts_behaviours_and_closings() -> None:
    results = {"1.1": OK, "1.2": OK, "1.3": Outcome("OK", "UNCLEAN")}
    assert summary(results) == "3 OK; closing 2 OK, 1 UNCLEAN"
    assert summary({}) == "nothing; closing nothing"
