"""Names for the types of arguments and fields, and what is accepted for bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NewType, TypeAlias, Union

__all__ = [
    "BytesLike",
    "Data",
    "Delivery",
    "ExtensionName",
    "ExtensionOffer",
    "ExtensionParameter",
    "HeaderBlock",
    "Liveness",
    "Origin",
    "RandomBytes",
    "Subprotocol",
    "as_bytes",
    "as_text",
]

BytesLike: TypeAlias = Union[bytes, bytearray, memoryview]
"""What is accepted where bytes are wanted."""

Data: TypeAlias = Union[str, bytes]
"""What a message carries: `str` in a text message, `bytes` in a binary one."""

Delivery: TypeAlias = Literal["message", "chunk"]
"""Whether messages arrive whole, or piece by piece as their bytes arrive."""

Liveness: TypeAlias = Literal["pong", "any_data"]
"""What shows that a peer is there: only an answer to the keepalive ping, or whatever comes."""

Origin = NewType("Origin", str)
"""The value of an Origin header field (RFC 6454), for example ``https://example.com``."""

Subprotocol = NewType("Subprotocol", str)
"""The name of a subprotocol (RFC 6455 section 1.9)."""

ExtensionName = NewType("ExtensionName", str)
"""The name of an extension (RFC 6455 section 9.1)."""

ExtensionParameter: TypeAlias = tuple[str, str | None]
"""One parameter of an extension: its name, and its value or None."""

ExtensionOffer: TypeAlias = tuple[ExtensionName, tuple[ExtensionParameter, ...]]
"""One element of a Sec-WebSocket-Extensions header field."""

HeaderBlock: TypeAlias = list[tuple[bytes, bytes]]
"""Pseudo-headers, and behind them header fields, as libraries for HTTP/2 and HTTP/3 take them."""

RandomBytes: TypeAlias = Callable[[int], bytes]
"""A source of random bytes: given a count, returns that many."""


def as_bytes(data: BytesLike, what: str) -> bytes:
    """A copy of any bytes-like object: the bytes it stands for, in order."""
    if type(data) is bytes:
        return data
    try:
        return bytes(memoryview(data))
    except TypeError:
        raise TypeError(f"{what} must be bytes-like, not {type(data).__name__}") from None


def as_text(text: str | bytes, what: str) -> str:
    """What a peer sent as part of a head, as text; `what` it is, for messages."""
    if isinstance(text, bytes):
        return text.decode("latin-1")  # maps every byte, so no peer can make it fail
    if not isinstance(text, str):
        raise TypeError(f"{what} must be str or bytes, not {type(text).__name__}")
    return text
