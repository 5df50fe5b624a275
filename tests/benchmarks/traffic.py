"""The bytes that go in: frames, requests and messages. The same for every engine."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from random import Random

from wsproto_core import Frame, Opcode, encode_frame

__all__ = [
    "REQUEST",
    "compressed",
    "continuation",
    "cut",
    "frame",
    "json_messages",
]

KEY = b"\x9a\x51\x3c\xe7"
"""The masking key of every masked frame. The time that masking takes depends on no key."""

REQUEST = (
    b"GET /chat?room=1 HTTP/1.1\r\n"
    b"Host: server.example.com\r\n"
    b"Connection: Upgrade\r\n"
    b"Pragma: no-cache\r\n"
    b"Cache-Control: no-cache\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/126.0.0.0 Safari/537.36\r\n"
    b"Upgrade: websocket\r\n"
    b"Origin: https://server.example.com\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Accept-Language: en-US,en;q=0.9\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    b"\r\n"
)
"""What a browser sends."""


def frame(payload: bytes, masked: bool, *, fin: bool = True, compressed: bool = False) -> bytes:
    """A frame that begins a text message, and ends it where `fin` says so."""
    return encode_frame(Frame(Opcode.TEXT, payload, fin, rsv1=compressed), KEY if masked else None)


def continuation(payload: bytes, masked: bool, *, fin: bool) -> bytes:
    """A frame that goes on with a message."""
    return encode_frame(Frame(Opcode.CONTINUATION, payload, fin), KEY if masked else None)


def cut(data: bytes, size: int) -> list[bytes]:
    """`data` in pieces of `size` bytes, as a transport hands it over."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def json_messages(count: int) -> list[str]:
    """Messages of 176 bytes, alike as those of one feed are: each has numbers of its own."""
    random = Random(176)
    return [
        json.dumps(
            {
                "type": "trade",
                "symbol": f"{random.choice(['BTC', 'ETH', 'SOL', 'ADA'])}-USD",
                "price": f"{random.randint(10_000, 99_999)}.{random.randint(0, 99):02}",
                "quantity": f"0.{random.randint(0, 99_999_999):08}",
                "side": random.choice(["ask", "bid"]),
                "id": 1_000_000_000 + number,
                "time": f"2024-05-01T12:34:{number % 60:02}.{random.randint(0, 999_999):06}Z",
                "maker": f"{random.getrandbits(24):06x}",
            }
        )
        for number in range(count)
    ]


def compressed(messages: Iterable[str]) -> bytes:
    """The frames of a client that compresses them, each with those before it as context."""
    deflater = zlib.compressobj(wbits=-15)
    frames: list[bytes] = []
    for text in messages:
        data = deflater.compress(text.encode()) + deflater.flush(zlib.Z_SYNC_FLUSH)
        frames.append(frame(data.removesuffix(b"\x00\x00\xff\xff"), True, compressed=True))
    return b"".join(frames)
