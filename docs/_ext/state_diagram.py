"""Draws a state table as an SVG picture. Pure functions: a table in, text out.

The states are placed by hand and so are the routes between them; which routes there are,
and what is written beside them, comes from the table. A state or a pair of states that
is not placed is an error, so that the picture cannot fall behind the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from wsproto_core import ConnectionState, Role
from wsproto_core.state import ROLE_ONLY, TRANSITIONS, Action

__all__ = ["Table", "draw", "routes"]

Table = Mapping[ConnectionState, Mapping[Action, ConnectionState]]

WIDTH, HEIGHT = 860, 670
BOX_WIDTH, BOX_HEIGHT = 180, 44
LINE_HEIGHT = 18

_S = ConnectionState

BOXES: dict[ConnectionState, tuple[int, int]] = {
    _S.CONNECTING: (420, 40),
    _S.REJECTING: (740, 220),
    _S.OPEN: (420, 220),
    _S.LOCAL_CLOSING: (270, 430),
    _S.REMOTE_CLOSING: (570, 430),
    _S.CLOSED: (420, 630),
}
"""The middle of each state's box."""


class Route(NamedTuple):
    """How the arrow from one state to another runs, and where its text stands."""

    path: str
    """The curve, as the `d` of an SVG path."""
    x: int
    """Where the text begins, ends or has its middle, as `anchor` says."""
    y: int
    """The base line of the first line of text."""
    anchor: str = "start"


ROUTES: dict[tuple[ConnectionState, ConnectionState], Route] = {
    (_S.CONNECTING, _S.OPEN): Route("M420,62 V196", 430, 138),
    (_S.CONNECTING, _S.REJECTING): Route("M510,40 H720 Q740,40 740,60 V196", 730, 70, "end"),
    (_S.CONNECTING, _S.CLOSED): Route("M330,40 H40 Q20,40 20,60 V610 Q20,630 40,630 H328", 32, 118),
    (_S.REJECTING, _S.REJECTING): Route(
        "M685,242 V264 Q685,278 699,278 H761 Q775,278 775,264 V244", 728, 298, "middle"
    ),
    (_S.REJECTING, _S.CLOSED): Route("M818,242 V610 Q818,630 798,630 H512", 808, 546, "end"),
    (_S.OPEN, _S.OPEN): Route(
        "M330,206 H304 Q290,206 290,218 V224 Q290,236 304,236 H328", 280, 198, "end"
    ),
    (_S.OPEN, _S.LOCAL_CLOSING): Route(
        "M370,242 V290 Q370,310 350,310 H290 Q270,310 270,330 V406", 258, 344, "end"
    ),
    (_S.OPEN, _S.REMOTE_CLOSING): Route(
        "M470,242 V290 Q470,310 490,310 H550 Q570,310 570,330 V406", 582, 344
    ),
    (_S.OPEN, _S.CLOSED): Route("M420,242 V606", 430, 500),
    (_S.LOCAL_CLOSING, _S.LOCAL_CLOSING): Route(
        "M180,416 H154 Q140,416 140,428 V434 Q140,446 154,446 H178", 130, 427, "end"
    ),
    (_S.LOCAL_CLOSING, _S.CLOSED): Route(
        "M270,452 V550 Q270,570 290,570 H350 Q370,570 370,590 V606", 258, 490, "end"
    ),
    (_S.REMOTE_CLOSING, _S.CLOSED): Route(
        "M570,452 V550 Q570,570 550,570 H490 Q470,570 470,590 V606", 582, 490
    ),
}
"""The way of each arrow. One from a state to itself is a loop."""


_HEAD = f"""\
<svg class="state-diagram" xmlns="http://www.w3.org/2000/svg" role="img" \
viewBox="0 0 {WIDTH} {HEIGHT}" aria-labelledby="state-diagram-title">
<title id="state-diagram-title">The states of a connection and what leads from one to \
another; the table below says the same</title>
<defs><marker id="state-diagram-arrow" viewBox="0 0 10 10" refX="8" refY="5" \
markerWidth="8" markerHeight="8" orient="auto"><path d="M0,0 L10,5 L0,10 z"/></marker></defs>"""


def routes(table: Table) -> dict[tuple[ConnectionState, ConnectionState], list[Action]]:
    """The actions of `table` that lead from one state to another, in its order."""
    found: dict[tuple[ConnectionState, ConnectionState], list[Action]] = {}
    for state, row in table.items():
        for action, target in row.items():
            found.setdefault((state, target), []).append(action)
    return found


def draw(table: Table = TRANSITIONS, role_only: Mapping[Action, Role] = ROLE_ONLY) -> str:
    """The picture as an ``<svg>`` element.

    Each transition is one ``<text>`` with ``data-from``, ``data-action`` and ``data-to``.
    Colours come from the page, through CSS.

    Raises:
        KeyError: a state or route of the table has no place in the picture.
    """
    parts = [_HEAD]
    for (state, target), actions in routes(table).items():
        parts += _draw_route(state, target, actions, role_only)
    for state in table:
        x, y = BOXES[state]
        parts.append(
            f'<g class="state" data-state={quoteattr(state.name)}>'
            f'<rect x="{x - BOX_WIDTH // 2}" y="{y - BOX_HEIGHT // 2}" '
            f'width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8"/>'
            f'<text x="{x}" y="{y + 5}" text-anchor="middle">{escape(state.name)}</text></g>'
        )
    return "\n".join([*parts, "</svg>"])


def _draw_route(
    state: ConnectionState,
    target: ConnectionState,
    actions: list[Action],
    role_only: Mapping[Action, Role],
) -> list[str]:
    route = ROUTES[state, target]
    ends = f"data-from={quoteattr(state.name)} data-to={quoteattr(target.name)}"
    lines = [
        f'<path class="route" d="{route.path}" marker-end="url(#state-diagram-arrow)" {ends}/>'
    ]
    for number, action in enumerate(actions):
        role = role_only.get(action)
        only = f' <tspan class="role">({role.value})</tspan>' if role else ""
        lines.append(
            f'<text class="action" x="{route.x}" y="{route.y + number * LINE_HEIGHT}" '
            f'text-anchor="{route.anchor}" data-action={quoteattr(action.name)} {ends}>'
            f"{escape(action.value)}{only}</text>"
        )
    return lines
