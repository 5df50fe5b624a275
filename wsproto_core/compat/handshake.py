"""wsproto's opening handshake over HTTP/1.1: the engine's, behind wsproto's methods.

What is wrong with a request or response is raised from `receive_data` here, with the answer
to send as a hint. Everything else about the handshake is decided by the engine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from typing import Final

from .. import events as engine
from ..client import ClientConnection
from ..exceptions import HandshakeError, LocalProtocolError
from ..headers import Headers, format_extension_list
from ..server import ServerConnection
from ..state import ConnectionState as EngineState
from ..uri import WebSocketURI, parse_uri
from .codes import ConnectionState, ConnectionType
from .connection import PRESET, Connection
from .events import (
    AcceptConnection,
    Event,
    RejectConnection,
    RejectData,
    RemoteProtocolError,
    Request,
)
from .extensions import note_agreed, offered_settings

__all__ = ["H11Handshake", "WSConnection"]

# Header fields that are not repeated in an event's extra ones.
_OF_A_REQUEST: Final = frozenset({"host", "sec-websocket-extensions", "sec-websocket-protocol"})
_OF_A_RESPONSE: Final = frozenset(
    {
        "connection",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "upgrade",
    }
)
_OF_THE_CONNECTION: Final = frozenset({"connection", "transfer-encoding"})
_WITHOUT_BODY: Final = frozenset({204, 205, 304})

_ANY_REQUEST: Final = (
    ("Host", "localhost"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ("Sec-WebSocket-Version", "13"),
)


class _Client(ClientConnection):
    __slots__ = ()

    _skips_interim = False


class H11Handshake:
    """The opening handshake; `connection` is what it ends in."""

    def __init__(self, connection_type: ConnectionType) -> None:
        self.client = connection_type is ConnectionType.CLIENT
        self._engine: ClientConnection | ServerConnection | None = None
        if not self.client:
            self._engine = ServerConnection(**PRESET)
        self._failed = False  # as a client, to which no way leads back
        self._request: Request | None = None
        self._connection: Connection | None = None
        self._events: deque[Event] = deque()

    @property
    def state(self) -> ConnectionState:
        """Where the handshake is; OPEN is what it ends in."""
        if self._connection is not None:
            return ConnectionState.OPEN
        if self._engine is None or self._failed:
            return ConnectionState.CONNECTING
        return ConnectionState[self._engine.state.name]

    @property
    def connection(self) -> Connection | None:
        """The connection that was agreed on; None until then."""
        return self._connection

    def initiate_upgrade_connection(
        self, headers: Iterable[tuple[bytes, bytes]], path: bytes | str
    ) -> None:
        """As a server, take a request that somebody else has parsed.

        Raises:
            LocalProtocolError: this is a client.
            RemoteProtocolError: it is not a valid request.
        """
        if self.client:
            raise LocalProtocolError("a client sends its request, it is not handed one")
        target = path if isinstance(path, str) else path.decode("latin-1")
        self._engine = ServerConnection.from_request(headers, target, **PRESET)
        self._take_events()

    def send(self, event: Event) -> bytes:
        """The bytes that say `event`.

        Raises:
            LocalProtocolError: the state or the protocol forbids it.
            TypeError: it has content of the wrong type.
        """
        if isinstance(event, Request):
            self._send_request(event)
        elif isinstance(event, AcceptConnection):
            self._send_accept(event)
        elif isinstance(event, RejectConnection):
            self._send_reject(event)
        elif isinstance(event, RejectData):
            self._send_reject_data(event)
        else:
            raise LocalProtocolError(f"{type(event).__name__} is not sent during the handshake")
        return self._started().data_to_send()

    def receive_data(self, data: bytes | None) -> None:
        """Take what was received; None or nothing says that the transport ended.

        Raises:
            RemoteProtocolError: the peer broke the handshake.
            LocalProtocolError: a client has not sent its `Request`, or the handshake is over.
        """
        ours = self._started()
        if self._connection is not None:
            raise LocalProtocolError("the handshake is over, its connection receives")
        if data:
            ours.receive_data(data)
        elif self.client or self._request is None:
            ours.receive_eof()  # else a request that came whole is still to be answered
        self._take_events()

    def events(self) -> Generator[Event, None, None]:
        """What was received and not taken yet."""
        while self._events:
            yield self._events.popleft()

    def _started(self) -> ClientConnection | ServerConnection:
        if self._engine is None:
            raise LocalProtocolError("a client sends its Request first, and only one")
        return self._engine

    # Received

    def _take_events(self) -> None:
        for event in self._started().events():
            if isinstance(event, engine.Request):
                self._receive_request(event)
            elif isinstance(event, engine.AcceptConnection):
                self._receive_accept(event)
                break  # what follows are frames
            elif isinstance(event, engine.RejectConnection):
                final = event.status_code >= 200
                self._events.append(
                    RejectConnection(event.status_code, _extra(event.headers), has_body=final)
                )
                if final and not event.has_body:
                    self._events.append(RejectData(b""))
            elif isinstance(event, engine.RejectData):
                if event.data:
                    self._events.append(RejectData(event.data, body_finished=False))
                if event.body_finished:
                    self._events.append(RejectData(b""))
            else:
                assert isinstance(event, engine.HandshakeFailed)
                self._fail(event.error)

    def _receive_request(self, event: engine.Request) -> None:
        self._request = Request(
            event.host,
            event.target,
            [format_extension_list([offer]) for offer in event.extensions],
            _extra(event.headers, _OF_A_REQUEST),
            list(event.subprotocols),
        )
        self._events.append(self._request)

    def _receive_accept(self, event: engine.AcceptConnection) -> None:
        assert self._request is not None
        self._connection = Connection.over(self._started())
        self._events.append(
            AcceptConnection(
                event.subprotocol,
                note_agreed(self._request.extensions, event.extensions or ()),
                _extra(event.headers, _OF_A_RESPONSE),
            )
        )

    def _fail(self, error: HandshakeError) -> None:
        if self.client:
            self._failed = True
        else:
            self._engine = _rejecting()
        hint = RejectConnection(int(error.status), _extra(Headers(error.headers)))
        raise RemoteProtocolError(str(error), hint)

    # Sent

    def _send_request(self, event: Request) -> None:
        if not self.client:
            raise LocalProtocolError("a server receives a Request, it does not send one")
        if self._request is not None:
            raise LocalProtocolError("the Request was sent already")
        self._engine = _Client(
            _uri(event.host),
            subprotocols=event.subprotocols,
            extensions=offered_settings(event.extensions),
            extra_headers=event.extra_headers,
            user_agent=None,
            target=event.target,
            **PRESET,
        )
        self._request = event

    def _send_accept(self, event: AcceptConnection) -> None:
        if not self.client and self._request is None:
            raise LocalProtocolError("there is no request to accept")
        ours = self._started()
        ours.send(
            engine.AcceptConnection(
                event.subprotocol, offered_settings(event.extensions), event.extra_headers
            )
        )
        note_agreed(event.extensions, ours.extensions)
        self._connection = Connection.over(ours)

    def _send_reject(self, event: RejectConnection) -> None:
        if not self.client and self._started().request is None:
            self._engine = _rejecting()
        headers = [
            (name, value)
            for name, value in Headers(event.headers)
            if name.lower() not in _OF_THE_CONNECTION
        ]
        has_body = event.has_body and event.status_code not in _WITHOUT_BODY
        self._started().send(engine.RejectConnection(event.status_code, headers, has_body))

    def _send_reject_data(self, event: RejectData) -> None:
        ours = self._started()
        # An empty body may follow where the status allows none, as it adds nothing.
        if event.data or ours.state is not EngineState.CLOSED:
            ours.send(engine.RejectData(event.data, event.body_finished))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(client={self.client}, state={self.state})"


def _rejecting() -> ServerConnection:
    """A server that has a request: to reject one that was broken, or has not come."""
    server = ServerConnection.from_request(_ANY_REQUEST, "/", **PRESET)
    next(server.events())
    return server


def _uri(host: str) -> WebSocketURI:
    """A URI whose Host field is `host`: with the port that is there."""
    if not set(host).isdisjoint("/?#@"):
        raise LocalProtocolError(f"host {host[:60]!r} is not one")
    return parse_uri(f"wss://{host}" if host.endswith(":80") else f"ws://{host}")


def _extra(headers: Headers, without: frozenset[str] = frozenset()) -> list[tuple[bytes, bytes]]:
    """`headers` as bytes, the names in lower case, but for those of the handshake itself."""
    fields = [(name.lower(), value) for name, value in headers]
    return [
        (name.encode(), value.encode("latin-1")) for name, value in fields if name not in without
    ]


class WSConnection:
    """A connection from its opening handshake on."""

    def __init__(self, connection_type: ConnectionType) -> None:
        self.client = connection_type is ConnectionType.CLIENT
        self.handshake = H11Handshake(connection_type)
        self.connection: Connection | None = None

    @property
    def state(self) -> ConnectionState:
        """Where the connection is in its life."""
        return (self.connection or self.handshake).state

    def initiate_upgrade_connection(
        self, headers: Iterable[tuple[bytes, bytes]], path: bytes | str
    ) -> None:
        """As a server, take a request that somebody else has parsed; see `H11Handshake`."""
        self.handshake.initiate_upgrade_connection(headers, path)

    def send(self, event: Event) -> bytes:
        """The bytes that say `event`; see `H11Handshake.send` and `Connection.send`."""
        if self.connection is not None:
            return self.connection.send(event)
        data = self.handshake.send(event)
        self.connection = self.handshake.connection
        return data

    def receive_data(self, data: bytes | None) -> None:
        """Take what was received; None says that the transport ended.

        Raises:
            RemoteProtocolError: the peer broke the handshake.
            LocalProtocolError: the connection is closed, or a client has sent no `Request`.
        """
        if self.connection is not None:
            self.connection.receive_data(data)
        else:
            self.handshake.receive_data(data)
            self.connection = self.handshake.connection

    def events(self) -> Generator[Event, None, None]:
        """What was received and not taken yet, frames parsed when they are asked for."""
        yield from self.handshake.events()
        if self.connection is not None:
            yield from self.connection.events()
