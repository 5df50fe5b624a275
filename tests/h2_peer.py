"""An HTTP/2 client to test servers with: the adapter of the examples, and a record of it all."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from scripts import EXAMPLES, SECONDS

from wsproto_core import ClientConnection, Event, Ping, Pong, parse_uri

sys.path.insert(0, str(EXAMPLES))  # as for the programs that are there
from h2_adapter import H2Adapter, WebSocket
from h2_server import Server

sys.path.remove(str(EXAMPLES))


__all__ = ["H2Adapter", "H2Peer", "Server", "connected", "run_in_time", "server_at"]


class H2Peer(H2Adapter):
    """Keeps every event but those of the keepalive, of the WebSockets and of h2, by stream."""

    def __init__(self, uri: str) -> None:
        super().__init__(client_side=True)
        self.uri = parse_uri(uri)
        self.events: defaultdict[int, list[Event]] = defaultdict(list)
        self.h2_events: defaultdict[int, list[Any]] = defaultdict(list)
        self.held: set[int] = set()
        self.lost = False
        self.kept_alive: Counter[tuple[int, type[Event]]] = Counter()
        self._changed = asyncio.Event()

    def open(self, target: str | None = None, **options: Any) -> tuple[int, ClientConnection]:
        """Ask for a WebSocket on a new stream."""
        stream_id = self.h2.get_next_available_stream_id()
        options["now"] = self.loop.time()
        ws = ClientConnection(self.uri, target=target, extended_connect=True, **options)
        self.add(stream_id, ws)
        return stream_id, ws

    def ask(self, *fields: tuple[str, str], end_stream: bool = True, **pseudo: str) -> int:
        """Send any request on a new stream: `method="GET"` is ``:method``."""
        stream_id = self.h2.get_next_available_stream_id()
        asked = {"method": "GET", "scheme": "https", "authority": "localhost", "path": "/"}
        block = [(f":{name}", value) for name, value in {**asked, **pseudo}.items()]
        self.h2.send_headers(stream_id, [*block, *fields], end_stream)
        self.write()
        return stream_id

    async def until(self, condition: Callable[[], object]) -> None:
        while not condition():
            assert not self.lost, "the connection has ended"
            self._changed.clear()
            await self._changed.wait()

    async def until_ended(self, *stream_ids: int) -> None:
        """Until these streams have no WebSocket any more."""
        await self.until(lambda: not self.streams.keys() & set(stream_ids))

    def seen(self, stream_id: int, kind: type) -> list[Any]:
        return [each for each in self.h2_events[stream_id] if isinstance(each, kind)]

    def pump(self, stream_id: int) -> None:
        if stream_id not in self.held:  # as if its reader were busy with something else
            super().pump(stream_id)

    def on_event(self, stream_id: int, ws: WebSocket, event: Event) -> None:
        # A slow machine has the keepalive at work, anywhere in between.
        if isinstance(event, Ping) or (isinstance(event, Pong) and event.keepalive):
            self.kept_alive[stream_id, type(event)] += 1
        else:
            self.events[stream_id].append(event)

    def handle(self, event: Any) -> None:
        self.h2_events[getattr(event, "stream_id", 0) or 0].append(event)
        super().handle(event)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost = True
        self._changed.set()


@asynccontextmanager
async def connected(uri: str, tls: ssl.SSLContext) -> AsyncIterator[H2Peer]:
    """A connection whose server has said that it takes an extended CONNECT."""
    parsed = parse_uri(uri)
    _, peer = await asyncio.get_running_loop().create_connection(
        lambda: H2Peer(uri), parsed.host, parsed.port, ssl=tls
    )
    try:
        await peer.until(lambda: peer.h2.remote_settings.enable_connect_protocol)
        yield peer
    finally:
        peer.transport.close()
        while not peer.lost:
            peer._changed.clear()
            await peer._changed.wait()


@asynccontextmanager
async def server_at(kind: type[H2Adapter], tls: ssl.SSLContext) -> AsyncIterator[str]:
    """A server in this process; its URI."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(kind, "127.0.0.1", 0, ssl=tls)  # type: ignore[arg-type]
    yield f"wss://localhost:{server.sockets[0].getsockname()[1]}/ws"
    server.close()
    await server.wait_closed()


def run_in_time(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, SECONDS))
