"""An echo server over HTTP/3: WebSockets at /ws, and a page at /.

    python h3_server.py CERTIFICATE [PORT]

CERTIFICATE is a file with a certificate and its key.
"""

import asyncio
import sys

from aioquic.asyncio.server import QuicServer
from aioquic.h3.connection import H3_ALPN
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from h3_adapter import H3Adapter, H3Event, WebSocket

from wsproto_core import (
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


class Server(H3Adapter):
    timeouts = Timeouts()

    def on_other(self, event: H3Event) -> None:
        if isinstance(event, HeadersReceived):
            if extended_connect_protocol(event.headers) is None:
                self.respond(event.stream_id, dict(event.headers))
            else:
                ws = ServerConnection.from_extended_connect(
                    event.headers,
                    end_stream=event.stream_ended,
                    extensions=[PerMessageDeflate()],
                    timeouts=self.timeouts,
                    now=self.loop.time(),
                )
                self.add(event.stream_id, ws)

    def respond(self, stream_id: int, request: dict[bytes, bytes]) -> None:
        found = request.get(b":path") == b"/"
        status = b"200" if found else b"404"
        self.h3.send_headers(stream_id, [(b":status", status)], end_stream=not found)
        if found:
            self.h3.send_data(stream_id, PAGE, end_stream=True)

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
    tls = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    tls.load_cert_chain(certificate, certificate)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: QuicServer(configuration=tls, create_protocol=Server),
        local_addr=("127.0.0.1", port),
    )
    port = transport.get_extra_info("sockname")[1]
    print(f"listening on wss://localhost:{port}/ws", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 8443))
