"""How does a server take a request, and how does its connection go on and end?"""

from __future__ import annotations

import pytest
from expect import whole_and_bytewise
from wire import (
    FIN,
    PING,
    REQUEST,
    RESPONSE,
    TEXT,
    asked,
    cut,
    masked,
    open_server,
    receive,
    request,
    unmasked,
)

from wsproto_core import (
    CloseConnection,
    CloseSource,
    ConnectionLost,
    ConnectionState,
    EarlyDataTooLarge,
    HandshakeFailed,
    Limits,
    LocalProtocolError,
    RejectConnection,
    Request,
    Role,
    ServerConnection,
    TextMessage,
)

# Requests


@whole_and_bytewise
def test_request_comes_as_one_event_and_waits_for_the_answer(size: int | None) -> None:
    server = ServerConnection()
    (event,) = receive(server, request("Cookie: a=b", line="GET /chat?x=%20 HTTP/1.1"), size)
    assert isinstance(event, Request)
    assert (event.host, event.target, event.headers["cookie"]) == (
        "example.com",
        "/chat?x=%20",
        "a=b",
    )
    assert (event.path, event.query) == ("/chat", "x=%20")
    assert server.request is event
    assert server.state is ConnectionState.CONNECTING
    assert server.pending_bytes == 0
    assert not server.finished
    assert list(server.events()) == []


def test_new_server_waits_for_the_first_byte() -> None:
    server = ServerConnection()
    assert server.role is Role.SERVER
    assert server.state is ConnectionState.CONNECTING
    assert list(server.receive_data(b"")) == []
    assert (server.request, server.response, server.subprotocol) == (None, None, None)
    assert (server.extensions, server.close_code, server.error) == ((), None, None)
    assert (server.bytes_parsed, server.data_to_send()) == (0, b"")


@whole_and_bytewise
def test_bytes_parsed_counts_what_events_were_made_from(size: int | None) -> None:
    server = ServerConnection()
    ping = masked(FIN | PING, b"x")
    counts = []
    for piece in cut(REQUEST + ping * 2, size):
        for event in server.receive_data(piece):
            counts.append(server.bytes_parsed)
            if isinstance(event, Request):
                server.accept()
    assert counts == [len(REQUEST), len(REQUEST + ping), len(REQUEST + ping + ping)]
    assert server.bytes_parsed == len(REQUEST + ping * 2)


# Data ahead of the answer


def test_early_data_is_bounded_to_the_byte() -> None:
    for size, fails in ((64 << 10, False), ((64 << 10) + 1, True)):
        server = asked()
        events = list(server.receive_data(b"\x82\xfe" + b"x" * (size - 2)))
        assert [type(event) for event in events] == [HandshakeFailed] * fails
        if fails:
            assert type(server.error) is EarlyDataTooLarge
            assert server.error.offset == len(REQUEST) + (64 << 10)
            with pytest.raises(LocalProtocolError):
                server.accept()
        else:
            server.accept()
            assert server.state is ConnectionState.OPEN


def test_no_early_data_where_none_is_allowed() -> None:
    server = asked(limits=Limits(max_early_data=0))
    assert [type(event) for event in server.receive_data(b"x")] == [HandshakeFailed]


def test_frames_far_past_the_bound_are_fine_once_accepted() -> None:
    server = ServerConnection()
    data = masked(FIN | TEXT, b"x" * 60_000) * 20
    events = []
    for event in server.receive_data(REQUEST + data):
        events.append(event)
        if isinstance(event, Request):
            server.accept()
    assert events[1:] == [TextMessage("x" * 60_000)] * 20


# Once it is open


def test_open_server_speaks_unmasked() -> None:
    server = open_server()
    server.send_text("hi")
    assert server.data_to_send() == unmasked(FIN | TEXT, b"hi")


def test_replies_are_automatic_unless_turned_off() -> None:
    data = masked(FIN | PING, b"p") + masked(0x88, b"\x03\xe8")
    server = open_server()
    assert len(receive(server, data)) == 2
    assert server.data_to_send() == unmasked(0x8A, b"p") + unmasked(0x88, b"\x03\xe8")
    server = open_server(auto_pong=False, auto_close=False)
    assert len(receive(server, data)) == 2
    assert server.data_to_send() == b""
    assert server.state is ConnectionState.REMOTE_CLOSING


