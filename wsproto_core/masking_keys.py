"""The supply of masking keys (RFC 6455 section 10.3)."""

from __future__ import annotations

from typing import Final

from .types import RandomBytes, as_bytes

__all__ = ["MaskingKeys"]

_BATCH_SIZE: Final = 256


class MaskingKeys:
    """Hands out masking keys, drawn from `random_bytes` in batches: one call to the
    operating system for each key would cost more than masking a short message."""

    __slots__ = ("_position", "_random_bytes", "batch")

    batch: bytes
    """Keys side by side, the one that `draw` gave among them."""

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random_bytes = random_bytes
        self._position = 0
        self.batch = b""

    def draw(self) -> int:
        """Take a new 4-byte key, as unpredictable as the source: where in `batch` it is.

        Raises:
            TypeError: the source gave something else than bytes.
            ValueError: it gave more or fewer than it was asked for.
        """
        position = self._position
        if position >= len(self.batch):
            self.reserve()
            position = 0
        self._position = position + 4
        return position

    def reserve(self) -> None:
        """See that the next `draw` has a key; raises what that would."""
        if self._position >= len(self.batch):
            batch = as_bytes(self._random_bytes(_BATCH_SIZE), "what random_bytes gives")
            if len(batch) != _BATCH_SIZE:
                raise ValueError(f"random_bytes gave {len(batch)} bytes instead of {_BATCH_SIZE}")
            self.batch = batch
            self._position = 0
