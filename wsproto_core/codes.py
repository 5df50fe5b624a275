"""The numbers of RFC 6455 as data: roles, opcodes, header bits and close codes.

This module knows no rule but which numbers exist and which of them may travel.
"""

from __future__ import annotations

import enum
from typing import Final

__all__ = [
    "CONTROL",
    "FIN",
    "MASKED",
    "MAX_CONTROL_PAYLOAD",
    "RSV1",
    "RSV2",
    "RSV3",
    "SENDABLE_CLOSE_CODES",
    "UNLIMITED",
    "CloseCode",
    "Opcode",
    "Role",
]


class Role(enum.Enum):
    """Which side of the connection this endpoint is."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def peer(self) -> Role:
        """The role of the other side."""
        return Role.SERVER if self is Role.CLIENT else Role.CLIENT


class Opcode(enum.IntEnum):
    """Frame opcodes (RFC 6455 section 11.8)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA

    @property
    def is_control(self) -> bool:
        """Whether this opcode marks a control frame (RFC 6455 section 5.5)."""
        return self >= Opcode.CLOSE


# The bits of a frame's first byte, and of its second (RFC 6455 section 5.2)
FIN: Final = 0x80
RSV1: Final = 0x40
RSV2: Final = 0x20
RSV3: Final = 0x10
CONTROL: Final = 0x08
"""The bit that all opcodes of control frames have, and no others (section 5.5)."""
MASKED: Final = 0x80

MAX_CONTROL_PAYLOAD: Final = 125
"""Bytes in a control frame at most (RFC 6455 section 5.5)."""

UNLIMITED: Final = (1 << 63) - 1
"""The longest payload that a frame can declare (RFC 6455 section 5.2)."""


class CloseCode(enum.IntEnum):
    """Registered close codes (RFC 6455 section 7.4.1 and the IANA registry)."""

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS_RCVD = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015


SENDABLE_CLOSE_CODES: Final[frozenset[int]] = frozenset(
    (*range(1000, 1004), *range(1007, 1015), *range(3000, 5000))
)
"""Codes that a Close frame may carry, sent or received (RFC 6455 section 7.4).

1004 is reserved, 1005, 1006 and 1015 never travel, 1016 to 2999 are unassigned;
3000 to 3999 belong to registered libraries and 4000 to 4999 to applications.
"""
