"""The WebSockets on one HTTP/2 connection: between asyncio, the h2 library and the engine.

Server and client derive from it: they say what to do with events, and with streams that
are no WebSockets.
"""

import asyncio
import math
from dataclasses import dataclass

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.events import (
    Event as H2Event,
)
from h2.exceptions import ProtocolError

from wsproto_core import ClientConnection, Event, ResetCode, ServerConnection

WebSocket = ClientConnection | ServerConnection


@dataclass
class Stream:
    ws: WebSocket
    peer_ended: bool = False
    we_ended: bool = False
    unread: int = 0  # bytes of the flow control window that the peer has not got back


class H2Adapter(asyncio.Protocol):
    def __init__(self, client_side: bool) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=client_side))
        self.streams: dict[int, Stream] = {}
        self.paused = False
        self.loop = asyncio.get_running_loop()
        self.timer: asyncio.TimerHandle | None = None
        # How many bytes may wait on a stream before no more of it is read. One side must
        # read on in any case, or two that wait for each other wait for ever.
        self.backlog = math.inf if client_side else 65536

    def on_event(self, stream_id: int, ws: WebSocket, event: Event) -> None:
        """Act on an event of a WebSocket."""

    def on_other(self, event: H2Event) -> None:
        """Act on what h2 tells of anything else."""

    def add(self, stream_id: int, ws: WebSocket) -> None:
        self.streams[stream_id] = Stream(ws)
        self.pump(stream_id)

    # From h2 to the WebSockets, and back

    def handle(self, event: H2Event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", 0))
        if stream is None:
            self.on_other(event)
            if isinstance(event, DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, (WindowUpdated, RemoteSettingsChanged)):
                self.pump_all()  # the window of the connection, or of each stream
            return
        now = self.loop.time()
        if isinstance(event, ResponseReceived):
            ended = event.stream_ended is not None
            stream.ws.receive_headers(event.headers, end_stream=ended, now=now)
        elif isinstance(event, DataReceived):
            stream.unread += event.flow_controlled_length
            stream.ws.receive_data(event.data, now)
        elif isinstance(event, StreamEnded):
            stream.peer_ended = True
            stream.ws.receive_eof(now)
        elif isinstance(event, StreamReset):
            stream.peer_ended = True
            stream.ws.receive_reset(now)
        self.pump(event.stream_id)

    def pump(self, stream_id: int) -> None:
        """Send what waits, and take events for as long as nothing is in the way of it."""
        stream = self.streams[stream_id]
        ws = stream.ws
        self.send(stream_id, ws)
        while ws.pending_bytes < self.backlog and (event := next(ws.events(), None)) is not None:
            self.on_event(stream_id, ws, event)
            self.send(stream_id, ws)
        self.send(stream_id, ws)  # a keepalive ping comes without an event
        if ws.pending_bytes < self.backlog and stream.unread:
            self.h2.acknowledge_received_data(stream.unread, stream_id)
            stream.unread = 0
        if not ws.pending_bytes:
            if ws.send_eof and not stream.we_ended:
                stream.we_ended = True
                self.h2.end_stream(stream_id)
            if ws.finished:
                if not stream.peer_ended:
                    self.h2.reset_stream(stream_id, ResetCode.CANCEL)
                del self.streams[stream_id]
        self.write()

    def send(self, stream_id: int, ws: WebSocket) -> None:
        headers = ws.headers_to_send()
        if headers is not None:
            self.h2.send_headers(stream_id, headers)
        while ws.pending_bytes and not self.paused:
            window = self.h2.local_flow_control_window(stream_id)
            if window <= 0:
                break
            data = ws.data_to_send(min(window, self.h2.max_outbound_frame_size))
            self.h2.send_data(stream_id, data)
            self.write()

    def pump_all(self) -> None:
        for stream_id in list(self.streams):
            self.pump(stream_id)

    # From asyncio to h2, and back

    def tick(self) -> None:
        """Let the deadlines pass that have, and come back for the next one."""
        for stream_id, stream in list(self.streams.items()):
            if (stream.ws.next_deadline() or math.inf) <= self.loop.time():
                stream.ws.handle_timeout(self.loop.time())
                self.pump(stream_id)
        deadlines = [stream.ws.next_deadline() or math.inf for stream in self.streams.values()]
        if self.timer is not None:
            self.timer.cancel()
        if min(deadlines, default=math.inf) < math.inf:
            self.timer = self.loop.call_at(min(deadlines), self.tick)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.h2.initiate_connection()
        # Wide enough that a stream which is not read leaves all others their own windows.
        self.h2.increment_flow_control_window(1 << 24)
        self.write()

    def data_received(self, data: bytes) -> None:
        try:
            for event in self.h2.receive_data(data):
                self.handle(event)
        except ProtocolError as error:
            print("HTTP/2 failed:", error)
            self.write()
            self.transport.close()
        self.write()
        self.tick()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport.close()  # Python 3.10 wants to hear it, whoever has ended it
        for stream in self.streams.values():
            stream.peer_ended = True
            stream.ws.receive_reset()
        self.pump_all()
        self.tick()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.pump_all()

    def write(self) -> None:
        data = self.h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)
