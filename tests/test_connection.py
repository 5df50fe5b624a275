"""What does a new connection look like, and how do two of them talk with each other?"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from wire import (
    FIN,
    ROLES,
    RSV1,
    TEXT,
    connection,
    frame_to,
    read_frames,
)

from wsproto_core import (
    BytesMessage,
    CloseConnection,
    CloseSource,
    Connection,
    ConnectionState,
    Event,
    LocalProtocolError,
    PerMessageDeflate,
    Ping,
    Pong,
    Role,
    TextMessage,
)

each_role = pytest.mark.parametrize("role", ROLES)
State = ConnectionState


# A new connection


def test_a_connection_made_open_says_so() -> None:
    extension = PerMessageDeflate()
    ws = Connection(Role.SERVER, extensions=[extension], subprotocol="chat")
    assert (ws.state, ws.role) == (State.OPEN, Role.SERVER)
    assert (ws.extensions, ws.subprotocol) == ((extension,), "chat")
    assert (ws.request, ws.response, ws.error) == (None, None, None)
    assert (ws.close_code, ws.close_reason) == (None, None)
    assert not ws.finished
    assert not ws.send_eof
    assert (ws.pending_bytes, ws.bytes_parsed) == (0, 0)
    assert list(ws.events()) == []
    assert Connection(Role.CLIENT).subprotocol is None


@pytest.mark.parametrize("role", ["proxy", None, 1])
def test_a_role_that_does_not_exist_is_refused(role: Any) -> None:
    with pytest.raises(ValueError, match="is not a valid Role"):
        Connection(role)


def test_a_delivery_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="delivery must be 'message' or 'chunk', not 'frame'"):
        Connection(Role.CLIENT, delivery="frame")  # type: ignore[arg-type]


@pytest.mark.parametrize("limits", [None, 5, {"max_fragments": 1}])
def test_limits_that_are_none_are_refused(limits: Any) -> None:
    with pytest.raises(TypeError, match=f"limits must be Limits, not {type(limits).__name__}"):
        Connection(Role.CLIENT, limits=limits)


def test_two_extensions_that_claim_one_bit_are_refused() -> None:
    with pytest.raises(LocalProtocolError, match="claim the same RSV bit"):
        Connection(Role.CLIENT, extensions=[PerMessageDeflate(), PerMessageDeflate()])


def test_connections_can_be_referred_to_weakly() -> None:
    ws = connection(Role.SERVER)
    refers = weakref.ref(ws)
    assert refers() is ws
    table = weakref.WeakKeyDictionary({ws: "its transport"})
    assert table[ws] == "its transport"


# Two connections


def test_two_connections_talk() -> None:
    client, server = connection(Role.CLIENT), connection(Role.SERVER)
    heard: dict[Role, list[Event]] = {Role.CLIENT: [], Role.SERVER: []}
    client.send_text("hello")
    client.ping(b"there?")
    client.send_bytes(bytes(70_000))
    for one, other in _turns(client, server):
        for event in other.receive_data(one.data_to_send(1000)):
            heard[other.role].append(event)
            if other.role is Role.SERVER and isinstance(event, (TextMessage, BytesMessage)):
                other.send(event)
            if other.role is Role.CLIENT and isinstance(event, BytesMessage):
                other.close(1000, "that is all")
    end = CloseConnection(1000, "that is all", CloseSource.PEER)
    messages = [TextMessage("hello"), BytesMessage(bytes(70_000))]
    assert heard[Role.SERVER] == [messages[0], Ping(b"there?"), messages[1], end]
    assert heard[Role.CLIENT] == [messages[0], Pong(b"there?"), messages[1], end]
    assert client.state is server.state is State.CLOSED
    assert (server.finished, client.finished) == (True, False)
    assert list(client.receive_eof()) == []
    assert client.finished


def _turns(client: Connection, server: Connection) -> Iterator[tuple[Connection, Connection]]:
    while client.pending_bytes or server.pending_bytes:
        yield client, server
        yield server, client


def test_one_extension_object_serves_two_connections() -> None:
    extension = PerMessageDeflate()
    pairs = [tuple(connection(role, extensions=[extension]) for role in ROLES) for _ in range(2)]
    for number in range(5):
        for index, (one, other) in enumerate(pairs):
            text = f"{index} says {number} " * 20
            one.send_text(text)
            output = one.data_to_send()
            assert read_frames(output)[0].first == FIN | RSV1 | TEXT
            assert list(other.receive_data(output)) == [TextMessage(text)]


@each_role
def test_frames_of_a_violation_are_told_apart_by_role(role: Role) -> None:
    ws = connection(role)
    (event,) = ws.receive_data(frame_to(role.peer, FIN | TEXT, b"x"))
    assert isinstance(event, CloseConnection)
    who = "a client's frame is not masked" if role is Role.SERVER else "a server's frame is masked"
    assert (event.code, event.reason) == (1002, who)
