"""How does the closing handshake go, and which codes and reasons may it carry?"""

from __future__ import annotations

import pytest
from effort import EXHAUSTIVE
from expect import snapshot
from wire import (
    CLOSE,
    FIN,
    PING,
    ROLES,
    TEXT,
    close_payload,
    closed,
    connection,
    frame_from,
    frame_to,
    frames_out,
    open_one,
    receive,
    remote_closing,
)

from wsproto_core import (
    CloseConnection,
    CloseSource,
    ConnectionState,
    LocalProtocolError,
    Role,
    TextMessage,
)
from wsproto_core.codes import SENDABLE_CLOSE_CODES

each_role = pytest.mark.parametrize("role", ROLES)
State = ConnectionState

CODES = range(65536) if EXHAUSTIVE else (*range(5100), *range(5100, 65536, 101), 65535)


# The closing handshake


@each_role
@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [
        (b"", 1005, ""),
        (close_payload(1000), 1000, ""),
        (close_payload(1014, "gone"), 1014, "gone"),
        (close_payload(4999, "é" * 61), 4999, "é" * 61),
    ],
)
def test_the_peers_close_is_answered_with_the_same(
    role: Role, payload: bytes, code: int, reason: str
) -> None:
    ws = open_one(role)
    assert receive(ws, frame_to(role, FIN | CLOSE, payload)) == [
        CloseConnection(code, reason, CloseSource.PEER)
    ]
    assert frames_out(ws) == [(FIN | CLOSE, payload)]
    assert (ws.state, ws.close_code, ws.close_reason) == (State.CLOSED, code, reason)
    assert ws.error is None
    # RFC 6455 section 7.1.1: the server closes the transport first
    assert ws.finished is ws.send_eof is (role is Role.SERVER)
    assert list(ws.receive_eof()) == []
    assert ws.finished
    assert ws.send_eof


@each_role
def test_without_auto_close_the_event_makes_the_answer(role: Role) -> None:
    for payload in (b"", close_payload(1000), close_payload(3333, "why")):
        ws = open_one(role, auto_close=False)
        (event,) = receive(ws, frame_to(role, FIN | CLOSE, payload))
        assert (ws.state, ws.pending_bytes, ws.finished) == (State.REMOTE_CLOSING, 0, False)
        assert isinstance(event, CloseConnection)
        code = ws.close_code
        ws.send(event.response())
        assert (ws.state, ws.close_code) == (State.CLOSED, code)
        assert frames_out(ws) == [(FIN | CLOSE, payload)]
        assert ws.finished is (role is Role.SERVER)


@each_role
def test_the_answer_to_a_close_may_be_another(role: Role) -> None:
    ws = remote_closing(role)
    ws.close(1001, "me too")
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1001, "me too"))]
    assert (ws.close_code, ws.close_reason) == (4000, "bye")


@each_role
def test_what_follows_the_peers_close_is_ignored(role: Role) -> None:
    stream = frame_to(role, FIN | TEXT, b"late") + frame_to(role, FIN | PING) + b"\xff\xff"
    for ws in (remote_closing(role), closed(role)):
        before = snapshot(ws)
        assert receive(ws, stream) == []
        assert snapshot(ws) == before
    ws = open_one(role)
    close = frame_to(role, FIN | CLOSE, close_payload(1000))
    assert receive(ws, close + stream) == [CloseConnection(1000, "", CloseSource.PEER)]
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1000))]


@each_role
def test_our_close_is_answered_and_that_is_the_end(role: Role) -> None:
    ws = open_one(role)
    ws.close(3000, "enough")
    assert (ws.state, ws.finished) == (State.LOCAL_CLOSING, False)
    assert (ws.close_code, ws.close_reason) == (3000, "enough")
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(3000, "enough"))]
    assert receive(ws, frame_to(role, FIN | TEXT, b"crossing")) == [TextMessage("crossing")]
    assert receive(ws, frame_to(role, FIN | CLOSE, close_payload(3000, "enough"))) == [
        CloseConnection(3000, "enough", CloseSource.PEER)
    ]
    assert (ws.state, ws.pending_bytes) == (State.CLOSED, 0)
    assert ws.finished is (role is Role.SERVER)


@each_role
def test_closes_that_cross_end_the_connection_once(role: Role) -> None:
    ws = open_one(role)
    ws.close(1001)
    (event,) = receive(ws, frame_to(role, FIN | CLOSE, close_payload(4001, "mine")))
    assert event == CloseConnection(4001, "mine", CloseSource.PEER)
    assert (ws.close_code, ws.close_reason) == (4001, "mine")
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1001))]


@each_role
def test_an_empty_close_can_be_sent(role: Role) -> None:
    ws = open_one(role)
    ws.close(None)
    assert frames_out(ws) == [(FIN | CLOSE, b"")]
    assert (ws.close_code, ws.close_reason) == (1005, "")


@each_role
def test_a_close_inside_a_fragmented_message_drops_the_message(role: Role) -> None:
    ws = open_one(role)
    stream = frame_to(role, TEXT, b"never ") + frame_to(role, FIN | CLOSE, close_payload(1000))
    assert receive(ws, stream) == [CloseConnection(1000, "", CloseSource.PEER)]
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1000))]


# Codes and reasons


@each_role
def test_every_close_code_that_may_be_sent(role: Role) -> None:
    ws = connection(role)
    for code in CODES:
        if code in SENDABLE_CLOSE_CODES:
            one = connection(role)
            one.close(code)
            assert one.data_to_send() == frame_from(role, FIN | CLOSE, close_payload(code))
        else:
            with pytest.raises(LocalProtocolError):
                ws.close(code)
    assert snapshot(ws) == snapshot(connection(role))


@each_role
def test_every_close_code_that_may_be_received(role: Role) -> None:
    for code in CODES:
        ws = connection(role)
        (event,) = ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(code)))
        assert isinstance(event, CloseConnection)
        if code in (*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)):
            assert event == CloseConnection(code, "", CloseSource.PEER)
        else:
            assert (event.code, event.source) == (1002, CloseSource.LOCAL)
            assert event.reason == f"close code {code} must not be sent"


@each_role
@pytest.mark.parametrize("payload", [b"\x03", close_payload(1000, b"\xff"), close_payload(1005)])
def test_a_malformed_close_fails_the_connection(role: Role, payload: bytes) -> None:
    ws = open_one(role)
    (event,) = receive(ws, frame_to(role, FIN | CLOSE, payload))
    assert isinstance(event, CloseConnection)
    code = 1007 if len(payload) == 3 else 1002
    assert (event.code, event.source) == (code, CloseSource.LOCAL)
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(code, event.reason))]
    assert ws.finished


@each_role
@pytest.mark.parametrize("size", range(0, 124, 41))
def test_reasons_of_every_length_travel(role: Role, size: int) -> None:
    ws = connection(role)
    ws.close(1000, "r" * size)
    (event,) = receive(connection(role.peer), ws.data_to_send())
    assert event == CloseConnection(1000, "r" * size, CloseSource.PEER)
