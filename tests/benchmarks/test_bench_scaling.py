"""Growth must be told from growth, and every experiment must do what it says."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import experiments
import growth
import pytest
import running
import scaling
import steady
from experiments import EXPERIMENTS, Experiment
from growth import RANGE, further, judge, slope
from progress import Progress

from wsproto_core import Limits, Role

LINES = [(each, line) for each in EXPERIMENTS for line in each.lines]


COUNTS = [4**power for power in range(11)]


def curve(grow: Callable[[float], float], seed: int | None = None) -> dict[int, float]:
    """What numbers of units take of which each takes what `grow` says, after a beginning.
    With a seed, the measurements are disturbed: mostly by a little, now and then by much."""
    random = Random(seed)
    disturbed = {n: 500 + 3 * n * grow(n) for n in COUNTS}
    if seed is not None:
        for n in COUNTS:
            disturbed[n] *= random.uniform(1, 1.05) * random.choice([1] * 9 + [1.5])
    return disturbed


def cached(n: float) -> float:
    """Three times as much where no cache holds it all: mere copying grows so."""
    return 1.0 if n < COUNTS[-3] else 3.0


@pytest.mark.parametrize("power", [0.0, 0.3, 1.0, -0.5])
def test_the_slope_is_that_of_a_power_law(power: float) -> None:
    found, noise = slope([(n, 7 * n**power) for n in (1, 10, 100, 1000)])
    assert found == pytest.approx(power)
    assert noise == pytest.approx(0, abs=1e-9)


def test_a_point_that_is_far_off_does_not_turn_the_line() -> None:
    points = [(n, 7.0 * n) for n in COUNTS]
    points[-1] = (COUNTS[-1], 70.0 * COUNTS[-1])
    assert slope(points)[0] == pytest.approx(1)


def test_scattered_points_say_how_sure_the_slope_is() -> None:
    noises = []
    for scatter in (1.02, 1.2):
        points = [(n, scatter ** (turn * 3 % 5 - 2)) for turn, n in enumerate(COUNTS)]
        found, noise = slope(points)
        assert abs(found) < noise
        noises.append(noise)
    assert noises[0] < 0.02 < noises[1] < 0.2


def test_what_the_first_units_take_together_is_left_out() -> None:
    assert further({1: 503.0, 10: 530.0, 100: 800.0}) == {10: 3.0, 100: 3.0}
    assert further({1: 503.0, 10: 502.0, 100: 800.0}) == {100: 3.0}  # no more than the first


GROWTHS: dict[str, Callable[[float], float]] = {
    "n log n": lambda n: math.log(n + 1),
    "n to the 1.2": lambda n: n**0.2,
    "n to the 1.3": lambda n: n**0.3,
    "n to the 1.5": lambda n: n**0.5,
    "quadratic": lambda n: n,
    "quadratic in the end": lambda n: 100_000 + n,
}


def test_what_grows_in_proportion_is_linear() -> None:
    line = judge("x", curve(lambda n: 1))
    assert line["exponent"] == pytest.approx(1, abs=1e-9)
    assert line["growth"] == pytest.approx(1, abs=0.05)
    assert line["linear"] is True


@pytest.mark.parametrize("growth", GROWTHS.values(), ids=GROWTHS)
def test_what_grows_faster_is_not_linear(growth: Callable[[float], float]) -> None:
    assert judge("x", curve(growth))["linear"] is False


@pytest.mark.parametrize("seed", range(20))
def test_noise_does_not_turn_the_verdict(seed: int) -> None:
    assert judge("x", curve(lambda n: 1, seed))["linear"] is True
    assert judge("x", curve(GROWTHS["n to the 1.3"], seed))["linear"] is False


def test_what_a_cache_does_is_not_held_against_what_is_measured_beside_it() -> None:
    reference = curve(cached)
    assert judge("x", curve(cached))["linear"] is False
    assert judge("x", curve(lambda n: 5 * cached(n)), reference)["linear"] is True
    assert judge("x", curve(lambda n: n**0.3 * cached(n)), reference)["linear"] is False
    assert judge("x", reference, reference)["linear"] is None


def test_growth_is_judged_at_the_end() -> None:
    line = judge("x", curve(lambda n: 1 if n < COUNTS[-1] / RANGE else n))
    assert line["exponent"] == pytest.approx(2, abs=0.01)
    assert line["growth"] == pytest.approx(RANGE, rel=0.01)


def test_points_are_in_order() -> None:
    points = judge("x", {100: 9.0, 10: 2.0, 1: 1.0})["points"]
    assert points == [(1, 1.0), (10, 2.0), (100, 9.0)]


# The experiments


def test_experiments_reach_as_far_as_they_have_to() -> None:
    ends = {each.name: (each.counts[0], each.counts[-1]) for each in EXPERIMENTS}
    assert ends == {
        "message-size": (1, 64 << 20),
        "fragments": (1, Limits().max_fragments),
        "pieces": (1, 1 << 20),
        "output-queue": (1, 1 << 16),
        "input-queue": (1, 1 << 16),
        "connections": (1, 100_000),
    }


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda each: each.name)
def test_counts_go_up_and_are_enough_where_they_are_judged(experiment: Experiment) -> None:
    for counts in (experiment.counts, experiment.quick_counts):
        assert all(one < other for one, other in pairwise(counts))
        assert sum(count >= counts[-1] / RANGE for count in counts) >= 3
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
    assert "line: NOT LINEAR, exponent 1.96 ± 0.00; at the end a thing takes 100.00 times" in shown
    *_, last, _, verdict = shown.splitlines()
    assert last.split() == ["100", "things", "10,000", "ns", "100.00", "each"]
    assert verdict == "0 of 1 lines are linear: exponent up to 1.05 ± noise"


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
