"""The table must have every row and every target, and must show what was measured."""

from __future__ import annotations

import gc
import json
import os
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import engines
import memory
import passes
import pytest
import report
import rows
import run
import steady
import timing
from names import AIOHTTP, FLOOR, MEMCPY, NO_PROTOCOL, OURS, WEBSOCKETS, WSPROTO
from rows import ROWS, Effort, Row
from running import MODE
from targets import MODES, TARGETS, Target

from wsproto_core import Connection, Role

LITTLE = Effort(rounds=1, scale=0)
OTHER_MODE = next(mode for mode in MODES if mode != MODE)


# What is timed, and how


def test_jobs_take_turns() -> None:
    done: list[str] = []
    timing.best_times({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 2)
    assert done == ["a", "b"] * 3  # once to warm up, and two rounds


def test_the_best_round_of_each_job_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0, 9, 10, 17, 20, 25, 30, 38])  # a: 9, b: 7, a: 5, b: 8
    monkeypatch.setattr(time, "perf_counter_ns", lambda: next(moments))
    assert timing.best_times({"a": int, "b": int}, 2) == {"a": 5, "b": 7}


def test_the_garbage_collector_runs_between_jobs_and_not_in_them() -> None:
    seen: list[bool] = []
    timing.best_times({"a": lambda: seen.append(gc.isenabled())}, 2)
    assert seen == [True, False, False]  # the first one warms up
    assert gc.isenabled()


def test_memory_is_what_each_one_takes_but_for_what_is_kept() -> None:
    def make() -> tuple[bytes, bytes]:
        return bytes(1000), bytes(500)

    everything = memory.bytes_each(make, lambda each: None, 50)
    without = memory.bytes_each(make, lambda each: each[1], 50)
    assert everything - without == pytest.approx(bytes(500).__sizeof__(), abs=10)
    assert 1500 < everything < 1800


@pytest.mark.parametrize("name", ROWS)
def test_every_row_can_be_measured(name: str) -> None:
    values = ROWS[name].measure(LITTLE)
    assert {OURS, WSPROTO, WEBSOCKETS} <= values.keys()
    assert all(value > 0 for value in values.values())
    for targets in TARGETS.get(name, {}).values():
        for target in targets:
            assert not target.other or target.other in values


def test_an_engine_that_finds_other_messages_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> Any:
        return lambda pieces: (1, "other")

    monkeypatch.setattr(engines, "RECEIVERS", {"broken": broken})
    with pytest.raises(RuntimeError, match="broken found other messages: 1 of 2"):
        ROWS["receive 16 B masked"].measure(LITTLE)


