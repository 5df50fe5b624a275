"""Masking of payloads (RFC 6455 section 5.3): exclusive or with a repeated 4-byte key.

Pure functions on bytes, and the buffer that unmasks a payload piece by piece. Nothing
here knows of frames. This module has two bodies: where the package is compiled,
`masking.pyx` stands in for this file, name by name and result by result.

The two methods below were timed against each other from 1 byte to 1 MiB: one exclusive
or of two long integers wins while the payload is short, four strided table look-ups win
once it is not.
"""

from __future__ import annotations

from typing import Final

from .types import BytesLike, Data, as_bytes

__all__ = [
    "COMPILED",
    "PayloadBuffer",
    "append_frame",
    "ascii_size",
    "copy_bytes",
    "copy_text",
    "keyed",
    "mask",
    "unmask",
    "unmask_text",
]

COMPILED: bool = False
"""Whether the compiled modules are in use, or the same ones in pure Python."""

_LONG: Final = 600
"""Payload length in bytes from which the strided look-up is the faster method."""

_JOIN_EVERY: Final = 1024
"""Pieces of a payload after which they are joined: a peer that sends a byte at a time
must not make us keep an object for each."""

_from_bytes = int.from_bytes

# How many times a key stands side by side when it covers a payload of so many words.
_REPEATED: Final = tuple(
    [_from_bytes(b"\x01\x00\x00\x00" * words, "little") for words in range(_LONG // 4 + 2)]
)

_KEY: Final = 0xFFFFFFFF

_IDENTITY: Final = _from_bytes(bytes(range(256)), "little")
_XOR_TABLES: Final = tuple(
    [
        (_IDENTITY ^ _from_bytes(bytes([octet]) * 256, "little")).to_bytes(256, "little")
        for octet in range(256)
    ]
)


def mask(payload: BytesLike, key: BytesLike) -> bytes:
    """Mask `payload` with the 4-byte `key`, or unmask it: the operation is its own inverse.

    Raises:
        TypeError: an argument is not bytes-like.
        ValueError: `key` has not 4 bytes.
    """
    payload = as_bytes(payload, "a payload")
    key = as_bytes(key, "a masking key")
    if len(key) != 4:
        raise ValueError(f"a masking key has 4 bytes, not {len(key)}")
    size = len(payload)
    if size < _LONG - 4:
        return unmask(key + payload, 0, 4 + size)
    masked = bytearray(payload)
    for lane in range(4):
        masked[lane::4] = masked[lane::4].translate(_XOR_TABLES[key[lane]])
    return bytes(masked)


def unmask(buffer: bytes, start: int, stop: int) -> bytes:
    """Unmask a payload where it stands in `buffer`, up to `stop`. At `start` is its key."""
    size = stop - start  # with the key, which is cheaper to unmask too than to take off first
    if size >= _LONG:
        return mask(buffer[start + 4 : stop], buffer[start : start + 4])
    both = _from_bytes(buffer[start:stop], "little")
    pad = (both & _KEY) * _REPEATED[size + 3 >> 2]
    return (both ^ pad).to_bytes(size + 3, "little")[4:size]


def unmask_text(buffer: bytes, start: int, stop: int) -> str | None:
    """The text that a payload says, or None if it is not UTF-8; its place is given as for
    `unmask`."""
    try:
        return unmask(buffer, start, stop).decode()
    except UnicodeDecodeError:
        return None


def keyed(keys: bytes, at: int, payload: bytes) -> bytes:
    """The key that is in `keys` at `at`, and behind it the payload masked with it."""
    size = len(payload)
    key = keys[at : at + 4]
    if size >= _LONG:
        return key + mask(payload, key)
    pad = _from_bytes(key, "little") * _REPEATED[size + 3 >> 2]
    masked = _from_bytes(payload, "little") ^ pad
    return key + masked.to_bytes(size + 3, "little")[:size]


def ascii_size(text: object) -> int:
    """How many bytes of UTF-8 a text has that is ASCII; -1 for anything else."""
    return len(text) if isinstance(text, str) and text.isascii() else -1


def append_frame(target: bytearray, header: bytes, keys: bytes, at: int, payload: Data) -> int:
    """Append a frame. Where there are `keys` its payload is masked, as by `keyed`. It is
    bytes or ASCII text. Returns by how much the target has grown."""
    if isinstance(payload, str):
        payload = payload.encode("ascii")
    frame = header + (keyed(keys, at, payload) if keys else payload)
    target += frame
    return len(frame)


def copy_bytes(buffer: bytes, start: int, stop: int) -> bytes:
    """A payload that is not masked, from `start` to `stop`."""
    return buffer[start:stop]


def copy_text(buffer: bytes, start: int, stop: int) -> str | None:
    """The text that a payload says that is not masked, or None if it is not UTF-8."""
    try:
        return buffer[start:stop].decode()
    except UnicodeDecodeError:
        return None


class PayloadBuffer:
    """A message's payload that arrives in pieces, unmasked side by side: text or bytes."""

    __slots__ = ("_joined", "_parts")

    def __init__(self, text: bool) -> None:
        self._parts: list[bytes] = []
        self._joined = 0

    def add(self, buffer: bytes, start: int, stop: int, key: bytes, to_come: int) -> bool:
        """Add what is in `buffer` from `start` to `stop`, unmasked if `key` is not empty.

        `to_come`: how many bytes more are announced. Returns whether all of that is ASCII.
        """
        piece = buffer[start:stop]
        if key:
            piece = mask(piece, key)
        parts = self._parts
        if len(parts) - self._joined == _JOIN_EVERY:
            parts[self._joined :] = [b"".join(parts[self._joined :])]
            self._joined += 1
        parts.append(piece)
        return piece.isascii()

    def last(self) -> bytes:
        """The piece that was added last."""
        return self._parts[-1]

    def take_bytes(self) -> bytes:
        """All that was added."""
        return b"".join(self._parts)

    def take_text(self) -> str:
        """All that was added, decoded.

        Raises:
            UnicodeDecodeError: it is not UTF-8.
        """
        return b"".join(self._parts).decode()
