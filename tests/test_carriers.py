"""One suite of scenarios on all carriers: each gives the same events on every one of them."""

from __future__ import annotations

import dataclasses
from functools import cache
from operator import itemgetter
from typing import Any

import pytest
from carrier_scenarios import SCENARIOS
from carriers import CARRIERS, Carrier, Http1, Side

from wsproto_core import Event, HandshakeFailed, Headers

OF_THE_CARRIER = {
    "connection",
    "host",
    "sec-websocket-accept",
    "sec-websocket-key",
    "upgrade",
}
"""The header fields that only HTTP/1.1 has, or that HTTP/2 and HTTP/3 have elsewhere."""


def comparable(event: Event) -> Any:
    """An event, without what is the carrier's own."""
    if isinstance(event, HandshakeFailed):
        error = event.error
        return type(error), str(error), error.status
    headers = getattr(event, "headers", None)
    if headers is None:
        return event
    fields = [(name.lower(), value) for name, value in headers]
    kept = [field for field in fields if field[0] not in OF_THE_CARRIER]
    # Only fields of the same name have an order (RFC 9110 section 5.3): h2 moves cookies.
    return dataclasses.replace(event, headers=Headers(sorted(kept, key=itemgetter(0))))


def outcome(side: Side) -> Any:
    """What a side has seen, and how it ended."""
    ws = side.ws
    result = (ws.state, ws.close_code, ws.close_reason, ws.subprotocol, ws.extensions)
    return [comparable(event) for event in side.events], result, type(ws.error), ws.pending_bytes


@cache
def on_http1(name: str) -> Any:
    return played(Http1, name, None)


def played(kind: type[Carrier], name: str, step: int | None) -> Any:
    scenario = SCENARIOS[name]
    carrier = kind(step=step, **scenario.options)
    scenario.play(carrier)
    return outcome(carrier.client), outcome(carrier.server)


@pytest.mark.parametrize("step", [None, 1, 7])
@pytest.mark.parametrize("kind", CARRIERS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_happens_on_each_carrier(name: str, kind: type[Carrier], step: int | None) -> None:
    if step is not None and SCENARIOS[name].is_large:
        step *= 1000
    assert played(kind, name, step) == on_http1(name)
