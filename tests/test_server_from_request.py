"""How does a server go on from a request that somebody else has parsed?"""

from __future__ import annotations

from typing import Any, NoReturn

import h11
import pytest
from effort import examples
from expect import whole_and_bytewise
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from wire import (
    FIN,
    KEY,
    PING,
    REQUEST,
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
    Headers,
    Limits,
    MalformedHandshake,
    Ping,
    Request,
    ServerConnection,
    TextMessage,
    http1,
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
        {name.encode(): value.encode() for name, value in FIELDS},
        Headers(FIELDS),
        [(name.lower(), value) for name, value in FIELDS],
        [(name.upper().encode(), value.encode()) for name, value in FIELDS],
        [[name.lower().encode(), value.encode()] for name, value in FIELDS],
        h11.Request(method="GET", target="/", headers=FIELDS).headers,
        tuple(FIELDS),
        iter(FIELDS),
        [(name.encode(), value) for name, value in FIELDS],
        CIMultiDict(FIELDS),
    ],
    ids=[
        "pairs",
        "mapping",
        "mapping of bytes",
        "headers",
        "lower case",
        "bytes",
        "bytes in lists",
        "h11",
        "tuple",
        "iterator",
        "names of bytes",
        "multidict",
    ],
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
        (FIELDS, {"method": b"\xff"}, 405),
        (FIELDS, {"method": "get"}, 405),
        (FIELDS, {"method": "GET "}, 405),
        (FIELDS, {"method": ""}, 405),
        ([*FIELDS, ("X", "a\r\nSet-Cookie: b")], {}, 400),
        ([*FIELDS, (b"X", b"a\nb")], {}, 400),
        ([*FIELDS, ("X", "a\0b")], {}, 400),
        ([*FIELDS, ("X-A B", "c")], {}, 400),
        ([*FIELDS, (b"X\r\nY", b"c")], {}, 400),
        ([*FIELDS, ("", "c")], {}, 400),
        ([*FIELDS, (b"\xff", b"c")], {}, 400),
        ([*FIELDS, ("Host ", "other")], {}, 400),
        ([*FIELDS, ("Sec-WebSocket-Protocol", "a\r\nb")], {}, 400),
        ([("Host", "a\r\nb"), *FIELDS[1:]], {}, 400),
        ([("Host", "a b"), *FIELDS[1:]], {}, 400),
        ([*FIELDS[:3], ("Sec-WebSocket-Key", KEY + "\n"), FIELDS[4]], {}, 400),
        ([*FIELDS, ("Content-Length", "5")], {}, 400),
        ([], {}, 400),
    ],
)
def test_parsed_request_that_is_refused_is_answered(
    fields: Any, options: dict[str, Any], status: int
) -> None:
    server = ServerConnection.from_request(fields, "/", **options)
    (event,) = server.events()
    assert isinstance(event, HandshakeFailed)
    assert event.error.status == status
    answer = server.data_to_send()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.partition(b"\r\n\r\n")[2].decode() == f"{event.error}\n"
    assert str(event.error).isprintable()
    assert server.finished


@pytest.mark.parametrize(
    "target",
    [
        "",
        "chat",
        "*",
        "/a b",
        "/a\r\nb",
        "/\0",
        "/caf\xe9",
        b"/caf\xc3\xa9",
        b" /",
        "/\udcff",
        "/#a",
    ],
)
def test_parsed_target_that_no_request_has_is_answered(target: str | bytes) -> None:
    server = ServerConnection.from_request(FIELDS, target)
    (event,) = server.events()
    assert isinstance(event, HandshakeFailed)
    assert (type(event.error), event.error.section) == (MalformedHandshake, "RFC 9112 section 3.2")
    assert server.data_to_send().startswith(b"HTTP/1.1 400 ")
    assert server.finished


def test_method_and_target_may_be_bytes() -> None:
    server = ServerConnection.from_request(FIELDS, b"/chat?a=%ff", method=b"GET")
    (event,) = server.events()
    assert isinstance(event, Request)
    assert event.target == "/chat?a=%ff"


pairs = st.tuples(st.text() | st.binary(), st.text() | st.binary())


@examples(300)
@given(
    fields=st.lists(pairs, max_size=3),
    target=st.just("/") | st.text() | st.binary(),
    method=st.just("GET") | st.text() | st.binary(),
)
def test_whatever_a_lax_parser_hands_on_gives_one_event(
    fields: Any, target: str | bytes, method: str | bytes
) -> None:
    server = ServerConnection.from_request([*FIELDS, *fields], target, method=method)
    (event,) = server.events()
    if isinstance(event, Request):
        server.accept()
    else:
        assert isinstance(event, HandshakeFailed)
        assert str(event.error).isprintable()
    assert server.data_to_send().startswith(b"HTTP/1.1 ")


def test_a_parsed_request_is_not_made_text_and_parsed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*arguments: object, **options: object) -> NoReturn:
        raise AssertionError("HTTP is parsed or built")

    for name in ("Connection", "Request", "Response", "InformationalResponse"):
        monkeypatch.setattr(h11, name, refuse)
    for name in ("_parse_request", "_split_request"):
        monkeypatch.setattr(http1, name, refuse)
    with pytest.raises(AssertionError):
        list(ServerConnection().receive_data(REQUEST))

    server = ServerConnection.from_request(FIELDS, "/chat")
    assert [type(event) for event in server.events()] == [Request]
    server.accept()
    assert server.data_to_send() == RESPONSE
    assert receive(server, masked(FIN | TEXT, b"hi")) == [TextMessage("hi")]

    server = ServerConnection.from_request(FIELDS[1:], "/chat")
    assert [type(event) for event in server.events()] == [HandshakeFailed]
    assert server.data_to_send().startswith(b"HTTP/1.1 400 ")


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


@pytest.mark.parametrize(
    "fields", [None, 5, "Host: a", [("Host",)], [(1, 2)], [(b"Host", None)], {"Host": 5}, ["Host"]]
)
def test_parsed_request_with_fields_of_another_type_is_a_type_error(fields: Any) -> None:
    with pytest.raises(TypeError):
        ServerConnection.from_request(fields, "/")


@pytest.mark.parametrize(
    ("target", "options", "name"),
    [
        (None, {}, "target"),
        (bytearray(b"/chat"), {}, "target"),
        ("/chat", {"method": None}, "method"),
        ("/chat", {"method": 5}, "method"),
    ],
)
def test_parsed_request_line_of_another_type_is_a_type_error(
    target: Any, options: dict[str, Any], name: str
) -> None:
    with pytest.raises(TypeError, match=f"{name} must be str or bytes, not"):
        ServerConnection.from_request(FIELDS, target, **options)
