"""How does a server go on from a request that somebody else has parsed?"""

from __future__ import annotations

from typing import Any

import pytest
from expect import whole_and_bytewise
from wire import (
    FIN,
    KEY,
    PING,
    RESPONSE,
    TEXT,
    masked,
    read_frames,
    receive,
)

from wsproto_core import (
    BytesMessage,
    EarlyDataTooLarge,
    HandshakeFailed,
    Limits,
    Ping,
    Request,
    ServerConnection,
    TextMessage,
)

FIELDS = [
    ("Host", "example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
]


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
    assert server.data_to_send() == RESPONSE
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


@pytest.mark.parametrize(
    ("target", "options", "name"),
    [
        (b"/chat", {}, "target"),
        (None, {}, "target"),
        ("/chat", {"method": b"GET"}, "method"),
        ("/chat", {"method": None}, "method"),
    ],
)
def test_parsed_request_line_of_another_type_is_a_type_error(
    target: Any, options: dict[str, Any], name: str
) -> None:
    with pytest.raises(TypeError, match=f"{name} must be str, not"):
        ServerConnection.from_request(FIELDS, target, **options)
