"""A client and a server, joined by HTTP/1.1, HTTP/2 or HTTP/3, without sockets and clocks.

The libraries for HTTP/2 and HTTP/3 are real. What each of them has to be told, and tells,
is here and nowhere else: who uses a `Carrier` cannot see which one it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any

import trustme
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived as H3Data
from aioquic.h3.events import H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, StopSendingReceived
from aioquic.quic.events import StreamReset as QuicReset
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes
from wire import cut

from wsproto_core import (
    SETTINGS_ENABLE_CONNECT_PROTOCOL,
    ClientConnection,
    ConnectionState,
    Event,
    Request,
    ResetCode,
    ServerConnection,
)

WebSocket = ClientConnection | ServerConnection
Reaction = Callable[[Any, Event], None]


def accept(ws: Any, event: Event) -> None:
    """What a side does about an event, unless it is told otherwise."""
    if isinstance(event, Request):
        ws.accept()


class Side:
    """One end of the carrier: a WebSocket, its events, and what it does about them."""

    peer: Side
    ws: Any  # of the server's side only once the request has come

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.react: Reaction = accept
        self.raw = bytearray()  # to be sent as it is
        self.has_ended = False  # its half of the stream
        self.saw_end = False  # of the other half

    def take(self) -> None:
        for event in self.ws.events():
            self.events.append(event)
            self.react(self.ws, event)

    def data(self, data: bytes) -> None:
        self.ws.receive_data(data)
        self.take()

    def end(self) -> None:
        self.saw_end = True
        self.ws.receive_eof()
        self.take()

    def reset(self) -> None:
        self.has_ended = self.saw_end = True
        self.raw.clear()
        self.ws.receive_reset()
        self.take()


class Carrier(ABC):
    """Joins two sides.

    Args:
        uri: what the client asks for.
        client, server: options of the two.
        step: how many bytes there is room for at a time; None for plenty.
    """

    on_stream = True

    def __init__(
        self,
        uri: str = "wss://example.com/chat",
        client: dict[str, Any] | None = None,
        server: dict[str, Any] | None = None,
        step: int | None = None,
    ) -> None:
        self.step = step
        self.server_options = server or {}
        self.client, self.server = Side(), Side()
        self.client.peer, self.server.peer = self.server, self.client
        self.client.ws = ClientConnection(uri, extended_connect=self.on_stream, **(client or {}))
        self.begin()

    # What a test does

    def run(self) -> None:
        """Until nothing moves any more."""
        while self.flush(self.client) | self.flush(self.server) or self.transfer():
            pass

    def raw(self, side: Side, data: bytes) -> None:
        """Send bytes that the WebSocket of that side knows nothing of."""
        self.run()
        if not side.has_ended:
            side.raw += data
            self.run()

    def end(self, side: Side) -> None:
        """Let one side end without a Close frame."""
        self.run()
        if not side.has_ended:
            side.has_ended = True
            self.send_end(side)
            self.run()

    def reset(self, side: Side) -> None:
        """Let one side break off."""
        self.run()
        if not (side.has_ended and side.peer.has_ended):
            self.send_reset(side)
            side.reset()
            self.run()

    def flush(self, side: Side) -> bool:
        """Send what a side has to send, if there is room; whether it did."""
        ws = getattr(side, "ws", None)
        if ws is None:
            return False
        moved = False
        if headers := ws.headers_to_send():
            moved = True
            self.send_headers(side, headers)
        while (ws.pending_bytes or side.raw) and (room := self.room(side)):
            moved = True
            if side.raw:
                self.send_data(side, bytes(side.raw[:room]))
                del side.raw[:room]
            else:
                self.send_data(side, ws.data_to_send(room))
        if ws.send_eof and not (ws.pending_bytes or side.raw or side.has_ended):
            moved = side.has_ended = True
            self.send_end(side)
        # Nothing is late here, so nobody has a reason to reset.
        assert side.saw_end or not (self.on_stream and ws.finished)
        return moved

    # What it takes of a carrier

    @abstractmethod
    def begin(self) -> None: ...

    @abstractmethod
    def room(self, side: Side) -> int:
        """How many bytes may be sent now."""

    @abstractmethod
    def send_headers(self, side: Side, headers: Any) -> None: ...

    @abstractmethod
    def send_data(self, side: Side, data: bytes) -> None: ...

    @abstractmethod
    def send_end(self, side: Side) -> None: ...

    @abstractmethod
    def send_reset(self, side: Side) -> None: ...

    @abstractmethod
    def transfer(self) -> bool:
        """Deliver what was sent, some of it at least; whether there was anything."""

    def receive_headers(self, side: Side, headers: Any, end_stream: bool) -> None:
        if side is self.client:
            side.ws.receive_headers(headers, end_stream=end_stream)
        else:
            side.ws = ServerConnection.from_extended_connect(
                headers, end_stream=end_stream, **self.server_options
            )
        side.take()


class Http1(Carrier):
    """Two streams of bytes."""

    on_stream = False

    def begin(self) -> None:
        self.server.ws = ServerConnection(**self.server_options)
        self._sent: deque[tuple[Callable[..., None], bytes | None]] = deque()

    def room(self, side: Side) -> int:
        return self.step or 1 << 20

    def send_headers(self, side: Side, headers: Any) -> None:
        raise AssertionError("they are in the data")

    def send_data(self, side: Side, data: bytes) -> None:
        self._sent.append((side.peer.data, data))

    def send_end(self, side: Side) -> None:
        self._sent.append((side.peer.end, None))

    def send_reset(self, side: Side) -> None:
        self._sent.append((side.peer.reset, None))

    def transfer(self) -> bool:
        if not self._sent:
            # A client leaves the first word to the server, up to its deadline.
            is_late = self.client.ws.state is ConnectionState.CLOSED and not self.client.has_ended
            if is_late:
                self.client.has_ended = True
                self.send_end(self.client)
            return is_late
        deliver, data = self._sent.popleft()
        deliver(*([] if data is None else [data]))
        return True


class Http2(Carrier):
    """Stream 1 between two connections of h2."""

    def begin(self) -> None:
        self._h2 = {
            side: H2Connection(H2Configuration(client_side=side is self.client))
            for side in (self.client, self.server)
        }
        for h2 in self._h2.values():
            h2.initiate_connection()
            if self.step is not None:
                h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: self.step})
        self._h2[self.server].update_settings({SETTINGS_ENABLE_CONNECT_PROTOCOL: 1})
        while self.transfer():
            pass

    def room(self, side: Side) -> int:
        h2 = self._h2[side]
        return max(0, min(h2.local_flow_control_window(1), h2.max_outbound_frame_size))

    def send_headers(self, side: Side, headers: Any) -> None:
        self._h2[side].send_headers(1, headers)

    def send_data(self, side: Side, data: bytes) -> None:
        self._h2[side].send_data(1, data)

    def send_end(self, side: Side) -> None:
        self._h2[side].end_stream(1)

    def send_reset(self, side: Side) -> None:
        self._h2[side].reset_stream(1, ResetCode.CANCEL)

    def transfer(self) -> bool:
        moved = False
        for side, h2 in self._h2.items():
            for piece in cut(h2.data_to_send(), self.step or 1 << 20):
                moved = True
                for event in self._h2[side.peer].receive_data(piece):
                    self._handle(side.peer, event)
        return moved

    def _handle(self, side: Side, event: Any) -> None:
        if isinstance(event, (RequestReceived, ResponseReceived)):
            self.receive_headers(side, event.headers, event.stream_ended is not None)
        elif isinstance(event, DataReceived):
            self._h2[side].acknowledge_received_data(event.flow_controlled_length, 1)
            side.data(event.data)
        elif isinstance(event, StreamEnded):
            side.end()
        elif isinstance(event, StreamReset):
            side.reset()


CLIENT_ADDRESS, SERVER_ADDRESS = ("192.0.2.1", 50000), ("192.0.2.2", 443)
SOON = 30  # seconds; an idle QUIC connection has its next deadline later


@cache
def quic_configurations(window: int) -> tuple[QuicConfiguration, QuicConfiguration]:
    """Those of a client and a server."""
    authority = trustme.CA()
    windows: dict[str, Any] = {"max_data": window, "max_stream_data": window}
    client = QuicConfiguration(
        alpn_protocols=H3_ALPN,
        cadata=authority.cert_pem.bytes(),
        server_name="example.com",
        **windows,
    )
    server = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN, **windows)
    certificate = authority.issue_cert("example.com").private_key_and_cert_chain_pem
    with certificate.tempfile() as path:
        server.load_cert_chain(path, path)
    return client, server


class Http3(Carrier):
    """Stream 0 between two connections of aioquic, on a clock that only moves when asked."""

    def begin(self) -> None:
        self._now = 0.0
        ours, theirs = quic_configurations(max(self.step or 1 << 20, 16))
        client = QuicConnection(configuration=ours)
        client.connect(SERVER_ADDRESS, self._now)
        server = QuicConnection(
            configuration=theirs,
            original_destination_connection_id=client.original_destination_connection_id,
        )
        self._quic = {self.client: client, self.server: server}
        self._h3 = {side: H3Connection(quic) for side, quic in self._quic.items()}
        while self.transfer():
            pass
        settings = self._h3[self.client].received_settings
        assert settings is not None
        assert settings[SETTINGS_ENABLE_CONNECT_PROTOCOL] == 1

    def room(self, side: Side) -> int:
        stream = self._quic[side]._streams[0]
        return self.step or 65536 if stream.sender.buffer_is_empty else 0

    def send_headers(self, side: Side, headers: Any) -> None:
        self._h3[side].send_headers(0, headers)

    def send_data(self, side: Side, data: bytes) -> None:
        self._h3[side].send_data(0, data, end_stream=False)

    def send_end(self, side: Side) -> None:
        self._h3[side].send_data(0, b"", end_stream=True)

    def send_reset(self, side: Side) -> None:
        self._quic[side].reset_stream(0, ResetCode.H3_REQUEST_CANCELLED)
        self._quic[side].stop_stream(0, ResetCode.H3_REQUEST_CANCELLED)

    def transfer(self) -> bool:
        moved = False
        for side, address in ((self.client, CLIENT_ADDRESS), (self.server, SERVER_ADDRESS)):
            for datagram, _ in self._quic[side].datagrams_to_send(self._now):
                moved = True
                self._quic[side.peer].receive_datagram(datagram, address, self._now)
            self._handle_all(side.peer)
        return moved or self._pass_time()

    def _pass_time(self) -> bool:
        """Go on to the next deadline of QUIC, if anything waits for it."""
        deadlines = [quic.get_timer() for quic in self._quic.values()]
        due = min(deadline for deadline in deadlines if deadline is not None)
        if due > self._now + SOON:
            return False
        self._now = max(due, self._now)
        for quic in self._quic.values():
            deadline = quic.get_timer()
            if deadline is not None and deadline <= self._now:
                quic.handle_timer(self._now)
        return True

    def _handle_all(self, side: Side) -> None:
        while event := self._quic[side].next_event():
            for each in self._h3[side].handle_event(event):
                self._handle(side, each)
            if isinstance(event, (QuicReset, StopSendingReceived, ConnectionTerminated)):
                side.reset()

    def _handle(self, side: Side, event: H3Event) -> None:
        if isinstance(event, HeadersReceived):
            self.receive_headers(side, event.headers, event.stream_ended)
        elif isinstance(event, H3Data):
            side.data(event.data)
        if getattr(event, "stream_ended", False):
            side.end()


CARRIERS: tuple[type[Carrier], ...] = (Http1, Http2, Http3)
