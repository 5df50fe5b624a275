"""The comparison with wsproto measures the same work on both sides."""

from __future__ import annotations

import compat
import pytest


@pytest.mark.parametrize("name", compat.rows())
def test_each_row_runs_and_takes_time(name: str) -> None:
    jobs, messages = compat.rows()[name]()
    assert messages > 1
    taken = compat.best(jobs, 1)
    assert list(taken) == ["wsproto", "ours"]
    assert all(0 < time < float("inf") for time in taken.values())


def test_rows_can_be_chosen() -> None:
    (found,) = compat.results("receive 16 B masked", 1)
    assert found[0] == "receive 16 B masked"
    assert found[1].keys() == {"wsproto", "ours"}
    assert list(compat.results("no such row", 1)) == []


def test_a_payload_that_is_compressed_is_json_of_the_size_it_is_called_by() -> None:
    assert len(compat.DOCUMENT) == 176
