"""What bounds a connection: one frozen value, with the reason for each default."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Bounds on all that a peer can make grow. Sizes are in bytes.

    Raises:
        ValueError: a limit is negative, or zero where zero means nothing.
        TypeError: a limit is not an integer.
    """

    max_message_size: int | None = 1 << 20
    """A message after decompression; past it the connection fails with 1009. None: no limit.

    1 MiB is far above what chat, notifications and RPC send, and low enough that a
    thousand hostile peers do not exhaust a small server."""

    max_frame_size: int | None = None
    """The payload length that a frame may declare, as sent; past it 1009, before any
    payload is read. None: as `max_message_size` (a compressed frame gets the little
    more that deflate needs for data it cannot shrink)."""

    max_fragments: int = 16_384
    """Frames in one message, empty ones counted; past it 1008. Without it, empty
    fragments cost the peer nothing and us work for ever."""

    max_head_size: int = 64 << 10
    """The handshake's head in all; past it a server answers 431. Room for large cookies."""

    max_head_line: int = 8 << 10
    """One line of the head, its line end included; past it 431."""

    max_head_fields: int = 128
    """Header fields in the head; past it 431."""

    max_early_data: int = 64 << 10
    """Bytes that may wait behind a request that is not answered yet; past it 413."""

    max_reject_body: int = 1 << 20
    """How much of a rejected handshake's body a client is handed; the rest is cut."""

    max_pending_pongs: int = 16
    """Automatic pongs that may wait unsent: past that only the newest pings are
    answered, as RFC 6455 section 5.5.3 allows."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name in _OPTIONAL:
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{field.name} must be an int, not {type(value).__name__}")
            if value < _LEAST.get(field.name, 1):
                raise ValueError(f"{field.name} must be at least {_LEAST.get(field.name, 1)}")


_OPTIONAL = frozenset({"max_message_size", "max_frame_size"})
_LEAST = {"max_message_size": 0, "max_frame_size": 0, "max_early_data": 0, "max_reject_body": 0}
