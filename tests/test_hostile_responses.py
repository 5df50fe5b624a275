"""Answers that broke other clients, and what nobody can make us send in a head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from expect import whole_and_bytewise
from wire import (
    DEFLATE_FIELD,
    RESPONSE,
    head,
    new_client,
    receive,
    request,
    response,
)

from wsproto_core import (
    AcceptConnection,
    ClientConnection,
    CloseConnection,
    ConnectionState,
    FrameError,
    HandshakeError,
    HandshakeFailed,
    HeadTooLarge,
    HTTPVersionNotSupported,
    InvalidURI,
    LocalProtocolError,
    MalformedHandshake,
    NegotiationError,
    PerMessageDeflate,
    ServerConnection,
    TextMessage,
)

# The opening handshake, as a client


@whole_and_bytewise
@pytest.mark.parametrize(
    "interim",
    [
        "HTTP/1.1 100 Continue",
        "HTTP/1.1 102 Processing",
        "HTTP/1.1 103 Early Hints",
    ],
)
def test_interim_responses_are_skipped(interim: str, size: int | None) -> None:
    client = new_client()
    before = head(interim, "Link: </style.css>")
    events = receive(client, before * 3 + RESPONSE + b"\x81\x02hi", size)
    assert [type(event) for event in events] == [AcceptConnection, TextMessage]
    assert events[1] == TextMessage("hi")
    assert client.bytes_parsed == 3 * len(before) + len(RESPONSE) + 4


class BadResponse(NamedTuple):
    data: bytes
    error: type[HandshakeError]


BAD_RESPONSES = {
    "wrong accept": BadResponse(
        response(
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", without=["Sec-WebSocket-Accept"]
        ),
        MalformedHandshake,
    ),
    "no accept": BadResponse(response(without=["Sec-WebSocket-Accept"]), MalformedHandshake),
    "two accepts": BadResponse(response("Sec-WebSocket-Accept: x"), MalformedHandshake),
    "no Upgrade": BadResponse(response(without=["Upgrade"]), MalformedHandshake),
    "Upgrade to another protocol": BadResponse(
        response("Upgrade: h2c", without=["Upgrade"]), MalformedHandshake
    ),
    "no Connection": BadResponse(response(without=["Connection"]), MalformedHandshake),
    "status line garbage": BadResponse(response(line="HTTP/1.1 abc"), MalformedHandshake),
    "no status line": BadResponse(b"\x88\x02\x03\xe8\r\n\r\n", MalformedHandshake),
    "HTTP/1.0": BadResponse(response(line="HTTP/1.0 101 x"), HTTPVersionNotSupported),
    "body on 101": BadResponse(response("Content-Length: 5") + b"hello", MalformedHandshake),
    "chunked 101": BadResponse(
        response("Transfer-Encoding: chunked") + b"0\r\n\r\n", MalformedHandshake
    ),
    "folded line": BadResponse(response(" folded: x"), MalformedHandshake),
    "line feeds only": BadResponse(RESPONSE.replace(b"\r\n", b"\n"), MalformedHandshake),
    "2,000 fields": BadResponse(response(*["A: b"] * 2000), HeadTooLarge),
    "a field of 1 MiB": BadResponse(response("A: " + "b" * (1 << 20)), HeadTooLarge),
    "subprotocol not offered": BadResponse(
        response("Sec-WebSocket-Protocol: mqtt"), NegotiationError
    ),
    "two subprotocols": BadResponse(
        response("Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: chat"),
        MalformedHandshake,
    ),
    "extension not offered": BadResponse(
        response("Sec-WebSocket-Extensions: bbf-usp-protocol"), NegotiationError
    ),
    "extension twice": BadResponse(
        response(f"{DEFLATE_FIELD}, permessage-deflate"), NegotiationError
    ),
    "unreadable extensions": BadResponse(
        response("Sec-WebSocket-Extensions: ;"), MalformedHandshake
    ),
} | {
    f"deflate granted with {parameter or 'nothing'!r}": BadResponse(
        response(f"{DEFLATE_FIELD}; {parameter}"), NegotiationError
    )
    for parameter in (
        "server_max_window_bits=999",
        "server_max_window_bits=abc",
        "server_max_window_bits=7",
        "server_max_window_bits=08",
        "server_max_window_bits",
        "server_max_window_bits=",
        "client_max_window_bits",
        "client_max_window_bits=16",
        "client_max_window_bits=9; client_max_window_bits=9",
        "server_no_context_takeover=yes",
        "foo",
        "foo=1",
    )
}


@whole_and_bytewise
@pytest.mark.parametrize("bad", BAD_RESPONSES.values(), ids=BAD_RESPONSES.keys())
def test_bad_response_ends_as_a_value(bad: BadResponse, size: int | None) -> None:
    client = new_client(subprotocols=["chat"], extensions=[PerMessageDeflate()])

    events = receive(client, bad.data, size)

    (event,) = events
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is bad.error
    assert event.error.section.startswith("RFC ")
    assert client.error == event.error
    assert client.pending_bytes == 0
    assert client.state is ConnectionState.CLOSED
    assert client.finished


@whole_and_bytewise
def test_bytes_behind_a_101_are_frames(size: int | None) -> None:
    client = new_client()
    events = receive(client, RESPONSE + b"HTTP/1.1 200 OK\r\n\r\n", size)
    assert [type(event) for event in events] == [AcceptConnection, CloseConnection]
    assert client.error is not None
    assert client.error.offset == len(RESPONSE)
    assert type(client.error) is FrameError


UNSENDABLE = ["\r", "\n", "\r\nX-Injected: yes", "\0", "\x7f", "\xe9", "\ud800"]
each_unsendable = pytest.mark.parametrize("bad", UNSENDABLE, ids=ascii)


@pytest.mark.parametrize("bad", [*UNSENDABLE, " "], ids=ascii)
@pytest.mark.parametrize(
    "options",
    [
        {"target": "/a{}b"},
        {"subprotocols": ["a{}b"]},
        {"extra_headers": [("X{}Y", "value")]},
    ],
    ids=["target", "subprotocol", "field name"],
)
def test_client_cannot_be_made_to_send_what_is_no_token(options: dict[str, Any], bad: str) -> None:
    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("{}", bad)
        return type(value)(fill(part) for part in value)

    filled = {name: fill(value) for name, value in options.items()}
    with pytest.raises(LocalProtocolError):
        ClientConnection("ws://example.com/", **filled)


@each_unsendable
@pytest.mark.parametrize("option", ["origin", "user_agent"])
def test_client_cannot_be_made_to_split_a_field(option: str, bad: str) -> None:
    with pytest.raises(LocalProtocolError):
        ClientConnection("ws://example.com/", **{option: f"a{bad}b"})  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError):
        ClientConnection("ws://example.com/", extra_headers=[("X-Y", f"a{bad}b")])


@pytest.mark.parametrize("bad", ["\r\n", "\n", "\0", " "], ids=ascii)
def test_client_cannot_be_made_to_split_its_host(bad: str) -> None:
    with pytest.raises(InvalidURI):
        ClientConnection(f"ws://exam{bad}ple.com/")
    with pytest.raises(InvalidURI):
        ClientConnection(f"ws://example.com/a{bad}b")


@each_unsendable
def test_server_cannot_be_made_to_split_its_answer(bad: str) -> None:
    server = ServerConnection()
    receive(server, request("Sec-WebSocket-Protocol: chat"))
    calls: list[Callable[[], None]] = [
        lambda: server.accept(f"chat{bad}"),
        lambda: server.accept(headers=[(f"X{bad}", "y")]),
        lambda: server.accept(headers=[("X", f"a{bad}b")]),
        lambda: server.reject(403, [(f"X{bad}", "y")]),
        lambda: server.reject(403, [("X", f"a{bad}b")], b"body"),
    ]
    for call in calls:
        with pytest.raises(LocalProtocolError):
            call()
        assert server.state is ConnectionState.CONNECTING
        assert server.pending_bytes == 0
    server.accept("chat")
    assert server.subprotocol == "chat"


@each_unsendable
def test_server_options_that_cannot_be_sent_are_refused(bad: str) -> None:
    with pytest.raises(LocalProtocolError):
        ServerConnection(server=f"a{bad}b")
    with pytest.raises(LocalProtocolError):
        ServerConnection(extra_headers=[("X", f"a{bad}b")])
    with pytest.raises(LocalProtocolError):
        ServerConnection(subprotocols=[f"a{bad}b"])