SENDING_ROWS = [name for name in ROWS if name.startswith("send")]
LIES: dict[str, Callable[[Sequence[str]], Sequence[str]]] = {
    "nothing": lambda texts: (),
    "not the last one": lambda texts: texts[:-1],
    "one twice": lambda texts: [*texts, texts[0]],
    "one in two": lambda texts: [*texts[:-1], texts[-1][:8], texts[-1][8:]],
    "another text": lambda texts: [*texts[:-1], texts[-1][:-1] + "~"],
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
@pytest.mark.parametrize("name", SENDING_ROWS)
def test_an_engine_that_sends_something_else_is_noticed(
    name: str, lie: Callable[[Sequence[str]], Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(role: Role, deflate: bool) -> engines.Sender:
        send = engines.ours.sender(role, deflate)
        return lambda texts: send(lie(texts))

    effort = Effort(rounds=1, scale=0.01)
    measure = ROWS[name].measure
    monkeypatch.setattr(engines, "SENDERS", {"broken": broken})
    if isinstance(measure, partial):
        size, role, _ = measure.args
        measure = partial(rows.send, size, role, engines.SENDERS)
    with pytest.raises(RuntimeError, match="broken sent other messages"):
        measure(effort)


def test_an_engine_that_keeps_something_back_is_noticed() -> None:
    def broken(role: Role, deflate: bool) -> engines.Sender:
        send = engines.ours.sender(role, deflate)
        return lambda texts: send(texts)[:-1]

    with pytest.raises(RuntimeError, match="broken sent other messages"):
        rows.send(16, Role.SERVER, {"broken": broken}, LITTLE)


def test_a_message_in_two_frames_is_another_job() -> None:
    connection = Connection(Role.SERVER)
    connection.send_text("a", message_finished=False)
    connection.send_text("a")
    assert rows.received(Role.CLIENT, False, [connection.data_to_send()]) == ["a", "a"]


@pytest.mark.parametrize("name", ["handshake", "handshake, deflate"])
def test_connections_stay_open_until_the_time_is_taken(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    most: list[int] = []

    class Kept:
        """An open connection."""

    def opener(deflate: bool) -> engines.Opener:
        def open_one(request: bytes) -> tuple[Kept, bytes]:
            connection = Kept()
            alive.add(connection)
            most.append(len(alive))
            return connection, b"HTTP/1.1 101 " + b"deflate" * deflate

        return open_one

    monkeypatch.setattr(engines, "OPENERS", {OURS: opener})
    ROWS[name].measure(Effort(rounds=3, scale=0.1))
    assert max(most) == 10
    assert len(alive) == 0


def test_an_engine_that_refuses_the_handshake_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> Any:
        return lambda request: (None, b"HTTP/1.1 400 Bad Request\r\n\r\n")

    monkeypatch.setattr(engines, "OPENERS", {"broken": broken})
    with pytest.raises(RuntimeError, match="broken answered"):
        ROWS["handshake"].measure(LITTLE)


def test_less_effort_still_does_something() -> None:
    assert Effort(scale=0.5).count(10) == 5
    assert LITTLE.count(10) == 2


# Targets


def test_there_are_targets_for_rows_only_and_for_both_modes() -> None:
    assert TARGETS.keys() <= ROWS.keys()
    assert all(targets.keys() == set(MODES) for targets in TARGETS.values())
    assert all(any(targets.values()) for targets in TARGETS.values())


def test_rows_without_targets_are_those_where_none_was_set() -> None:
    assert ROWS.keys() - TARGETS.keys() == {
        "send 176 B JSON, deflate",
        "handshake",
        *(
            f"{call} {size}, {role}"
            for call in ("send_text", "send(TextMessage)")
            for size in ("1 KiB", "16 KiB", "1 MiB")
            for role in ("server", "client")
        ),
    }


@pytest.mark.parametrize(
    ("target", "measured", "worse"),
    [
        (Target("ratio", 2.5, WSPROTO), 2.5, 2.4),
        (Target("rate", 0.8), 0.8, 0.7),
        (Target("amount", 1000), 1000, 1001),
        (Target("overhead", 0.4, NO_PROTOCOL), 0.4, 0.41),
    ],
)
def test_targets_are_met_by_their_bound_and_not_by_less(
    target: Target, measured: float, worse: float
) -> None:
    assert target.met(measured)
    assert not target.met(worse)


@pytest.mark.parametrize(
    ("target", "measured", "text"),
    [
        (Target("ratio", 2.5, WSPROTO), 3.0, "2.5x wsproto"),
        (Target("rate", 0.8), 0.5, "0.8 GB/s"),
        (Target("amount", 1000), 200.0, "1000 ns"),
        (Target("overhead", 0.4, WSPROTO), -2 / 3, "40% over wsproto"),
    ],
)
def test_targets_say_what_is_measured(target: Target, measured: float, text: str) -> None:
    assert target.measured({OURS: 200.0, WSPROTO: 600.0}, 100) == pytest.approx(measured)
    assert target.show(target.bound, "ns") == text


# The report


def row(name: str, *values: float, size: int = 0) -> Row:
    """A row that gives these values for ours, one at each call, and 10 for the others."""
    given = iter(values)

    def measure(effort: Effort) -> dict[str, float]:
        others = dict.fromkeys((WSPROTO, WEBSOCKETS, MEMCPY, NO_PROTOCOL), 10.0)
        return {OURS: next(given), **others}

    return Row(name, "Group", "ns/message", measure, size)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Row]:
    """The rows that there are instead of the real ones."""
    made: dict[str, Row] = {}
    monkeypatch.setattr(run, "ROWS", made)
    monkeypatch.setattr(steady, "keep_memory", lambda: None)
    return made


def test_json_has_what_ran_and_every_row(
    table: dict[str, Row], capsys: pytest.CaptureFixture[str]
) -> None:
    table["mask 64 KiB"] = row("mask 64 KiB", 5.0, size=1)
    assert run.main(["--json", "--quick"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown.keys() == report.Report.__annotations__.keys()
    assert shown["mode"] == MODE
    assert shown["versions"].keys() == {OURS, WSPROTO, WEBSOCKETS, AIOHTTP}
    assert shown["rounds"] == passes.QUICK.effort.rounds
    assert shown["interrupted"] is False
    (found,) = shown["rows"]
    assert found.keys() == report.ReportedRow.__annotations__.keys()
    assert (found["name"], found["group"], found["unit"]) == ("mask 64 KiB", "Group", "ns/message")
    assert found["values"][OURS] == 5.0
    assert found["targets"].keys() == set(MODES)
    (judged,) = found["targets"][MODE]
    assert judged.keys() == report.ReportedTarget.__annotations__.keys() - {"floor"}
    (unjudged,) = found["targets"][OTHER_MODE]
    assert judged.keys() - unjudged.keys() == {"measured", "met"}


def test_a_row_of_each_mode_is_judged_by_its_own_targets() -> None:
    values = {OURS: 10.0, MEMCPY: 9.5}
    slow, fast = (
        report.reported("mask 64 KiB", "", "ns", 1, values, mode=mode)["targets"][mode]
        for mode in MODES
    )
    assert [(each["text"], each["met"]) for each in slow] == [("0.8 GB/s", False)]
    assert [(each["text"], each["met"]) for each in fast] == [("0.9x memcpy", True)]


def test_an_overhead_is_shown_as_it_was_measured() -> None:
    found = report.reported("echo 32 B", "", "", 0, {OURS: 15.0, NO_PROTOCOL: 10.0}, mode="pure")
    (target,) = found["targets"]["pure"]
    assert report.verdict(target) == "40% over no protocol: MISSED (50%)"


def test_a_target_that_the_floor_misses_too_is_out_of_reach() -> None:
    target = Target("ratio", 3.0, WSPROTO)
    values = {OURS: 50.0, WSPROTO: 100.0, FLOOR: 40.0}
    judged = report._judge(target, "ns", 0, values)
    assert judged["floor"] == 2.5
    assert report.verdict(judged) == "3x wsproto: MISSED, out of reach: the floor is at 2.5x"
    near = report._judge(target, "ns", 0, {**values, FLOOR: 30.0})
    assert report.verdict(near) == "3x wsproto: MISSED"
    met = report._judge(target, "ns", 0, {**values, OURS: 30.0})
    assert report.verdict(met) == "3x wsproto: met"


def test_the_best_pass_counts(table: dict[str, Row], capsys: pytest.CaptureFixture[str]) -> None:
    table["x"] = row("x", 7.0, 3.0, 3.03)
    run.main(["--json", "--passes", "3", "--rounds", "5"])
    shown = json.loads(capsys.readouterr().out)
    assert shown["rows"][0]["values"][OURS] == 3.0
    assert shown["rows"][0]["spread"] == pytest.approx(0.01)
    assert shown["rounds"] == 15


def test_rows_whose_passes_do_not_agree_are_measured_again(
    table: dict[str, Row], capsys: pytest.CaptureFixture[str]
) -> None:
    table["x"] = row("x", 7.0, 3.0, 2.0, 5.0, 2.05, 1.0)
    run.main(["--json", "--passes", "2"])
    shown = json.loads(capsys.readouterr().out)
    assert shown["rows"][0]["values"][OURS] == 2.0
    assert shown["rows"][0]["spread"] == pytest.approx(0.025)


def test_rows_that_never_agree_are_marked(
    table: dict[str, Row], capsys: pytest.CaptureFixture[str]
) -> None:
    table["x"] = row("x", *(2.0**n for n in range(20, 0, -1)))
    run.main(["--passes", "2"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("x ")]
    assert line.endswith("  noise 100%")


@pytest.mark.parametrize(("load", "busy"), [(2.0, True), (0.5, False)])
def test_a_busy_machine_is_said_to_be_one(
    table: dict[str, Row],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    load: float,
    busy: bool,
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load * 4, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    table["x"] = row("x", 1.0)
    run.main(["--quick"])
    assert ("a busy machine" in capsys.readouterr().out) == busy


def test_a_single_pass_says_nothing_of_noise(
    table: dict[str, Row], capsys: pytest.CaptureFixture[str]
) -> None:
    table["x"] = row("x", 1.0)
    run.main(["--quick", "--json"])
    assert json.loads(capsys.readouterr().out)["rows"][0]["spread"] is None


def test_the_table_shows_ratios_and_what_is_met(
    table: dict[str, Row], capsys: pytest.CaptureFixture[str]
) -> None:
    table["handshake, deflate"] = row("handshake, deflate", 5.0)
    run.main(["--quick", "--rounds", "2"])
    shown = capsys.readouterr().out
    assert "2 rounds" in shown
    assert "/wsproto" in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("handshake")]
    assert line.split()[2:5] == ["5", "2.00", "2.00"]
    assert line.endswith("2.5x websockets: MISSED, 1.5x wsproto: met")
    assert f"1 of 2 targets of {MODE} mode met" in shown


def test_only_the_rows_that_are_asked_for_are_measured(
    table: dict[str, Row], capsys: pytest.CaptureFixture[str]
) -> None:
    table["one"] = row("one", 1.0)
    table["two"] = row("two")
    assert run.main(["--quick", "--only", "on"]) == 0
    assert "\none " in capsys.readouterr().out


def test_rows_that_are_not_there_cannot_be_asked_for(
    table: dict[str, Row], capsys: pytest.CaptureFixture[str]
) -> None:
    table["one"] = row("one")
    with pytest.raises(SystemExit):
        run.main(["--only", "two"])
    assert "no row has 'two' in its name: one" in capsys.readouterr().err


def interrupt(effort: Effort) -> dict[str, float]:
    raise KeyboardInterrupt


def test_ctrl_c_leaves_the_rows_so_far(
    table: dict[str, Row], capsys: pytest.CaptureFixture[str]
) -> None:
    table["one"] = row("one", 1.0)
    table["two"] = replace(row("two"), measure=interrupt)
    assert run.main(["--json", "--quick"]) == 130
    shown = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in shown["rows"]] == ["one"]
    assert shown["interrupted"] is True


def test_ctrl_c_in_a_later_pass_leaves_what_the_first_one_found(
    table: dict[str, Row], capsys: pytest.CaptureFixture[str]
) -> None:
    calls = 0

    def measure(effort: Effort) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return {OURS: 4.0, WSPROTO: 8.0}

    table["one"] = replace(row("one"), measure=measure)
    table["two"] = row("two", 2.0)
    assert run.main([]) == 130
    shown = capsys.readouterr().out
    assert "one  " in shown
    assert "two  " in shown
    assert "interrupted: rows are missing" in shown


def test_two_reports_are_shown_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files: list[str] = []
    for mode, ours in (("pure", 400.0), ("compiled", 100.0)):
        shown = report.heading({}, 1)
        shown["mode"] = mode  # type: ignore[typeddict-item]
        shown["rows"] = [report.reported("x", "", "ns/message", 0, {OURS: ours})]
        files.append(str(tmp_path / mode))
        Path(files[-1]).write_text(json.dumps(shown), "utf-8")
    assert run.main(["--compare", *files]) == 0
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == ["pure", "compiled", "ratio"]
    assert line.split() == ["x", "400", "100", "4.00", "ns/message"]


def test_the_table_is_drawn_where_that_is_asked_for(table: dict[str, Row], tmp_path: Path) -> None:
    table["x"] = row("x", 1.0)
    run.main(["--quick", "--plot", str(tmp_path / "table.svg")])
    assert (tmp_path / "table.svg").read_text("utf-8").startswith("<svg")
