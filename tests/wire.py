"""Bytes as they go over the wire, built and read without the code under test.

Shared by the tests: frames by hand, heads of handshakes, and connections in every state.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from wsproto_core import (
    AcceptConnection,
    ClientConnection,
    Connection,
    ConnectionState,
    Event,
    RejectConnection,
    Request,
    Role,
    ServerConnection,
)

FIN = 0x80
RSV1 = 0x40
RSV2 = 0x20
RSV3 = 0x10
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x00, 0x01, 0x02, 0x08, 0x09, 0x0A

MASKING_KEY = b"\x37\xfa\x21\x3d"
"""The masking key of every frame here, those of our own clients included."""

ROLES = (Role.CLIENT, Role.SERVER)


def fixed_random(size: int) -> bytes:
    """A source of random bytes that makes every masking key `MASKING_KEY`."""
    return (MASKING_KEY * (size // 4 + 1))[:size]


KEY = base64.b64encode(fixed_random(16)).decode()
"""The Sec-WebSocket-Key of REQUEST, and of every client that `fixed_random` feeds."""


def accept_for(key: str) -> str:
    """The Sec-WebSocket-Accept that answers `key`."""
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return base64.b64encode(digest).decode()


ACCEPT = accept_for(KEY)

REQUEST_FIELDS = (
    "Host: example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
)
RESPONSE_FIELDS = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Accept: {ACCEPT}",
)


def head(first_line: str, *fields: str) -> bytes:
    """A head; a character up to U+00FF stands for one byte."""
    return "\r\n".join([first_line, *fields, "", ""]).encode("latin-1")


def request(*extra: str, line: str = "GET /chat HTTP/1.1", without: Iterable[str] = ()) -> bytes:
    """A client's request, without the fields named in `without`, with `extra` behind."""
    return head(line, *_remaining(REQUEST_FIELDS, without), *extra)


def response(
    *extra: str, line: str = "HTTP/1.1 101 Switching Protocols", without: Iterable[str] = ()
) -> bytes:
    """A server's 101, without the fields named in `without`, with `extra` behind."""
    return head(line, *_remaining(RESPONSE_FIELDS, without), *extra)


def _remaining(fields: Iterable[str], without: Iterable[str]) -> list[str]:
    left_out = {name.lower() for name in without}
    return [field for field in fields if field.partition(":")[0].lower() not in left_out]


REQUEST = request()
RESPONSE = response()


