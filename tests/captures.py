"""Captures to decode: streams and dumps made by hand, and what is found in them."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from wsproto_core import (
    ClientConnection,
    Frame,
    Opcode,
    PerMessageDeflate,
    ServerConnection,
    accept_key,
    encode_frame,
)
from wsproto_core.cli.capture import Capture, CaptureError, read_capture
from wsproto_core.cli.decode import Settings, decode_captures
from wsproto_core.cli.rows import (
    Row,
)
from wsproto_core.cli.table import Table

MASK = b"\x37\xfa\x21\x3d"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\n"


def request(*fields: str) -> bytes:
    lines = [f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", *fields]
    head = f"GET /chat HTTP/1.1\r\nHost: example.com\r\n{UPGRADE}"
    return (head + "\r\n".join(lines) + "\r\n\r\n").encode()


def response(*fields: str, key: str = KEY) -> bytes:
    lines = [f"Sec-WebSocket-Accept: {accept_key(key)}", *fields]
    head = f"HTTP/1.1 101 Switching Protocols\r\n{UPGRADE}"
    return (head + "\r\n".join(lines) + "\r\n\r\n").encode()


def frame(opcode: Opcode, payload: bytes = b"", *, fin: bool = True, rsv1: bool = False) -> bytes:
    return encode_frame(Frame(opcode, payload, fin, rsv1))


def masked(opcode: Opcode, payload: bytes = b"", *, fin: bool = True, rsv1: bool = False) -> bytes:
    return encode_frame(Frame(opcode, payload, fin, rsv1), MASK)


def deflate(text: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def capture(data: bytes, form: str = "auto", step: int = 0) -> Capture:
    pieces = [data[at : at + step] for at in range(0, len(data), step)] if step else [data]
    return read_capture("file", pieces, form)


def rows(*streams: bytes, step: int = 0, **known: Any) -> list[Row]:
    captures = [capture(stream, step=step) for stream in streams]
    return list(decode_captures(captures, Settings(**known)))


def shown(found: list[Row]) -> list[tuple[str, int, int, object]]:
    return [(row.sender.value, row.start, row.end, row.event) for row in found]


def complaint(*streams: bytes, form: str = "auto", **known: Any) -> str:
    with pytest.raises(CaptureError) as caught:
        list(decode_captures([capture(each, form) for each in streams], Settings(**known)))
    return str(caught.value)


def captured(data: bytes, form: str = "auto", step: int = 0) -> bytes:
    return b"".join(record.data for record in capture(data, form, step).records)


RULE = "=" * 67


def dump(*lines: str, follow: str = "tcp,raw", end: str = "\n") -> bytes:
    head = ["", RULE, f"Follow: {follow}", "Filter: tcp.stream eq 0"]
    nodes = ["Node 0: 127.0.0.1:50000", "Node 1: [::1]:80"]
    return end.join([*head, *nodes, *lines, RULE, ""]).encode()


def lines(row: Row, *, width: int = 100, symbols: bool = True) -> list[str]:
    table = Table(width=width, colour=False, symbols=symbols)
    return [line.rstrip() for line in table.lines(row)]


def conversation(*, compress: bool = True) -> tuple[bytes, bytes, list[str]]:
    """What a client and a server send each other, and the texts in it."""
    extension = PerMessageDeflate(client_max_window_bits=10, threshold=0)
    client = ClientConnection("ws://x/", extensions=[extension], subprotocols=["chat"])
    server = ServerConnection(extensions=[PerMessageDeflate()], subprotocols=["chat"])
    texts = ["a rose is a rose", "and is a rose"]
    sent = client.data_to_send()
    list(server.receive_data(sent))
    server.accept()
    server.send_text(texts[0], compress=compress)
    server.send_text(texts[1], compress=compress)
    answered = server.data_to_send()
    list(client.receive_data(answered))
    for text in texts:
        client.send_text(text, compress=compress)
    return sent + client.data_to_send(), answered, texts
