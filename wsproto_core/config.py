"""What bounds a connection, in size and in time: two frozen values, with the reason for each
default."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields

__all__ = ["Limits", "Timeouts"]


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


@dataclass(frozen=True)
class Timeouts:
    """How long a connection waits. All in seconds; None waits for ever.

    They are in effect once a connection is told the time, see `Connection.next_deadline`.

    Raises:
        ValueError: a timeout is not positive and finite.
        TypeError: a timeout is not a number.
    """

    opening: float | None = 10.0
    """For the peer's part of the opening handshake; past it a server answers 408, and a
    client gives up. A head is one or two packets: 10 s are enough for each of them to be
    lost twice, and short enough that peers that only connect cannot hold many sockets."""

    closing: float | None = 10.0
    """For the answer to our Close frame, behind all that the peer had queued before; past
    it the connection ends with 1006. For the body of a rejection as well; the rest is cut."""

    ping: float | None = 20.0
    """Until the next keepalive ping. NAT devices and proxies forget connections that are
    silent for 30 s to 60 s: 20 s keep them in mind, at two short frames a time."""

    pong: float | None = 20.0
    """For the answer to a keepalive ping; past it the connection fails with 1011. As long
    as TCP needs to send a lost packet again some six times: a phone that changes its
    network survives, a peer that is gone is noticed within `ping` and `pong` together."""

    eof: float | None = 10.0
    """For the end of the peer's stream, where the peer should end it first (RFC 6455
    section 7.1.1); past it we end the transport ourselves. Nothing can be lost by then."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                raise TypeError(f"{field.name} must be a number, not {type(value).__name__}")
            if not 0 < value <= sys.float_info.max:
                raise ValueError(f"{field.name} must be positive and finite, or None")


_OPTIONAL = frozenset({"max_message_size", "max_frame_size"})
_LEAST = {"max_message_size": 0, "max_frame_size": 0, "max_early_data": 0, "max_reject_body": 0}