def apply_mask(data: bytes, key: bytes) -> bytes:
    """Exclusive or with the key, repeated (RFC 6455 section 5.3)."""
    repeated = (key * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(
        len(data), "big"
    )


def length_bytes(length: int, masked: bool, form: int | None = None) -> bytes:
    """The second byte of a header and the extended length: `form` bytes of it (0, 2, 8)."""
    if form is None:
        form = 0 if length < 126 else 2 if length < 65536 else 8
    short = {0: length, 2: 126, 8: 127}[form]
    return bytes([short | (0x80 if masked else 0)]) + (
        length.to_bytes(form, "big") if form else b""
    )


def unmasked(first: int, payload: bytes = b"", form: int | None = None) -> bytes:
    """A server's frame."""
    return bytes([first]) + length_bytes(len(payload), False, form) + payload


def masked(
    first: int, payload: bytes = b"", form: int | None = None, key: bytes = MASKING_KEY
) -> bytes:
    """A client's frame."""
    header = bytes([first]) + length_bytes(len(payload), True, form)
    return header + key + apply_mask(payload, key)


def frame_to(role: Role, first: int, payload: bytes = b"", form: int | None = None) -> bytes:
    """A frame as the peer of `role` sends it."""
    return (masked if role is Role.SERVER else unmasked)(first, payload, form)


def frame_from(role: Role, first: int, payload: bytes = b"") -> bytes:
    """A frame as `role` itself sends it."""
    return (masked if role is Role.CLIENT else unmasked)(first, payload)


def header_to(role: Role, first: int, length: int, form: int | None = None) -> bytes:
    """A header that declares `length` bytes, without key and payload."""
    return bytes([first]) + length_bytes(length, role is Role.SERVER, form)


def close_payload(code: int, reason: str | bytes = "") -> bytes:
    """The payload of a Close frame."""
    return code.to_bytes(2, "big") + (reason.encode() if isinstance(reason, str) else reason)


class RawFrame(NamedTuple):
    """A frame as it was found on the wire, unmasked."""

    first: int
    payload: bytes
    masked: bool


def read_frames(data: bytes) -> list[RawFrame]:
    """The frames in `data`, which must be whole ones."""
    frames: list[RawFrame] = []
    while data:
        length, start = data[1] & 0x7F, 2
        if length >= 126:
            start = 4 if length == 126 else 10
            length = int.from_bytes(data[2:start], "big")
        key = b""
        if data[1] & 0x80:
            key = data[start : start + 4]
            assert len(key) == 4
            start += 4
        payload = data[start : start + length]
        assert len(payload) == length, "a frame is cut short"
        frames.append(RawFrame(data[0], apply_mask(payload, key) if key else payload, bool(key)))
        data = data[start + length :]
    return frames


def deflate(data: bytes, wbits: int = 15, level: int = 6) -> bytes:
    """`data` as the payload of a compressed message (RFC 7692 section 7.2.1)."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -wbits)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def cut(data: bytes, size: int | None) -> Iterator[bytes]:
    """`data` in pieces of `size` bytes; None gives it whole."""
    if size is None:
        return iter([data])
    return (data[at : at + size] for at in range(0, len(data), size))


def receive(connection: Connection, data: bytes, size: int | None = None) -> list[Event]:
    """Feed `data` in pieces of `size` bytes; the events that come of it."""
    return [event for piece in cut(data, size) for event in connection.receive_data(piece)]


def frames_out(connection: Connection) -> list[tuple[int, bytes]]:
    """What waits to be sent, as (first byte, payload)."""
    frames = read_frames(connection.data_to_send())
    assert all(frame.masked is (connection.role is Role.CLIENT) for frame in frames)
    return [(frame.first, frame.payload) for frame in frames]


def connection(role: Role = Role.CLIENT, **options: Any) -> Connection:
    """A connection that is open from the start, without a handshake."""
    return Connection(role, random_bytes=fixed_random, **options)


def asked(*fields: str, **options: Any) -> ServerConnection:
    """A server that has a request with additional `fields` and has not answered."""
    server = ServerConnection(**options)
    (event,) = server.receive_data(request(*fields))
    assert isinstance(event, Request)
    return server


def open_server(*fields: str, **options: Any) -> ServerConnection:
    """A server that has accepted a request with additional `fields`, its answer drained."""
    server = asked(*fields, **options)
    server.accept()
    assert server.data_to_send().startswith(b"HTTP/1.1 101 ")
    return server


def new_client(**options: Any) -> ClientConnection:
    """A client whose key is KEY, its request drained."""
    client = ClientConnection("ws://example.com/chat", random_bytes=fixed_random, **options)
    assert client.data_to_send().startswith(b"GET /chat HTTP/1.1\r\n")
    return client


def open_client(*fields: str, **options: Any) -> ClientConnection:
    """A client that was accepted by a response with additional `fields`."""
    client = new_client(**options)
    (event,) = client.receive_data(response(*fields))
    assert isinstance(event, AcceptConnection)
    return client


DEFLATE_FIELD = "Sec-WebSocket-Extensions: permessage-deflate"


def open_one(role: Role, *fields: str, **options: Any) -> Connection:
    """An open connection of that role, through an HTTP handshake."""
    if role is Role.SERVER:
        return open_server(*fields, **options)
    return open_client(*fields, **options)


def connecting(role: Role, **options: Any) -> Connection:
    """A client that has asked, or a server that has been asked."""
    return new_client(**options) if role is Role.CLIENT else asked(**options)


def local_closing(role: Role, **options: Any) -> Connection:
    """One that has sent Close with 1001."""
    ws = open_one(role, **options)
    ws.close(1001, "away")
    ws.data_to_send()
    return ws


def remote_closing(role: Role, **options: Any) -> Connection:
    """One that has a Close with 4000 and has not answered."""
    ws = open_one(role, auto_close=False, **options)
    list(ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(4000, "bye"))))
    return ws


def closed(role: Role, **options: Any) -> Connection:
    """One that has sent Close with 1001 and has the answer."""
    ws = local_closing(role, **options)
    list(ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(1001))))
    return ws


def rejecting(role: Role, **options: Any) -> Connection:
    """A server that has sent the head of a rejection, or a client that has it."""
    if role is Role.SERVER:
        server = asked(**options)
        server.send(RejectConnection(404, has_body=True))
        server.data_to_send()
        return server
    client = new_client(**options)
    list(client.receive_data(response("Content-Length: 10", line="HTTP/1.1 404 Not Found")))
    return client


MAKERS: dict[ConnectionState, Callable[..., Connection]] = {
    ConnectionState.CONNECTING: connecting,
    ConnectionState.OPEN: open_one,
    ConnectionState.LOCAL_CLOSING: local_closing,
    ConnectionState.REMOTE_CLOSING: remote_closing,
    ConnectionState.CLOSED: closed,
    ConnectionState.REJECTING: rejecting,
}
"""For each state, what makes a connection in it; nothing waits to be sent."""


def open_pair(
    client_options: dict[str, Any] | None = None, server_options: dict[str, Any] | None = None
) -> tuple[ClientConnection, ServerConnection]:
    """A client and a server that have agreed with each other; nothing waits to be sent."""
    client = ClientConnection(
        "ws://example.com/chat", random_bytes=fixed_random, **(client_options or {})
    )
    server = ServerConnection(**(server_options or {}))
    (event,) = server.receive_data(client.data_to_send())
    assert isinstance(event, Request)
    server.accept()
    (answer,) = client.receive_data(server.data_to_send())
    assert isinstance(answer, AcceptConnection)
    return client, server


def exchange(
    one: Connection, other: Connection, size: int | None = None
) -> tuple[list[Event], list[Event]]:
    """Carry bytes both ways until none wait: what `one` and what `other` saw."""
    seen: tuple[list[Event], list[Event]] = ([], [])
    while one.pending_bytes or other.pending_bytes:
        seen[1].extend(receive(other, one.data_to_send(), size))
        seen[0].extend(receive(one, other.data_to_send(), size))
    return seen
