"""How the input is cut changes nothing: not the events, not the output, not the errors. Nor
does it when the events are taken.

In whole-message delivery the events are the same, one for one. In chunk delivery what the
pieces of each message add up to is the same, and where other events come among messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import pytest
from effort import examples
from hypothesis import given
from hypothesis import strategies as st
from streams import (
    SCENARIOS,
    SMALL,
    Scenario,
    User,
    compressed_dialogues,
    dialogues,
    direct,
    violations,
)
from wire import ROLES, cut

from wsproto_core import Connection, PerMessageDeflate, RemoteProtocolError, Role

Deliveries = Literal["message", "chunk"]


class Record(NamedTuple):
    """All that a run shows to the outside."""

    heard: list[object]
    output: bytes
    end: tuple[object, ...]
    error: tuple[object, ...]


def described(error: RemoteProtocolError | None) -> tuple[object, ...]:
    return () if error is None else (type(error), str(error), error.section, error.offset)


def run(
    scenario: Scenario,
    pieces: Sequence[bytes],
    delivery: Deliveries,
    drain: bool,
    every: int = 1,
) -> Record:
    """Feed `pieces`, and take the events after `every` so many. `drain` says whether output is
    taken after each, or all at the end."""
    ws = scenario.make(delivery=delivery)
    user = User(ws)
    output = b""
    for count, piece in enumerate(pieces, 1):
        events = ws.receive_data(piece)
        if count % every == 0:
            user.take(events)
        if drain:
            output += ws.data_to_send()
    user.take(ws.events())
    if scenario.end == "receive_reset":
        output += ws.data_to_send()  # it would be dropped
    if scenario.end is not None:
        user.take(getattr(ws, scenario.end)())
    output += ws.data_to_send()
    end = (ws.state, ws.finished, ws.close_code, ws.close_reason, ws.subprotocol, ws.extensions)
    return Record(user.heard, output, end, described(ws.error))


def in_pieces(stream: bytes, places: Sequence[int]) -> list[bytes]:
    """`stream` cut at these places."""
    borders = [0, *sorted(places), len(stream)]
    return [stream[one:two] for one, two in pairwise(borders)]


def check(scenario: Scenario, pieces: list[bytes], delivery: Deliveries) -> None:
    expected = run(scenario, [scenario.stream], delivery, False)
    assert b"".join(pieces) == scenario.stream
    assert run(scenario, pieces, delivery, False) == expected
    assert run(scenario, pieces, delivery, True) == expected
    assert run(scenario, pieces, delivery, True, every=3) == expected


each_scenario = pytest.mark.parametrize(
    "scenario", SCENARIOS, ids=[each.name for each in SCENARIOS]
)


@each_scenario
@pytest.mark.parametrize("delivery", ["message", "chunk"])
def test_whole_and_in_pieces_of_one_size(scenario: Scenario, delivery: Deliveries) -> None:
    for size in (1, 2, 3, 7, 50):
        check(scenario, list(cut(scenario.stream, size)), delivery)


@each_scenario
def test_cut_once_at_every_place(scenario: Scenario) -> None:
    stream = scenario.stream
    expected = run(scenario, [stream], "message", True)
    step = 1 + len(stream) // 150
    for at in range(0, len(stream), step):
        assert run(scenario, [stream[:at], stream[at:]], "message", True) == expected, at


@each_scenario
def test_both_deliveries_say_the_same(scenario: Scenario) -> None:
    whole = run(scenario, [scenario.stream], "message", True)
    assert run(scenario, [scenario.stream], "chunk", True).output == whole.output
    assert run(scenario, [scenario.stream], "chunk", True).error == whole.error


@examples(300)
@given(data=st.data(), delivery=st.sampled_from(["message", "chunk"]))
def test_cut_at_random(data: st.DataObject, delivery: Deliveries) -> None:
    scenario = data.draw(st.sampled_from(SCENARIOS))
    places = data.draw(st.lists(st.integers(0, len(scenario.stream)), max_size=12))
    check(scenario, in_pieces(scenario.stream, places), delivery)


# Conversations put together at random

Maker = Callable[..., Connection]


def parts(role: Role, compressed: bool) -> list[bytes]:
    """Streams that may follow one another; most end between two messages."""
    found = [stream for name, stream in dialogues(role) if name != "unfinished"]
    found += [stream for _, stream in violations(role)]
    if compressed:
        found += [stream for _, stream in compressed_dialogues(role, 15, False)]
    return found


PARTS = {(role, on): parts(role, on) for role in ROLES for on in (False, True)}
FRESH = PerMessageDeflate(server_no_context_takeover=True, client_no_context_takeover=True)


@st.composite
def conversations(draw: Any) -> Scenario:
    role = draw(st.sampled_from(ROLES))
    compressed = draw(st.booleans())
    make: Maker = direct(role, limits=SMALL, extensions=[FRESH] if compressed else [])
    chosen = draw(st.lists(st.sampled_from(PARTS[role, compressed]), max_size=4))
    end = draw(st.sampled_from([None, "receive_eof", "receive_reset"]))
    return Scenario("random", make, b"".join(chosen), end)


@examples(200)
@given(
    scenario=conversations(),
    delivery=st.sampled_from(["message", "chunk"]),
    data=st.data(),
)
def test_random_conversations(
    scenario: Scenario, delivery: Deliveries, data: st.DataObject
) -> None:
    places = data.draw(st.lists(st.integers(0, len(scenario.stream)), max_size=10))
    check(scenario, in_pieces(scenario.stream, places), delivery)
    check(scenario, list(cut(scenario.stream, 1)), delivery)


@examples(100)
@given(scenario=conversations(), count=st.integers(1, 60), at=st.integers(0, 5000))
def test_streams_with_bytes_changed(scenario: Scenario, count: int, at: int) -> None:
    """Whatever the bytes are: all that counts is that the cuts do not."""
    stream = bytearray(scenario.stream or b"\x00")
    for step in range(1 + count % 5):
        stream[(at + step * count) % len(stream)] ^= 1 << (at + step) % 8
    changed = scenario._replace(stream=bytes(stream))
    check(changed, list(cut(changed.stream, 1)), "message")
    check(changed, list(cut(changed.stream, count)), "message")


@examples(300)
@given(stream=st.binary(max_size=200), role=st.sampled_from(ROLES), size=st.integers(1, 20))
def test_random_bytes_in_any_cut(stream: bytes, role: Role, size: int) -> None:
    scenario = Scenario("random", direct(role, limits=SMALL, extensions=[FRESH]), stream)
    check(scenario, list(cut(stream, size)), "message")
