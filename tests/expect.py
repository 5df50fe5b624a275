"""What the tests of failures share: marks, memory, and how a failed connection looks."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from wire import (
    CLOSE,
    FIN,
    ROLES,
    close_payload,
    read_frames,
)

from wsproto_core import (
    CloseConnection,
    CloseSource,
    Connection,
    ConnectionState,
    Event,
    RemoteProtocolError,
)

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
