"""The tunnel through an HTTP proxy: the CONNECT method (RFC 9110 section 9.3.6).

A machine of its own, ahead of the connection that the tunnel will carry. It knows what
a proxy is asked and what it answers, and nothing of what goes through the tunnel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

from .basic_auth import build_basic_authorization
from .config import Limits
from .connection import DEFAULT_LIMITS
from .events import Event, HandshakeFailed, RejectConnection, RejectData
from .exceptions import ConnectionLost, HandshakeError, LocalProtocolError, detach
from .handshake import check_extra
from .headers import Headers, HeadersLike, parse_host
from .http1 import ClientCarrier
from .state import ConnectionState
from .types import BytesLike, as_bytes
from .uri import WebSocketURI, parse_proxy_uri, parse_uri
from .version import USER_AGENT

__all__ = ["ProxyTunnel", "TunnelEstablished"]

_OURS: Final = frozenset({"connection", "content-length", "host", "transfer-encoding", "upgrade"})
"""Header fields that belong to the request itself: no caller may add them."""


@dataclass(frozen=True, slots=True)
class TunnelEstablished(Event):
    """The proxy has opened the tunnel, with a status from 200 to 299."""

    headers: Headers = Headers()
    """The header fields of its response. Content-Length and Transfer-Encoding mean nothing
    here, and are left out."""


class ProxyTunnel:
    """Asks an HTTP proxy for a tunnel to the host of a WebSocket URI.

    The request is queued at once. The answer comes as one event: `TunnelEstablished`;
    `RejectConnection`, when it was no (a 407 says in Proxy-Authenticate what the proxy
    wants), and `RejectData` if that has a body; or `HandshakeFailed`, when it was not a
    valid answer. Another try takes another tunnel on another transport.

    Once there is a tunnel, everything on the transport belongs to what is inside it,
    beginning with `trailing_data`.

    Args:
        proxy: the proxy's URI, ``http://host:port``, or ``https://host:port`` where it is
            to be spoken to over TLS; the default ports are 80 and 443. A user name and
            password in it are sent as Basic authentication (RFC 7617).
        uri: where the tunnel is to end: the host and port of a ``ws://`` or ``wss://`` URI.
        extra_headers: additional header fields of the request. A Proxy-Authorization among
            them can be of any scheme.
        user_agent: the User-Agent header field; None for none.
        limits: of these, those on heads and on the body of a rejection.

    Raises:
        InvalidURI: `proxy` or `uri` is not such a URI.
        LocalProtocolError: something of the request could not be sent.
        TypeError: an argument has the wrong type.
    """

    __slots__ = (
        "_body",
        "_carrier",
        "_eof",
        "_limits",
        "_output",
        "_reset",
        "_trailing_data",
        "address",
        "error",
        "response",
        "secure",
        "state",
        "uri",
    )

    address: tuple[str, int]
    """Where to connect to: the host and port of the proxy."""
    secure: bool
    """Whether the proxy is to be spoken to over TLS."""
    uri: WebSocketURI
    """The WebSocket URI, taken apart."""
    state: ConnectionState
    """CONNECTING until the proxy has answered, then OPEN, or by way of REJECTING, while the
    body of a rejection comes in, CLOSED."""
    response: TunnelEstablished | RejectConnection | None
    """The proxy's answer, once it has come."""
    error: HandshakeError | None
    """What was wrong with the proxy's answer."""

    def __init__(
        self,
        proxy: str,
        uri: str | WebSocketURI,
        *,
        extra_headers: HeadersLike = (),
        user_agent: str | None = USER_AGENT,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        if not isinstance(limits, Limits):
            raise TypeError(f"limits must be Limits, not {type(limits).__name__}")
        secure, host, port, username, password = parse_proxy_uri(proxy)
        self.address = (host, port)
        self.secure = secure
        self.uri = uri if isinstance(uri, WebSocketURI) else parse_uri(uri)
        self.state = ConnectionState.CONNECTING
        self.response = None
        self.error = None
        self._limits = limits
        self._carrier = ClientCarrier(limits)
        target = self.uri.host_and_port
        fields = Headers(extra_headers)
        if user_agent is not None and "User-Agent" not in fields:
            fields += [("User-Agent", user_agent)]
        if username is not None:
            if "Proxy-Authorization" in fields:
                raise LocalProtocolError("Proxy-Authorization is given twice: leave one out")
            credentials = build_basic_authorization(username, password or "")
            fields += [("Proxy-Authorization", credentials)]
        if parse_host(target) is None:
            raise LocalProtocolError(f"{target[:60]!r} is not a host and a port")
        check_extra(fields, _OURS)
        # RFC 9112 section 3.2: Host MUST be the target where that is an authority.
        headers = Headers([("Host", target), *fields])
        self._output = self._carrier.write_request(target, headers, "CONNECT")
        self._body = bytearray()
        self._trailing_data = bytearray()
        self._eof = False
        self._reset = False

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled")

    def receive_data(self, data: BytesLike) -> Iterator[Event]:
        """Take what the transport received, and go on with `events`.

        Any bytes-like object will do; an empty one does nothing, and neither does any
        once the proxy has refused. Once there is a tunnel it is added to `trailing_data`.

        Raises:
            TypeError: `data` is not bytes-like.
        """
        octets = as_bytes(data, "data")
        if self.state is ConnectionState.OPEN:
            self._trailing_data += octets
        elif self.state is not ConnectionState.CLOSED and octets and not self._eof:
            self._carrier.feed(octets)
        return self.events()

    def receive_eof(self) -> Iterator[Event]:
        """Take note that the proxy will send nothing more, and go on with `events`."""
        self._eof = True
        return self.events()

    def receive_reset(self) -> Iterator[Event]:
        """Take note that the transport broke, and go on with `events`.

        What came before still counts. What waits to be sent is dropped.
        """
        self._reset = True
        self._output = b""
        return self.receive_eof()

    def events(self) -> Iterator[Event]:
        """The events that are due, each parsed when it is asked for.

        Events that are not taken are not lost: they come first the next time.
        """
        while (event := self._next_event()) is not None:
            yield event

    def data_to_send(self) -> bytes:
        """Take out what is to be sent to the proxy: the request, the first time."""
        data, self._output = self._output, b""
        return data

    @property
    def finished(self) -> bool:
        """Whether the transport should be closed: there is no tunnel, nor will there be."""
        return self.state is ConnectionState.CLOSED

    @property
    def trailing_data(self) -> bytes:
        """What came behind the answer that opened the tunnel: the first bytes from the
        other end of it, to be given to what is inside."""
        return bytes(self._trailing_data)

    def _next_event(self) -> Event | None:
        if self.state is ConnectionState.CONNECTING:
            return self._next_answer()
        if self.state is ConnectionState.REJECTING:
            return self._next_body()
        return None

    def _next_answer(self) -> Event | None:
        try:
            head = self._carrier.read()
            if head is None:
                if self._eof:
                    raise ConnectionLost("the transport ended before the proxy answered")
                return None
        except HandshakeError as error:
            return self._fail(error)
        if head.status_code < 300:  # an interim one is skipped or refused: it is not below 200
            self.response = TunnelEstablished(head.headers)
            self.state = ConnectionState.OPEN
            self._trailing_data += self._carrier.take_rest()
        else:
            has_body = self._carrier.has_body()
            self.response = RejectConnection(head.status_code, head.headers, has_body)
            self.state = ConnectionState.REJECTING
            if not has_body:
                self._end()
        return self.response

    def _next_body(self) -> Event | None:
        piece = self._carrier.read_body(self._eof, self._reset)
        room = self._limits.max_reject_body - len(self._body)
        self._body += piece.data[:room]
        cut = len(piece.data) > room
        if not (piece.finished or cut):
            return None
        event = RejectData(bytes(self._body), truncated=piece.broken or cut)
        self._end()
        return event

    def _fail(self, error: HandshakeError) -> HandshakeFailed:
        if error.offset is None:
            error.offset = self._carrier.offset
        detach(error)
        self.error = error
        self._end()
        return HandshakeFailed(error)

    def _end(self) -> None:
        self.state = ConnectionState.CLOSED
        self._carrier.drop()
        self._body.clear()
