"""The client's side of the opening handshake (RFC 6455 section 4.1)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from .basic_auth import build_basic_authorization
from .codes import Role
from .config import Limits, Timeouts
from .connection import DEFAULT_LIMITS, DEFAULT_TIMEOUTS, Connection
from .events import (
    AcceptConnection,
    Event,
    HandshakeFailed,
    RejectConnection,
    RejectData,
    Request,
)
from .exceptions import ConnectionLost, HandshakeError, LocalProtocolError
from .extended_connect import StreamClient
from .extensions.base import Extension, as_extensions
from .handshake import Offer, check_response, check_subprotocols, request_headers
from .headers import (
    Headers,
    HeadersLike,
    generate_key,
    parse_extension_list,
)
from .http1 import ClientCarrier
from .state import Action, ConnectionState
from .timers import HeaderList
from .types import Delivery, Liveness, Origin, RandomBytes
from .uri import WebSocketURI, parse_uri
from .version import USER_AGENT

__all__ = ["ClientConnection"]


class ClientConnection(Connection):
    """The client's side of a connection, from the first byte of the request on.

    The request is queued at once. The answer comes as one event: `AcceptConnection`;
    `RejectConnection`, when it was no (a redirect or a demand for authentication is in
    its header fields); or `HandshakeFailed`, when it was not a valid answer.

    Args:
        uri: where to connect to, ``ws://`` or ``wss://``. A user name and password in it
            are sent as Basic authentication (RFC 7617). Opening the transport, with TLS
            for ``wss://``, is up to you; `uri` tells host and port.
        subprotocols: those that you speak, the one you like best first.
        extensions: those to offer, the one you like best first.
        origin: the Origin header field, if you act for a web page.
        extra_headers: additional header fields of the request.
        user_agent: the User-Agent header field; None for none.
        target: the request target, if it is not the one of `uri`.
        extended_connect: whether to ask on a stream of HTTP/2 (RFC 8441) or HTTP/3
            (RFC 9220) instead of HTTP/1.1. `headers_to_send` gives the request;
            `receive_headers` takes the answer, `receive_data` the content of DATA frames,
            `receive_eof` END_STREAM and `receive_reset` RST_STREAM.

    The others are those of `Connection`.

    Raises:
        InvalidURI: `uri` is not a WebSocket URI.
        LocalProtocolError: something of the request could not be sent.
        TypeError, ValueError: an argument has the wrong type or value.
    """

    __slots__ = ("_body", "_body_size", "_carrier", "_offer", "uri")

    _skips_interim: ClassVar[bool] = True
    """Whether 1xx responses other than 101 are skipped, or are a rejection without body."""

    uri: WebSocketURI
    """The URI, taken apart."""

    def __init__(
        self,
        uri: str | WebSocketURI,
        *,
        subprotocols: Iterable[str] = (),
        extensions: Sequence[Extension] = (),
        origin: str | None = None,
        extra_headers: HeadersLike = (),
        user_agent: str | None = USER_AGENT,
        target: str | None = None,
        extended_connect: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        delivery: Delivery = "message",
        auto_pong: bool = True,
        auto_close: bool = True,
        random_bytes: RandomBytes = secrets.token_bytes,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        liveness: Liveness = "pong",
        now: float | None = None,
    ) -> None:
        self._configure(
            Role.CLIENT,
            limits,
            delivery,
            auto_pong,
            auto_close,
            random_bytes,
            timeouts,
            liveness,
            now,
        )
        self.uri = uri if isinstance(uri, WebSocketURI) else parse_uri(uri)
        key = None if extended_connect else generate_key(random_bytes)
        self._offer = Offer(key, check_subprotocols(subprotocols), as_extensions(extensions))
        extra = Headers(extra_headers)
        if user_agent is not None and "User-Agent" not in extra:
            extra += [("User-Agent", user_agent)]
        if self.uri.username is not None:
            credentials = build_basic_authorization(self.uri.username, self.uri.password or "")
            extra += [("Authorization", credentials)]
        fields = request_headers(self.uri.authority, self._offer, origin, extra)
        target = self.uri.target if target is None else target
        if not isinstance(target, str):
            raise TypeError(f"target must be str, not {type(target).__name__}")
        self._carrier: ClientCarrier | StreamClient
        if extended_connect:
            self._be_on_stream()
            self._carrier = StreamClient(self.uri.secure, self.uri.authority)
        else:
            self._carrier = ClientCarrier(limits, self._skips_interim)
        self._queue_head(self._carrier.write_request(target, fields))
        self.request = Request(
            self.uri.authority,
            target,
            fields,
            self._offer.subprotocols,
            parse_extension_list(fields.get_all("Sec-WebSocket-Extensions")),
            None if origin is None else Origin(origin),
        )
        self._body = bytearray()  # of a rejection, where it is handed on whole
        self._body_size = 0

    def receive_headers(
        self, headers: HeadersLike, *, end_stream: bool = False, now: float | None = None
    ) -> Iterator[Event]:
        """Take a header list of the server's, and go on with `events`.

        It may be an interim response, which is skipped, the response, or trailers, which
        say nothing.

        Args:
            headers: (name, value) pairs, pseudo-headers included, as a library for HTTP/2
                or HTTP/3 gives them.
            end_stream: whether the stream ends with them.
            now: the time, see `next_deadline`.

        Raises:
            LocalProtocolError: the connection is one of HTTP/1.1.
            TypeError, ValueError: an argument has the wrong type or value.
        """
        if not self._on_stream:
            raise LocalProtocolError("the response comes on HTTP/1.1: give receive_data all of it")
        head = HeaderList(Headers(headers), end_stream)
        if now is not None or self._timers is not None:
            timers = self._tell(now)
            if not self._finished and timers.admit(head):
                self._feed_headers(head)
        else:
            self._feed_headers(head)
        return self.receive_eof(now) if end_stream else self.events()

    def _feed_headers(self, head: HeaderList) -> None:
        if self.state is ConnectionState.CONNECTING and not self._eof:
            assert isinstance(self._carrier, StreamClient)
            self._carrier.receive(*head)

    def _stream_offset(self) -> int:
        if isinstance(self.response, AcceptConnection):
            return super()._stream_offset()
        return self._carrier.offset

    def _feed_opening(self, data: bytes) -> None:
        if self.state in (ConnectionState.CONNECTING, ConnectionState.REJECTING):
            self._carrier.feed(data)

    def _next_opening_event(self) -> Event | None:
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
                    raise ConnectionLost("the transport ended before the handshake did")
                return None
            if head.status_code == self._carrier.accepting:
                accepted = check_response(head.headers, self._offer)
                return self._receive_accept(accepted)
        except HandshakeError as error:
            return self._fail_opening(error)
        has_body = head.status_code >= 200 and self._carrier.has_body()
        rejected = RejectConnection(head.status_code, head.headers, has_body)
        self.response = rejected
        self._apply(Action.RECEIVE_REJECT)
        if not rejected.has_body:
            self._finish_reject()
        return rejected

    def _fail_opening(self, error: HandshakeError) -> HandshakeFailed:
        event = super()._fail_opening(error)
        self._carrier.drop()
        return event

    def _receive_accept(self, event: AcceptConnection) -> Event:
        self._open(event.extensions or (), self._carrier.offset)
        self.response = event
        self.subprotocol = event.subprotocol
        self._apply(Action.RECEIVE_ACCEPT)
        rest = self._carrier.take_rest()
        if rest:
            self._reader.feed(rest)
        del self._carrier, self._offer, self._body
        return event

    def _next_body(self) -> Event | None:
        """The body of a rejection: whole, or in chunk delivery what has come of it."""
        piece = self._carrier.read_body(self._eof, self._eof and self._reset)
        room = self._limits.max_reject_body - self._body_size
        data = piece.data[:room]
        self._body_size += len(data)
        finished = piece.finished or len(piece.data) > room
        truncated = piece.broken or len(piece.data) > room
        if not self._chunks:
            self._body += data
            if not finished:
                return None
            data = bytes(self._body)
        elif not (data or finished):
            return None
        if finished:
            self._finish_reject()
        return RejectData(data, finished, truncated)

    def _finish_reject(self) -> None:
        self._apply(Action.FINISH_REJECT)
        self._finish()
        self._carrier.drop()
        self._body = bytearray()
