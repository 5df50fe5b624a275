"""Talk to h2_server.py: three WebSockets and a page, all on one connection.

    python h2_client.py [URI [CERTIFICATES]]

CERTIFICATES is a file with those to trust, if the system does not.
"""

import asyncio
import ssl
import sys

from h2.events import DataReceived, RemoteSettingsChanged, StreamEnded
from h2.events import Event as H2Event
from h2_adapter import H2Adapter, WebSocket

from wsproto_core import (
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


class Client(H2Adapter):
    def __init__(self, uri: WebSocketURI) -> None:
        super().__init__(client_side=True)
        self.uri = uri
        self.over: asyncio.Future[None] = self.loop.create_future()
        self.pages: set[int] = set()  # streams of requests for a page

    def on_other(self, event: H2Event) -> None:
        match event:
            case RemoteSettingsChanged() if not self.streams:
                if self.h2.remote_settings.enable_connect_protocol:
                    self.begin()
            case DataReceived(data=data):
                print("page:", data.decode().strip())
            case StreamEnded(stream_id=stream_id):
                self.pages.discard(stream_id)

    def begin(self) -> None:
        for target in (self.uri.target, self.uri.target, "/nowhere"):
            ws = ClientConnection(
                self.uri, target=target, extended_connect=True, now=self.loop.time()
            )
            self.add(self.h2.get_next_available_stream_id(), ws)
        request = {
            ":method": "GET",
            ":scheme": "https",
            ":authority": self.uri.authority,
            ":path": "/",
        }
        stream_id = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream_id, list(request.items()), end_stream=True)
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

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.h2.highest_outbound_stream_id and not self.streams and not self.pages:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.over.set_result(None)


async def main(uri: str, certificates: str | None) -> None:
    tls = ssl.create_default_context(cafile=certificates)
    tls.set_alpn_protocols(["h2"])
    parsed = parse_uri(uri)
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(
        lambda: Client(parsed), parsed.host, parsed.port, ssl=tls
    )
    await client.over


if __name__ == "__main__":
    address = sys.argv[1] if sys.argv[1:] else "wss://localhost:8443/ws"
    asyncio.run(main(address, sys.argv[2] if sys.argv[2:] else None))
