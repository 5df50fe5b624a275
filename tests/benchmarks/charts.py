"""Draws measurements as SVG pictures. Pure functions: numbers in, text out.

A picture in a page takes its colours from there, light or dark, through CSS; in a file of
its own it has the colours given here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from names import AIOHTTP, FLOOR, MEMCPY, NO_PROTOCOL, OURS, WEBSOCKETS, WEBSOCKETS_SERVER, WSPROTO
from report import Report, ReportedRow
from targets import Mode

__all__ = ["Line", "Scale", "draw_lines", "draw_report", "draw_rows"]

COLOURS = {
    OURS: "#2a78d6",
    WSPROTO: "#c9762d",
    WEBSOCKETS: "#8a63c9",
    WEBSOCKETS_SERVER: "#c05a93",
    AIOHTTP: "#2f9466",
    FLOOR: "#b9b9b9",
    MEMCPY: "#8a8a8a",
    NO_PROTOCOL: "#8a8a8a",
}

STYLE = """\
.chart { font: 12px var(--font-stack, sans-serif); fill: var(--color-foreground-primary, #222);
  background: var(--color-background-primary, #fff); max-width: 100%; height: auto }
.chart .heading { font-weight: 600 }
.chart .muted { fill: var(--color-foreground-muted, #666) }
.chart .grid { stroke: var(--color-background-border, #ddd); fill: none }
.chart .axis { stroke: var(--color-foreground-muted, #666); fill: none }
.chart .target { stroke: var(--color-foreground-primary, #222); stroke-width: 2 }
.chart .line { fill: none; stroke-width: 2 }
"""


class Scale(NamedTuple):
    """A logarithmic axis: the values at its ends, and where those are in the picture."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where `value` is."""
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return round(self.start + part * (self.end - self.start), 1)

    def ticks(self, steps: Sequence[int] = (1, 2, 5)) -> Iterator[float]:
        """Round numbers: these steps of each power of ten."""
        for power in range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1):
            for step in steps:
                value = float(f"{step}e{power}")
                if self.low <= value <= self.high:
                    yield value


def _picture(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    head = (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'width="{width:g}" viewBox="0 0 {width:g} {height:g}">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>"
    )
    return "\n".join([head, *parts, "</svg>\n"])


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{attribute}>{escape(text)}</text>'


def _legend(width: float, entries: Iterable[tuple[str, str]]) -> tuple[list[str], float]:
    """What the colours stand for, in as many lines as it takes, and how far down they go."""
    parts: list[str] = []
    x, y = 4.0, 16.0
    for text, colour in entries:
        wide = 40 + 7 * len(text)
        if x > 4 and x + wide > width:
            x, y = 4.0, y + 20
        parts.append(f'<rect x="{x:g}" y="{y - 10:g}" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(x + 18, y, text))
        x += wide
    return parts, y


# The table, as bars

WIDTH, NAMES = 860, 280
BAR, GAP = 11, 10


def draw_report(report: Report) -> str:
    """The whole table of a report."""
    return draw_rows(report["rows"], report["mode"])


def draw_rows(rows: Sequence[ReportedRow], mode: Mode) -> str:
    """Rows of the table: for each engine how many times as long as wsproto_core it takes.

    Each bar begins where wsproto_core is, at 1. A tick on it is what was to be reached.
    """
    others = list(dict.fromkeys(name for row in rows for name in row["values"] if name != OURS))
    ratios = [ratio for row in rows for _, ratio in _ratios(row)]
    bounds = [bound for row in rows for bound in _bounds(row, mode).values()]
    low = min([0.5, *(0.7 * ratio for ratio in (*ratios, *bounds))])
    high = max([2.0, *(1.4 * ratio for ratio in (*ratios, *bounds))])
    scale = Scale(low, high, NAMES, WIDTH - 10)
    parts, y = _legend(WIDTH, [(name, COLOURS[name]) for name in others])
    y += 28
    top = y
    group = ""
    for row in rows:
        if row["group"] != group:
            group = row["group"]
            parts.append(_text(4, y + 12, group, kind="heading"))
            y += 22
        parts += _bars(row, mode, scale, y)
        y += BAR * (len(row["values"]) - 1) + GAP
    axis = [_text(scale.at(1), y + 30, "1 = wsproto_core", "middle", "muted")]
    for value in scale.ticks():
        x = scale.at(value)
        kind = "axis" if value == 1 else "grid"
        axis.append(f'<path class="{kind}" d="M{x:g},{top - 6:g} V{y:g}"/>')
        axis.append(_text(x, y + 14, f"{value:g}", "middle", "muted"))
    title = f"Time or memory of the others, divided by that of wsproto_core in {mode} mode"
    return _picture(WIDTH, y + 38, title, axis + parts)


def _ratios(row: ReportedRow) -> list[tuple[str, float]]:
    values = row["values"]
    return [(name, value / values[OURS]) for name, value in values.items() if name != OURS]


def _bounds(row: ReportedRow, mode: Mode) -> dict[str, float]:
    return {
        each["other"]: each["bound"] for each in row["targets"][mode] if each["kind"] == "ratio"
    }


def _bars(row: ReportedRow, mode: Mode, scale: Scale, y: float) -> Iterator[str]:
    count = len(row["values"]) - 1
    yield _text(NAMES - 12, y + BAR * count / 2 + 4, row["name"], "end")
    bounds = _bounds(row, mode)
    for name, ratio in _ratios(row):
        left, right = sorted((scale.at(1), scale.at(ratio)))
        yield (
            f'<rect x="{left:g}" y="{y:g}" width="{right - left:.4g}" height="{BAR - 2}" '
            f'fill="{COLOURS[name]}"/>'
        )
        tick = 0.0
        if name in bounds:
            tick = scale.at(bounds[name])
            yield f'<path class="target" d="M{tick:g},{y - 1:g} v{BAR}"/>'
        if ratio >= 1:
            yield _text(max(right, tick) + 4, y + BAR - 2, f"{ratio:.2g}", "start", "muted")
        else:
            yield _text(left - 4, y + BAR - 2, f"{ratio:.2g}", "end", "muted")
        y += BAR


# Scaling, as lines


class Line(NamedTuple):
    """What was measured, over what it depends on."""

    name: str
    points: Sequence[tuple[float, float]]


LINE_COLOURS = ("#2a78d6", "#c9762d", "#2f9466", "#8a63c9", "#c05a93")
LINE_WIDTH, LINE_HEIGHT = 560, 340
LEFT, RIGHT, BOTTOM = 70, 24, 44


def draw_lines(title: str, x_title: str, y_title: str, lines: Sequence[Line]) -> str:
    """Lines over two logarithmic axes."""
    coloured = list(zip(lines, LINE_COLOURS, strict=False))
    parts, top = _legend(LINE_WIDTH, [(line.name, colour) for line, colour in coloured])
    top += 18
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    across = Scale(min(xs), max(*xs, 2 * min(xs)), LEFT, LINE_WIDTH - RIGHT)
    # A decade at least, so that what is level looks level.
    middle = math.sqrt(min(ys) * max(ys))
    up = Scale(
        min(0.8 * min(ys), middle / 4),
        max(1.25 * max(ys), middle * 4),
        LINE_HEIGHT - BOTTOM,
        top,
    )
    for value in across.ticks((1,)):
        x = across.at(value)
        parts.append(f'<path class="grid" d="M{x:g},{top:g} V{LINE_HEIGHT - BOTTOM}"/>')
        parts.append(_text(x, LINE_HEIGHT - BOTTOM + 16, _short(value), "middle", "muted"))
    for value in up.ticks((1,) if up.high / up.low > 1000 else (1, 2, 5)):
        y = up.at(value)
        parts.append(f'<path class="grid" d="M{LEFT},{y:g} H{LINE_WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 6, y + 4, _short(value), "end", "muted"))
    for line, colour in coloured:
        path = " L".join(f"{across.at(x):g},{up.at(y):g}" for x, y in line.points)
        parts.append(f'<path class="line" stroke="{colour}" d="M{path}"/>')
        parts += [
            f'<circle cx="{across.at(x):g}" cy="{up.at(y):g}" r="3" fill="{colour}"/>'
            for x, y in line.points
        ]
    parts.append(_text(LINE_WIDTH - RIGHT, LINE_HEIGHT - 8, x_title, "end", "muted"))
    parts.append(_text(0, LINE_HEIGHT - 8, y_title, "start", "muted"))
    return _picture(LINE_WIDTH, LINE_HEIGHT, title, parts)


def _short(value: float) -> str:
    """A power of ten, or a few of one, without its zeros."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g}"
