"""How does a connection end without a closing handshake, and what happens after the end?"""

from __future__ import annotations

import pytest
from expect import snapshot, with_output
from wire import (
    CLOSE,
    FIN,
    REQUEST,
    ROLES,
    TEXT,
    close_payload,
    closed,
    connecting,
    frame_to,
    frames_out,
    local_closing,
    open_one,
    receive,
    response,
)

from wsproto_core import (
    CloseConnection,
    CloseSource,
    Connection,
    ConnectionLost,
    ConnectionState,
    HandshakeFailed,
    RejectData,
    Role,
    ServerConnection,
    TextMessage,
)

each_role = pytest.mark.parametrize("role", ROLES)
State = ConnectionState
each_state = pytest.mark.parametrize("state", State)


# The peer violates the protocol


@each_role
def test_a_violation_fails_the_connection_once(role: Role) -> None:
    ws = open_one(role)
    stream = frame_to(role, FIN | 0x3, b"what") + frame_to(role, FIN | TEXT, b"late") + b"\xff" * 9
    (event,) = receive(ws, stream)
    reason = "opcode 0x3 is reserved"
    assert event == CloseConnection(1002, reason, CloseSource.LOCAL)
    assert (ws.state, ws.close_code, ws.close_reason) == (State.CLOSED, 1002, reason)
    assert (str(ws.error), ws.error and ws.error.section) == (reason, "RFC 6455 section 5.2")
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1002, reason))]
    assert ws.finished
    assert ws.send_eof
    assert receive(ws, stream) == []
    assert list(ws.receive_eof()) == []


@each_role
def test_a_violation_after_our_close_sends_no_second_one(role: Role) -> None:
    ws = local_closing(role)
    (event,) = receive(ws, frame_to(role, FIN | 0x3))
    assert event == CloseConnection(1002, "opcode 0x3 is reserved", CloseSource.LOCAL)
    assert (ws.pending_bytes, ws.state, ws.finished) == (0, State.CLOSED, True)
    assert ws.close_code == 1002


@each_role
def test_the_offset_counts_from_the_first_byte_of_the_handshake(role: Role) -> None:
    ws = open_one(role)
    start = ws.bytes_parsed
    assert start == len(REQUEST if role is Role.SERVER else response())
    good = frame_to(role, FIN | TEXT, b"good")
    receive(ws, good + frame_to(role, FIN | TEXT, b"ba\xff"))
    assert ws.error is not None
    assert ws.error.offset == start + len(good) * 2 - 2
    direct = Connection(role)
    receive(direct, good + frame_to(role, FIN | TEXT, b"ba\xff"))
    assert direct.error is not None
    assert direct.error.offset == len(good) * 2 - 2


# The transport ends


@each_role
@each_state
@pytest.mark.parametrize("end", ["receive_eof", "receive_reset"])
def test_the_end_of_the_transport_in_every_state(role: Role, state: State, end: str) -> None:
    ws, waiting = with_output(state, role)
    code = ws.close_code
    events = list(getattr(ws, end)())
    if state is State.CONNECTING:
        (failed,) = events
        assert isinstance(failed, HandshakeFailed)
        assert isinstance(failed.error, ConnectionLost)
        assert ws.error is failed.error
    elif state in (State.OPEN, State.LOCAL_CLOSING):
        assert events == [CloseConnection(1006, "", CloseSource.TRANSPORT)]
        assert (ws.close_code, ws.close_reason) == (1006, "")
    elif state is State.REJECTING and role is Role.CLIENT:
        assert events == [RejectData(b"", True, True)]
    else:
        assert events == []
        assert ws.close_code == code
    assert (ws.state, ws.finished, ws.send_eof) == (State.CLOSED, True, True)
    assert ws.data_to_send() == (waiting if end == "receive_eof" else b"")
    check_over(ws, role)


@each_role
def test_answers_to_what_came_ahead_of_a_reset_are_dropped(role: Role) -> None:
    ws = open_one(role)
    ws.receive_data(frame_to(role, FIN | TEXT, b"x") * 3)
    events = ws.receive_reset()
    for drain in (ws.data_to_send, lambda: ws.data_to_send(10), ws.buffers_to_send):
        assert next(events) == TextMessage("x")
        ws.send_text("late")
        assert ws.pending_bytes == 0
        assert not drain()
    assert list(events) == [CloseConnection(1006, "", CloseSource.TRANSPORT)]


def check_over(ws: Connection, role: Role) -> None:
    """Nothing happens any more, and nothing raises."""
    before = snapshot(ws)
    stream = frame_to(role, FIN | TEXT, b"x") + REQUEST + b"\xff"
    for _ in range(2):
        assert list(ws.receive_data(stream)) == []
        assert list(ws.receive_data(b"")) == []
        assert list(ws.receive_eof()) == []
        assert list(ws.receive_reset()) == []
        assert list(ws.events()) == []
        assert next(ws.events(), None) is None
    assert ws.data_to_send() == b""
    assert ws.data_to_send(10) == b""
    assert ws.buffers_to_send() == []
    assert snapshot(ws) == before


@each_role
def test_nothing_happens_after_the_end_however_it_came(role: Role) -> None:
    failed = open_one(role)
    receive(failed, frame_to(role, FIN | 0x3))
    failed.data_to_send()
    broken = connecting(role)
    if role is Role.CLIENT:
        receive(broken, b"HTTP/1.1 nonsense\r\n\r\n")
    else:
        broken = ServerConnection()
        receive(broken, b"nonsense\r\n\r\n")
        assert broken.data_to_send().startswith(b"HTTP/1.1 400 ")
    for ws in (closed(role), failed, broken):
        assert list(ws.receive_eof()) == []
        check_over(ws, role)


@each_role
def test_what_came_before_the_end_still_counts(role: Role) -> None:
    stream = frame_to(role, FIN | TEXT, b"last words") + frame_to(role, FIN | TEXT, b"cut")[:-1]
    for end in ("receive_eof", "receive_reset"):
        ws = open_one(role)
        ws.receive_data(stream)
        assert list(getattr(ws, end)()) == [
            TextMessage("last words"),
            CloseConnection(1006, "", CloseSource.TRANSPORT),
        ]
        ws = open_one(role)
        ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(1000)))
        assert list(getattr(ws, end)()) == [CloseConnection(1000, "", CloseSource.PEER)]
        assert (ws.state, ws.finished) == (State.CLOSED, True)


@each_role
def test_data_after_the_end_of_the_stream_is_ignored(role: Role) -> None:
    ws = open_one(role)
    ws.receive_eof()
    assert list(ws.receive_data(frame_to(role, FIN | TEXT, b"x"))) == [
        CloseConnection(1006, "", CloseSource.TRANSPORT)
    ]
