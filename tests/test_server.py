"""The server's side of the opening handshake, from the first byte to the last of the answer."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from expect import whole_and_bytewise
from wire import (
    ACCEPT,
    FIN,
    KEY,
    PING,
    REQUEST,
    TEXT,
    cut,
    masked,
    open_server,
    read_frames,
    receive,
    request,
    unmasked,
)

from wsproto_core import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    CloseSource,
    ConnectionLost,
    ConnectionState,
    EarlyDataTooLarge,
    Event,
    HandshakeFailed,
    HeadTooLarge,
    HostNotAllowed,
    Limits,
    LocalProtocolError,
    MalformedHandshake,
    MethodNotAllowed,
    OriginNotAllowed,
    PerMessageDeflate,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    Role,
    ServerConnection,
    TextMessage,
    UnsupportedVersion,
)

FIELDS = [
    ("Host", "example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
]
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    + f"Sec-WebSocket-Accept: {ACCEPT}\r\n".encode()
)


def asked(*fields: str, **options: Any) -> ServerConnection:
    """A server that has a request and has not answered."""
    server = ServerConnection(**options)
    (event,) = server.receive_data(request(*fields))
    assert isinstance(event, Request)
    return server


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
    ("offered", "spoken", "chosen"),
    [
        ("b, a", ["a", "b"], "a"),
        ("b, a", ["b", "a"], "b"),
        ("c, b", ["a", "b"], "b"),
        ("c", ["a", "b"], None),
        ("A", ["a"], None),
        ("a", [], None),
    ],
)
def test_servers_order_decides_among_subprotocols(
    offered: str, spoken: list[str], chosen: str | None
) -> None:
    server = open_server(f"Sec-WebSocket-Protocol: {offered}", subprotocols=spoken)
    assert server.subprotocol == chosen
    assert isinstance(server.response, AcceptConnection)
    assert server.response.subprotocol == chosen
    assert server.response.headers.get("Sec-WebSocket-Protocol") == chosen


def test_client_that_offers_no_subprotocol_gets_none() -> None:
    assert open_server(subprotocols=["a"]).subprotocol is None


def test_subprotocol_named_when_accepting_wins() -> None:
    server = asked("Sec-WebSocket-Protocol: a, b", subprotocols=["a"])
    server.accept("b")
    assert server.subprotocol == "b"
    assert b"\r\nSec-WebSocket-Protocol: b\r\n" in server.data_to_send()


def test_hook_chooses_the_subprotocol_from_the_request() -> None:
    seen: list[Request] = []

    def choose(asking: Request) -> str | None:
        seen.append(asking)
        return asking.subprotocols[-1] if asking.subprotocols else None

    server = open_server("Sec-WebSocket-Protocol: a, b", select_subprotocol=choose)
    assert server.subprotocol == "b"
    assert seen == [server.request]
    server = open_server(
        "Sec-WebSocket-Protocol: a, b", select_subprotocol=choose, subprotocols=["a"]
    )
    assert server.subprotocol == "b"
    assert open_server(select_subprotocol=choose).subprotocol is None


def test_hook_that_chooses_what_was_not_offered_is_refused() -> None:
    server = asked("Sec-WebSocket-Protocol: a", select_subprotocol=lambda _: "c")
    with pytest.raises(LocalProtocolError, match="not one that the client speaks"):
        server.accept()
    assert server.state is ConnectionState.CONNECTING
    assert server.pending_bytes == 0
    server.accept("a")
    assert server.subprotocol == "a"


def test_extensions_named_when_accepting_replace_the_configured_ones() -> None:
    field = "Sec-WebSocket-Extensions: permessage-deflate"
    server = asked(field, extensions=[PerMessageDeflate()])
    server.accept(extensions=[])
    assert server.extensions == ()
    assert b"Sec-WebSocket-Extensions" not in server.data_to_send()
    server = asked(field)
    server.accept(extensions=[PerMessageDeflate(server_no_context_takeover=True)])
    (agreed,) = server.extensions
    assert isinstance(agreed, PerMessageDeflate)
    assert agreed.server_no_context_takeover
    assert b"permessage-deflate; server_no_context_takeover\r\n" in server.data_to_send()


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


# Origins and hosts


@pytest.mark.parametrize(
    ("options", "fields", "status"),
    [
        ({"origins": ["https://a"]}, ["Origin: https://a"], None),
        ({"origins": ["https://a"]}, ["Origin: https://a:443"], None),
        ({"origins": ["https://a"]}, ["Origin: http://a"], 403),
        ({"origins": ["https://a"]}, ["Origin: https://a:8443"], 403),
        ({"origins": ["https://a"]}, ["Origin: https://b"], 403),
        ({"origins": ["https://a"]}, ["Origin: null"], 403),
        ({"origins": ["https://a"]}, [], 403),
        ({"origins": ["https://a"], "allow_missing_origin": True}, [], None),
        ({"origins": ["https://a"], "allow_missing_origin": True}, ["Origin: https://b"], 403),
        ({"origins": ["*"]}, ["Origin: https://anywhere"], None),
        ({"origins": ["*"]}, [], 403),
        ({"origins": ["https://*.a"]}, ["Origin: https://x.a"], None),
        ({"origins": []}, ["Origin: https://a"], 403),
        ({"origins": None}, ["Origin: https://a"], None),
        ({}, [], None),
        ({"hosts": ["example.com"]}, [], None),
        ({"hosts": ["EXAMPLE.COM"]}, [], None),
        ({"hosts": ["example.org"]}, [], 421),
        ({"hosts": ["example.com:8080"]}, [], 421),
        ({"hosts": []}, [], 421),
        ({"hosts": ["example.org"], "origins": ["https://a"]}, [], 421),
    ],
    ids=str,
)
def test_origin_and_host_are_checked_ahead_of_the_event(
    options: dict[str, Any], fields: list[str], status: int | None
) -> None:
    server = ServerConnection(**options)
    (event,) = server.receive_data(request(*fields))
    if status is None:
        assert isinstance(event, Request)
        return
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is (OriginNotAllowed if status == 403 else HostNotAllowed)
    assert event.error.status == status
    assert server.request is None
    assert server.data_to_send().startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize("name", ["origins", "hosts", "subprotocols"])
@pytest.mark.parametrize("value", ["https://*.example.com", "*", [b"a"], [None]], ids=str)
def test_string_in_place_of_a_list_of_strings_is_a_type_error(name: str, value: Any) -> None:
    with pytest.raises(TypeError):
        ServerConnection(**{name: value})


@pytest.mark.parametrize("delivery", ["", "chunks", None, "Message"])
def test_delivery_that_there_is_not_is_a_value_error(delivery: Any) -> None:
    with pytest.raises(ValueError, match="delivery must be"):
        ServerConnection(delivery=delivery)


# The end


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
    assert server.data_to_send() == ANSWER + b"\r\n"


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


# A request that somebody else has parsed


@pytest.mark.parametrize(
    "fields",
    [
        FIELDS,
        dict(FIELDS),
        [(name.lower(), value) for name, value in FIELDS],
        [(name.upper().encode(), value.encode()) for name, value in FIELDS],
        tuple(FIELDS),
        iter(FIELDS),
    ],
    ids=["pairs", "mapping", "lower case", "bytes", "tuple", "iterator"],
)
def test_parsed_request_is_taken_as_the_event(fields: Any) -> None:
    server = ServerConnection.from_request(fields, "/chat?a=b")
    (event,) = server.events()
    assert isinstance(event, Request)
    assert (event.host, event.target) == ("example.com", "/chat?a=b")
    assert server.request is event
    assert list(server.events()) == []
    server.accept()
    assert server.data_to_send() == ANSWER + b"\r\n"
    assert receive(server, masked(FIN | TEXT, b"hi")) == [TextMessage("hi")]
    assert server.bytes_parsed == len(masked(FIN | TEXT, b"hi"))


def test_parsed_request_takes_the_options_of_a_server() -> None:
    server = ServerConnection.from_request(
        [*FIELDS, ("Sec-WebSocket-Protocol", "a, b"), ("Origin", "https://o")],
        "/",
        subprotocols=["b"],
        origins=["https://o"],
        server="ours/1",
        delivery="chunk",
    )
    assert [type(event) for event in server.events()] == [Request]
    server.accept()
    assert server.subprotocol == "b"
    assert b"\r\nServer: ours/1\r\n" in server.data_to_send()
    assert receive(server, masked(0x02, b"par")) == [BytesMessage(b"par", True, False)]


@pytest.mark.parametrize(
    ("fields", "options", "status"),
    [
        (FIELDS[1:], {}, 400),
        (FIELDS, {"method": "POST"}, 405),
        (FIELDS, {"origins": []}, 403),
        (FIELDS, {"hosts": ["other"]}, 421),
        ([*FIELDS[:-1], ("Sec-WebSocket-Version", "12")], {}, 426),
        ([*FIELDS, (b"X", b"\xff")], {}, 400),
        ([*FIELDS, ("X", "\u20ac")], {}, 400),
        ([*FIELDS, ("\udc80", "\udc80")], {}, 400),
        (FIELDS, {"method": "\udc80"}, 405),
    ],
)
def test_parsed_request_that_is_refused_is_answered(
    fields: Any, options: dict[str, Any], status: int
) -> None:
    server = ServerConnection.from_request(fields, "/", **options)
    (event,) = server.events()
    assert isinstance(event, HandshakeFailed)
    assert event.error.status == status
    assert server.data_to_send().startswith(f"HTTP/1.1 {status} ".encode())
    assert server.finished


@whole_and_bytewise
def test_bytes_behind_a_parsed_request_wait_for_the_answer(size: int | None) -> None:
    server = ServerConnection.from_request(FIELDS, "/")
    ping = masked(FIN | PING, b"early")
    assert [type(event) for event in receive(server, ping, size)] == [Request]
    server.accept()
    answer, _, rest = server.data_to_send().partition(b"\r\n\r\n")
    assert rest == b""
    assert list(server.events()) == [Ping(b"early")]
    assert read_frames(server.data_to_send())[0].payload == b"early"
    assert answer.startswith(b"HTTP/1.1 101 ")


def test_early_data_behind_a_parsed_request_is_bounded() -> None:
    server = ServerConnection.from_request(FIELDS, "/", limits=Limits(max_early_data=3))
    assert [type(event) for event in receive(server, b"abc")] == [Request]
    (event,) = server.receive_data(b"d")
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is EarlyDataTooLarge
    assert event.error.offset == 3


@pytest.mark.parametrize("fields", [None, 5, "Host: a", [("Host",)], [(1, 2)]])
def test_parsed_request_with_fields_of_another_type_is_a_type_error(fields: Any) -> None:
    with pytest.raises(TypeError):
        ServerConnection.from_request(fields, "/")


def test_open_server_speaks_unmasked() -> None:
    server = open_server()
    server.send_text("hi")
    assert server.data_to_send() == unmasked(FIN | TEXT, b"hi")
