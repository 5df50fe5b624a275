"""The events: what a connection tells its user, and what its user tells it.

Events are values. Nothing here knows of connections or bytes on the wire.
"""

# pyright: reportPrivateUsage=false
# What stands beside a class here shares what is private to it.

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any, ClassVar, Final

from .codes import CloseCode
from .exceptions import HandshakeError
from .extensions.base import Extension
from .headers import Headers, HeadersLike
from .slots import read_in_place
from .types import Data, ExtensionOffer, Origin, Subprotocol

__all__ = [
    "AcceptConnection",
    "BytesMessage",
    "CloseConnection",
    "CloseSource",
    "Event",
    "HandshakeFailed",
    "Message",
    "Ping",
    "Pong",
    "RejectConnection",
    "RejectData",
    "Request",
    "TextMessage",
]


class Event:
    """Base of all events. They are immutable, and compare and pickle by value."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()

    def _values(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__match_args__])

    def __reduce__(self) -> tuple[type[Event], tuple[object, ...]]:
        return type(self), self._values()


@dataclass(frozen=True, slots=True)
class Request(Event):
    """A client asks for a WebSocket (RFC 6455 section 4.1).

    A server receives it once, with the request already checked, and answers with
    `AcceptConnection` or `RejectConnection`.
    """

    host: str
    """The Host field as sent, on a stream of HTTP/2 or HTTP/3 ``:authority``: a name or
    address, and a port if there is one."""
    target: str
    """The request target: a path, and a query if there is one. Percent-encoded."""
    headers: Headers = Headers()
    """All header fields of the request."""
    subprotocols: tuple[Subprotocol, ...] = ()
    """The subprotocols that the client speaks, the one it likes best first."""
    extensions: tuple[ExtensionOffer, ...] = ()
    """The extensions that it offers, the one it likes best first."""
    origin: Origin | None = None
    """Where the page comes from that asks, if a browser does (RFC 6455 section 10.2)."""

    @property
    def path(self) -> str:
        """The target up to the question mark, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target behind the question mark, still percent-encoded; "" without one."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True, init=False)
class AcceptConnection(Event):
    """The server agrees: with status 101 (RFC 6455 section 4.2.2), on a stream of HTTP/2 or
    HTTP/3 with 200 (RFC 8441 section 5).

    To send one, leave out what the connection's own configuration is to decide.
    """

    subprotocol: Subprotocol | None = None
    """What was chosen of `Request.subprotocols`. Sent as None: what the server's
    configuration selects, if it has any."""
    extensions: tuple[Extension, ...] | None = None
    """What was agreed. To send: the extensions to negotiate instead of the configured
    ones, or None."""
    headers: Headers = Headers()
    """Received: all header fields of the response. Sent: additional ones."""

    def __init__(
        self,
        subprotocol: str | None = None,
        extensions: Sequence[Extension] | None = None,
        headers: HeadersLike = (),
    ) -> None:
        set_field = object.__setattr__
        set_field(self, "subprotocol", subprotocol)
        set_field(self, "extensions", None if extensions is None else tuple(extensions))
        set_field(self, "headers", Headers(headers))


@dataclass(frozen=True, slots=True, init=False)
class RejectConnection(Event):
    """The server declines, with another status (RFC 6455 section 4.2.2), or a proxy does,
    with one that is not from 200 to 299.

    A redirect (300 to 399) has its Location in `headers`, a 401 its WWW-Authenticate.
    """

    status_code: int = 403
    """The HTTP status: 200 to 599 to send, on a stream from 300 on, up to 999 received."""
    headers: Headers = Headers()
    """The header fields of the response."""
    has_body: bool = False
    """Whether `RejectData` follows."""

    def __init__(
        self, status_code: int = 403, headers: HeadersLike = (), has_body: bool = False
    ) -> None:
        set_field = object.__setattr__
        set_field(self, "status_code", status_code)
        set_field(self, "headers", Headers(headers))
        set_field(self, "has_body", has_body)


