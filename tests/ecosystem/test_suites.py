"""Of two runs of a suite, what counts as a failure of ours: else nothing could fail."""

from __future__ import annotations

from suites import only_ours


def test_what_passes_on_both_is_no_failure() -> None:
    assert only_ours({"a": "passed"}, {"a": "passed"}) == set()


def test_what_fails_on_ours_alone_is_a_failure_however_it_fails() -> None:
    for outcome in ("failure", "error", "skipped"):
        assert only_ours({"a": "passed", "b": "passed"}, {"a": outcome, "b": "passed"}) == {"a"}


def test_what_fails_on_wsproto_may_fail_on_ours() -> None:
    assert only_ours({"a": "failure", "b": "error"}, {"a": "error", "b": "passed"}) == set()