def test_server_closes_first() -> None:
    server = open_server()
    assert (server.finished, server.send_eof) == (False, False)
    server.close()
    assert (server.finished, server.send_eof) == (False, False)
    assert len(receive(server, masked(0x88, b"\x03\xe8"))) == 1
    assert (server.finished, server.send_eof) == (True, True)
    assert list(server.receive_eof()) == []


@pytest.mark.parametrize("end", ["receive_eof", "receive_reset"])
def test_end_of_the_transport_without_a_close_is_told(end: str) -> None:
    for closing in (False, True):
        server = open_server()
        if closing:
            server.close(1001, "away")
        events = list(getattr(server, end)())
        assert events == [CloseConnection(1006, "", CloseSource.TRANSPORT)]
        assert (server.state, server.finished) == (ConnectionState.CLOSED, True)
        assert (server.pending_bytes > 0) is (closing and end == "receive_eof")
        assert list(getattr(server, end)()) == []


# The end of the handshake


def test_eof_ahead_of_the_request_fails_the_handshake() -> None:
    for data in (b"", REQUEST[:1], REQUEST[:-1]):
        server = ServerConnection()
        assert list(server.receive_data(data)) == []
        (event,) = server.receive_eof()
        assert isinstance(event, HandshakeFailed)
        assert type(event.error) is ConnectionLost
        assert server.pending_bytes == 0
        assert (server.state, server.finished) == (ConnectionState.CLOSED, True)
        assert list(server.receive_eof()) == []
        assert list(server.receive_data(REQUEST)) == []


def test_eof_ahead_of_the_answer_fails_the_handshake() -> None:
    server = asked()
    (event,) = server.receive_eof()
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is ConnectionLost
    with pytest.raises(LocalProtocolError) as caught:
        server.accept()
    assert caught.value.state is ConnectionState.CLOSED
    assert server.finished


def test_request_and_eof_in_one_go_can_still_be_answered() -> None:
    server = ServerConnection()
    server.receive_data(REQUEST + masked(FIN | TEXT, b"hi"))
    events = []
    for event in server.receive_eof():
        events.append(event)
        if isinstance(event, Request):
            server.accept()
    assert [type(event) for event in events] == [Request, TextMessage, CloseConnection]
    assert isinstance(events[-1], CloseConnection)
    assert events[-1].code == 1006
    assert server.data_to_send() == RESPONSE


def test_eof_while_rejecting_ends_without_another_event() -> None:
    server = asked()
    server.send(RejectConnection(403, has_body=True))
    assert list(server.receive_data(b"more")) == []
    assert list(server.receive_eof()) == []
    assert (server.state, server.finished) == (ConnectionState.CLOSED, True)


def test_reset_fails_the_handshake_and_drops_the_output() -> None:
    server = asked()
    (event,) = server.receive_reset()
    assert isinstance(event, HandshakeFailed)
    rejecting = asked()
    rejecting.send(RejectConnection(403, has_body=True))
    assert list(rejecting.receive_reset()) == []
    for connection in (server, rejecting):
        assert connection.pending_bytes == 0
        assert connection.finished
        assert list(connection.receive_reset()) == []


def test_nothing_is_queued_for_a_transport_that_broke() -> None:
    server = ServerConnection()
    server.receive_data(request(without=["Host"]))
    assert [type(event) for event in server.receive_reset()] == [HandshakeFailed]
    assert server.data_to_send() == b""


def test_nothing_comes_after_the_end() -> None:
    rejected = asked()
    rejected.reject(403)
    failed = ServerConnection()
    assert len(receive(failed, request(without=["Host"]))) == 1
    for server in (rejected, failed):
        state = server.state
        server.data_to_send()
        assert receive(server, REQUEST + b"\xff" * 100, 10) == []
        assert list(server.receive_eof()) == []
        assert list(server.receive_reset()) == []
        assert (server.pending_bytes, server.state, server.finished) == (0, state, True)
        for call in (server.accept, server.reject, server.ping, server.close):
            with pytest.raises(LocalProtocolError, match="the connection is over"):
                call()