@dataclass(frozen=True, slots=True)
class RejectData(Event):
    """A piece of the body of a rejection."""

    data: bytes
    body_finished: bool = True
    """Whether this is the last piece."""
    truncated: bool = False
    """Received: whether the rest of the body was cut, because it is over
    `Limits.max_reject_body` or because the transport ended inside it."""


@dataclass(frozen=True, slots=True)
class HandshakeFailed(Event):
    """The opening handshake was broken, and the connection is over."""

    error: HandshakeError
    """What was wrong: a value to log or raise. On a server, the answer with
    ``error.status`` is queued already."""


class CloseSource(enum.Enum):
    """What ended a connection."""

    PEER = "peer"
    """The peer's Close frame."""
    LOCAL = "local"
    """Our own side failed the connection (RFC 6455 section 7.1.7)."""
    TRANSPORT = "transport"
    """The transport ended without a Close frame from the peer."""


@dataclass(frozen=True, slots=True)
class CloseConnection(Event):
    """The end of a connection that was open (RFC 6455 section 7).

    Received exactly once. Sent, it starts the closing handshake, or answers it where
    `auto_close` is off.
    """

    code: int | None = 1000
    """The close code. Received: 1005 if the peer's Close was empty, 1006 if there was
    none. Sent: None makes the Close empty."""
    reason: str = ""
    """Why, for people who read logs: at most 123 bytes of UTF-8."""
    source: CloseSource | None = None
    """What ended the connection; None on an event that is sent."""

    def response(self) -> CloseConnection:
        """The answer to this event: the same code and reason (RFC 6455 section 5.5.1)."""
        if self.code == CloseCode.NO_STATUS_RCVD:
            return CloseConnection(None)
        return CloseConnection(self.code, self.reason)


class _Signature:
    """Tells `inspect.signature`, and so `help`, how an event is made: a compiled class
    cannot."""

    def __get__(self, instance: object, kind: type[_Frozen]) -> Signature:
        maker = next(each for each in kind.__mro__ if "__init__" in vars(each))
        if maker.__module__ != __name__:
            raise AttributeError("a subclass with an __init__ of its own, which can tell")
        parameters = [_parameter(maker.__name__, name) for name in kind.__match_args__]
        return Signature(parameters, return_annotation="None")


def _parameter(kind: str, name: str) -> Parameter:
    hint = _HINTS[kind if name == "data" else name]
    default = _DEFAULTS.get(name, Parameter.empty)
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=hint)


class _Frozen(Event):
    """Base of the events that come by the million.

    A frozen dataclass takes four times as long to create as an ordinary object: its
    ``__init__`` must get around its own ``__setattr__``. Read-only properties over slots
    are as immutable for the user, and cost only their reader a little.
    """

    __slots__ = ()
    __signature__ = _Signature()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={value!r}"
            for name, value in zip(self.__match_args__, self._values(), strict=True)
            if name not in _DEFAULTS or value != _DEFAULTS[name]
        )
        return f"{type(self).__name__}({shown})"


_DEFAULTS: Final[dict[str, object]] = {
    "frame_finished": True,
    "message_finished": True,
    "compress": None,
    "payload": b"",
    "latency": None,
    "keepalive": False,
}

# What each ``__init__`` says of its parameters: of `data`, each class something else.
_HINTS: Final[dict[str, str]] = {
    "Message": "Data",
    "TextMessage": "str",
    "BytesMessage": "bytes",
    "frame_finished": "bool",
    "message_finished": "bool",
    "compress": "bool | None",
    "payload": "bytes",
    "latency": "float | None",
    "keepalive": "bool",
}


