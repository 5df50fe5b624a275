"""The numbers as wsproto names them: roles, states, opcodes and close codes."""

from __future__ import annotations

import enum
from typing import Final

__all__ = [
    "LOCAL_ONLY_CLOSE_REASONS",
    "CloseReason",
    "ConnectionState",
    "ConnectionType",
    "Opcode",
]


class ConnectionType(enum.Enum):
    """Which side of the connection this endpoint is."""

    CLIENT = 1
    SERVER = 2


class ConnectionState(enum.Enum):
    """Where a connection is in its life: the engine's states, by their names."""

    CONNECTING = 0
    OPEN = 1
    REMOTE_CLOSING = 2
    LOCAL_CLOSING = 3
    CLOSED = 4
    REJECTING = 5


class Opcode(enum.IntEnum):
    """Frame opcodes (RFC 6455 section 11.8)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA

    def iscontrol(self) -> bool:
        """Whether this opcode marks a control frame."""
        return self >= Opcode.CLOSE


class CloseReason(enum.IntEnum):
    """Registered close codes (RFC 6455 section 7.4.1)."""

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS_RCVD = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_FRAME_PAYLOAD_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXT = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    TLS_HANDSHAKE_FAILED = 1015


LOCAL_ONLY_CLOSE_REASONS: Final = (
    CloseReason.NO_STATUS_RCVD,
    CloseReason.ABNORMAL_CLOSURE,
    CloseReason.TLS_HANDSHAKE_FAILED,
)
"""Codes that never travel."""
