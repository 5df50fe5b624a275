"""Growth must be told from growth, and every experiment must do what it says."""

from __future__ import annotations

import json
import os
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import experiments
import growth
import pytest
import running
import scaling
import steady
from experiments import EXPERIMENTS, Experiment
from growth import LINEAR, exponent, judge
from progress import Progress

from wsproto_core import Limits, Role

LINES = [(each, line) for each in EXPERIMENTS for line in each.lines]


@pytest.mark.parametrize("power", [0.0, 1.0, 1.5, 2.0])
def test_the_exponent_is_that_of_a_power_law(power: float) -> None:
    assert exponent([(n, 7 * n**power) for n in (1, 10, 100)]) == pytest.approx(power)


def test_growth_is_judged_at_the_end() -> None:
    line = judge("x", {n: 1e6 + n * n for n in (1, 10, 100, 10**5, 10**6, 10**7)})
    assert line["exponent"] == pytest.approx(2, abs=0.01)
    assert line["growth"] == pytest.approx(100, abs=0.1)
    assert not line["linear"]


def test_what_grows_in_proportion_is_linear() -> None:
    line = judge("x", {n: 500.0 + 3 * n for n in (10**4, 10**5, 10**6)})
    assert line["exponent"] == pytest.approx(1, abs=0.01)
    assert line["growth"] == pytest.approx(1, abs=0.01)
    assert line["linear"]


def test_what_grows_a_little_faster_is_linear_up_to_a_bound() -> None:
    assert judge("x", {n: n ** (LINEAR - 0.01) for n in (1, 10, 100)})["linear"]
    assert not judge("x", {n: n ** (LINEAR + 0.01) for n in (1, 10, 100)})["linear"]


def test_points_are_in_order() -> None:
    assert judge("x", {10: 2.0, 1: 1.0})["points"] == [(1, 1.0), (10, 2.0)]


# The experiments


def test_experiments_reach_as_far_as_they_have_to() -> None:
    ends = {each.name: (each.counts[0], each.counts[-1]) for each in EXPERIMENTS}
    assert ends == {
        "message-size": (1, 64 << 20),
        "fragments": (1, Limits().max_fragments),
        "pieces": (1, 1 << 20),
        "output-queue": (1, 1 << 18),
        "connections": (1, 100_000),
    }


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda each: each.name)
def test_counts_go_up_and_reach_over_two_decades_at_the_end(experiment: Experiment) -> None:
    for counts in (experiment.counts, experiment.quick_counts):
        assert all(one < other for one, other in pairwise(counts))
        assert sum(count >= counts[-1] / 100 for count in counts) >= 2
    assert experiment.quick_counts[-1] <= experiment.counts[-1]


@pytest.mark.parametrize(("experiment", "line"), LINES)
def test_every_line_can_be_measured(experiment: Experiment, line: str) -> None:
    measure = experiment.lines[line]
    for count in (200,) if experiment.measured_in == "B" else (1, 2, 3, 200):
        assert measure(count, 0) > 0


def test_a_connection_that_finds_other_messages_is_noticed() -> None:
    with pytest.raises(RuntimeError, match="other than"):
        experiments.receive_each(Role.SERVER, b"\x81\x85abcd", 100, 0)


def test_a_job_is_timed_twice_at_least_and_the_best_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0, 9, 10, 17])
    monkeypatch.setattr(time, "perf_counter_ns", lambda: next(moments))
    assert experiments.best_time(int, 0) == 7


# What is shown


@pytest.fixture
def square(monkeypatch: pytest.MonkeyPatch) -> None:
    """One experiment, that grows with the square."""
    counts = (1, 10, 100)
    one = Experiment("x", "Title", "thing", "ns", {"line": lambda n, _: n * n}, counts, counts)
    monkeypatch.setattr(scaling, "EXPERIMENTS", (one,))
    monkeypatch.setattr(steady, "keep_memory", lambda: None)