class Message(_Frozen):
    """A message, or a piece of one: `TextMessage` or `BytesMessage` (RFC 6455 section 5.6)."""

    __slots__ = ("_compress", "_data", "_frame_finished", "_message_finished")
    __match_args__ = ("data", "frame_finished", "message_finished", "compress")

    def __init__(
        self,
        data: Data,
        frame_finished: bool = True,
        message_finished: bool = True,
        compress: bool | None = None,
    ) -> None:
        self._data: Any = data  # what the property of each kind says
        self._frame_finished = frame_finished
        self._message_finished = message_finished
        self._compress = compress

    @property
    def data(self) -> Data:
        """The payload."""
        data: Data = self._data
        return data

    @property
    def frame_finished(self) -> bool:
        """Received: whether a frame ends here. Always true of whole messages; on its
        way out, each event is one frame."""
        return bool(self._frame_finished)

    @property
    def message_finished(self) -> bool:
        """Whether the message ends here. Send False to go on with it in another event."""
        return bool(self._message_finished)

    @property
    def compress(self) -> bool | None:
        """To send: True or False decides for this message whether an agreed
        permessage-deflate compresses it; None leaves that to the extension's threshold."""
        return self._compress


class TextMessage(Message):
    """Text: its `data` is a `str`."""

    __slots__ = ()

    def __init__(
        self,
        data: str,
        frame_finished: bool = True,
        message_finished: bool = True,
        compress: bool | None = None,
    ) -> None:
        self._data = data
        self._frame_finished = frame_finished
        self._message_finished = message_finished
        self._compress = compress

    @property
    def data(self) -> str:
        """The text."""
        text: str = self._data
        return text


class BytesMessage(Message):
    """Binary data: its `data` is `bytes`."""

    __slots__ = ()

    def __init__(
        self,
        data: bytes,
        frame_finished: bool = True,
        message_finished: bool = True,
        compress: bool | None = None,
    ) -> None:
        self._data = data
        self._frame_finished = frame_finished
        self._message_finished = message_finished
        self._compress = compress

    @property
    def data(self) -> bytes:
        """The bytes."""
        octets: bytes = self._data
        return octets


read_in_place(TextMessage)
read_in_place(BytesMessage)


def whole_text(text: str) -> TextMessage:
    """``TextMessage(text)``, without going through its ``__init__``."""
    event = TextMessage.__new__(TextMessage)
    event._data = text
    event._frame_finished = True
    event._message_finished = True
    event._compress = None
    return event


def whole_bytes(data: bytes) -> BytesMessage:
    """``BytesMessage(data)``, without going through its ``__init__``."""
    event = BytesMessage.__new__(BytesMessage)
    event._data = data
    event._frame_finished = True
    event._message_finished = True
    event._compress = None
    return event


class _Heartbeat(_Frozen):
    __slots__ = ("_payload",)
    __match_args__ = ("payload",)

    def __init__(self, payload: bytes = b"") -> None:
        self._payload = payload

    @property
    def payload(self) -> bytes:
        """Up to 125 bytes."""
        return self._payload


class Ping(_Heartbeat):
    """A ping (RFC 6455 section 5.5.2). Answered automatically unless `auto_pong` is off."""

    __slots__ = ()

    def response(self) -> Pong:
        """The pong that answers this ping: the same payload."""
        return Pong(self._payload)


class Pong(_Heartbeat):
    """A pong, asked for or not (RFC 6455 section 5.5.3)."""

    __slots__ = ("_keepalive", "_latency")
    __match_args__ = ("payload", "latency", "keepalive")

    def __init__(
        self, payload: bytes = b"", latency: float | None = None, keepalive: bool = False
    ) -> None:
        self._payload = payload
        self._latency = latency
        self._keepalive = keepalive

    @property
    def latency(self) -> float | None:
        """Received: the seconds since the ping that it answers; None if it answers none
        of ours, or if the time was not known."""
        return self._latency

    @property
    def keepalive(self) -> bool:
        """Received: whether it answers the connection's own keepalive ping, and none of
        yours."""
        return self._keepalive
