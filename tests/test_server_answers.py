"""What does a server answer: the 101, a rejection, or the refusal of a bad request?"""

from __future__ import annotations

import enum
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from wire import (
    ACCEPT,
    REQUEST,
    asked,
    receive,
    request,
)

from wsproto_core import (
    AcceptConnection,
    ConnectionLost,
    ConnectionState,
    Event,
    HandshakeFailed,
    HeadTooLarge,
    LocalProtocolError,
    MalformedHandshake,
    MethodNotAllowed,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    ServerConnection,
    TextMessage,
    UnsupportedVersion,
)

ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    + f"Sec-WebSocket-Accept: {ACCEPT}\r\n".encode()
)


# Accepting


def test_accept_queues_the_101() -> None:
    server = asked()
    server.accept()
    assert server.data_to_send() == ANSWER + b"\r\n"
    assert server.state is ConnectionState.OPEN
    assert server.subprotocol is None
    assert server.extensions == ()
    assert isinstance(server.response, AcceptConnection)
    assert server.response.extensions == ()
    assert not server.finished


def test_accept_adds_header_fields_behind_the_configured_ones() -> None:
    server = asked(server="ours/1", extra_headers=[("X-Own", "yes")])
    server.accept(headers=[("Set-Cookie", "a=b"), (b"set-cookie", b"c=d")])
    assert server.data_to_send() == ANSWER + (
        b"X-Own: yes\r\nServer: ours/1\r\nSet-Cookie: a=b\r\nset-cookie: c=d\r\n\r\n"
    )


def test_sending_the_event_is_the_same_as_calling_the_method() -> None:
    one, two = asked("Sec-WebSocket-Protocol: chat"), asked("Sec-WebSocket-Protocol: chat")
    one.accept("chat", headers={"X-A": "b"})
    two.send(AcceptConnection("chat", headers={"X-A": "b"}))
    assert one.data_to_send() == two.data_to_send()
    assert one.response == two.response


@pytest.mark.parametrize(
    "headers",
    [{"Connection": "x"}, {"upgrade": "x"}, {"Sec-WebSocket-Accept": "x"}, {"Content-Length": "0"}],
)
def test_fields_of_the_handshake_cannot_be_added(headers: dict[str, str]) -> None:
    server = asked()
    with pytest.raises(LocalProtocolError, match="the handshake's own"):
        server.accept(headers=headers)
    assert server.state is ConnectionState.CONNECTING
    with pytest.raises(LocalProtocolError, match="the handshake's own"):
        ServerConnection(extra_headers=headers)
    server.accept()
    assert server.data_to_send() == ANSWER + b"\r\n"


# Rejecting


@pytest.mark.parametrize(
    ("status", "line"),
    [(200, "200 OK"), (302, "302 Found"), (401, "401 Unauthorized"), (499, "499 "), (599, "599 ")],
)
def test_reject_queues_any_status(status: int, line: str) -> None:
    server = asked(server="ours/1")
    server.reject(status, [("Location", "/x")])
    assert server.data_to_send().decode() == (
        f"HTTP/1.1 {line}\r\nConnection: close\r\nServer: ours/1\r\nLocation: /x\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    assert (server.state, server.finished, server.send_eof) == (ConnectionState.CLOSED, True, True)
    assert isinstance(server.response, RejectConnection)
    assert server.response.status_code == status


def test_reject_says_403_without_arguments() -> None:
    server = asked()
    server.reject()
    assert server.data_to_send().startswith(b"HTTP/1.1 403 Forbidden\r\n")


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "4"}])
@pytest.mark.parametrize("body", [b"nope", bytearray(b"nope"), memoryview(b"nope")])
def test_reject_with_a_body_says_its_length(headers: dict[str, str], body: Any) -> None:
    server = asked()
    server.reject(404, headers, body)
    assert server.data_to_send() == (
        b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnope"
    )
    assert server.finished


def test_rejection_can_be_streamed() -> None:
    server = asked()
    server.send(RejectConnection(503, {"Retry-After": "5"}, has_body=True))
    assert server.state is ConnectionState.REJECTING
    assert not server.finished
    server.send(RejectData(b"one ", False))
    server.send(RejectData(b"", False))
    assert server.data_to_send() == (
        b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n\r\none "
    )
    assert server.state is ConnectionState.REJECTING
    server.send(RejectData(b"two"))
    assert server.data_to_send() == b"two"
    assert (server.state, server.finished) == (ConnectionState.CLOSED, True)
    with pytest.raises(LocalProtocolError) as caught:
        server.send(RejectData(b"three"))
    assert caught.value.state is ConnectionState.CLOSED


def test_streamed_body_must_be_as_long_as_its_content_length() -> None:
    server = asked()
    server.send(RejectConnection(403, {"Content-Length": "6"}, has_body=True))
    server.data_to_send()
    server.send(RejectData(b"four", False))
    for data, finished in ((b"too long", False), (b"!", True), (b"", True)):
        with pytest.raises(LocalProtocolError, match="Content-Length leaves 2"):
            server.send(RejectData(data, finished))
    assert server.data_to_send() == b"four"
    assert server.state is ConnectionState.REJECTING
    server.send(RejectData(b"!!"))
    assert server.data_to_send() == b"!!"
    assert server.finished


# Refusing without being asked


