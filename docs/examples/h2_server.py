"""An echo server over HTTP/2: WebSockets at /ws, and a page at /.

    python h2_server.py CERTIFICATE [PORT]

CERTIFICATE is a file with a certificate and its key.
"""

import asyncio
import ssl
import sys

from h2.events import Event as H2Event
from h2.events import RequestReceived
from h2_adapter import H2Adapter, WebSocket

from wsproto_core import (
    SETTINGS_ENABLE_CONNECT_PROTOCOL,
    Event,
    HandshakeFailed,
    Message,
    PerMessageDeflate,
    Request,
    ServerConnection,
    Timeouts,
    extended_connect_protocol,
)

PAGE = b"The WebSocket is at /ws.\n"


class Server(H2Adapter):
    timeouts = Timeouts()

    def __init__(self) -> None:
        super().__init__(client_side=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.h2.update_settings({SETTINGS_ENABLE_CONNECT_PROTOCOL: 1})
        self.write()

    def on_other(self, event: H2Event) -> None:
        if isinstance(event, RequestReceived):
            if extended_connect_protocol(event.headers) is None:
                self.respond(event.stream_id, dict(event.headers))
            else:
                ended = event.stream_ended is not None
                ws = ServerConnection.from_extended_connect(
                    event.headers,
                    end_stream=ended,
                    extensions=[PerMessageDeflate()],
                    timeouts=self.timeouts,
                    now=self.loop.time(),
                )
                self.add(event.stream_id, ws)

    def respond(self, stream_id: int, request: dict[bytes, bytes]) -> None:
        found = request.get(b":path") == b"/"
        self.h2.send_headers(stream_id, [(":status", "200" if found else "404")], not found)
        if found and self.h2.local_flow_control_window(stream_id) >= len(PAGE):
            self.h2.send_data(stream_id, PAGE, end_stream=True)
        elif found:
            self.h2.reset_stream(stream_id)  # who has no room for a page gets none

    def on_event(self, stream_id: int, ws: WebSocket, event: Event) -> None:
        match event:
            case Request(path="/ws"):
                ws.accept()
            case Request():
                ws.reject(404, body=b"No WebSocket here.\n")
            case Message():
                ws.send(event)
            case HandshakeFailed(error=error):
                print("handshake failed:", error)


async def main(certificate: str, port: int) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    tls.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", port, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    print(f"listening on wss://localhost:{port}/ws", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 8443))
