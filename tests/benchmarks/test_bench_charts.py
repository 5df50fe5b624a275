"""Pictures must show the numbers, all of them, and at their places."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import charts
import pytest
from charts import COLOURS, Line, Scale, draw_lines, draw_rows
from names import AIOHTTP, OURS, WEBSOCKETS, WSPROTO
from report import ReportedRow, reported

SVG = "{http://www.w3.org/2000/svg}"


def row(name: str, **others: float) -> ReportedRow:
    return reported(name, "Group", "ns", 0, {OURS: 10.0, **others}, mode="pure")


def bars(picture: ET.Element, engine: str) -> list[tuple[float, float]]:
    """The ends of an engine's bars, but for the square in the legend."""
    rects = [each for each in picture.iter(f"{SVG}rect") if each.get("fill") == COLOURS[engine]]
    return [
        (float(rect.get("x", "")), float(rect.get("x", "")) + float(rect.get("width", "")))
        for rect in rects[1:]
    ]


def texts(picture: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]


def test_a_scale_is_logarithmic() -> None:
    scale = Scale(1, 100, 0, 200)
    assert [scale.at(value) for value in (1, 10, 100)] == [0, 100, 200]
    assert list(scale.ticks((1,))) == [1, 10, 100]
    assert list(Scale(0.4, 6, 0, 1).ticks()) == [0.5, 1, 2, 5]


def test_every_value_but_ours_has_a_bar() -> None:
    rows = [row("one", wsproto=20.0, websockets=5.0), row("two", wsproto=40.0, aiohttp=10.0)]
    picture = ET.fromstring(draw_rows(rows, "pure"))
    assert len(bars(picture, WSPROTO)) == 2
    assert len(bars(picture, WEBSOCKETS)) == 1
    assert len(bars(picture, AIOHTTP)) == 1
    assert {"one", "two", "Group", WSPROTO, WEBSOCKETS, AIOHTTP} <= set(texts(picture))
    assert OURS not in texts(picture)


def test_bars_begin_at_one_and_are_as_long_as_the_ratio_says() -> None:
    picture = ET.fromstring(draw_rows([row("one", wsproto=40.0, websockets=2.5)], "pure"))
    ((one, right),) = bars(picture, WSPROTO)
    ((left, same),) = bars(picture, WEBSOCKETS)
    assert one == pytest.approx(same, abs=0.2)
    assert right - one == pytest.approx(one - left, abs=0.3)  # four times, and a quarter
    assert {"4", "0.25"} <= set(texts(picture))


def test_targets_are_ticks_on_the_bars_that_they_are_for() -> None:
    one = row("handshake, deflate", wsproto=15.0, websockets=30.0)  # wanted: 1.5, 2.5
    picture = ET.fromstring(draw_rows([one], "pure"))
    ticks = [each for each in picture.iter(f"{SVG}path") if each.get("class") == "target"]
    assert len(ticks) == 2
    ((_, right),) = bars(picture, WSPROTO)
    assert ticks[0].get("d", "").startswith(f"M{right:g},")


def test_a_whole_table_has_the_heading_of_each_group_once() -> None:
    one, other = row("one", wsproto=20.0), row("two", wsproto=20.0)
    other["group"] = "Other group"
    shown = texts(ET.fromstring(draw_rows([one, one, other, other], "pure")))
    assert shown.count("Group") == shown.count("Other group") == 1


def test_lines_have_a_point_for_each_measurement() -> None:
    lines = [Line("a", [(1, 5), (10, 50), (100, 500)]), Line("b", [(1, 1), (100, 1)])]
    picture = ET.fromstring(draw_lines("Title", "things", "ns", lines))
    circles = list(picture.iter(f"{SVG}circle"))
    assert len(circles) == 5
    assert {"a", "b", "things", "ns"} <= set(texts(picture))
    xs = [float(circle.get("cx", "")) for circle in circles]
    ys = [float(circle.get("cy", "")) for circle in circles]
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[2], abs=0.2)
    assert ys[3] == ys[4]


def test_everything_is_inside_the_picture() -> None:
    lines = [Line("what has a long name, and more", [(1, 1e-3), (1e8, 1e9)])] * 5
    picture = ET.fromstring(draw_lines("Title", "things", "ns", lines))
    width, height = map(float, picture.get("viewBox", "").split()[2:])
    for circle in picture.iter(f"{SVG}circle"):
        assert 0 <= float(circle.get("cx", "")) <= width
        assert 0 <= float(circle.get("cy", "")) <= height
    for text in picture.iter(f"{SVG}text"):
        assert 0 <= float(text.get("x", "")) <= width
        assert 0 <= float(text.get("y", "")) <= height


def test_names_are_escaped() -> None:
    assert "a &lt; b" in draw_lines("Title", "x", "y", [Line("a < b", [(1, 1), (2, 2)])])


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "0.5"), (20, "20"), (5e3, "5 k"), (1e6, "1 M"), (2e9, "2 G")]
)
def test_large_numbers_are_short(value: float, text: str) -> None:
    assert charts._short(value) == text
    assert math.isfinite(value)
