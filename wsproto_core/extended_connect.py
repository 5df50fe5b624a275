"""The carrier for HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220): header lists in and out.

An extended CONNECT on a stream brings the request, an ordinary response the answer, and
the rest of the stream is the WebSocket. How header lists and data are framed is the
business of a library for HTTP/2 or HTTP/3. This module knows none of them, and not what
a WebSocket handshake says.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from typing import ClassVar, Final

from .carrier import (
    CONTENT_LENGTH,
    WITHOUT_BODY,
    BodyPiece,
    RejectionRules,
    RequestHead,
    ResponseHead,
    WaitingData,
)
from .exceptions import (
    HandshakeError,
    LocalProtocolError,
    MalformedHandshake,
    MethodNotAllowed,
    OrdinaryConnect,
    UnsupportedProtocol,
)
from .headers import Headers, HeadersLike, as_headers, is_token, parse_host, parse_origin
from .types import HeaderBlock

__all__ = [
    "SETTINGS_ENABLE_CONNECT_PROTOCOL",
    "ResetCode",
    "StreamClient",
    "StreamRequest",
    "StreamResponseWriter",
    "check_stream_fields",
    "extended_connect_protocol",
]

SETTINGS_ENABLE_CONNECT_PROTOCOL: Final = 0x8
"""The setting, of value 1, with which a server of HTTP/2 (RFC 8441 section 3) or HTTP/3
(RFC 9220 section 5) says that it takes an extended CONNECT. Without it none may be sent."""


class ResetCode(enum.IntEnum):
    """The error code with which to reset a stream that is over for us but not for the peer."""

    CANCEL = 0x8
    """On HTTP/2 (RFC 9113 section 7)."""
    H3_REQUEST_CANCELLED = 0x10C
    """On HTTP/3 (RFC 9114 section 8.1)."""


_PATH: Final = re.compile(r'/[!-"$-~]*')  # visible ASCII without "#"
_STATUS: Final = re.compile("[1-9][0-9]{2}")
_NOT_IN_VALUES: Final = re.compile("[\0\r\n]")

_CONNECTION_SPECIFIC: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
)
"""The fields of a transport connection: none of a stream's (RFC 9113 section 8.2.2)."""


def extended_connect_protocol(headers: HeadersLike) -> str | None:
    """The ``:protocol`` of an extended CONNECT (RFC 8441 section 4), in lower case.

    Gives None for any other request, an ordinary CONNECT too. Checks nothing: it tells a
    server which requests are for `ServerConnection.from_extended_connect`.
    """
    fields = Headers(headers)
    if fields.get(":method") != "CONNECT":
        return None
    protocol = fields.get(":protocol")
    return None if protocol is None else protocol.lower()


# Reading


def _malformed(what: str, section: str) -> MalformedHandshake:
    return MalformedHandshake(what, section=section)


def _split(headers: Headers, known: frozenset[str]) -> tuple[dict[str, str], Headers]:
    """The pseudo-headers, and the fields behind them (RFC 9113 sections 8.2 and 8.3)."""
    pseudo: dict[str, str] = {}
    fields: list[tuple[str, str]] = []
    for name, value in headers:
        shown = f"{name[:60]!a}"
        if _NOT_IN_VALUES.search(value) or value != value.strip(" \t"):
            raise _malformed(f"the value of {shown} is malformed", "RFC 9113 section 8.2.1")
        if name.startswith(":"):
            if name not in known or name in pseudo or fields:
                raise _malformed(
                    f"{shown} is unknown, or there twice, or behind a field",
                    "RFC 9113 section 8.3",
                )
            pseudo[name] = value
            continue
        if not is_token(name) or name != name.lower():
            raise _malformed(f"{shown} is not a name in lower case", "RFC 9113 section 8.2.1")
        if name in _CONNECTION_SPECIFIC or (name == "te" and value != "trailers"):
            raise _malformed(f"{shown} is a connection's own field", "RFC 9113 section 8.2.2")
        fields.append((name, value))
    return pseudo, as_headers(tuple(fields))


def _parse_request(headers: Headers) -> RequestHead:
    """Read the header list of an extended CONNECT (RFC 8441 section 4).

    Raises:
        HandshakeError: it is not one for a WebSocket.
    """
    pseudo, fields = _split(headers, _REQUEST)
    method = pseudo.get(":method", "")
    protocol = pseudo.get(":protocol")
    if method != "CONNECT":
        error = MethodNotAllowed(
            f"method {method[:20]!a} instead of CONNECT", section="RFC 8441 section 4"
        )
        error.headers = (("Allow", "CONNECT"),)
        raise error
    if protocol is None:
        raise OrdinaryConnect("CONNECT without :protocol", section="RFC 9113 section 8.5")
    # RFC 9110 section 7.8, for the values of the same registry: in any letter case.
    if protocol.lower() != "websocket":
        raise UnsupportedProtocol(
            f":protocol {protocol[:60]!a} instead of websocket", section="RFC 9220 section 3"
        )
    scheme = pseudo.get(":scheme", "").lower()
    if scheme not in ("http", "https"):
        raise _malformed(":scheme is neither http nor https", "RFC 8441 section 5")
    path = pseudo.get(":path", "")
    if not _PATH.fullmatch(path):
        raise _malformed(":path is missing or malformed", "RFC 8441 section 4")
    authority = pseudo.get(":authority", "")
    if parse_host(authority) is None:
        raise _malformed(":authority is missing or malformed", "RFC 8441 section 4")
    asked = parse_origin(f"{scheme}://{authority}")
    if any(parse_origin(f"{scheme}://{host}") != asked for host in fields.get_all("host")):
        raise _malformed("Host is not the same as :authority", "RFC 9113 section 8.3.1")
    return RequestHead(method, path, fields, authority)


