"""What is a valid extended CONNECT, and how is it answered, whatever HTTP/2 library is used?"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any

import pytest
from expect import both_roles
from hypothesis import given
from hypothesis import strategies as st
from wire import (
    BINARY,
    CLOSE,
    FIN,
    PING,
    PONG,
    TEXT,
    close_payload,
    fixed_random,
    frame_from,
    frame_to,
    frames_out,
    masked,
    unmasked,
)

from wsproto_core import (
    SETTINGS_ENABLE_CONNECT_PROTOCOL,
    AcceptConnection,
    ClientConnection,
    CloseConnection,
    CloseSource,
    Connection,
    ConnectionLost,
    ConnectionState,
    EarlyDataTooLarge,
    Event,
    HandshakeError,
    HandshakeFailed,
    HeaderBlock,
    Headers,
    HostNotAllowed,
    Limits,
    LocalProtocolError,
    MalformedHandshake,
    MethodNotAllowed,
    NegotiationError,
    OpeningTimeout,
    OrdinaryConnect,
    OriginNotAllowed,
    PerMessageDeflate,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    ResetCode,
    Role,
    ServerConnection,
    TextMessage,
    Timeouts,
    UnsupportedProtocol,
    UnsupportedVersion,
    extended_connect_protocol,
)

REQUEST: HeaderBlock = [
    (b":method", b"CONNECT"),
    (b":protocol", b"websocket"),
    (b":scheme", b"https"),
    (b":authority", b"example.com"),
    (b":path", b"/chat?a=b"),
    (b"sec-websocket-version", b"13"),
]
OK: HeaderBlock = [(b":status", b"200")]


def altered(*fields: tuple[bytes, bytes | None], block: HeaderBlock = REQUEST) -> HeaderBlock:
    """`block` with the values of `fields` instead; None leaves one out, others come behind."""
    changes = dict(fields)
    kept = [(name, changes.pop(name, value)) for name, value in block]
    both = [*kept, *changes.items()]
    return [(name, value) for name, value in both if value is not None]


def asked(*fields: tuple[bytes, bytes | None], **options: Any) -> ServerConnection:
    """A server that has such a request and has not answered."""
    server = ServerConnection.from_extended_connect(altered(*fields), **options)
    (event,) = server.events()
    assert isinstance(event, Request)
    return server


def open_server(**options: Any) -> ServerConnection:
    server = asked(**options)
    server.accept()
    assert server.headers_to_send() == OK
    return server


def new_client(uri: str = "wss://example.com/chat", **options: Any) -> ClientConnection:
    options.setdefault("user_agent", None)
    return ClientConnection(uri, extended_connect=True, random_bytes=fixed_random, **options)


def open_client(**options: Any) -> ClientConnection:
    client = new_client(**options)
    assert client.headers_to_send()
    (event,) = client.receive_headers(OK)
    assert isinstance(event, AcceptConnection)
    return client


def open_one(role: Role, **options: Any) -> Connection:
    return open_server(**options) if role is Role.SERVER else open_client(**options)


def failed(events: Iterable[Event], error: type[HandshakeError]) -> HandshakeError:
    """The error of the one event, which says that the handshake failed."""
    (event,) = events
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is error
    return event.error


def answer(server: ServerConnection) -> tuple[int, Headers]:
    """The status and the header fields that the server sends."""
    block = server.headers_to_send()
    assert block is not None
    assert all(name == name.lower() for name, _ in block)
    (name, status), *fields = block
    assert name == b":status"
    return int(status), Headers(fields)


# The constants


def test_the_numbers_are_those_of_the_rfcs() -> None:
    assert SETTINGS_ENABLE_CONNECT_PROTOCOL == 0x8
    assert ResetCode.CANCEL == 0x8
    assert ResetCode.H3_REQUEST_CANCELLED == 0x10C


@pytest.mark.parametrize(
    ("fields", "protocol"),
    [
        ((), "websocket"),
        ([(b":protocol", b"WebSocket")], "websocket"),
        ([(b":protocol", b"connect-udp")], "connect-udp"),
        ([(b":protocol", None)], None),
        ([(b":method", b"GET")], None),
        ([(b":method", None)], None),
    ],
)
def test_a_framework_can_tell_where_a_request_belongs(
    fields: Iterable[tuple[bytes, bytes | None]], protocol: str | None
) -> None:
    assert extended_connect_protocol(altered(*fields)) == protocol


# The server reads the request


@pytest.mark.parametrize("text", [False, True], ids=["bytes", "str"])
def test_a_request_is_taken_as_the_event(text: bool) -> None:
    more = (
        (b"sec-websocket-protocol", b"a, b"),
        (b"sec-websocket-extensions", b"permessage-deflate"),
        (b"origin", b"https://o"),
        (b"te", b"trailers"),
    )
    block: Any = altered(*more)
    if text:
        block = [(name.decode(), value.decode()) for name, value in block]
    server = ServerConnection.from_extended_connect(block)
    (event,) = server.events()
    assert event == Request(
        "example.com",
        "/chat?a=b",
        Headers([*REQUEST[5:], *more]),
        ("a", "b"),  # type: ignore[arg-type]
        (("permessage-deflate", ()),),  # type: ignore[arg-type]
        "https://o",  # type: ignore[arg-type]
    )
    assert server.request is event
    assert list(server.events()) == []
    assert (server.headers_to_send(), server.data_to_send()) == (None, b"")
    assert not server.send_eof
    assert not server.finished


@pytest.mark.parametrize(
    "field",
    [
        (b":protocol", b"WEBSOCKET"),
        (b":scheme", b"http"),
        (b":scheme", b"HTTPS"),
        (b":path", b"/"),
        (b":authority", b"[::1]:8443"),
        (b"host", b"EXAMPLE.com:443"),
        (b"x-empty", b""),
    ],
)
def test_what_a_request_may_have(field: tuple[bytes, bytes]) -> None:
    assert asked(field).request is not None


@pytest.mark.parametrize(
    ("block", "section"),
    [
        (altered((b":scheme", None)), "RFC 8441 section 5"),
        (altered((b":scheme", b"ftp")), "RFC 8441 section 5"),
        (altered((b":path", None)), "RFC 8441 section 4"),
        (altered((b":path", b"")), "RFC 8441 section 4"),
        (altered((b":path", b"*")), "RFC 8441 section 4"),
        (altered((b":path", b"/a#b")), "RFC 8441 section 4"),
        (altered((b":path", b"/a b")), "RFC 8441 section 4"),
        (altered((b":path", b"/\xe9")), "RFC 8441 section 4"),
        (altered((b":authority", None)), "RFC 8441 section 4"),
        (altered((b":authority", b"")), "RFC 8441 section 4"),
        (altered((b":authority", b"u@example.com")), "RFC 8441 section 4"),
        (altered((b"host", b"example.org")), "RFC 9113 section 8.3.1"),
        (altered((b"host", b"example.com:80")), "RFC 9113 section 8.3.1"),
        (altered((b"host", b"?")), "RFC 9113 section 8.3.1"),
        (altered((b":status", b"200")), "RFC 9113 section 8.3"),
        ([(b":unknown", b"x"), *REQUEST], "RFC 9113 section 8.3"),
        ([*REQUEST[:1], *REQUEST], "RFC 9113 section 8.3"),
        ([*REQUEST[1:], *REQUEST[:1]], "RFC 9113 section 8.3"),
        ([*REQUEST, (b"Origin", b"https://o")], "RFC 9113 section 8.2.1"),
        ([*REQUEST, (b"a b", b"x")], "RFC 9113 section 8.2.1"),
        ([*REQUEST, (b"", b"x")], "RFC 9113 section 8.2.1"),
        ([*REQUEST, (b"x", b"a\r\nb: c")], "RFC 9113 section 8.2.1"),
        ([*REQUEST, (b"x", b"a\0")], "RFC 9113 section 8.2.1"),
        ([*REQUEST, (b"x", b" a")], "RFC 9113 section 8.2.1"),
        ([*REQUEST, (b"x", b"a\t")], "RFC 9113 section 8.2.1"),
        ([*REQUEST, (b"connection", b"upgrade")], "RFC 9113 section 8.2.2"),
        ([*REQUEST, (b"upgrade", b"websocket")], "RFC 9113 section 8.2.2"),
        ([*REQUEST, (b"keep-alive", b"5")], "RFC 9113 section 8.2.2"),
        ([*REQUEST, (b"proxy-connection", b"x")], "RFC 9113 section 8.2.2"),
        ([*REQUEST, (b"transfer-encoding", b"chunked")], "RFC 9113 section 8.2.2"),
        ([*REQUEST, (b"te", b"gzip")], "RFC 9113 section 8.2.2"),
        ([*REQUEST, (b"sec-websocket-key", b"x")], "RFC 8441 section 5"),
        ([*REQUEST, (b"sec-websocket-accept", b"x")], "RFC 8441 section 5"),
        ([*REQUEST, (b"content-length", b"5")], "RFC 6455 section 4.2.1"),
        ([*REQUEST, (b"x", b"\xe9")], "RFC 9110 section 5.5"),
        (altered((b"sec-websocket-version", None)), "RFC 6455 section 4.2.1"),
        ([*REQUEST, *REQUEST[5:]], "RFC 6455 section 4.2.1"),
        ([*REQUEST, (b"origin", b"a"), (b"origin", b"b")], "RFC 6455 section 4.2.1"),
        ([*REQUEST, (b"sec-websocket-protocol", b"a, a")], "RFC 6455 section 4.1"),
        ([*REQUEST, (b"sec-websocket-extensions", b'a;b="')], "RFC 6455 section 9.1"),
    ],
)
def test_a_malformed_request_is_answered_with_400(block: HeaderBlock, section: str) -> None:
    server = ServerConnection.from_extended_connect(block)
    error = failed(server.events(), MalformedHandshake)
    assert error.section == section
    assert str(error).isascii()
    status, fields = answer(server)
    body = server.data_to_send()
    assert (status, body) == (400, f"{error}\n".encode())
    assert fields.get("content-length") == str(len(body))
    assert server.state is ConnectionState.CLOSED
    assert (server.send_eof, server.finished) == (True, False)
    assert list(server.receive_eof()) == []
    assert server.finished


def test_a_request_that_ends_its_stream_is_refused() -> None:
    server = ServerConnection.from_extended_connect(REQUEST, end_stream=True)
    assert failed(server.events(), MalformedHandshake).section == "RFC 8441 section 5"
    assert answer(server)[0] == 400
    assert (server.send_eof, server.finished) == (True, True)


@pytest.mark.parametrize(
    ("fields", "error", "status", "extra"),
    [
        ([(b":protocol", b"connect-udp")], UnsupportedProtocol, 501, {}),
        ([(b":protocol", b"")], UnsupportedProtocol, 501, {}),
        (
            [(b":protocol", None), (b":scheme", None), (b":path", None)],
            OrdinaryConnect,
            501,
            {},
        ),
        ([(b":protocol", None)], OrdinaryConnect, 501, {}),
        ([(b":method", b"GET")], MethodNotAllowed, 405, {"Allow": "CONNECT"}),
        ([(b":method", b"GET"), (b":protocol", None)], MethodNotAllowed, 405, {"Allow": "CONNECT"}),
        ([(b":method", None)], MethodNotAllowed, 405, {"Allow": "CONNECT"}),
        (
            [(b"sec-websocket-version", b"8")],
            UnsupportedVersion,
            400,
            {"Sec-WebSocket-Version": "13"},
        ),
    ],
)
def test_another_request_is_answered_with_what_is_wrong(
    fields: list[tuple[bytes, bytes | None]],
    error: type[HandshakeError],
    status: int,
    extra: dict[str, str],
) -> None:
    server = ServerConnection.from_extended_connect(altered(*fields))
    found = failed(server.events(), error)
    assert (found.status, dict(found.headers)) == (status, extra)
    sent, headers = answer(server)
    assert sent == status
    assert all(headers[name] == value for name, value in extra.items())


def test_an_error_that_means_something_else_on_a_stream_is_a_value_like_the_others() -> None:
    def fail() -> HandshakeError:
        block = altered((b"sec-websocket-version", b"8"))
        return failed(ServerConnection.from_extended_connect(block).events(), UnsupportedVersion)

    error = fail()
    assert error == fail()
    copied = pickle.loads(pickle.dumps(error))
    assert copied == error
    assert copied.status == 400


def test_what_one_connection_answers_does_not_change_the_next_ones() -> None:
    failed(
        ServerConnection.from_extended_connect(altered((b"sec-websocket-version", b"8"))).events(),
        UnsupportedVersion,
    )
    assert UnsupportedVersion("").status == 426
    assert dict(UnsupportedVersion("").headers)["Upgrade"] == "websocket"


@pytest.mark.parametrize(
    ("options", "error", "status"),
    [
        ({"origins": ["https://o"]}, OriginNotAllowed, 403),
        ({"hosts": ["example.org"]}, HostNotAllowed, 421),
    ],
)
def test_the_servers_options_hold(
    options: dict[str, Any], error: type[HandshakeError], status: int
) -> None:
    server = ServerConnection.from_extended_connect(REQUEST, **options)
    failed(server.events(), error)
    assert answer(server)[0] == status


_names = st.sampled_from([name for name, _ in REQUEST] + [b"host", b":status", b"a", b"A", b""])
_values = st.sampled_from([value for _, value in REQUEST]) | st.binary(max_size=5)
_text = st.text(max_size=5)


_fields = st.lists(st.tuples(_names, _values) | st.tuples(_text, _text), max_size=8)


@given(_fields | _fields.map(lambda more: [*REQUEST, *more]), st.booleans())
def test_any_header_list_is_a_request_or_is_answered(block: Any, end_stream: bool) -> None:
    server = ServerConnection.from_extended_connect(block, end_stream=end_stream)
    (event,) = server.events()
    if isinstance(event, HandshakeFailed):
        assert answer(server)[0] == event.error.status
        assert server.send_eof
    else:
        assert isinstance(event, Request)
        server.accept()
        assert answer(server)[0] == 200


@given(_fields | _fields.map(lambda more: [*OK, *more]), st.booleans())
def test_any_header_list_is_a_response_or_fails(block: Any, end_stream: bool) -> None:
    client = new_client()
    events = list(client.receive_headers(block, end_stream=end_stream))
    assert len(events) <= 2
    assert client.finished or not end_stream


# The server answers


def test_an_accept_has_status_200_and_nothing_of_an_upgrade() -> None:
    server = asked(
        (b"sec-websocket-protocol", b"a, b"),
        (b"sec-websocket-extensions", b"permessage-deflate"),
        subprotocols=["b"],
        extensions=[PerMessageDeflate()],
        server="ours",
    )
    server.accept(headers={"X-Room": "7"})
    assert server.pending_bytes == 0
    assert server.headers_to_send() == [
        (b":status", b"200"),
        (b"sec-websocket-protocol", b"b"),
        (b"sec-websocket-extensions", b"permessage-deflate"),
        (b"server", b"ours"),
        (b"x-room", b"7"),
    ]
    assert server.headers_to_send() is None
    assert (server.state, server.subprotocol) == (ConnectionState.OPEN, "b")
    assert not server.send_eof


def test_a_rejection_is_whole_with_its_headers_and_its_body() -> None:
    server = asked()
    server.reject(401, {"WWW-Authenticate": "Basic"}, b"who are you?")
    assert server.headers_to_send() == [
        (b":status", b"401"),
        (b"www-authenticate", b"Basic"),
        (b"content-length", b"12"),
    ]
    assert server.data_to_send() == b"who are you?"
    assert (server.send_eof, server.finished) == (True, False)


def test_a_rejection_without_body_says_so() -> None:
    server = asked()
    server.reject(404)
    assert server.headers_to_send() == [(b":status", b"404"), (b"content-length", b"0")]
    assert (server.pending_bytes, server.send_eof) == (0, True)


def test_a_rejection_in_pieces_ends_the_stream_with_the_last_one() -> None:
    server = asked()
    server.send(RejectConnection(503, has_body=True))
    server.send(RejectData(b"busy", body_finished=False))
    assert answer(server) == (503, Headers())
    assert not server.send_eof
    server.send(RejectData(b"!"))
    assert (server.data_to_send(), server.send_eof) == (b"busy!", True)


def test_who_ends_its_stream_in_a_rejection_gets_the_rest_of_it() -> None:
    server = asked()
    server.send(RejectConnection(503, has_body=True))
    assert list(server.receive_eof()) == []
    assert (server.send_eof, server.finished) == (False, False)
    server.send(RejectData(b"busy"))
    assert (server.data_to_send(), server.send_eof, server.finished) == (b"busy", True, True)


@pytest.mark.parametrize("status", [101, 200, 204, 299, 600])
def test_a_status_that_rejects_nothing_cannot_be_sent(status: int) -> None:
    server = asked()
    with pytest.raises(LocalProtocolError, match="use 300 to 599"):
        server.reject(status)
    assert server.headers_to_send() is None
    server.accept()


@pytest.mark.parametrize(
    "name", ["Connection", "Keep-Alive", "Upgrade", "TE", "Transfer-Encoding", "Host"]
)
def test_fields_of_a_connection_cannot_be_sent(name: str) -> None:
    server = asked(
        (b"sec-websocket-extensions", b"permessage-deflate"), extensions=[PerMessageDeflate()]
    )
    with pytest.raises(LocalProtocolError):
        server.accept(headers={name: "x"})
    with pytest.raises(LocalProtocolError):
        server.reject(403, {name: "x"})
    assert server.headers_to_send() is None
    assert (server.state, server.extensions) == (ConnectionState.CONNECTING, ())
    with pytest.raises(LocalProtocolError):
        ServerConnection.from_extended_connect(REQUEST, extra_headers={name: "x"})
    with pytest.raises(LocalProtocolError):
        new_client(extra_headers={name: "x"})


def test_a_header_list_must_be_one() -> None:
    with pytest.raises(TypeError):
        ServerConnection.from_extended_connect([1])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        new_client().receive_headers([1])  # type: ignore[list-item]


def test_data_ahead_of_the_answer_waits() -> None:
    server = asked()
    assert list(server.receive_data(masked(FIN | TEXT, b"early"))) == []
    server.accept()
    assert list(server.events()) == [TextMessage("early")]
    assert server.bytes_parsed == len(masked(FIN | TEXT, b"early"))


def test_data_ahead_of_the_answer_is_bounded() -> None:
    server = asked(limits=Limits(max_early_data=10))
    assert list(server.receive_data(bytes(10))) == []
    assert failed(server.receive_data(b"x"), EarlyDataTooLarge).offset == 10
    assert answer(server)[0] == 413


def test_who_ends_its_stream_ahead_of_the_answer_gets_one() -> None:
    server = asked()
    failed(server.receive_eof(), ConnectionLost)
    assert answer(server)[0] == 400
    assert (server.send_eof, server.finished) == (True, True)


def test_a_stream_reset_ahead_of_the_answer_gets_none() -> None:
    server = asked()
    failed(server.receive_reset(), ConnectionLost)
    assert (server.headers_to_send(), server.data_to_send()) == (None, b"")
    assert (server.send_eof, server.finished) == (False, True)


# The client asks


def test_a_client_asks_with_an_extended_connect() -> None:
    client = new_client(
        "wss://user:secret@example.com:8443/chat?x=1",
        subprotocols=["a", "b"],
        extensions=[PerMessageDeflate()],
        origin="https://o",
        extra_headers={"X-Room": "7"},
        user_agent="ours",
    )
    assert client.data_to_send() == b""
    assert client.headers_to_send() == [
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", b"https"),
        (b":authority", b"example.com:8443"),
        (b":path", b"/chat?x=1"),
        (b"sec-websocket-version", b"13"),
        (b"origin", b"https://o"),
        (b"sec-websocket-protocol", b"a, b"),
        (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits"),
        (b"x-room", b"7"),
        (b"user-agent", b"ours"),
        (b"authorization", b"Basic dXNlcjpzZWNyZXQ="),
    ]
    assert client.headers_to_send() is None
    request = client.request
    assert request is not None
    assert (request.host, request.target) == ("example.com:8443", "/chat?x=1")


def test_ws_is_asked_for_as_http() -> None:
    assert (b":scheme", b"http") in (new_client("ws://a/").headers_to_send() or [])


def test_no_key_is_drawn() -> None:
    def no_random(size: int) -> bytes:
        raise AssertionError

    ClientConnection("ws://a/", extended_connect=True, random_bytes=no_random)


@pytest.mark.parametrize("target", ["", "*", "chat", "/a b", "/a#b", "/\xe9", "/a\r\n"])
def test_a_target_that_is_no_path_cannot_be_sent(target: str) -> None:
    with pytest.raises(LocalProtocolError):
        new_client(target=target)


def test_what_a_client_sends_a_server_takes() -> None:
    client = new_client(subprotocols=["a"], extensions=[PerMessageDeflate()])
    block = client.headers_to_send()
    assert block is not None
    server = ServerConnection.from_extended_connect(
        block, subprotocols=["a"], extensions=[PerMessageDeflate()]
    )
    (event,) = server.events()
    assert event == client.request
    server.accept()
    response = server.headers_to_send()
    assert response is not None
    (accepted,) = client.receive_headers(response)
    assert accepted == client.response
    assert client.subprotocol == server.subprotocol == "a"
    assert len(client.extensions) == len(server.extensions) == 1
    client.send_text("x" * 2000)
    assert client.pending_bytes < 100
    assert list(server.receive_data(client.data_to_send())) == [TextMessage("x" * 2000)]


# The client reads the answer


def test_interim_responses_and_trailers_say_nothing() -> None:
    client = new_client()
    assert list(client.receive_headers([(b":status", b"103"), (b"link", b"x")])) == []
    (event,) = client.receive_headers([*OK, (b"content-length", b"x"), (b"x", b"\xe9")])
    assert event == AcceptConnection(None, (), [("content-length", "x"), ("x", "\xe9")])
    assert list(client.receive_headers([(b"x-checksum", b"1")])) == []
    assert client.state is ConnectionState.OPEN
    ended = client.receive_headers([(b"x-checksum", b"1")], end_stream=True)
    assert list(ended) == [CloseConnection(1006, "", CloseSource.TRANSPORT)]
    assert list(client.receive_headers(OK)) == []


def test_an_acceptance_that_ends_the_stream_opens_and_closes() -> None:
    client = new_client()
    accepted, lost = client.receive_headers(OK, end_stream=True)
    assert isinstance(accepted, AcceptConnection)
    assert lost == CloseConnection(1006, "", CloseSource.TRANSPORT)
    assert client.finished


@pytest.mark.parametrize(
    ("block", "error"),
    [
        ([], MalformedHandshake),
        ([(b":status", b"")], MalformedHandshake),
        ([(b":status", b"20")], MalformedHandshake),
        ([(b":status", b"099")], MalformedHandshake),
        ([(b":status", b"2000")], MalformedHandshake),
        ([(b":status", b"101")], MalformedHandshake),
        ([*OK, *OK], MalformedHandshake),
        ([(b"x", b"y"), *OK], MalformedHandshake),
        ([*OK, (b":path", b"/")], MalformedHandshake),
        ([*OK, (b"X", b"y")], MalformedHandshake),
        ([*OK, (b"upgrade", b"websocket")], MalformedHandshake),
        ([(b":status", b"404"), (b"content-length", b"x")], MalformedHandshake),
        (
            [(b":status", b"404"), (b"content-length", b"1"), (b"content-length", b"1")],
            MalformedHandshake,
        ),
        ([*OK, (b"sec-websocket-protocol", b"z")], NegotiationError),
        ([*OK, (b"sec-websocket-extensions", b"z")], NegotiationError),
    ],
)
def test_a_response_that_is_not_valid_fails_the_handshake(
    block: HeaderBlock, error: type[HandshakeError]
) -> None:
    client = new_client(subprotocols=["a"])
    failed(client.receive_headers(block), error)
    assert client.state is ConnectionState.CLOSED
    assert (client.send_eof, client.finished) == (True, False)
    assert list(client.receive_headers(OK)) == []
    assert list(client.receive_eof()) == []
    assert client.finished


def test_the_first_thing_wrong_is_what_is_reported() -> None:
    client = new_client()
    client.receive_headers([(b":status", b"101")])
    client.receive_data(b"x")
    client.receive_headers(OK)
    assert "101" in str(failed(client.events(), MalformedHandshake))


def test_a_second_response_is_none() -> None:
    client = new_client()
    client.receive_headers(OK)
    (event,) = client.receive_headers([(b":status", b"403")])
    assert isinstance(event, AcceptConnection)


def test_a_response_behind_the_end_is_none() -> None:
    client = new_client()
    client.receive_eof()
    failed(client.receive_headers(OK), ConnectionLost)


def test_data_ahead_of_the_response_fails_the_handshake() -> None:
    client = new_client()
    assert list(client.receive_data(b"")) == []
    assert failed(client.receive_data(b"\x81\x00"), MalformedHandshake).section == (
        "RFC 9113 section 8.1"
    )


def test_an_end_ahead_of_the_response_fails_the_handshake() -> None:
    client = new_client()
    failed(client.receive_eof(), ConnectionLost)
    assert (client.send_eof, client.finished) == (True, True)
    assert list(client.receive_headers(OK)) == []


def test_frames_behind_the_response_are_read() -> None:
    client = new_client()
    client.receive_headers(OK)
    accepted, message = client.receive_data(unmasked(FIN | TEXT, b"hi"))
    assert isinstance(accepted, AcceptConnection)
    assert message == TextMessage("hi")
    assert client.bytes_parsed == 4


@pytest.mark.parametrize(
    ("fields", "data", "body"),
    [
        ([], [b"no", b"!"], RejectData(b"no!")),
        ([], [], RejectData(b"")),
        ([(b"content-length", b"3")], [b"no", b"!"], RejectData(b"no!")),
        ([(b"content-length", b"3")], [b"no"], RejectData(b"no", truncated=True)),
        ([(b"content-length", b"3")], [b"no!!"], RejectData(b"no!", truncated=True)),
        ([], [b"x" * 21], RejectData(b"x" * 20, truncated=True)),
    ],
)
def test_a_rejection_gives_its_body(
    fields: HeaderBlock, data: list[bytes], body: RejectData
) -> None:
    client = new_client(limits=Limits(max_reject_body=20))
    (rejected,) = client.receive_headers([(b":status", b"403"), *fields])
    assert rejected == RejectConnection(403, fields, True)  # type: ignore[arg-type]
    events = [event for piece in data for event in client.receive_data(piece)]
    events += client.receive_eof()
    assert events == [body]
    assert (client.send_eof, client.finished) == (True, True)
    assert client.bytes_parsed == (21 if len(body.data) == 20 else len(body.data))


def test_a_body_that_is_cut_by_a_reset_is_marked() -> None:
    client = new_client()
    list(client.receive_headers([(b":status", b"403")]))
    client.receive_data(b"no")
    assert list(client.receive_reset()) == [RejectData(b"no", truncated=True)]
    assert client.finished


def test_a_body_that_is_whole_ends_the_clients_side_ahead_of_the_servers() -> None:
    client = new_client()
    list(client.receive_headers([(b":status", b"403"), (b"content-length", b"2")]))
    assert not client.send_eof
    assert list(client.receive_data(b"no")) == [RejectData(b"no")]
    assert (client.send_eof, client.finished) == (True, False)
    assert client.bytes_parsed == 2
    assert list(client.receive_eof()) == []
    assert client.finished


@pytest.mark.parametrize(
    ("block", "end_stream"),
    [
        ([(b":status", b"403")], True),
        ([(b":status", b"403"), (b"content-length", b"0")], False),
        ([(b":status", b"204")], False),
        ([(b":status", b"304"), (b"content-length", b"9")], False),
    ],
)
def test_a_rejection_without_body_is_one_event(block: HeaderBlock, end_stream: bool) -> None:
    client = new_client()
    (event,) = client.receive_headers(block, end_stream=end_stream)
    assert isinstance(event, RejectConnection)
    assert not event.has_body
    assert (client.send_eof, client.finished) == (True, end_stream)
    assert list(client.receive_eof()) == []
    assert client.finished


def test_header_lists_are_for_streams_only() -> None:
    client = ClientConnection("ws://a/")
    with pytest.raises(LocalProtocolError, match="receive_data"):
        client.receive_headers(OK)
    assert client.headers_to_send() is None
    assert ServerConnection().headers_to_send() is None
    assert Connection(Role.SERVER).headers_to_send() is None


# The end


@both_roles
def test_our_side_ends_behind_both_close_frames(role: Role) -> None:
    ws = open_one(role)
    ws.close(1000)
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1000))]
    assert not ws.send_eof
    (event,) = ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(1000)))
    assert event == CloseConnection(1000, "", CloseSource.PEER)
    assert (ws.send_eof, ws.finished) == (True, False)
    assert list(ws.receive_data(b"ignored")) == []
    assert list(ws.receive_eof()) == []
    assert (ws.send_eof, ws.finished) == (True, True)
    assert list(ws.receive_eof()) == list(ws.receive_reset()) == []


@both_roles
def test_an_answered_close_waits_for_the_peers_end_too(role: Role) -> None:
    ws = open_one(role)
    (event,) = ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(1001)))
    assert isinstance(event, CloseConnection)
    assert (ws.send_eof, ws.finished) == (True, False)
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1001))]


@both_roles
def test_a_close_and_an_end_in_one_go_are_still_answered(role: Role) -> None:
    ws = open_one(role)
    ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(1001)))
    assert len(list(ws.receive_eof())) == 1
    assert (ws.send_eof, ws.finished) == (True, True)
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1001))]


@both_roles
def test_an_end_behind_a_close_leaves_time_to_answer_it(role: Role) -> None:
    ws = open_one(role, auto_close=False)
    ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(1001)))
    assert len(list(ws.receive_eof())) == 1
    assert list(ws.events()) == []
    assert (ws.send_eof, ws.finished) == (False, False)
    ws.close(1001)
    assert (ws.send_eof, ws.finished) == (True, True)
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1001))]


@both_roles
def test_a_reset_behind_a_close_leaves_nothing_to_answer(role: Role) -> None:
    ws = open_one(role, auto_close=False)
    ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(1001)))
    assert len(list(ws.receive_reset())) == 1
    assert (ws.state, ws.finished) == (ConnectionState.CLOSED, True)


@both_roles
def test_a_failure_ends_our_side_and_waits_for_the_peers(role: Role) -> None:
    ws = open_one(role)
    (event,) = ws.receive_data(frame_to(role, FIN | 0x03))
    assert isinstance(event, CloseConnection)
    assert event.source is CloseSource.LOCAL
    assert (ws.send_eof, ws.finished) == (True, False)
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1002, event.reason))]
    assert list(ws.receive_data(b"ignored")) == []
    assert list(ws.receive_eof()) == []
    assert ws.finished


@both_roles
@pytest.mark.parametrize("closing", [False, True])
def test_an_end_without_close_is_abnormal(role: Role, closing: bool) -> None:
    ws = open_one(role)
    if closing:
        ws.close()
    assert list(ws.receive_eof()) == [CloseConnection(1006, "", CloseSource.TRANSPORT)]
    assert (ws.send_eof, ws.finished) == (True, True)
    assert list(ws.receive_eof()) == list(ws.receive_data(b"x")) == []


@both_roles
def test_a_reset_ends_everything_at_once(role: Role) -> None:
    ws = open_one(role)
    ws.send_text("lost")
    ws.receive_data(frame_to(role, FIN | PING, b"x"))
    assert list(ws.receive_reset()) == [
        Ping(b"x"),
        CloseConnection(1006, "", CloseSource.TRANSPORT),
    ]
    assert (ws.pending_bytes, ws.headers_to_send()) == (0, None)
    assert (ws.send_eof, ws.finished) == (False, True)
    assert list(ws.receive_reset()) == []


@both_roles
def test_output_follows_the_flow_control_window(role: Role) -> None:
    ws = open_one(role)
    assert list(ws.receive_data(b"")) == []
    ws.receive_data(frame_to(role, FIN | PING, b"ping"))
    list(ws.events())
    ws.send_bytes(b"x" * 100)
    expected = frame_from(role, FIN | PONG, b"ping") + frame_from(role, FIN | BINARY, b"x" * 100)
    assert ws.data_to_send(0) == b""
    taken = [ws.data_to_send(size) for size in (1, 7, 50, 1000)]
    assert [len(piece) for piece in taken] == [1, 7, 50, len(expected) - 58]
    assert b"".join(taken) == expected


# Time


@both_roles
def test_a_peer_that_does_not_end_its_side_is_reset_after_the_deadline(role: Role) -> None:
    ws = open_one(role, now=100.0, timeouts=Timeouts(ping=None, eof=5.0))
    ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(1000)), now=103.0)
    assert len(list(ws.events())) == 1
    assert (ws.send_eof, ws.finished, ws.next_deadline()) == (True, False, 108.0)
    assert list(ws.handle_timeout(107.9)) == []
    assert not ws.finished
    assert ws.pending_bytes, "no room in the window for our Close"
    assert list(ws.handle_timeout(108.0)) == []
    assert (ws.send_eof, ws.finished, ws.pending_bytes) == (False, True, 0)
    assert ws.next_deadline() is None


@both_roles
def test_a_peer_that_ends_its_side_has_no_deadline_any_more(role: Role) -> None:
    ws = open_one(role, now=100.0)
    list(ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(1000)), now=103.0))
    assert list(ws.receive_eof(now=104.0)) == []
    assert (ws.send_eof, ws.finished, ws.next_deadline()) == (True, True, None)


def test_a_refused_stream_has_a_deadline_too() -> None:
    server = ServerConnection.from_extended_connect(
        altered((b":path", None)), now=0.0, timeouts=Timeouts(eof=5.0)
    )
    failed(server.events(), MalformedHandshake)
    assert (server.finished, server.next_deadline()) == (False, 5.0)
    assert list(server.handle_timeout(5.0)) == []
    assert (server.finished, server.headers_to_send()) == (True, None)


def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    client = new_client(now=0.0, timeouts=Timeouts(opening=3.0, eof=5.0))
    failed(client.handle_timeout(3.0), OpeningTimeout)
    assert (client.send_eof, client.finished, client.next_deadline()) == (True, False, 8.0)
    assert list(client.handle_timeout(8.0)) == []
    assert client.finished


@pytest.mark.parametrize(("asked_at", "error"), [(2.0, None), (3.0, OpeningTimeout)])
def test_a_header_list_waits_for_its_turn(
    asked_at: float, error: type[HandshakeError] | None
) -> None:
    client = new_client(now=0.0, timeouts=Timeouts(opening=3.0))
    client.handle_timeout(asked_at)  # and the event is not taken yet
    events = list(client.receive_headers(OK, now=4.0))
    if error is None:
        (event,) = events
        assert isinstance(event, AcceptConnection)
    else:
        failed(events, error)


def test_a_header_list_that_comes_in_time_counts() -> None:
    client = new_client(now=0.0, timeouts=Timeouts(opening=3.0))
    client.receive_headers(OK, end_stream=True, now=2.0)
    accepted, lost = client.handle_timeout(3.0)
    assert isinstance(accepted, AcceptConnection)
    assert lost == CloseConnection(1006, "", CloseSource.TRANSPORT)
    assert list(client.receive_headers(OK, now=5.0)) == []
