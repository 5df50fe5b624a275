"""The page on performance must show what was measured, and nothing else."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from growth import ScalingReport, judge
from names import MEMCPY, OURS, WSPROTO
from report import Report, heading, reported
from rows import ROWS
from targets import MODES

DOCS = Path(__file__).resolve().parents[2] / "docs"
RESULTS = DOCS / "benchmarks"
PAGE: dict[str, Any] = runpy.run_path(str(DOCS / "_ext" / "benchmark_results.py"))


@pytest.fixture
def report() -> Report:
    made = heading({OURS: "1.0", WSPROTO: "1.3.2"}, 10)
    made["mode"] = "pure"
    made["rows"] = [
        reported("mask 16 KiB", "Masking", "ns/payload", 1, {OURS: 2.0, MEMCPY: 1.0}, mode="pure"),
        reported("mask 1 MiB", "Masking", "ns", 2, {OURS: 1234.0, WSPROTO: 617.0}, mode="pure"),
        reported("handshake", "Other", "ns/connection", 0, {OURS: 2.0}, mode="pure"),
    ]
    return made


def test_the_rows_are_shown_group_by_group(report: Report) -> None:
    one, other = PAGE["groups"](report)
    assert [row["name"] for row in one] == ["mask 16 KiB", "mask 1 MiB"]
    assert [row["name"] for row in other] == ["handshake"]


def test_the_table_has_values_ratios_and_verdicts(report: Report) -> None:
    assert PAGE["table"](report["rows"][:2], "pure") == [
        ("Masking", "ns a payload", MEMCPY, WSPROTO, "Targets"),
        ("mask 16 KiB", "2", "0.50", "–", "0.8 GB/s: **missed**"),
        ("mask 1 MiB", "1,234", "–", "0.50", "0.8 GB/s: **missed**"),
    ]
    met = reported("mask 16 KiB", "", "ns/payload", 2, {OURS: 2.0}, mode="pure")
    assert PAGE["table"]([met], "pure")[1][-1] == "0.8 GB/s: met"
    assert PAGE["table"](report["rows"][2:], "pure")[1] == ("handshake", "2", "–")


def test_the_table_of_growth_has_each_line() -> None:
    lines = [
        judge("a", {n: n for n in (1, 10, 1000)}),
        judge("b", {n: n**2 for n in (1, 10, 1000)}),
    ]
    chart = {"name": "x", "title": "Title", "unit": "thing", "measured_in": "ns", "lines": lines}
    report: Any = {"experiments": [chart]}
    assert PAGE["growth_table"](report)[1:] == [
        ("Title", "a", "1", "1,000", "1.00 ± 0.00", "1.00"),
        ("Title", "b", "1", "1,000", "**1.98 ± 0.00**", "100.00"),
    ]
    assert [ET.fromstring(each).tag for each in PAGE["growth_pictures"](chart)] == [
        "{http://www.w3.org/2000/svg}svg"
    ] * 2


def test_what_ran_is_said(report: Report) -> None:
    assert PAGE["what_ran"](report).startswith("wsproto_core 1.0, wsproto 1.3.2; ")


def test_files_that_are_not_there_are_not_shown(tmp_path: Path, report: Report) -> None:
    assert list(PAGE["tables"](tmp_path)) == list(PAGE["scaling"](tmp_path)) == []
    (tmp_path / "pure.json").write_text(json.dumps(report), "utf-8")
    assert list(PAGE["tables"](tmp_path)) == [report]


@pytest.mark.parametrize("shown", list(PAGE["tables"]()), ids=lambda each: each["mode"])
def test_the_numbers_of_the_page_are_of_a_whole_table(shown: Report) -> None:
    assert shown.keys() == Report.__annotations__.keys()
    assert [row["name"] for row in shown["rows"]] == list(ROWS)
    assert not shown["interrupted"]
    assert f"({shown['mode']} mode)" in shown["versions"][OURS]
    stored = json.loads((RESULTS / f"{shown['mode']}.json").read_text("utf-8"))
    assert stored["mode"] in MODES
    for row in shown["rows"]:
        again = reported(
            row["name"],
            row["group"],
            row["unit"],
            row["size"],
            row["values"],
            row["spread"],
            shown["mode"],
        )
        assert again == row, "the targets are not those of today: measure again"
        assert ET.fromstring(PAGE["picture"]([row], shown["mode"])) is not None


@pytest.mark.parametrize("shown", list(PAGE["scaling"]()))
def test_the_numbers_of_growth_are_of_all_experiments(shown: ScalingReport) -> None:
    assert shown.keys() == ScalingReport.__annotations__.keys()
    assert not shown["interrupted"]
    for chart in shown["experiments"]:
        assert len(PAGE["growth_pictures"](chart)) == 2
        best = {line["name"]: dict(line["points"]) for line in chart["lines"]}
        for line in chart["lines"]:
            again = judge(line["name"], best[line["name"]], best.get(chart["reference"]))
            assert again["exponent"] == pytest.approx(line["exponent"])
            assert again["linear"] is line["linear"]