_REQUEST: Final = frozenset({":method", ":protocol", ":scheme", ":authority", ":path"})
_RESPONSE: Final = frozenset({":status"})


class StreamRequest(WaitingData):
    """Hands on the request of a stream."""

    __slots__ = ("_end_stream", "_headers")

    def __init__(self, headers: Headers, end_stream: bool) -> None:
        super().__init__()
        self._headers = headers
        self._end_stream = end_stream

    def read(self) -> RequestHead:
        """The request.

        Raises:
            HandshakeError: it is not an extended CONNECT for a WebSocket.
        """
        head = _parse_request(self._headers)
        if self._end_stream:
            raise _malformed("the stream ends with the request", "RFC 8441 section 5")
        return head


class StreamClient(WaitingData):
    """Writes a request and reads its answer."""

    __slots__ = ("_authority", "_end_stream", "_error", "_head", "_left", "_scheme")

    accepting: ClassVar[int] = 200
    """The status that says yes."""

    def __init__(self, secure: bool, authority: str) -> None:
        super().__init__()
        self._scheme = "https" if secure else "http"  # RFC 8441 section 5
        self._authority = authority
        self._head: ResponseHead | None = None
        self._error: HandshakeError | None = None
        self._end_stream = False
        self._left: int | None = None  # bytes of the body that must follow; None: any

    def write_request(self, target: str, headers: Headers) -> HeaderBlock:
        """The request.

        Raises:
            LocalProtocolError: the target or a field cannot be sent.
        """
        if not _PATH.fullmatch(target):
            raise LocalProtocolError(f"target {target[:60]!a} is not a path in visible ASCII")
        pseudo = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", self._scheme),
            (":authority", self._authority),
            (":path", target),
        ]
        return _block(pseudo, headers)

    def feed(self, data: bytes) -> None:
        """Add what arrived behind the response."""
        if self._head is None and self._error is None:
            self._error = _malformed("data ahead of the response", "RFC 9113 section 8.1")
        super().feed(data)

    def receive(self, headers: Headers, end_stream: bool) -> None:
        """Take a header list: of an interim response, the final one, or trailers."""
        if self._head is not None or self._error is not None:
            return
        try:
            head, self._left = _parse_response(headers)
        except HandshakeError as error:
            self._error = error
            return
        if head.status_code >= 200:
            self._head = head
            self._end_stream = end_stream

    def read(self) -> ResponseHead | None:
        """The final response; None until it has come.

        Raises:
            HandshakeError: what came is not a response.
        """
        if self._error is not None:
            raise self._error
        return self._head

    def has_body(self) -> bool:
        """Whether a body follows the response."""
        assert self._head is not None
        bodiless = self._head.status_code in WITHOUT_BODY or self._left == 0
        return not (bodiless or self._end_stream)

    def read_body(self, eof: bool, reset: bool = False) -> BodyPiece:
        """What has come of the body; `eof` says that no more will, `reset` that the
        stream was reset."""
        data = self.take_rest()
        if self._left is None:
            return BodyPiece(data, finished=eof, broken=reset)
        behind = data[self._left :]
        data = data[: self._left]
        self.offset -= len(behind)
        self._left -= len(data)
        missing = self._left > 0
        return BodyPiece(data, eof or not missing, broken=bool(behind) or (eof and missing))


def _parse_response(headers: Headers) -> tuple[ResponseHead, int | None]:
    """A response, and the length of its body if that is given.

    Raises:
        HandshakeError: it is malformed.
    """
    pseudo, fields = _split(headers, _RESPONSE)
    status = pseudo.get(":status", "")
    if not _STATUS.fullmatch(status):
        raise _malformed(":status is missing or malformed", "RFC 9113 section 8.3.2")
    if status == "101":
        raise _malformed("status 101 on a stream", "RFC 9113 section 8.6")
    head = ResponseHead(int(status), fields)
    length = fields.get("content-length")
    if length is None or head.status_code == StreamClient.accepting:
        return head, None  # RFC 9110 section 9.3.6: behind a yes there is no body
    if not CONTENT_LENGTH.fullmatch(length):
        raise _malformed("Content-Length is not one number", "RFC 9110 section 8.6")
    return head, int(length)


# Writing


class StreamResponseWriter(RejectionRules):
    """Writes a server's answer, but for its body."""

    __slots__ = ()

    _least_status = 300  # RFC 9110 section 9.3.6: any 2xx begins a tunnel

    def accept(self, headers: Headers) -> HeaderBlock:
        """The answer that says yes.

        Raises:
            LocalProtocolError: a field has no place on a stream.
        """
        return _block([(":status", str(StreamClient.accepting))], headers)

    def reject(self, status_code: int, headers: Headers, has_body: bool) -> HeaderBlock:
        """Another answer.

        Raises:
            LocalProtocolError: the status, the fields and the body contradict each other,
                or a field has no place on a stream.
            TypeError: the status is not an int.
        """
        headers = self._begin_reject(status_code, headers, has_body)
        return _block([(":status", str(int(status_code)))], headers)


def check_stream_fields(headers: Headers) -> None:
    """Refuse header fields that cannot be sent on a stream.

    Raises:
        LocalProtocolError: there is one.
    """
    for name, _ in headers:
        if name.lower() in _NOT_SENT:
            raise LocalProtocolError(f"{name} has no place in HTTP/2 and HTTP/3: leave it out")


_NOT_SENT: Final = _CONNECTION_SPECIFIC | {"host", "te"}


def _block(pseudo: Iterable[tuple[str, str]], headers: Headers) -> HeaderBlock:
    check_stream_fields(headers)
    return [(name.lower().encode(), value.encode()) for name, value in (*pseudo, *headers)]
