"""Masking of payloads (RFC 6455 section 5.3): exclusive or with a repeated 4-byte key.

Pure functions and the supply of keys. The two methods below were timed against each
other from 1 byte to 1 MiB: one exclusive or of two long integers wins while the
payload is short, four strided table look-ups win once it is not.
"""

from __future__ import annotations

from typing import Final

from .types import RandomBytes

__all__ = ["MaskingKeys", "mask", "unmask"]

_LONG: Final = 600
"""Payload length in bytes from which the strided look-up is the faster method."""

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


def mask(payload: bytes, key: bytes) -> bytes:
    """Mask `payload` with the 4-byte `key`, or unmask it: the operation is its own inverse.

    Raises:
        ValueError: `key` has not 4 bytes.
    """
    if len(key) != 4:
        raise ValueError(f"a masking key has 4 bytes, not {len(key)}")
    if len(payload) < _LONG:
        return unmask(key + payload)
    masked = bytearray(payload)
    for lane in range(4):
        masked[lane::4] = masked[lane::4].translate(_XOR_TABLES[key[lane]])
    return bytes(masked)


def unmask(masked: bytes) -> bytes:
    """Unmask a payload as it stands in a frame: behind its key, the first 4 bytes."""
    size = len(masked) - 4
    if size >= _LONG:
        return mask(masked[4:], masked[:4])
    both = _from_bytes(masked, "little")
    words = size + 7 >> 2  # the key's own too: cheaper than to take it off first
    pad = (both & _KEY) * _REPEATED[words]
    return (both ^ pad).to_bytes(4 * words, "little")[4 : 4 + size]


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
        """A new 4-byte key, as unpredictable as the source (RFC 6455 section 10.3).

        Raises:
            ValueError: the source gave more or fewer bytes than it was asked for.
        """
        self.reserve()
        position = self._position
        self._position = position + 4
        return self._batch[position : position + 4]

    def reserve(self) -> None:
        """See that the next `draw` has a key; raises what that would."""
        if self._position >= len(self._batch):
            batch = self._random_bytes(self._BATCH_SIZE)
            if len(batch) != self._BATCH_SIZE:
                raise ValueError(
                    f"random_bytes gave {len(batch)} bytes instead of {self._BATCH_SIZE}"
                )
            self._batch = batch
            self._position = 0
