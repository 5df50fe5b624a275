"""The life of a connection as one table (RFC 6455 sections 4 and 7).

`TRANSITIONS` is the only place that says what may happen in which state and what comes
of it. A pair that is not in it may not happen: from the caller it is an error, from the
peer it is ignored. The diagram in the documentation is drawn from the table.
"""

from __future__ import annotations

import enum
from typing import Final

from .codes import Role

__all__ = ["ADVICE", "ROLE_ONLY", "TRANSITIONS", "Action", "ConnectionState", "next_state"]


class ConnectionState(enum.Enum):
    """Where a connection is in its life."""

    __hash__ = object.__hash__  # each member is the only one of its kind

    CONNECTING = "CONNECTING"
    """The opening handshake is not over."""
    OPEN = "OPEN"
    """Messages go both ways."""
    LOCAL_CLOSING = "LOCAL_CLOSING"
    """Our Close frame is sent, the peer's has not come."""
    REMOTE_CLOSING = "REMOTE_CLOSING"
    """The peer's Close frame has come, ours is not sent."""
    CLOSED = "CLOSED"
    """Nothing is sent or received any more."""
    REJECTING = "REJECTING"
    """The handshake was answered with no, and the answer's body is on its way."""


class Action(enum.Enum):
    """What can happen to a connection. `SEND_` is the caller's doing, `RECEIVE_` the peer's."""

    __hash__ = object.__hash__  # each member is the only one of its kind

    SEND_ACCEPT = "send AcceptConnection"
    SEND_REJECT = "send RejectConnection"
    SEND_REJECT_DATA = "send RejectData"
    SEND_MESSAGE = "send a message"
    SEND_PING = "send Ping"
    SEND_PONG = "send Pong"
    SEND_CLOSE = "send CloseConnection"
    RECEIVE_ACCEPT = "receive AcceptConnection"
    RECEIVE_REJECT = "receive RejectConnection"
    RECEIVE_FRAME = "receive a frame"
    RECEIVE_CLOSE = "receive CloseConnection"
    FINISH_REJECT = "end of the rejection"
    FAIL = "failure"
    LOSE = "end of the transport"


ROLE_ONLY: Final[dict[Action, Role]] = {
    Action.SEND_ACCEPT: Role.SERVER,
    Action.SEND_REJECT: Role.SERVER,
    Action.SEND_REJECT_DATA: Role.SERVER,
    Action.RECEIVE_ACCEPT: Role.CLIENT,
    Action.RECEIVE_REJECT: Role.CLIENT,
}
"""The actions that only one side has. All others are the same on both."""

TRANSITIONS: Final[dict[ConnectionState, dict[Action, ConnectionState]]] = {
    ConnectionState.CONNECTING: {
        Action.SEND_ACCEPT: ConnectionState.OPEN,
        Action.SEND_REJECT: ConnectionState.REJECTING,
        Action.RECEIVE_ACCEPT: ConnectionState.OPEN,
        Action.RECEIVE_REJECT: ConnectionState.REJECTING,
        Action.FAIL: ConnectionState.CLOSED,
        Action.LOSE: ConnectionState.CLOSED,
    },
    ConnectionState.REJECTING: {
        Action.SEND_REJECT_DATA: ConnectionState.REJECTING,
        Action.FINISH_REJECT: ConnectionState.CLOSED,
        Action.FAIL: ConnectionState.CLOSED,
        Action.LOSE: ConnectionState.CLOSED,
    },
    ConnectionState.OPEN: {
        Action.SEND_MESSAGE: ConnectionState.OPEN,
        Action.SEND_PING: ConnectionState.OPEN,
        Action.SEND_PONG: ConnectionState.OPEN,
        Action.SEND_CLOSE: ConnectionState.LOCAL_CLOSING,
        Action.RECEIVE_FRAME: ConnectionState.OPEN,
        Action.RECEIVE_CLOSE: ConnectionState.REMOTE_CLOSING,
        Action.FAIL: ConnectionState.CLOSED,
        Action.LOSE: ConnectionState.CLOSED,
    },
    # RFC 6455 section 5.5.1 forbids data frames behind our Close, section 5.5.2 wants
    # a ping answered until the peer's Close has come.
    ConnectionState.LOCAL_CLOSING: {
        Action.SEND_PONG: ConnectionState.LOCAL_CLOSING,
        Action.RECEIVE_FRAME: ConnectionState.LOCAL_CLOSING,
        Action.RECEIVE_CLOSE: ConnectionState.CLOSED,
        Action.FAIL: ConnectionState.CLOSED,
        Action.LOSE: ConnectionState.CLOSED,
    },
    # Whatever follows the peer's Close is ignored (RFC 6455 section 1.4).
    ConnectionState.REMOTE_CLOSING: {
        Action.SEND_CLOSE: ConnectionState.CLOSED,
        Action.LOSE: ConnectionState.CLOSED,
    },
    ConnectionState.CLOSED: {},
}
"""For each state, what may happen in it and the state that follows."""


ADVICE: Final[dict[ConnectionState, str]] = {
    ConnectionState.CONNECTING: "wait until the handshake is over",
    ConnectionState.OPEN: "the handshake is over, send messages",
    ConnectionState.LOCAL_CLOSING: "CloseConnection was sent, only wait for the peer's",
    ConnectionState.REMOTE_CLOSING: "the peer has closed, only send CloseConnection",
    ConnectionState.CLOSED: "the connection is over, make a new one",
    ConnectionState.REJECTING: "the handshake was rejected, only RejectData may follow",
}
"""What to do, in each state, instead of what it does not allow."""


def next_state(role: Role, state: ConnectionState, action: Action) -> ConnectionState | None:
    """The state after `action`, or None where the table does not allow it."""
    if ROLE_ONLY.get(action, role) is not role:
        return None
    return TRANSITIONS[state].get(action)
