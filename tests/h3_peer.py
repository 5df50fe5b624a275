"""An HTTP/3 client to test servers with: the adapter of the examples, and a record of it all."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from aioquic.asyncio import connect
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent
from scripts import EXAMPLES

from wsproto_core import (
    SETTINGS_ENABLE_CONNECT_PROTOCOL,
    ClientConnection,
    Event,
    Ping,
    Pong,
    parse_uri,
)

sys.path.insert(0, str(EXAMPLES))  # as for the programs that are there
from h3_adapter import H3Adapter, H3Event, WebSocket
from h3_server import Server

sys.path.remove(str(EXAMPLES))

__all__ = ["H3Adapter", "H3Peer", "Server", "connected"]


class H3Peer(H3Adapter):
    """Keeps every event but those of the keepalive, of the WebSockets and of aioquic, by stream."""

    def __init__(self, uri: str, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.uri = parse_uri(uri)
        self.events: defaultdict[int, list[Event]] = defaultdict(list)
        self.h3_events: defaultdict[int | None, list[Any]] = defaultdict(list)
        self.lost: ConnectionTerminated | None = None
        self.kept_alive: Counter[tuple[int, type[Event]]] = Counter()
        self._changed = asyncio.Event()

    def open(self, target: str | None = None, **options: Any) -> tuple[int, ClientConnection]:
        """Ask for a WebSocket on a new stream."""
        stream_id = self.quic.get_next_available_stream_id()
        options["now"] = self.loop.time()
        ws = ClientConnection(self.uri, target=target, extended_connect=True, **options)
        self.add(stream_id, ws)
        return stream_id, ws

    def ask(self, *fields: tuple[str, str], end_stream: bool = True, **pseudo: str) -> int:
        """Send any request on a new stream: `method="GET"` is ``:method``."""
        stream_id = self.quic.get_next_available_stream_id()
        asked = {"method": "GET", "scheme": "https", "authority": "localhost", "path": "/"}
        block = [(f":{name}", value) for name, value in {**asked, **pseudo}.items()]
        headers = [(name.encode(), value.encode()) for name, value in [*block, *fields]]
        self.h3.send_headers(stream_id, headers, end_stream)
        self.transmit()
        return stream_id

    async def until(self, condition: Callable[[], object]) -> None:
        while not condition():
            assert not self.lost, self.lost
            self._changed.clear()
            await self._changed.wait()

    async def until_ended(self, *stream_ids: int) -> None:
        """Until these streams have no WebSocket any more."""
        await self.until(lambda: not self.streams.keys() & set(stream_ids))

    def seen(self, stream_id: int, kind: type) -> list[Any]:
        return [each for each in self.h3_events[stream_id] if isinstance(each, kind)]

    def on_event(self, stream_id: int, ws: WebSocket, event: Event) -> None:
        # A slow machine has the keepalive at work, anywhere in between.
        if isinstance(event, Ping) or (isinstance(event, Pong) and event.keepalive):
            self.kept_alive[stream_id, type(event)] += 1
        else:
            self.events[stream_id].append(event)

    def handle(self, event: H3Event) -> None:
        self.h3_events[event.stream_id].append(event)
        super().handle(event)

    def quic_event_received(self, event: QuicEvent) -> None:
        self.h3_events[getattr(event, "stream_id", None)].append(event)
        if isinstance(event, ConnectionTerminated):
            self.lost = event
        super().quic_event_received(event)

    def transmit(self) -> None:
        super().transmit()
        self._changed.set()


@asynccontextmanager
async def connected(uri: str, tls: QuicConfiguration) -> AsyncIterator[H3Peer]:
    """A connection whose server has said that it takes an extended CONNECT."""
    parsed = parse_uri(uri)
    async with connect(
        parsed.host, parsed.port, configuration=tls, create_protocol=partial(H3Peer, uri)
    ) as peer:
        assert isinstance(peer, H3Peer)
        await peer.until(lambda: peer.h3.received_settings)
        assert peer.h3.received_settings is not None
        assert peer.h3.received_settings[SETTINGS_ENABLE_CONNECT_PROTOCOL] == 1
        yield peer