@pytest.mark.usefixtures("square")
def test_json_has_the_points_and_the_judgement(capsys: pytest.CaptureFixture[str]) -> None:
    assert scaling.main(["--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown.keys() == growth.ScalingReport.__annotations__.keys()
    (chart,) = shown["experiments"]
    assert chart.keys() == growth.ScalingChart.__annotations__.keys()
    (line,) = chart["lines"]
    assert line.keys() == growth.ScalingLine.__annotations__.keys()
    assert line["points"] == [[1, 1], [10, 100], [100, 10000]]
    assert line["linear"] is False


@pytest.mark.usefixtures("square")
def test_text_has_the_points_and_the_judgement(capsys: pytest.CaptureFixture[str]) -> None:
    assert scaling.main(["--quick"]) == 0
    shown = capsys.readouterr().out
    assert "line: NOT LINEAR, exponent 2.00; at the end a thing takes 100.00 times" in shown
    *_, last, _, verdict = shown.splitlines()
    assert last.split() == ["100", "things", "10,000", "ns", "100.00", "each"]
    assert verdict == "0 of 1 lines are linear: exponent up to 1.5"


@pytest.mark.usefixtures("square")
def test_pictures_are_drawn_of_all_and_of_each(tmp_path: Path) -> None:
    scaling.main(["--quick", "--plot", str(tmp_path / "made")])
    names = {path.name for path in (tmp_path / "made").iterdir()}
    assert names == {"x.svg", "x-each.svg"}


@pytest.mark.usefixtures("square")
def test_experiments_that_are_not_there_cannot_be_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        scaling.main(["--only", "y"])
    assert "no experiment has 'y' in its name: x" in capsys.readouterr().err


def test_ctrl_c_leaves_the_experiments_so_far(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(count: int, seconds: float) -> float:
        raise KeyboardInterrupt

    def linear(count: int, seconds: float) -> float:
        return count

    made = [
        Experiment(name, name, "thing", "ns", {"line": line}, (1, 2, 3), (1, 2, 3))
        for name, line in (("one", linear), ("two", interrupt))
    ]
    monkeypatch.setattr(scaling, "EXPERIMENTS", made)
    assert scaling.main(["--json"]) == 130
    shown = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in shown["experiments"]] == ["one"]
    assert shown["interrupted"] is True


def test_memory_too_small_to_be_seen_is_no_point() -> None:
    def pages(count: int, seconds: float) -> float:
        return count // 10 * 4096

    one = Experiment("x", "x", "thing", "B", {"line": pages}, (1, 10, 100), (1,))
    assert scaling.carry_out(one, False, Progress()) == {"line": {10: 4096, 100: 40960}}


# The mode


def test_a_pure_package_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MODE", "pure")
    monkeypatch.setattr(os, "execv", pytest.fail)
    running.start_again_pure()


def test_a_compiled_package_starts_again_with_its_py_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[Any] = []
    monkeypatch.setattr(running, "MODE", "compiled")
    monkeypatch.setattr(os, "execv", lambda *command: started.append(command))
    monkeypatch.setattr(sys, "argv", ["run.py", "--pure"])
    monkeypatch.setenv("PYTHONPATH", "before")
    running.start_again_pure()
    assert started == [(sys.executable, [sys.executable, "run.py", "--pure"])]
    first, second = os.environ["PYTHONPATH"].split(os.pathsep)
    assert Path(first).parts[-2:] == ("tests", "pure")
    assert second == "before"
    with pytest.raises(RuntimeError, match="the compiled modules run despite"):
        running.start_again_pure()


# What is said meanwhile


def test_progress_is_a_line_for_each_part_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = Progress()
    for part, detail in (("one", "a"), ("one", "b"), ("two", "a")):
        progress.show(part, detail)
    progress.clear()
    assert capsys.readouterr().err == "one\ntwo\n"


def test_progress_is_one_line_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = Progress()
    progress.show("one", "a")
    progress.show("one", "b")
    progress.clear()
    shown = capsys.readouterr().err
    assert shown.split("\r\033[K") == ["", "one, a", "one, b", ""]
