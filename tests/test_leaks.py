"""Connections that come and go leave nothing behind: no memory, no references."""

from __future__ import annotations

import gc
import pickle
import sys
from collections.abc import Callable, Iterator

import pytest
from streams import SCENARIOS, Scenario, User
from wire import ROLES, cut, fixed_random, frame_to, open_pair

import wsproto_core
from wsproto_core import (
    COMPILED,
    BytesMessage,
    CloseConnection,
    Connection,
    LocalProtocolError,
    Ping,
    Pong,
    TextMessage,
)
from wsproto_core.codes import SENDABLE_CLOSE_CODES

ROUNDS = 10
MODULES = [
    module
    for name, module in sorted(sys.modules.items())
    if name.partition(".")[0] == wsproto_core.__name__
]
# What lives as long as the program does, and would be kept by a reference too many.
SHARED = {
    id(value): value
    for module in MODULES
    for value in vars(module).values()
    if value is not None and not isinstance(value, (bool, int, float))
}


@pytest.fixture(scope="module", autouse=True)
def only_what_is_new_is_collected() -> Iterator[None]:
    """What exists already is left aside: this makes each collection many times faster."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def left_by(action: Callable[[], object]) -> tuple[int, int]:
    """What each call of `action` leaves: blocks of memory, references to `SHARED`."""
    growth = (0, 0)
    for _ in range(20):  # until all is there that is made once and kept
        before = count()
        for _ in range(ROUNDS):
            action()
        after = count()
        growth = int((after[0] - before[0]) / ROUNDS), int((after[1] - before[1]) / ROUNDS)
        if growth == (0, 0):
            break
    return growth


def count() -> tuple[int, int]:
    gc.collect()
    return sys.getallocatedblocks(), sum(map(sys.getrefcount, SHARED.values()))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[each.name for each in SCENARIOS])
def test_a_connection_whatever_its_peer_sends(scenario: Scenario) -> None:
    def converse() -> None:
        for size, delivery in ((None, "message"), (3, "chunk")):
            user = User(scenario.make(delivery=delivery))
            for piece in cut(scenario.stream, size):
                user.take(user.connection.receive_data(piece))
            if scenario.end is not None:
                user.take(getattr(user.connection, scenario.end)())
            user.connection.data_to_send()

    assert left_by(converse) == (0, 0)


def test_a_connection_that_is_dropped_in_the_middle() -> None:
    def converse() -> None:
        for role in ROLES:
            ws = Connection(role, random_bytes=fixed_random)
            ws.receive_data(frame_to(role, 0x81, b"never taken"))
            events = ws.receive_data(frame_to(role, 0x82, b"taken") + frame_to(role, 0x82)[:1])
            next(events)
            ws.send_text("never sent")

    assert left_by(converse) == (0, 0)


def test_messages_on_one_connection() -> None:
    client, server = open_pair()

    def converse() -> None:
        for data in ("text", b"binary", "é" * 1000, bytes(70_000)):
            client.send_text(data) if isinstance(data, str) else client.send_bytes(data)
            for event in server.receive_data(client.data_to_send()):
                server.send(event)  # type: ignore[arg-type]
            list(client.receive_data(b"".join(server.buffers_to_send())))
        client.ping(b"1")
        list(server.receive_data(client.data_to_send()))
        list(client.receive_data(server.data_to_send(1)))
        list(client.receive_data(server.data_to_send()))

    assert left_by(converse) == (0, 0)


def test_events_that_are_made_compared_and_pickled() -> None:
    def make_them() -> None:
        events = [TextMessage("text"), BytesMessage(b"bytes", False), Ping(b"1"), Pong(b"2")]
        assert pickle.loads(pickle.dumps(events)) == events
        assert len({*events, CloseConnection(1000, "reason")}) == 5
        assert len(repr(events)) > 50

    assert left_by(make_them) == (0, 0)


def test_the_collector_passes_over_compiled_events() -> None:
    events = [TextMessage("text"), BytesMessage(b"bytes"), Ping(), Pong()]
    assert [gc.is_tracked(event) for event in events] == [not COMPILED] * 4


def test_calls_that_raise() -> None:
    client, server = open_pair()
    server.close()
    mistakes: list[Callable[[], object]] = [
        lambda: server.send_text("after the close"),
        lambda: client.send_text(b"bytes"),  # type: ignore[arg-type]
        lambda: client.send_bytes("text"),  # type: ignore[arg-type]
        lambda: client.send_text("\ud800"),
        lambda: client.ping(bytes(126)),
        lambda: client.close(1005),
        lambda: client.receive_data("text"),  # type: ignore[arg-type]
        lambda: client.send(object()),  # type: ignore[arg-type]
        lambda: client.data_to_send(-1),
        TextMessage,
        lambda: Ping(1, 2, 3),  # type: ignore[arg-type, call-arg]
        lambda: wsproto_core.mask(b"payload", b"key"),
    ]

    def make_them() -> None:
        for mistake in mistakes:
            with pytest.raises((LocalProtocolError, TypeError, ValueError)):
                mistake()

    assert left_by(make_them) == (0, 0)


def test_a_leak_is_seen() -> None:
    kept: list[object] = []
    # More than the few that are kept to be used again.
    assert left_by(lambda: kept.extend([TextMessage("a") for _ in range(10)])) >= (1, 0)
    assert left_by(lambda: kept.append(SENDABLE_CLOSE_CODES)) == (0, 1)
