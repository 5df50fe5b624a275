"""Talk to h3_server.py: three WebSockets and a page, all on one connection.

    python h3_client.py [URI [CERTIFICATES]]

CERTIFICATES is a file with those to trust, if the system does not.
"""

import asyncio
import sys
from functools import partial
from typing import Any

from aioquic.asyncio import connect
from aioquic.h3.connection import H3_ALPN
from aioquic.h3.events import DataReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent
from h3_adapter import H3Adapter, H3Event, WebSocket

from wsproto_core import (
    SETTINGS_ENABLE_CONNECT_PROTOCOL,
    AcceptConnection,
    ClientConnection,
    CloseConnection,
    Event,
    HandshakeFailed,
    RejectConnection,
    RejectData,
    TextMessage,
    WebSocketURI,
    parse_uri,
)


class Client(H3Adapter):
    def __init__(self, uri: WebSocketURI, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.uri = uri
        self.over = asyncio.Event()
        self.has_begun = False
        self.pages: set[int] = set()  # streams of requests for a page

    def on_other(self, event: H3Event) -> None:
        if isinstance(event, DataReceived) and event.data:
            print("page:", event.data.decode().strip())
        if event.stream_ended:
            self.pages.discard(event.stream_id)

    def begin(self) -> None:
        self.has_begun = True
        for target in (self.uri.target, self.uri.target, "/nowhere"):
            ws = ClientConnection(
                self.uri, target=target, extended_connect=True, now=self.loop.time()
            )
            self.add(self.quic.get_next_available_stream_id(), ws)
        request = {
            b":method": b"GET",
            b":scheme": b"https",
            b":authority": self.uri.authority.encode(),
            b":path": b"/",
        }
        stream_id = self.quic.get_next_available_stream_id()
        self.h3.send_headers(stream_id, list(request.items()), end_stream=True)
        self.pages.add(stream_id)

    def on_event(self, stream_id: int, ws: WebSocket, event: Event) -> None:
        match event:
            case AcceptConnection():
                ws.send_text(f"hello on stream {stream_id}")
            case TextMessage(data=text):
                print("received:", text)
                ws.close()
            case CloseConnection(code=code):
                print("closed:", code)
            case RejectConnection(status_code=status):
                print("rejected:", status)
            case RejectData(data=data):
                print("body:", data.decode().strip())
            case HandshakeFailed(error=error):
                print("handshake failed:", error)

    def quic_event_received(self, event: QuicEvent) -> None:
        super().quic_event_received(event)
        settings = self.h3.received_settings or {}
        if settings.get(SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1 and not self.has_begun:
            self.begin()
        is_done = self.has_begun and not self.streams and not self.pages
        if is_done or isinstance(event, ConnectionTerminated):
            self.over.set()


async def main(uri: str, certificates: str | None) -> None:
    tls = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, cafile=certificates)
    parsed = parse_uri(uri)
    async with connect(
        parsed.host, parsed.port, configuration=tls, create_protocol=partial(Client, parsed)
    ) as client:
        await client.over.wait()


if __name__ == "__main__":
    address = sys.argv[1] if sys.argv[1:] else "wss://localhost:8443/ws"
    asyncio.run(main(address, sys.argv[2] if sys.argv[2:] else None))
