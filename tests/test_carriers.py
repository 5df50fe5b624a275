"""One suite of scenarios on all carriers: each gives the same events on every one of them."""

from __future__ import annotations

import dataclasses
from functools import cache
from operator import itemgetter
from typing import Any

import pytest
from carrier_scenarios import SCENARIOS
from carriers import CARRIERS, Carrier, Http1, Http2, Http3, Side
from effort import examples
from hypothesis import given
from hypothesis import strategies as st
from wire import fixed_random, unmasked

from wsproto_core import (
    BytesMessage,
    CloseConnection,
    Event,
    HandshakeFailed,
    Headers,
    LocalProtocolError,
    PerMessageDeflate,
    Ping,
    Pong,
    TextMessage,
)

OF_THE_CARRIER = {
    "connection",
    "host",
    "sec-websocket-accept",
    "sec-websocket-key",
    "transfer-encoding",
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
    agreed = ws.subprotocol, ws.extensions
    ended = ws.state, ws.finished, ws.close_code, ws.close_reason, type(ws.error)
    return [comparable(event) for event in side.events], agreed, ended, ws.pending_bytes


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


@pytest.mark.parametrize("kind", [Http2, Http3])
def test_the_windows_are_small(kind: type[Carrier]) -> None:
    """Of the carriers themselves: what does not fit waits in the engine."""
    carrier = kind(step=7)
    carrier.run()
    ws = carrier.client.ws
    ws.send_bytes(bytes(100))
    before = ws.pending_bytes
    carrier.flush(carrier.client)
    assert ws.pending_bytes == before - 7
    assert carrier.room(carrier.client) == 0
    carrier.run()
    assert carrier.server.events[1:] == [BytesMessage(bytes(100))]


texts = st.text(st.characters(codec="utf-8"), max_size=20)
endings = st.booleans()
sent = st.one_of(
    st.builds(lambda data, end: TextMessage(data, message_finished=end), texts, endings),
    st.builds(lambda data, end: BytesMessage(data, message_finished=end), st.binary(), endings),
    st.builds(Ping, st.binary(max_size=125)),
    st.builds(Pong, st.binary(max_size=125)),
    st.builds(CloseConnection, st.sampled_from([None, 1000, 4321])),
)
raw = st.one_of(
    st.binary(max_size=20), st.builds(unmasked, st.integers(0, 255), st.binary(max_size=20))
)
steps = st.tuples(
    st.booleans(), st.one_of(sent, sent, sent, raw, st.sampled_from(["run", "end", "reset"]))
)


@given(
    plan=st.lists(steps, max_size=12),
    step=st.sampled_from([None, 1, 3, 50]),
    deflate=st.booleans(),
)
@examples(25)
def test_any_conversation_is_the_same_on_each_carrier(
    plan: list[tuple[bool, Any]], step: int | None, deflate: bool
) -> None:
    outcomes = [converse(kind, plan, step, deflate) for kind in CARRIERS]
    assert outcomes[0] == outcomes[1] == outcomes[2]


def converse(
    kind: type[Carrier], plan: list[tuple[bool, Any]], step: int | None, deflate: bool
) -> Any:
    """Play a plan: (whether the client does it, what), as far as the states allow it."""
    options: dict[str, Any] = {"extensions": [PerMessageDeflate()] if deflate else []}
    # Behind bytes that are no whole frame, even a masking key may mean something.
    carrier = kind(client={**options, "random_bytes": fixed_random}, server=options, step=step)
    carrier.run()
    refused = []
    for is_client, what in plan:
        side = carrier.client if is_client else carrier.server
        if what == "run":
            carrier.run()
        elif what == "end":
            carrier.end(side)
        elif what == "reset":
            carrier.reset(side)
        elif isinstance(what, bytes):
            carrier.raw(side, what)
        else:
            try:
                side.ws.send(what)
            except LocalProtocolError as error:
                refused.append(str(error))
    carrier.run()
    return refused, outcome(carrier.client), outcome(carrier.server)
