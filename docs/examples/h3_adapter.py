"""The WebSockets on one HTTP/3 connection: between the aioquic library and the engine.

Server and client derive from it: they say what to do with events, and with streams that
are no WebSockets.
"""

import asyncio
import math
from dataclasses import dataclass
from typing import Any

from aioquic.asyncio import QuicConnectionProtocol
from aioquic.h3.connection import ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, QuicEvent, StopSendingReceived, StreamReset

from wsproto_core import ClientConnection, Event, ResetCode, ServerConnection

WebSocket = ClientConnection | ServerConnection
H3Event = HeadersReceived | DataReceived  # of a server without push

UNREAD = 1 << 24  # bytes that may come on a stream ahead of what is read of it


@dataclass
class Stream:
    ws: WebSocket
    peer_ended: bool = False
    we_ended: bool = False
    received: int = 0  # bytes
    error_code: int = ResetCode.H3_REQUEST_CANCELLED


class H3Adapter(QuicConnectionProtocol):
    def __init__(self, quic: QuicConnection, **options: Any) -> None:
        super().__init__(quic, **options)
        self.quic = quic
        self.h3 = H3Connection(quic)
        self.streams: dict[int, Stream] = {}
        self.loop = asyncio.get_running_loop()
        self.timer: asyncio.TimerHandle | None = None
        # How many bytes may wait on a stream before no more of it is read. One side must
        # read on in any case, or two that wait for each other wait for ever.
        self.backlog = math.inf if quic.configuration.is_client else 65536

    def on_event(self, stream_id: int, ws: WebSocket, event: Event) -> None:
        """Act on an event of a WebSocket."""

    def on_other(self, event: H3Event) -> None:
        """Act on what aioquic tells of any other stream."""

    def add(self, stream_id: int, ws: WebSocket) -> None:
        self.streams[stream_id] = Stream(ws)
        self.pump(stream_id)

    # From aioquic to the WebSockets, and back

    def handle(self, event: H3Event) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is None:
            self.on_other(event)
            return
        now = self.loop.time()
        if isinstance(event, DataReceived):
            stream.received += len(event.data)
            stream.ws.receive_data(event.data, now)
        elif isinstance(stream.ws, ClientConnection):
            stream.ws.receive_headers(event.headers, end_stream=event.stream_ended, now=now)
        if event.stream_ended:
            stream.peer_ended = True
            stream.ws.receive_eof(now)
        self.pump(event.stream_id)
        if stream.received - stream.ws.bytes_parsed > UNREAD:
            stream.error_code = ErrorCode.H3_EXCESSIVE_LOAD
            self.cut(event.stream_id)

    def cut(self, stream_id: int, peer_ended: bool = False, we_ended: bool = False) -> None:
        """Half of a stream is lost: a WebSocket has no use for the other half."""
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.peer_ended |= peer_ended
            stream.we_ended |= we_ended
            stream.ws.receive_reset(self.loop.time())
            self.pump(stream_id)

    def pump(self, stream_id: int) -> None:
        """Send what waits, and take events for as long as nothing is in the way of it."""
        stream = self.streams[stream_id]
        ws = stream.ws
        self.send(stream_id, ws)
        while ws.pending_bytes < self.backlog and (event := next(ws.events(), None)) is not None:
            self.on_event(stream_id, ws, event)
            self.send(stream_id, ws)
        self.send(stream_id, ws)  # a keepalive ping comes without an event
        if ws.pending_bytes:
            return
        if ws.send_eof and not stream.we_ended:
            stream.we_ended = True
            self.h3.send_data(stream_id, b"", end_stream=True)
        if ws.finished:
            if not (stream.we_ended and stream.peer_ended):
                self.quic.reset_stream(stream_id, stream.error_code)
            if not stream.peer_ended:
                self.quic.stop_stream(stream_id, stream.error_code)
            del self.streams[stream_id]

    def send(self, stream_id: int, ws: WebSocket) -> None:
        headers = ws.headers_to_send()
        if headers is not None:
            self.h3.send_headers(stream_id, headers)
            super().transmit()
        # aioquic takes any amount, and says nowhere else that it has sent what it took.
        while ws.pending_bytes and self.quic._streams[stream_id].sender.buffer_is_empty:
            self.h3.send_data(stream_id, ws.data_to_send(65536), end_stream=False)
            super().transmit()

    # From asyncio to aioquic, and back

    def quic_event_received(self, event: QuicEvent) -> None:
        for each in self.h3.handle_event(event):
            if isinstance(each, H3Event):
                self.handle(each)
        match event:
            case StreamReset(stream_id=stream_id):
                self.cut(stream_id, peer_ended=True)
            case StopSendingReceived(stream_id=stream_id):
                self.cut(stream_id, we_ended=True)
            case ConnectionTerminated():
                for stream_id in list(self.streams):
                    self.cut(stream_id, peer_ended=True, we_ended=True)

    def transmit(self) -> None:
        """Called whenever something has come, or a timer of QUIC's went off."""
        super().transmit()
        for stream_id, stream in list(self.streams.items()):
            if stream.ws.pending_bytes:  # there may be room now
                self.pump(stream_id)
        self.tick()

    def tick(self) -> None:
        """Let the deadlines pass that have, and come back for the next one."""
        for stream_id, stream in list(self.streams.items()):
            if (stream.ws.next_deadline() or math.inf) <= self.loop.time():
                stream.ws.handle_timeout(self.loop.time())
                self.pump(stream_id)
        super().transmit()
        deadlines = [stream.ws.next_deadline() or math.inf for stream in self.streams.values()]
        if self.timer is not None:
            self.timer.cancel()
        if min(deadlines, default=math.inf) < math.inf:
            self.timer = self.loop.call_at(min(deadlines), self.tick)
