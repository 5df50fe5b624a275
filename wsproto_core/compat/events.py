"""wsproto's events: the same fields in the same order, with the same defaults and repr.

Values that know nothing of a connection, and the one error that carries one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..exceptions import RemoteProtocolError as EngineError

if TYPE_CHECKING:
    from .extensions import Extension

__all__ = [
    "AcceptConnection",
    "BytesMessage",
    "CloseConnection",
    "Event",
    "Message",
    "Ping",
    "Pong",
    "RejectConnection",
    "RejectData",
    "RemoteProtocolError",
    "Request",
    "TextMessage",
]

Headers = list[tuple[bytes, bytes]]


class Event:
    """Base of all events."""


@dataclass(frozen=True)
class Request(Event):
    """A client asks for a WebSocket."""

    host: str
    target: str
    extensions: Sequence[Extension] | Sequence[str] = field(default_factory=list[Any])
    extra_headers: Headers = field(default_factory=Headers)
    subprotocols: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class AcceptConnection(Event):
    """The server agrees."""

    subprotocol: str | None = None
    extensions: list[Extension] = field(default_factory=list[Any])
    extra_headers: Headers = field(default_factory=Headers)


@dataclass(frozen=True)
class RejectConnection(Event):
    """The server declines; with `has_body`, `RejectData` follows."""

    status_code: int = 400
    headers: Headers = field(default_factory=Headers)
    has_body: bool = False


@dataclass(frozen=True)
class RejectData(Event):
    """A piece of the body of a rejection."""

    data: bytes
    body_finished: bool = True


@dataclass(frozen=True)
class CloseConnection(Event):
    """A Close frame, the failure of the connection, or the end of the transport."""

    code: int
    reason: str | None = None

    def response(self) -> CloseConnection:
        """The answer: the same code and reason."""
        return CloseConnection(self.code, self.reason)


@dataclass(frozen=True, init=False)
class Message(Event):
    """A piece of a message, text or binary."""

    data: Any
    frame_finished: bool = True
    message_finished: bool = True

    # As fast as an ordinary class: the __init__ of a frozen dataclass takes twice as long.
    def __init__(
        self, data: str | bytes, frame_finished: bool = True, message_finished: bool = True
    ) -> None:
        fields = self.__dict__
        fields["data"] = data
        fields["frame_finished"] = frame_finished
        fields["message_finished"] = message_finished

    def __class_getitem__(cls, kind: object) -> type[Message]:
        return cls


@dataclass(frozen=True, init=False)
class TextMessage(Message):
    """Text: its `data` is `str`."""


@dataclass(frozen=True, init=False)
class BytesMessage(Message):
    """Binary data: its `data` is `bytes`."""


@dataclass(frozen=True)
class Ping(Event):
    """A ping; nothing answers it but you."""

    payload: bytes = b""

    def response(self) -> Pong:
        """The answer: the same payload."""
        return Pong(self.payload)


@dataclass(frozen=True)
class Pong(Event):
    """A pong, asked for or not."""

    payload: bytes = b""


class RemoteProtocolError(EngineError):
    """The peer's opening handshake was broken.

    Attributes:
        event_hint: what to send to the peer because of it.
    """

    def __init__(self, message: str, event_hint: Event | None = None) -> None:
        super().__init__(message)
        self.event_hint = event_hint
