"""wsproto's functions on header fields, which it has in its module ``utilities``."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from typing import Final

from ..headers import accept_key, generate_key

__all__ = [
    "generate_accept_token",
    "generate_nonce",
    "normed_header_dict",
    "split_comma_header",
]

_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.?)*"?', re.DOTALL)


def generate_nonce() -> bytes:
    """A new Sec-WebSocket-Key."""
    return generate_key(secrets.token_bytes).encode("ascii")


def generate_accept_token(token: bytes) -> bytes:
    """The Sec-WebSocket-Accept that answers the key `token`."""
    return accept_key(token.decode("latin-1")).encode("ascii")


def split_comma_header(value: bytes) -> list[str]:
    """The elements of a list; a comma in a quoted string is no border."""
    text = _QUOTED.sub(lambda quoted: quoted[0].replace(",", "\0"), value.decode("latin-1"))
    return [element.strip().replace("\0", ",") for element in text.split(",")]


def normed_header_dict(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The fields by name; the values of several lines are joined to one list."""
    normed: dict[bytes, bytes] = {}
    for name, value in headers:
        normed[name] = normed[name] + b", " + value if name in normed else value
    return normed
