"""The server's side of the opening handshake (RFC 6455 section 4.2)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from .carrier import RequestHead
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
from .exceptions import ConnectionLost, EarlyDataTooLarge, HandshakeError, LocalProtocolError
from .extended_connect import StreamRequest, StreamResponseWriter, check_stream_fields
from .extensions.base import Extension, as_extensions
from .handshake import (
    SubprotocolSelector,
    check_extra,
    check_host,
    check_hosts,
    check_origin,
    check_origins,
    check_subprotocols,
    negotiate_extensions,
    parse_request,
    response_headers,
)
from .headers import Headers, HeadersLike
from .http1 import RequestReader, ResponseWriter
from .state import Action, ConnectionState
from .timers import Timers
from .types import BytesLike, Delivery, Liveness, RandomBytes, Subprotocol, as_bytes, as_text

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["ServerConnection", "ServerOptions"]


class ServerOptions(TypedDict, total=False):
    """The keyword arguments of `ServerConnection`."""

    subprotocols: Iterable[str]
    select_subprotocol: SubprotocolSelector | None
    extensions: Sequence[Extension]
    origins: Iterable[str] | None
    allow_missing_origin: bool
    hosts: Iterable[str] | None
    extra_headers: HeadersLike
    server: str | None
    limits: Limits
    delivery: Delivery
    auto_pong: bool
    auto_close: bool
    random_bytes: RandomBytes
    timeouts: Timeouts
    liveness: Liveness
    now: float | None


class _Policy(NamedTuple):
    """What a server was configured with, until the request is answered."""

    subprotocols: tuple[Subprotocol, ...]
    select_subprotocol: SubprotocolSelector | None
    extensions: tuple[Extension, ...]
    origins: tuple[str, ...] | None
    allow_missing_origin: bool
    hosts: tuple[str, ...] | None
    headers: Headers

    def check(self, request: Request) -> None:
        if self.hosts is not None:
            check_host(request, self.hosts)
        if self.origins is not None:
            check_origin(request, self.origins, self.allow_missing_origin)

    def choose_subprotocol(self, request: Request) -> str | None:
        for subprotocol in self.subprotocols:
            if subprotocol in request.subprotocols:
                return subprotocol
        return None


class ServerConnection(Connection):
    """The server's side of a connection, from the first byte of the request on.

    Gives a `Request` when a valid one has come, and waits for `accept` or `reject`. A
    broken one gives `HandshakeFailed`, with the answer already queued.

    Args:
        subprotocols: those that the server speaks, the one it likes best first. When
            you accept without naming one, the first that the client speaks too is taken.
        select_subprotocol: chooses instead, given the request: the name of one that the
            client speaks, or None.
        extensions: those that may be agreed on, each when the client offers it.
        origins: the origins that browsers may come from, such as ``https://example.com``:
            scheme, host and port must be the same. ``https://*.example.com`` allows every
            name below example.com, ``*`` all. Any other origin is refused with 403. None
            checks nothing: then check `Request.origin` yourself, or trust every page.
        allow_missing_origin: whether a request without Origin is let in where `origins` is
            given. Browsers always send one, other clients seldom.
        hosts: the hosts that the server answers for; a request for another one is refused
            with 421. ``example.com`` stands for that host with any port or none,
            ``example.com:8080`` for just that. None checks nothing.
        extra_headers: additional header fields of every response.
        server: the Server header field of every response.

    The others are those of `Connection`.

    Raises:
        LocalProtocolError: a name or header field could not be sent.
        TypeError, ValueError: an argument has the wrong type or value.
    """

    __slots__ = ("_policy", "_requests", "_responses")

    def __init__(
        self,
        *,
        subprotocols: Iterable[str] = (),
        select_subprotocol: SubprotocolSelector | None = None,
        extensions: Sequence[Extension] = (),
        origins: Iterable[str] | None = None,
        allow_missing_origin: bool = False,
        hosts: Iterable[str] | None = None,
        extra_headers: HeadersLike = (),
        server: str | None = None,
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
            Role.SERVER,
            limits,
            delivery,
            auto_pong,
            auto_close,
            random_bytes,
            timeouts,
            liveness,
            now,
        )
        fields = Headers(extra_headers)
        if server is not None:
            fields += [("Server", server)]
        check_extra(fields)
        self._policy = _Policy(
            check_subprotocols(subprotocols),
            select_subprotocol,
            as_extensions(extensions),
            None if origins is None else check_origins(origins),
            allow_missing_origin,
            None if hosts is None else check_hosts(hosts),
            fields,
        )
        self._requests: RequestReader | StreamRequest = RequestReader(limits)
        self._responses: ResponseWriter | StreamResponseWriter = ResponseWriter()

    @classmethod
    def from_request(
        cls,
        headers: HeadersLike,
        target: str | bytes,
        *,
        method: str | bytes = "GET",
        **options: Unpack[ServerOptions],
    ) -> ServerConnection:
        """A connection for an HTTP/1.1 request that somebody else has parsed.

        `receive_data` takes what came behind the request. `data_to_send` begins with
        the response. The first event is the `Request`, or `HandshakeFailed`.

        Args:
            headers: the request's header fields, in any letter case. What no parser should
                have let through, such as line ends in a value, is refused here as well.
            target: the request target as it was sent: percent-encoded, query included.
            method: the request's method.
            options: as for the class.

        Raises:
            LocalProtocolError, ValueError: as for the class.
            TypeError: an argument has the wrong type.
        """
        self = cls(**options)
        head = RequestHead(as_text(method, "method"), as_text(target, "target"), Headers(headers))
        self._requests = RequestReader(self._limits, head)
        return self

    @classmethod
    def from_extended_connect(
        cls, headers: HeadersLike, *, end_stream: bool = False, **options: Unpack[ServerOptions]
    ) -> ServerConnection:
        """A connection for a request on a stream of HTTP/2 (RFC 8441) or HTTP/3 (RFC 9220).

        The first event is the `Request`, or `HandshakeFailed`. `headers_to_send` gives the
        response, `data_to_send` what belongs in DATA frames behind it; `receive_data` takes
        the content of the peer's DATA frames, `receive_eof` its END_STREAM and
        `receive_reset` its RST_STREAM.

        Args:
            headers: the request's header list, pseudo-headers included, as a library for
                HTTP/2 or HTTP/3 gives it.
            end_stream: whether the stream ends with it.
            options: as for the class.
        """
        request = StreamRequest(Headers(headers), end_stream)
        self = cls(**options)
        check_stream_fields(self._policy.headers)
        self._be_on_stream()
        self._requests = request
        self._responses = StreamResponseWriter()
        self._eof = end_stream
        return self

    def accept(
        self,
        subprotocol: str | None = None,
        *,
        extensions: Sequence[Extension] | None = None,
        headers: HeadersLike = (),
        now: float | None = None,
    ) -> None:
        """Accept the request; see `AcceptConnection` and `send`."""
        if now is not None:
            self._tell(now)
        self._accept(subprotocol, extensions, Headers(headers))

    def reject(
        self,
        status_code: int = 403,
        headers: HeadersLike = (),
        body: BytesLike = b"",
        *,
        now: float | None = None,
    ) -> None:
        """Reject the request, with a body if you like; see `RejectConnection` and `send`."""
        if now is not None:
            self._tell(now)
        data = as_bytes(body, "a body")
        fields = Headers(headers)
        if data:
            length = str(len(data))
            if fields.get("Content-Length", length) != length:
                raise LocalProtocolError(f"Content-Length does not say {length}: leave it out")
            if "Content-Length" not in fields:
                fields += [("Content-Length", length)]
        self._send_reject(RejectConnection(status_code, fields, bool(data)))
        if data:
            self._send_reject_data(RejectData(data))

    def _stream_offset(self) -> int:
        if isinstance(self.response, AcceptConnection):
            return super()._stream_offset()
        return self._requests.offset

    def _feed_opening(self, data: bytes) -> None:
        if self.state is ConnectionState.CONNECTING:
            self._requests.feed(data)

    def _next_opening_event(self) -> Event | None:
        if self.state is not ConnectionState.CONNECTING:
            return None
        try:
            if self.request is None:
                head = self._requests.read()
                if head is not None:
                    request = parse_request(*head)
                    self._policy.check(request)
                    self.request = request
                    if self._timers is not None:
                        self._timers.stop()  # the peer has done its part, now it is ours
                    return request
            elif self._requests.waiting > self._limits.max_early_data:
                raise EarlyDataTooLarge(
                    f"more than {self._limits.max_early_data} bytes before the answer",
                    offset=self._requests.offset + self._limits.max_early_data,
                )
        except HandshakeError as error:
            return self._refuse(error)
        if self._eof:
            lost = ConnectionLost("the transport ended before the handshake did")
            # Nobody is left to answer; but who has ended its side of a stream still reads.
            return self._refuse(lost) if self._on_stream else self._fail_opening(lost)
        return None

    def _fail_opening(self, error: HandshakeError) -> HandshakeFailed:
        event = super()._fail_opening(error)
        self._requests.drop()
        return event

    def _start_timers(self, now: float) -> Timers:
        timers = super()._start_timers(now)
        if self.state is ConnectionState.CONNECTING and self.request is not None:
            timers.stop()
        return timers

    def _refuse(self, error: HandshakeError) -> HandshakeFailed:
        """Queue the response that says what was wrong, and fail."""
        body = f"{error}\n".encode(errors="replace")
        fields = self._policy.headers + error.headers
        if "Content-Type" not in fields:
            fields += [("Content-Type", "text/plain; charset=utf-8")]
        fields += [("Content-Length", str(len(body)))]
        self._queue_head(self._responses.reject(int(error.status), fields, True))
        self._output.append(body)
        return self._fail_opening(error)

    def _require_request(self, action: Action) -> Request:
        self._require(action)
        if self.request is None:
            raise LocalProtocolError(
                f"cannot {action.value} ahead of the request: wait for its event",
                state=self.state,
            )
        return self.request

    def _send_answer(self, event: AcceptConnection | RejectConnection | RejectData) -> None:
        if isinstance(event, AcceptConnection):
            self._send_accept(event)
        elif isinstance(event, RejectConnection):
            self._send_reject(event)
        else:
            self._send_reject_data(event)

    def _send_accept(self, event: AcceptConnection) -> None:
        self._accept(event.subprotocol, event.extensions, event.headers)

    def _accept(
        self, subprotocol: str | None, extensions: Sequence[Extension] | None, extra: Headers
    ) -> None:
        request = self._require_request(Action.SEND_ACCEPT)
        policy = self._policy
        if subprotocol is None and policy.select_subprotocol is not None:
            subprotocol = policy.select_subprotocol(request)
            self._require(Action.SEND_ACCEPT)  # it may have answered by itself
        elif subprotocol is None:
            subprotocol = policy.choose_subprotocol(request)
        available = policy.extensions if extensions is None else as_extensions(extensions)
        agreed, answers = negotiate_extensions(request.extensions, available)
        headers = response_headers(request, subprotocol, answers, policy.headers + extra)
        response = AcceptConnection(subprotocol, agreed, headers)
        head = self._responses.accept(headers)
        self._open(agreed, self._requests.offset)
        self._queue_head(head)
        self.response = response
        self.subprotocol = response.subprotocol
        self._apply(Action.SEND_ACCEPT)
        if self._requests.waiting:
            self._reader.feed(self._requests.take_rest())
        del self._policy, self._requests, self._responses

    def _send_reject(self, event: RejectConnection) -> None:
        self._require_request(Action.SEND_REJECT)
        headers = self._policy.headers + event.headers
        head = self._responses.reject(event.status_code, headers, event.has_body)
        self._queue_head(head)
        self.response = RejectConnection(event.status_code, headers, event.has_body)
        self._apply(Action.SEND_REJECT)
        self._requests.drop()
        if not event.has_body:
            self._apply(Action.FINISH_REJECT)

    def _send_reject_data(self, event: RejectData) -> None:
        self._require(Action.SEND_REJECT_DATA)
        data = as_bytes(event.data, "a body")
        self._responses.note_body(len(data), event.body_finished)
        if data:
            self._output.append(data)
        if event.body_finished:
            self._apply(Action.FINISH_REJECT)
