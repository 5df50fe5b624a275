"""The client's side of the opening handshake, from the request to the last byte of the answer."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from expect import whole_and_bytewise
from wire import (
    FIN,
    KEY,
    PING,
    RESPONSE,
    TEXT,
    fixed_random,
    head,
    masked,
    new_client,
    open_client,
    receive,
    response,
    unmasked,
)

from wsproto_core import (
    AcceptConnection,
    ClientConnection,
    CloseConnection,
    CloseSource,
    ConnectionLost,
    ConnectionState,
    Event,
    HandshakeFailed,
    HeadTooLarge,
    InvalidURI,
    Limits,
    LocalProtocolError,
    PerMessageDeflate,
    Ping,
    RejectConnection,
    RejectData,
    Role,
    TextMessage,
    WebSocketURI,
    __version__,
    parse_uri,
)

REQUEST_LINES = [
    "GET /chat HTTP/1.1",
    "Host: example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
]
USER_AGENT = f"User-Agent: wsproto_core/{__version__}"


def lines_of(uri: str | WebSocketURI = "ws://example.com/chat", **options: Any) -> list[str]:
    """The lines of the request that a client queues."""
    client = ClientConnection(uri, random_bytes=fixed_random, **options)
    text = client.data_to_send().decode("ascii")
    assert text.endswith("\r\n\r\n")
    return text[:-4].split("\r\n")


# Requests


def test_request_is_queued_at_once() -> None:
    assert lines_of() == [*REQUEST_LINES, USER_AGENT]


def test_new_client_waits_for_the_answer() -> None:
    client = new_client()
    assert client.role is Role.CLIENT
    assert client.state is ConnectionState.CONNECTING
    assert list(client.events()) == []
    assert list(client.receive_data(b"")) == []
    assert (client.response, client.subprotocol, client.extensions) == (None, None, ())
    assert (client.bytes_parsed, client.finished, client.error) == (0, False, None)


def test_client_knows_its_own_request() -> None:
    client = new_client(
        subprotocols=["a", "b"], extensions=[PerMessageDeflate()], origin="https://o"
    )
    assert client.request is not None
    assert (client.request.host, client.request.target) == ("example.com", "/chat")
    assert client.request.subprotocols == ("a", "b")
    assert client.request.extensions == (
        ("permessage-deflate", (("client_max_window_bits", None),)),
    )
    assert client.request.origin == "https://o"
    assert client.request.headers["sec-websocket-key"] == KEY


def test_options_become_header_fields() -> None:
    assert lines_of(
        subprotocols=["a", "b"],
        extensions=[PerMessageDeflate(client_max_window_bits=10)],
        origin="https://o",
        user_agent="ours/1",
        extra_headers=[("Cookie", "a=b"), (b"cookie", b"c=d")],
    ) == [
        *REQUEST_LINES,
        "Origin: https://o",
        "Sec-WebSocket-Protocol: a, b",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10",
        "Cookie: a=b",
        "cookie: c=d",
        "User-Agent: ours/1",
    ]


def test_user_agent_can_be_left_out_or_replaced() -> None:
    assert lines_of(user_agent=None) == REQUEST_LINES
    assert lines_of(extra_headers={"user-agent": "mine"}) == [*REQUEST_LINES, "user-agent: mine"]


@pytest.mark.parametrize(
    ("uri", "host", "target"),
    [
        ("ws://example.com", "example.com", "/"),
        ("ws://example.com:80/", "example.com", "/"),
        ("wss://example.com:443/", "example.com", "/"),
        ("ws://example.com:443/", "example.com:443", "/"),
        ("wss://EXAMPLE.com:8443/a?b=c", "example.com:8443", "/a?b=c"),
        ("ws://[::1]:81/a?", "[::1]:81", "/a?"),
        ("ws://127.0.0.1/%20", "127.0.0.1", "/%20"),
        ("ws://b\xfccher.example/\xe4?\u20ac", "xn--bcher-kva.example", "/%C3%A4?%E2%82%AC"),
    ],
)
def test_host_and_target_come_from_the_uri(uri: str, host: str, target: str) -> None:
    for given in (uri, parse_uri(uri)):
        lines = lines_of(given)
        assert lines[:2] == [f"GET {target} HTTP/1.1", f"Host: {host}"]


@pytest.mark.parametrize("target", ["/other?x=y", "*", "http://example.com/proxied"])
def test_target_can_be_replaced(target: str) -> None:
    assert lines_of(target=target)[:2] == [f"GET {target} HTTP/1.1", "Host: example.com"]
    client = new_client()
    assert client.uri.target == "/chat"


@pytest.mark.parametrize(
    ("userinfo", "credentials"),
    [
        ("user:secret", "user:secret"),
        ("user", "user:"),
        ("user:", "user:"),
        ("us%40er:p%3Aw", "us@er:p:w"),
        ("m%C3%BC:\xfc", "m\xfc:\xfc"),
    ],
)
def test_userinfo_is_sent_as_basic_authentication(userinfo: str, credentials: str) -> None:
    lines = lines_of(f"ws://{userinfo}@example.com/chat")
    expected = base64.b64encode(credentials.encode()).decode()
    assert lines == [*REQUEST_LINES, USER_AGENT, f"Authorization: Basic {expected}"]


def test_two_authorizations_are_refused_without_showing_them() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        ClientConnection("ws://user:secret@a/", extra_headers={"Authorization": "Bearer hidden"})
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"extra_headers": {"Host": "other"}},
        {"extra_headers": {"Upgrade": "x"}},
        {"extra_headers": {"Sec-WebSocket-Key": "x"}},
        {"extra_headers": {"Sec-WebSocket-Protocol": "x"}},
        {"extra_headers": {"Sec-WebSocket-Extensions": "x"}},
        {"extra_headers": {"Content-Length": "0"}},
        {"extra_headers": {"Origin": "https://a"}, "origin": "https://b"},
        {"subprotocols": ["a", "a"]},
        {"subprotocols": ["a b"]},
        {"target": "/a b"},
        {"target": ""},
        {"origin": "a\r\nb"},
    ],
    ids=str,
)
def test_request_that_cannot_be_sent_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError):
        ClientConnection("ws://example.com/", **options)


@pytest.mark.parametrize("uri", ["http://example.com/", "ws:///", "example.com", "ws://a/#b", ""])
def test_what_is_no_websocket_uri_is_refused(uri: str) -> None:
    with pytest.raises(InvalidURI):
        ClientConnection(uri)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"subprotocols": "chat"}, TypeError),
        ({"subprotocols": [b"chat"]}, TypeError),
        ({"extra_headers": "Cookie: x"}, TypeError),
        ({"delivery": "chunks"}, ValueError),
        ({"random_bytes": lambda _: b"too short"}, ValueError),
    ],
    ids=str,
)
def test_option_of_another_type_is_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ClientConnection("ws://example.com/", **options)


def test_two_clients_have_two_keys() -> None:
    one, two = (ClientConnection("ws://example.com/") for _ in range(2))
    assert one.data_to_send() != two.data_to_send()


# Accepted


@whole_and_bytewise
def test_acceptance_comes_as_one_event(size: int | None) -> None:
    client = new_client(subprotocols=["a", "b"], extensions=[PerMessageDeflate()])
    data = response(
        "Sec-WebSocket-Protocol: b",
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10",
        "Set-Cookie: x=y",
    )
    (event,) = receive(client, data, size)
    assert isinstance(event, AcceptConnection)
    assert event.subprotocol == client.subprotocol == "b"
    assert event.extensions == client.extensions
    (agreed,) = client.extensions
    assert isinstance(agreed, PerMessageDeflate)
    assert agreed.server_max_window_bits == 10
    assert event.headers["set-cookie"] == "x=y"
    assert client.response is event
    assert client.state is ConnectionState.OPEN
    assert client.bytes_parsed == len(data)
    assert client.pending_bytes == 0
    assert not client.finished


@whole_and_bytewise
def test_frames_may_follow_the_101_at_once(size: int | None) -> None:
    client = new_client()
    frames = unmasked(FIN | TEXT, b"hi") + unmasked(FIN | PING, b"x") + unmasked(0x88)
    counts = []
    events: list[Event] = []
    for at in range(0, len(RESPONSE + frames), size or len(RESPONSE + frames)):
        piece = (RESPONSE + frames)[at : at + (size or len(RESPONSE + frames))]
        for event in client.receive_data(piece):
            events.append(event)
            counts.append(client.bytes_parsed)
    assert isinstance(events[0], AcceptConnection)
    assert events[1:] == [
        TextMessage("hi"),
        Ping(b"x"),
        CloseConnection(1005, "", CloseSource.PEER),
    ]
    start = len(RESPONSE)
    assert counts == [start, start + 4, start + 7, start + 9]
    assert client.data_to_send() == masked(0x8A, b"x") + masked(0x88)


def test_client_masks_each_frame_with_a_new_key() -> None:
    supply = iter(range(256))
    client = ClientConnection(
        "ws://example.com/", random_bytes=lambda size: bytes([next(supply)]) * size
    )
    key = base64.b64encode(bytes(16)).decode()
    client.data_to_send()
    assert client.request is not None
    assert client.request.headers["Sec-WebSocket-Key"] == key


# Rejected


@whole_and_bytewise
@pytest.mark.parametrize("delivery", ["message", "chunk"])
@pytest.mark.parametrize(
    ("status", "field"),
    [
        (301, "Location: wss://example.org/chat"),
        (307, "Location: /elsewhere"),
        (401, 'WWW-Authenticate: Basic realm="x"'),
        (403, "X-Why: no"),
        (503, "Retry-After: 5"),
        (200, "X-Not: a websocket"),
    ],
)
def test_rejection_is_data_to_act_on(
    status: int, field: str, delivery: str, size: int | None
) -> None:
    client = new_client(delivery=delivery)
    name, _, value = field.partition(": ")
    data = head(f"HTTP/1.1 {status} x", field, "Content-Length: 0")
    (event,) = receive(client, data, size)
    assert event == RejectConnection(status, [(name, value), ("Content-Length", "0")])
    assert isinstance(event, RejectConnection)
    assert event.headers[name] == value
    assert client.response == event
    assert (client.state, client.finished) == (ConnectionState.CLOSED, True)
    assert client.error is None
    assert list(client.receive_eof()) == []


FORBIDDEN = "HTTP/1.1 403 Forbidden"
BODIES: dict[str, tuple[bytes, bool, bytes, bool]] = {
    "Content-Length": (head(FORBIDDEN, "Content-Length: 5") + b"hello", False, b"hello", False),
    "Content-Length, more behind it": (
        head(FORBIDDEN, "Content-Length: 5") + b"hello, more",
        False,
        b"hello",
        False,
    ),
    "Content-Length, cut short": (
        head(FORBIDDEN, "Content-Length: 50") + b"hello",
        True,
        b"hello",
        True,
    ),
    "chunked": (
        head(FORBIDDEN, "Transfer-Encoding: chunked") + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        False,
        b"hello",
        False,
    ),
    "chunked, cut short": (
        head(FORBIDDEN, "Transfer-Encoding: chunked") + b"2\r\nhe\r\n3\r\nllo",
        True,
        b"hello",
        True,
    ),
    "chunked, broken": (
        head(FORBIDDEN, "Transfer-Encoding: chunked") + b"5\r\nhello\r\nxyz\r\n",
        False,
        b"hello",
        True,
    ),
    "up to the end": (head(FORBIDDEN) + b"hello", True, b"hello", False),
    "empty up to the end": (head(FORBIDDEN), True, b"", False),
    "exactly the limit": (
        head(FORBIDDEN, "Content-Length: 10") + b"x" * 10,
        False,
        b"x" * 10,
        False,
    ),
    "one over the limit": (
        head(FORBIDDEN, "Content-Length: 11") + b"x" * 11,
        False,
        b"x" * 10,
        True,
    ),
    "endless": (head(FORBIDDEN) + b"x" * 5000, False, b"x" * 10, True),
    "chunked, over the limit": (
        head(FORBIDDEN, "Transfer-Encoding: chunked") + b"f\r\n" + b"x" * 15 + b"\r\n0\r\n\r\n",
        False,
        b"x" * 10,
        True,
    ),
}


@pytest.mark.parametrize("size", [None, 1, 3], ids=["whole", "bytewise", "by three"])
@pytest.mark.parametrize("delivery", ["message", "chunk"])
@pytest.mark.parametrize("case", BODIES.values(), ids=BODIES.keys())
def test_body_of_a_rejection_is_handed_on(
    case: tuple[bytes, bool, bytes, bool], delivery: str, size: int | None
) -> None:
    data, eof, body, truncated = case
    client = new_client(delivery=delivery, limits=Limits(max_reject_body=10))
    events = receive(client, data, size)
    if eof:
        events += client.receive_eof()
    rejection, *pieces = events
    assert isinstance(rejection, RejectConnection)
    assert rejection.has_body
    datas = [piece for piece in pieces if isinstance(piece, RejectData)]
    assert datas == pieces
    assert b"".join(piece.data for piece in datas) == body
    assert [piece.body_finished for piece in datas] == [False] * (len(datas) - 1) + [True]
    assert [piece.truncated for piece in datas] == [False] * (len(datas) - 1) + [truncated]
    if delivery == "message":
        assert len(datas) == 1
    assert (client.state, client.finished) == (ConnectionState.CLOSED, True)
    assert receive(client, b"more") == []
    assert list(client.receive_eof()) == []


def test_whole_body_comes_only_when_it_is_complete() -> None:
    client = new_client()
    (event,) = receive(client, head(FORBIDDEN, "Content-Length: 5") + b"hell", 1)
    assert isinstance(event, RejectConnection)
    assert client.state is ConnectionState.REJECTING
    assert not client.finished
    assert receive(client, b"o") == [RejectData(b"hello")]


@whole_and_bytewise
@pytest.mark.parametrize(
    "data",
    [
        head(FORBIDDEN, "Content-Length: 5") + b"hello",
        head(FORBIDDEN, "Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",
    ],
    ids=["Content-Length", "chunked"],
)
def test_bytes_parsed_ends_with_the_body(data: bytes, size: int | None) -> None:
    client = new_client()
    events = receive(client, data + b"more", size)
    assert events[1:] == [RejectData(b"hello")]
    assert client.bytes_parsed == len(data)


def test_pieces_of_a_body_come_as_they_arrive() -> None:
    client = new_client(delivery="chunk")
    events = receive(client, head(FORBIDDEN, "Content-Length: 5") + b"he")
    assert events[1:] == [RejectData(b"he", False)]
    assert receive(client, b"l") == [RejectData(b"l", False)]
    assert receive(client, b"lo") == [RejectData(b"lo", True)]


@pytest.mark.parametrize("delivery", ["message", "chunk"])
@pytest.mark.parametrize("size", [None, 1 << 16], ids=["whole", "64 KiB"])
def test_body_over_a_mebibyte_is_cut_and_flagged(size: int | None, delivery: str) -> None:
    client = new_client(delivery=delivery)
    data = head(FORBIDDEN) + b"x" * (3 << 20)
    pieces = [event for event in receive(client, data, size) if isinstance(event, RejectData)]
    assert sum(len(piece.data) for piece in pieces) == 1 << 20
    assert (pieces[-1].body_finished, pieces[-1].truncated) == (True, True)
    assert client.finished


@pytest.mark.parametrize("event", [TextMessage("x"), Ping(), CloseConnection(), RejectData(b"x")])
def test_nothing_can_be_sent_ahead_of_the_answer_or_after_a_no(event: Event) -> None:
    rejecting = new_client()
    receive(rejecting, head(FORBIDDEN))
    rejected = new_client()
    receive(rejected, head(FORBIDDEN, "Content-Length: 0"))
    for client, state in (
        (new_client(), ConnectionState.CONNECTING),
        (rejecting, ConnectionState.REJECTING),
        (rejected, ConnectionState.CLOSED),
    ):
        with pytest.raises(LocalProtocolError) as caught:
            client.send(event)
        assert caught.value.state is state
        assert (client.pending_bytes, client.state) == (0, state)


# The end


@pytest.mark.parametrize("end", ["receive_eof", "receive_reset"])
@pytest.mark.parametrize(
    "data", [b"", b"H", RESPONSE[:-1], head("HTTP/1.1 100 Continue")], ids=repr
)
def test_end_of_the_transport_ahead_of_the_answer_fails_the_handshake(
    data: bytes, end: str
) -> None:
    client = ClientConnection("ws://example.com/")
    assert receive(client, data, 1) == []
    (event,) = getattr(client, end)()
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is ConnectionLost
    assert client.error == event.error
    assert (client.state, client.finished) == (ConnectionState.CLOSED, True)
    assert (client.pending_bytes == 0) is (end == "receive_reset")
    assert list(getattr(client, end)()) == []
    assert receive(client, RESPONSE) == []


def test_reset_inside_a_rejection_cuts_its_body() -> None:
    client = new_client()
    receive(client, head(FORBIDDEN, "Content-Length: 5") + b"he")
    assert list(client.receive_reset()) == [RejectData(b"he", True, True)]
    assert client.finished
    assert list(client.receive_eof()) == []


def test_answer_and_eof_in_one_go_are_both_heard() -> None:
    client = new_client()
    client.receive_data(RESPONSE + unmasked(FIN | TEXT, b"hi"))
    events = list(client.receive_eof())
    assert isinstance(events[0], AcceptConnection)
    assert events[1:] == [TextMessage("hi"), CloseConnection(1006, "", CloseSource.TRANSPORT)]


def test_client_waits_for_the_server_to_close() -> None:
    for ours_first in (True, False):
        client = open_client()
        if ours_first:
            client.close()
        assert len(receive(client, unmasked(0x88, b"\x03\xe8"))) == 1
        assert client.state is ConnectionState.CLOSED
        assert client.data_to_send() == masked(0x88, b"\x03\xe8")
        assert (client.finished, client.send_eof) == (False, False)
        assert list(client.receive_eof()) == []
        assert (client.finished, client.send_eof) == (True, True)


@pytest.mark.parametrize("end", ["receive_eof", "receive_reset"])
def test_end_of_the_transport_without_a_close_is_told(end: str) -> None:
    for closing in (False, True):
        client = open_client()
        if closing:
            client.close(1001, "away")
        events = list(getattr(client, end)())
        assert events == [CloseConnection(1006, "", CloseSource.TRANSPORT)]
        assert (client.close_code, client.close_reason) == (1006, "")
        assert client.finished
        assert list(getattr(client, end)()) == []
        with pytest.raises(LocalProtocolError) as caught:
            client.send_text("late")
        assert caught.value.close_code == 1006


def test_nothing_is_queued_for_a_transport_that_broke() -> None:
    for data in (unmasked(FIN | PING, b"x"), unmasked(0x88), unmasked(FIN | 3)):
        client = open_client()
        client.send_text("waits")
        client.receive_data(unmasked(FIN | PING, b"x") + data)
        events = list(client.receive_reset())
        assert events[0] == Ping(b"x")
        assert isinstance(events[-1], CloseConnection)
        assert client.data_to_send() == b""
        assert client.finished


def test_failed_handshake_drops_what_follows() -> None:
    client = new_client(limits=Limits(max_head_fields=3))
    events = receive(client, response("A: b") + unmasked(FIN | TEXT, b"hi"), 10)
    (event,) = events
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is HeadTooLarge
    assert (client.pending_bytes, client.finished, client.response) == (0, True, None)


@whole_and_bytewise
def test_refusal_in_http_1_0_is_data_to_act_on(size: int | None) -> None:
    client = new_client()
    data = head("HTTP/1.0 302 Found", "Location: wss://example.org/chat") + b"moved"
    events = receive(client, data, size) + list(client.receive_eof())
    assert events == [
        RejectConnection(302, [("Location", "wss://example.org/chat")], True),
        RejectData(b"moved"),
    ]
    assert client.error is None


def test_acceptance_in_http_1_0_fails_the_handshake() -> None:
    client = new_client()
    (event,) = receive(client, response(line="HTTP/1.0 101 Switching Protocols"))
    assert isinstance(event, HandshakeFailed)
    assert "HTTP/1.0 instead of HTTP/1.1" in str(event.error)


@pytest.mark.parametrize("delivery", ["message", "chunk"])
def test_reset_cuts_a_body_that_would_go_up_to_the_end(delivery: str) -> None:
    client = new_client(delivery=delivery)
    client.receive_data(head(FORBIDDEN) + b"abc")
    assert list(client.receive_reset())[1:] == [RejectData(b"abc", True, True)]
    assert client.finished


@pytest.mark.parametrize("target", [b"/other", 5])
def test_target_that_is_not_str_is_a_type_error(target: Any) -> None:
    with pytest.raises(TypeError, match="target must be str"):
        new_client(target=target)
