"""The errors, and the close code or HTTP status that each one means.

Two kinds, no third. A `LocalProtocolError` is raised: the caller did something that
the protocol or the connection's state forbids. A `RemoteProtocolError` is what the
peer did wrong: the engine never raises it to its caller, it travels as a value in
`HandshakeFailed.error` and `Connection.error`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

from .codes import CloseCode

if TYPE_CHECKING:
    from .state import ConnectionState

__all__ = [
    "ClosingTimeout",
    "CompressedDataError",
    "ConnectionLost",
    "EarlyDataTooLarge",
    "FrameError",
    "HTTPVersionNotSupported",
    "HandshakeError",
    "HeadTooLarge",
    "HostNotAllowed",
    "InvalidTextError",
    "InvalidURI",
    "LocalProtocolError",
    "MalformedHandshake",
    "MessageTooBig",
    "MethodNotAllowed",
    "NegotiationError",
    "OpeningTimeout",
    "OrdinaryConnect",
    "OriginNotAllowed",
    "PongTimeout",
    "ProtocolError",
    "RemoteProtocolError",
    "TooManyFragments",
    "UnsupportedProtocol",
    "UnsupportedVersion",
]


class ProtocolError(Exception):
    """Base of every error of this library. Compares by type and content."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.args == other.args and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), self.args))


class LocalProtocolError(ProtocolError):
    """The caller asked for what the protocol or the state forbids.

    Nothing was queued and the connection is as it was before the call.

    Attributes:
        state: the connection's state when the call was refused, where that was why.
        close_code: the close code of a connection that is closing or closed.
    """

    state: ConnectionState | None
    close_code: int | None

    def __init__(
        self,
        message: str,
        *,
        state: ConnectionState | None = None,
        close_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.state = state
        self.close_code = close_code


class InvalidURI(LocalProtocolError):
    """A URI that is not a ws:// or wss:// URI (RFC 6455 section 3)."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol or passed a limit. A value, never raised to callers.

    Attributes:
        close_code: the code with which an open connection fails because of it.
        section: the rule that was broken, for example ``"RFC 6455 section 5.2"``.
        offset: how many bytes of the peer's stream, the handshake included, come before
            the first byte that broke the rule. For what was found only when the whole of
            a compressed payload or a head was looked at: where the payload begins, or
            the head ends.
    """

    close_code: ClassVar[int] = CloseCode.PROTOCOL_ERROR
    section: str
    offset: int | None

    def __init__(self, message: str, *, section: str = "", offset: int | None = None) -> None:
        super().__init__(message)
        self.section = section
        self.offset = offset


def detach(error: RemoteProtocolError) -> None:
    """Take away all that would keep the input alive: the frames of the traceback, and the
    cause, which may hold the payload itself."""
    error.__cause__ = error.__context__ = error.__traceback__ = None


class FrameError(RemoteProtocolError):
    """A frame, or a sequence of frames, that RFC 6455 section 5 forbids: 1002."""


class InvalidTextError(RemoteProtocolError):
    """Text or a close reason that is not UTF-8 (RFC 6455 section 8.1): 1007."""

    close_code = CloseCode.INVALID_DATA


class CompressedDataError(RemoteProtocolError):
    """Compressed data that does not decompress (RFC 7692 section 7.2.2): 1007."""

    close_code = CloseCode.INVALID_DATA


class MessageTooBig(RemoteProtocolError):
    """A frame or message over the limit (RFC 6455 section 7.4.1): 1009."""

    close_code = CloseCode.MESSAGE_TOO_BIG

    @classmethod
    def of_message(cls, limit: int) -> MessageTooBig:
        """A message that grew past `limit` bytes, however many frames it came in."""
        return cls(f"a message of more than {limit} bytes", section="RFC 6455 section 10.4")


class TooManyFragments(RemoteProtocolError):
    """A message in more fragments than the limit: 1008."""

    close_code = CloseCode.POLICY_VIOLATION


class PongTimeout(RemoteProtocolError):
    """A keepalive ping that was not answered in time (RFC 6455 section 5.5.2): 1011."""

    close_code = CloseCode.INTERNAL_ERROR


class ClosingTimeout(RemoteProtocolError):
    """A Close frame that was not answered in time (RFC 6455 section 7.1.5): 1006."""

    close_code = CloseCode.ABNORMAL_CLOSURE


class HandshakeError(RemoteProtocolError):
    """The opening handshake was broken.

    Attributes:
        status: the HTTP status that a server answers with.
        headers: header fields that belong to that answer, as (name, value) pairs.
    """

    status: int = HTTPStatus.BAD_REQUEST
    headers: tuple[tuple[str, str], ...] = ()


class MalformedHandshake(HandshakeError):
    """A request or response that RFC 9112 or RFC 6455 section 4 forbids: 400."""


class MethodNotAllowed(HandshakeError):
    """A request with a method other than GET (RFC 6455 section 4.1): 405.

    On a stream of HTTP/2 or HTTP/3: other than CONNECT (RFC 8441 section 4).
    """

    status = HTTPStatus.METHOD_NOT_ALLOWED
    headers = (("Allow", "GET"),)


class HTTPVersionNotSupported(HandshakeError):
    """A request line that does not say HTTP/1.1 (RFC 6455 section 4.1): 505."""

    status = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED


class UnsupportedVersion(HandshakeError):
    """A Sec-WebSocket-Version other than 13 (RFC 6455 section 4.4): 426.

    On a stream of HTTP/2 or HTTP/3 the status is 400: a 426 must have an Upgrade field,
    which cannot be there (RFC 9110 section 15.5.22, RFC 9113 section 8.2.2).
    """

    status: int = HTTPStatus.UPGRADE_REQUIRED
    headers: tuple[tuple[str, str], ...] = (
        ("Sec-WebSocket-Version", "13"),
        ("Upgrade", "websocket"),
    )


class OrdinaryConnect(HandshakeError):
    """A CONNECT without ``:protocol``: it asks for a TCP tunnel (RFC 9113 section 8.5): 501."""

    status = HTTPStatus.NOT_IMPLEMENTED


class UnsupportedProtocol(HandshakeError):
    """An extended CONNECT with another ``:protocol`` (RFC 9220 section 3): 501."""

    status = HTTPStatus.NOT_IMPLEMENTED


class HeadTooLarge(HandshakeError):
    """A handshake head over the limit (RFC 6585 section 5): 431."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class OriginNotAllowed(HandshakeError):
    """An Origin that the server does not allow (RFC 6455 section 10.2): 403."""

    status = HTTPStatus.FORBIDDEN


class HostNotAllowed(HandshakeError):
    """A Host that the server does not answer for (RFC 9110 section 15.5.20): 421."""

    status = HTTPStatus.MISDIRECTED_REQUEST


class EarlyDataTooLarge(HandshakeError):
    """More bytes behind the request than may wait for its answer: 413."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    close_code = CloseCode.MESSAGE_TOO_BIG


class NegotiationError(HandshakeError):
    """A response with an extension or subprotocol that was not offered, or with
    parameters that its extension forbids (RFC 6455 section 4.1)."""


class ConnectionLost(HandshakeError):
    """The transport ended before the opening handshake did."""


class OpeningTimeout(HandshakeError):
    """An opening handshake that was not over in time (RFC 9110 section 15.5.9): 408."""

    status = HTTPStatus.REQUEST_TIMEOUT
