"""An echo server as an asyncio.Protocol, with back-pressure in both directions, keepalive
and deadlines.

    python asyncio_server.py [PORT]

asyncio calls `pause_writing` when the peer reads more slowly than it sends. Then no
more events are taken, so that nothing more is queued, and no more bytes are read.

Each call tells the connection the time of the event loop, and then sets the one timer
that it wants.
"""

import asyncio
import sys

from wsproto_core import HandshakeFailed, Message, Request, ServerConnection


class EchoProtocol(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.clock = asyncio.get_running_loop().time
        self.ws = ServerConnection(now=self.clock())
        self.timer: asyncio.TimerHandle | None = None
        self.paused = False
        self.set_timer()

    def data_received(self, data: bytes) -> None:
        self.ws.receive_data(data, self.clock())
        self.take_events()

    def eof_received(self) -> bool:
        self.ws.receive_eof(self.clock())
        self.take_events()
        return True  # we close the transport ourselves, see take_events

    def connection_lost(self, exc: Exception | None) -> None:
        self.ws.receive_reset(self.clock())
        self.paused = False
        self.take_events()

    def timed_out(self) -> None:
        self.ws.handle_timeout(self.clock())
        self.take_events()

    def set_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        deadline = self.ws.next_deadline()
        loop = asyncio.get_running_loop()
        self.timer = None if deadline is None else loop.call_at(deadline, self.timed_out)

    def pause_writing(self) -> None:
        self.paused = True
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.paused = False
        self.transport.resume_reading()
        self.take_events()  # those that were left

    def take_events(self) -> None:
        while not self.paused:
            event = next(self.ws.events(), None)
            if event is None:
                break
            self.handle(event)
            if self.ws.pending_bytes > 65536:
                self.write()  # may call pause_writing
        self.write()
        self.set_timer()
        if self.ws.finished:
            self.transport.close()  # sends what is left first

    def write(self) -> None:
        data = self.ws.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def handle(self, event: object) -> None:
        match event:
            case Request():
                self.ws.accept(now=self.clock())
            case Message():
                self.ws.send(event)
            case HandshakeFailed(error=error):
                print("handshake failed:", error)


async def main(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(EchoProtocol, "127.0.0.1", port)
    port = server.sockets[0].getsockname()[1]
    print(f"listening on ws://127.0.0.1:{port}/", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 8765))
