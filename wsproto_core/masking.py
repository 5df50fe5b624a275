"""Masking of payloads (RFC 6455 section 5.3): exclusive or with a repeated 4-byte key.

Pure functions and the supply of keys. The two methods below were timed against each
other from 1 byte to 1 MiB: one exclusive or of two long integers wins while the
payload is short, four strided table look-ups win once it is not.
"""

from __future__ import annotations

from typing import Final

from .types import RandomBytes

__all__ = ["MaskingKeys", "mask"]

_from_bytes = int.from_bytes

_LONG: Final = 600
"""Payload length in bytes from which the strided look-up is the faster method."""

_IDENTITY: Final = int.from_bytes(bytes(range(256)), "little")
_XOR_TABLES: Final = tuple(
    (_IDENTITY ^ int.from_bytes(bytes([key]) * 256, "little")).to_bytes(256, "little")
    for key in range(256)
)


def mask(payload: bytes, key: bytes) -> bytes:
    """Mask `payload` with the 4-byte `key`, or unmask it: the operation is its own inverse."""
    size = len(payload)
    if size < _LONG:
        pad = _from_bytes((key * (size // 4 + 1))[:size], "little")
        return (_from_bytes(payload, "little") ^ pad).to_bytes(size, "little")
    masked = bytearray(payload)
    for lane in range(4):
        masked[lane::4] = masked[lane::4].translate(_XOR_TABLES[key[lane]])
    return bytes(masked)


class MaskingKeys:
    """Hands out masking keys, drawn from `random_bytes` in batches: one call to the
    operating system for each key would cost more than masking a short message."""

    __slots__ = ("_batch", "_position", "_random_bytes")

    _BATCH_SIZE: Final = 256

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random_bytes = random_bytes
        self._batch = b""
        self._position = 0

    def draw(self) -> bytes:
        """A new 4-byte key, as unpredictable as the source (RFC 6455 section 10.3)."""
        position = self._position
        if position >= len(self._batch):
            self._batch = self._random_bytes(self._BATCH_SIZE)
            position = 0
        self._position = position + 4
        return self._batch[position : position + 4]