@pytest.mark.parametrize(
    ("data", "error", "status"),
    [
        (request(line="POST / HTTP/1.1"), MethodNotAllowed, 405),
        (request(without=["Upgrade"]), MalformedHandshake, 400),
        (request(*["A: b"] * 200), HeadTooLarge, 431),
        (
            request("Sec-WebSocket-Version: 8", without=["Sec-WebSocket-Version"]),
            UnsupportedVersion,
            426,
        ),
    ],
)
def test_refusal_has_the_servers_own_fields_and_says_why(
    data: bytes, error: type[Exception], status: int
) -> None:
    server = ServerConnection(server="ours/1", extra_headers={"X-Own": "yes"})
    (event,) = server.receive_data(data)
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is error
    head, _, body = server.data_to_send().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    assert {"X-Own: yes", "Server: ours/1", f"Content-Length: {len(body)}"} < set(lines)
    assert "Content-Type: text/plain; charset=utf-8" in lines
    assert [line for line in lines if line.startswith("Connection: ")] == [
        "Connection: Upgrade, close" if status == 426 else "Connection: close"
    ]
    assert body.decode() == f"{event.error}\n"
    assert (server.state, server.finished) == (ConnectionState.CLOSED, True)


def test_refusal_has_one_content_type() -> None:
    server = ServerConnection(extra_headers={"content-type": "text/html"})
    assert len(receive(server, request(without=["Host"]))) == 1
    assert server.data_to_send().lower().count(b"\r\ncontent-type:") == 1


# Answers that are none


@pytest.mark.parametrize(
    "call",
    [
        lambda server: server.reject(101),
        lambda server: server.reject(103),
        lambda server: server.reject(600),
        lambda server: server.reject(403, {"Content-Length": "5"}, b"four"),
        lambda server: server.reject(403, {"Content-Length": "5"}),
        lambda server: server.reject(403, {"Transfer-Encoding": "chunked"}, b"x"),
        lambda server: server.reject(403, {"Connection": "keep-alive"}),
        lambda server: server.reject(204, body=b"x"),
        lambda server: server.reject(403, {"X": "a\nb"}),
        lambda server: server.send(RejectConnection(403, {"Content-Length": "x"}, has_body=True)),
        lambda server: server.send(RejectData(b"no head")),
        lambda server: server.send_text("too early"),
        lambda server: server.ping(),
        lambda server: server.close(),
    ],
)
def test_answer_that_makes_no_sense_changes_nothing(
    call: Callable[[ServerConnection], None],
) -> None:
    server = asked()
    with pytest.raises(LocalProtocolError):
        call(server)
    assert (server.state, server.pending_bytes) == (ConnectionState.CONNECTING, 0)
    assert server.response is None
    server.accept()
    assert server.state is ConnectionState.OPEN


@pytest.mark.parametrize(
    "call",
    [
        lambda server: server.reject("403"),
        lambda server: server.reject(403, body="text"),
        lambda server: server.reject(403, ["X"]),
        lambda server: server.accept(headers=5),
        lambda server: server.send("hello"),
        lambda server: server.send(None),
    ],
)
def test_argument_of_another_type_is_a_type_error(call: Callable[[ServerConnection], None]) -> None:
    server = asked()
    with pytest.raises(TypeError):
        call(server)
    assert (server.state, server.pending_bytes) == (ConnectionState.CONNECTING, 0)


def test_piece_of_body_of_another_type_is_a_type_error() -> None:
    server = asked()
    server.send(RejectConnection(403, has_body=True))
    server.data_to_send()
    with pytest.raises(TypeError, match="a body must be bytes-like"):
        server.send(RejectData("text"))  # type: ignore[arg-type]
    assert (server.state, server.pending_bytes) == (ConnectionState.REJECTING, 0)


@pytest.mark.parametrize(
    "event", [AcceptConnection(), RejectConnection(), RejectData(b""), TextMessage("x"), Ping()]
)
@pytest.mark.parametrize("data", [b"", REQUEST[:-1], REQUEST], ids=["nothing", "part", "not taken"])
def test_answer_ahead_of_the_request_is_refused(event: Event, data: bytes) -> None:
    server = ServerConnection()
    server.receive_data(data)  # its events are not taken
    with pytest.raises(LocalProtocolError) as caught:
        server.send(event)
    assert caught.value.state is ConnectionState.CONNECTING
    assert server.pending_bytes == 0
    if isinstance(event, (AcceptConnection, RejectConnection)):
        assert "wait for its event" in str(caught.value)


@pytest.mark.parametrize("event", [Request("a", "/"), HandshakeFailed(ConnectionLost("x"))])
def test_events_that_are_only_received_cannot_be_sent(event: Event) -> None:
    server = asked()
    with pytest.raises(LocalProtocolError, match="is received, never sent"):
        server.send(event)
    assert server.state is ConnectionState.CONNECTING


class Status(int, enum.Enum):
    NO = 403


@pytest.mark.parametrize("status", [Status.NO, HTTPStatus.FORBIDDEN])
def test_status_may_be_a_member_of_an_enumeration(status: int) -> None:
    for has_body in (False, True):
        server = asked()
        server.reject(status, body=b"x" * has_body)
        assert server.data_to_send().startswith(b"HTTP/1.1 403 Forbidden\r\n")


def test_response_has_the_fields_of_a_rejection_that_were_configured() -> None:
    server = asked(server="ours/1", extra_headers={"X-Own": "yes"})
    server.reject(401, {"WWW-Authenticate": "Basic"}, b"who?")
    assert server.response == RejectConnection(
        401,
        [
            ("X-Own", "yes"),
            ("Server", "ours/1"),
            ("WWW-Authenticate", "Basic"),
            ("Content-Length", "4"),
        ],
        True,
    )
