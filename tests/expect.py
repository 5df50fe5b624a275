"""What the tests look at: marks, memory, messages, and how a connection looks, failed or not."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from wire import (
    CLOSE,
    FIN,
    MAKERS,
    PONG,
    ROLES,
    close_payload,
    frame_from,
    read_frames,
)

from wsproto_core import (
    CloseConnection,
    CloseSource,
    Connection,
    ConnectionState,
    Event,
    Message,
    Pong,
    RemoteProtocolError,
    Role,
)
from wsproto_core.state import Action, next_state

whole_and_bytewise = pytest.mark.parametrize("size", [None, 1], ids=["whole", "bytewise"])
both_roles = pytest.mark.parametrize("role", ROLES, ids=["client", "server"])
both_deliveries = pytest.mark.parametrize("delivery", ["message", "chunk"])


def measure(action: Callable[[], None]) -> tuple[int, int]:
    """What `action` keeps, and the most that it held at a time, in bytes."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        action()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before, peak - before


def assert_failed(
    connection: Connection, events: list[Event], error: type[RemoteProtocolError], code: int
) -> RemoteProtocolError:
    """The last event says that our side failed the connection, and one Close is queued."""
    end = events[-1]
    assert isinstance(end, CloseConnection)
    assert (end.code, end.source) == (code, CloseSource.LOCAL)
    assert type(connection.error) is error
    assert connection.error.section.startswith(("RFC 6455 section", "RFC 7692 section"))
    assert connection.state is ConnectionState.CLOSED
    assert connection.finished
    sent = read_frames(connection.data_to_send())
    assert [frame.first for frame in sent if frame.first == FIN | CLOSE] == [FIN | CLOSE]
    assert sent[-1].payload == close_payload(code, end.reason)
    assert [event for event in events if isinstance(event, CloseConnection)] == [end]
    return connection.error


def failure(connection: Connection, events: Sequence[Event]) -> tuple[int, type[Exception]]:
    """The code and type of the failure that is the last event."""
    assert isinstance(events[-1], CloseConnection)
    assert events[-1].source is CloseSource.LOCAL
    assert events[-1].code is not None
    assert connection.error is not None
    return events[-1].code, type(connection.error)


def whole(events: Sequence[Event]) -> list[str | bytes]:
    """The messages that the events of messages add up to."""
    messages: list[str | bytes] = []
    parts: list[Any] = []
    for event in events:
        if isinstance(event, Message):
            parts.append(event.data)
            if event.message_finished:
                assert event.frame_finished
                messages.append(parts[0][:0].join(parts))
                parts = []
    return messages


ATTRIBUTES = (
    "state",
    "role",
    "request",
    "response",
    "subprotocol",
    "extensions",
    "close_code",
    "close_reason",
    "error",
    "latency",
    "pending_bytes",
    "finished",
    "send_eof",
    "bytes_parsed",
)


def snapshot(ws: Connection) -> dict[str, Any]:
    """Everything that a user can see without changing it."""
    return {name: getattr(ws, name) for name in ATTRIBUTES}


def with_output(state: ConnectionState, role: Role) -> tuple[Connection, bytes]:
    """A connection in that state with output that waits, where it may have some."""
    ws = MAKERS[state](role)
    assert ws.state is state
    assert ws.pending_bytes == 0
    if next_state(role, state, Action.SEND_PONG) is not None:
        ws.send(Pong(b"waiting"))
        return ws, frame_from(role, FIN | PONG, b"waiting")
    return ws, b""
