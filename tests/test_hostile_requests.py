"""Opening handshakes that broke other servers, and what this one makes of them.

Each is fed whole and byte by byte; both give the same.
"""

from __future__ import annotations

import random
import time
import zlib
from typing import NamedTuple

import pytest
from expect import both_roles, measure, whole_and_bytewise
from wire import (
    BINARY,
    DEFLATE_FIELD,
    FIN,
    KEY,
    PING,
    PONG,
    REQUEST,
    RSV1,
    TEXT,
    RawFrame,
    asked,
    masked,
    new_client,
    open_server,
    read_frames,
    receive,
    request,
    response,
)

from wsproto_core import (
    AcceptConnection,
    CloseConnection,
    CloseSource,
    ConnectionState,
    Event,
    HandshakeError,
    HandshakeFailed,
    HeadTooLarge,
    HTTPVersionNotSupported,
    Limits,
    MalformedHandshake,
    MethodNotAllowed,
    PerMessageDeflate,
    Ping,
    Request,
    Role,
    ServerConnection,
    TextMessage,
    UnsupportedVersion,
)

# The opening handshake, as a server


class BadRequest(NamedTuple):
    data: bytes
    status: bytes
    error: type[HandshakeError]


BAD_REQUESTS = {
    "byte over 127 in Host": BadRequest(
        request("Host: \xff", without=["Host"]), b"400 Bad Request", MalformedHandshake
    ),
    "byte over 127 in a subprotocol": BadRequest(
        request("Sec-WebSocket-Protocol: \xe9"), b"400 Bad Request", MalformedHandshake
    ),
    "byte over 127 in any field": BadRequest(
        request("X-Name: \xc3\xa9"), b"400 Bad Request", MalformedHandshake
    ),
    "byte over 127 in a field name": BadRequest(
        request("X-\xe9: e"), b"400 Bad Request", MalformedHandshake
    ),
    "POST": BadRequest(
        request(line="POST /chat HTTP/1.1"), b"405 Method Not Allowed", MethodNotAllowed
    ),
    "HTTP/1.0": BadRequest(
        request(line="GET /chat HTTP/1.0"),
        b"505 HTTP Version Not Supported",
        HTTPVersionNotSupported,
    ),
    "HTTP/2.0": BadRequest(
        request(line="GET /chat HTTP/2.0"),
        b"505 HTTP Version Not Supported",
        HTTPVersionNotSupported,
    ),
    "version 12": BadRequest(
        request("Sec-WebSocket-Version: 12", without=["Sec-WebSocket-Version"]),
        b"426 Upgrade Required",
        UnsupportedVersion,
    ),
    "no version": BadRequest(
        request(without=["Sec-WebSocket-Version"]), b"400 Bad Request", MalformedHandshake
    ),
    "two keys": BadRequest(
        request(f"Sec-WebSocket-Key: {KEY}"), b"400 Bad Request", MalformedHandshake
    ),
    "no key": BadRequest(
        request(without=["Sec-WebSocket-Key"]), b"400 Bad Request", MalformedHandshake
    ),
    "key of 15 bytes": BadRequest(
        request("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA", without=["Sec-WebSocket-Key"]),
        b"400 Bad Request",
        MalformedHandshake,
    ),
    "key that is not base64": BadRequest(
        request("Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==", without=["Sec-WebSocket-Key"]),
        b"400 Bad Request",
        MalformedHandshake,
    ),
    "two Host": BadRequest(request("Host: b.example"), b"400 Bad Request", MalformedHandshake),
    "no Host": BadRequest(request(without=["Host"]), b"400 Bad Request", MalformedHandshake),
    "Content-Length and a body": BadRequest(
        request("Content-Length: 5") + b"hello" + masked(0x81, b"x"),
        b"400 Bad Request",
        MalformedHandshake,
    ),
    "chunked body": BadRequest(
        request("Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n" + masked(0x81, b"x"),
        b"400 Bad Request",
        MalformedHandshake,
    ),
    "Content-Length and Transfer-Encoding": BadRequest(
        request("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        b"400 Bad Request",
        MalformedHandshake,
    ),
    "2,000 fields": BadRequest(
        request(*["A: b"] * 2000), b"431 Request Header Fields Too Large", HeadTooLarge
    ),
    "a field of 1 MiB": BadRequest(
        request("A: " + "b" * (1 << 20)), b"431 Request Header Fields Too Large", HeadTooLarge
    ),
    "unclosed quoted string": BadRequest(
        request('Sec-WebSocket-Extensions: x; a="b' + r"\c" * 3000),
        b"400 Bad Request",
        MalformedHandshake,
    ),
    "extension after a space": BadRequest(
        request("Sec-WebSocket-Extensions: x y"), b"400 Bad Request", MalformedHandshake
    ),
    "no Upgrade": BadRequest(request(without=["Upgrade"]), b"400 Bad Request", MalformedHandshake),
    "no Connection": BadRequest(
        request(without=["Connection"]), b"400 Bad Request", MalformedHandshake
    ),
    "not HTTP": BadRequest(
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"400 Bad Request", MalformedHandshake
    ),
}


@whole_and_bytewise
@pytest.mark.parametrize("bad", BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_bad_request_is_answered_and_ends_as_a_value(bad: BadRequest, size: int | None) -> None:
    server = ServerConnection()

    events = receive(server, bad.data, size)

    assert [type(event) for event in events] == [HandshakeFailed]
    (event,) = events
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is bad.error
    assert event.error.section.startswith("RFC ")
    assert event.error == server.error
    answer = server.data_to_send()
    status, _, rest = answer.partition(b"\r\n")
    assert status == b"HTTP/1.1 " + bad.status
    assert rest.endswith(f"{event.error}\n".encode())
    assert server.state is ConnectionState.CLOSED
    assert server.finished


def test_answer_to_another_version_names_ours() -> None:
    server = ServerConnection()
    receive(server, BAD_REQUESTS["version 12"].data)
    assert b"\r\nSec-WebSocket-Version: 13\r\n" in server.data_to_send()


def test_answer_to_another_method_names_get() -> None:
    server = ServerConnection()
    receive(server, BAD_REQUESTS["POST"].data)
    assert b"\r\nAllow: GET\r\n" in server.data_to_send()


@pytest.mark.parametrize("size", [None, 65536, 1000], ids=["one piece", "64 KiB", "1000"])
@both_roles
def test_head_of_20_mb_is_refused_in_bounded_memory(role: Role, size: int | None) -> None:
    connection = ServerConnection() if role is Role.SERVER else new_client()
    first = b"GET / HTTP/1.1\r\n" if role is Role.SERVER else b"HTTP/1.1 101 \r\n"
    data = first + b"A: b\r\n" * 3_500_000
    pieces = [data] if size is None else [data[at : at + size] for at in range(0, 1 << 20, size)]
    events: list[Event] = []

    def feed() -> None:
        for piece in pieces:
            events.extend(connection.receive_data(piece))

    kept, peak = measure(feed)

    (event,) = events
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is HeadTooLarge
    assert peak < 1 << 20
    assert kept < 128 << 10


@both_roles
def test_head_that_was_refused_is_not_kept(role: Role) -> None:
    connection = ServerConnection() if role is Role.SERVER else new_client()
    first = b"GET / HTTP/1.1\r\n" if role is Role.SERVER else b"HTTP/1.1 101 \r\n"
    events: list[Event] = []

    def feed() -> None:
        events.extend(connection.receive_data(first + b"A: b\r\n" * 200_000))

    kept, _ = measure(feed)

    assert [type(event) for event in events] == [HandshakeFailed]
    assert kept < 128 << 10


@whole_and_bytewise
@pytest.mark.parametrize(
    "fields",
    [
        ("Connection: Upgrade", "Connection: keep-alive"),
        ("Connection: keep-alive", "Connection: Upgrade"),
        ("Connection: keep-alive, Upgrade",),
        ("Connection: Keep-Alive , uPGRADE",),
        ("connection: UPGRADE",),
        ("CONNECTION: ,upgrade,",),
    ],
)
def test_every_way_to_write_connection_upgrade_is_accepted(
    fields: tuple[str, ...], size: int | None
) -> None:
    server = ServerConnection()
    events = receive(server, request(*fields, without=["Connection"]), size)
    assert [type(event) for event in events] == [Request]
    client = new_client()
    events = receive(client, response(*fields, without=["Connection"]), size)
    assert [type(event) for event in events] == [AcceptConnection]


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate; client_max_window_bits=abc",
        "permessage-deflate; client_max_window_bits=999",
        "permessage-deflate; client_max_window_bits=08",
        "permessage-deflate; client_max_window_bits=",
        'permessage-deflate; client_max_window_bits=""',
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=10; client_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; foo=1",
        "permessage-deflate; foo",
    ],
)
def test_bad_offer_is_declined_and_the_next_one_tried(offer: str) -> None:
    for field, granted in (
        (f"Sec-WebSocket-Extensions: {offer}", None),
        (f"Sec-WebSocket-Extensions: {offer}, permessage-deflate", "permessage-deflate"),
    ):
        server = ServerConnection(extensions=[PerMessageDeflate()])
        (event,) = server.receive_data(request(field))
        assert isinstance(event, Request)
        server.accept()
        assert server.data_to_send().startswith(b"HTTP/1.1 101 ")
        assert isinstance(server.response, AcceptConnection)
        assert server.response.headers.get("Sec-WebSocket-Extensions") == granted


def test_offer_of_a_server_window_of_8_bits_is_honoured() -> None:
    server = open_server(
        f"{DEFLATE_FIELD}; server_max_window_bits=8", extensions=[PerMessageDeflate()]
    )
    assert isinstance(server.response, AcceptConnection)
    assert server.response.headers["Sec-WebSocket-Extensions"] == (
        "permessage-deflate; server_max_window_bits=8"
    )
    data = random.Random(8).randbytes(300) * 40
    server.send_bytes(data)
    (frame,) = read_frames(server.data_to_send())
    assert frame.first == FIN | RSV1 | BINARY
    inflater = zlib.decompressobj(-8)
    assert inflater.decompress(frame.payload + b"\x00\x00\xff\xff") == data


def test_extension_header_with_quotes_escapes_and_two_lines_is_understood() -> None:
    server = ServerConnection()
    (event,) = server.receive_data(
        request(
            r'Sec-WebSocket-Extensions: first; a="b" ;c , second;d="\e\f"',
            "Sec-WebSocket-Extensions: ,, third ; g = h",
        )
    )
    assert isinstance(event, Request)
    assert event.extensions == (
        ("first", (("a", "b"), ("c", None))),
        ("second", (("d", "ef"),)),
        ("third", (("g", "h"),)),
    )


@pytest.mark.parametrize("quoted", ['x; a="b,c"', 'x; a="b;c"', r'x; a="b\"c"', 'x; a="b c"'])
def test_quoted_extension_value_that_is_no_token_is_refused(quoted: str) -> None:
    server = ServerConnection()
    (event,) = server.receive_data(request(f"Sec-WebSocket-Extensions: {quoted}"))
    assert isinstance(event, HandshakeFailed)
    assert event.error.section == "RFC 6455 section 9.1"


@pytest.mark.parametrize(
    "value",
    [
        "x" + " " * 65_536 + "y",
        "x;" + " " * 65_536,
        "x; a=" + " " * 65_536 + '"',
        "," * 65_536 + "=",
    ],
    ids=["between", "after a semicolon", "after an equals sign", "commas"],
)
def test_64k_spaces_in_the_extension_header_are_refused_at_once(value: str) -> None:
    server = ServerConnection(limits=Limits(max_head_line=1 << 20, max_head_size=1 << 20))
    (event,) = server.receive_data(request(f"Sec-WebSocket-Extensions: {value}"))
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is MalformedHandshake


# What comes behind the request


@whole_and_bytewise
@pytest.mark.parametrize("rest", [b"x\n", masked(FIN | PING, b"early")], ids=["junk", "ping"])
def test_bytes_behind_the_request_wait_for_the_answer(rest: bytes, size: int | None) -> None:
    server = ServerConnection()

    events = receive(server, REQUEST + rest, size)
    assert [type(event) for event in events] == [Request]
    assert server.pending_bytes == 0
    assert server.bytes_parsed == len(REQUEST)

    server.accept()
    (after,) = server.events()
    answer, separator, frames = server.data_to_send().partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert separator
    if rest == b"x\n":
        assert isinstance(after, CloseConnection)
        assert (after.code, after.source) == (1002, CloseSource.LOCAL)
        assert server.error is not None
        assert server.error.offset == len(REQUEST)
    else:
        assert after == Ping(b"early")
        assert read_frames(frames) == [RawFrame(FIN | PONG, b"early", False)]


@whole_and_bytewise
def test_early_data_past_its_limit_fails_the_handshake(size: int | None) -> None:
    limits = Limits(max_early_data=100)
    server = ServerConnection(limits=limits)
    events = receive(server, REQUEST + b"y" * 100, size)
    assert [type(event) for event in events] == [Request]

    events = receive(server, b"y" * 10, size)

    (event,) = events
    assert isinstance(event, HandshakeFailed)
    assert event.error.status == 413
    assert event.error.offset == len(REQUEST) + 100
    assert server.data_to_send().startswith(b"HTTP/1.1 413 ")
    assert server.finished


def cpu_time_of_early_data(size: int) -> float:
    """The least of three measurements of early data that arrives a byte at a time."""
    times = []
    for _ in range(3):
        server = asked()
        before = time.process_time()
        events = [event for _ in range(size) for event in server.receive_data(b"\x81")]
        times.append(time.process_time() - before)
        assert events == []
    return min(times)


def test_early_data_a_byte_at_a_time_takes_linear_time() -> None:
    # Four times the data takes about four times as long; where time grows with the square
    # it would be sixteen times.
    assert cpu_time_of_early_data(64 << 10) < 10 * cpu_time_of_early_data(16 << 10)


@pytest.mark.parametrize("size", [1, 3])
def test_early_data_in_small_pieces_takes_bounded_memory(size: int) -> None:
    server = asked()
    data = masked(FIN | TEXT, b"x" * 65_000)

    def feed() -> None:
        assert receive(server, data, size) == []

    kept, peak = measure(feed)

    assert max(kept, peak) < 30 * len(data)
    server.accept()
    assert list(server.events()) == [TextMessage("x" * 65_000)]


def test_early_data_is_counted_to_the_byte_however_it_was_cut() -> None:
    for size in (None, 1, 7):
        server = ServerConnection(limits=Limits(max_early_data=100))
        assert len(receive(server, REQUEST + b"y" * 100, size)) == 1
        assert [type(event) for event in server.receive_data(b"y")] == [HandshakeFailed]
