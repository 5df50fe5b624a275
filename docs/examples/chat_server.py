"""A chat room as an asyncio.Protocol: what one client says, all of them hear.

    python chat_server.py [PORT]

asyncio calls `pause_writing` when a client reads more slowly than the others talk. What it
is to hear then waits on its connection, as references to bytes that all share, and a
client that lags too far behind is dropped.
"""

import asyncio
import sys

from wsproto_core import (
    CloseConnection,
    HandshakeFailed,
    Message,
    Request,
    ServerConnection,
    Skipped,
    broadcast,
)

MAX_BACKLOG = 1 << 20


class Room:
    def __init__(self) -> None:
        self.members: dict[ServerConnection, Member] = {}

    def say(self, message: Message) -> None:
        for ws, reason in broadcast(self.members, message, max_backlog=MAX_BACKLOG):
            if reason is Skipped.BACKLOG:
                self.members.pop(ws).transport.abort()
        for member in self.members.values():
            member.write()


class Member(asyncio.Protocol):
    def __init__(self, room: Room) -> None:
        self.room = room
        self.ws = ServerConnection()
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.ws.receive_data(data)
        self.take_events()

    def eof_received(self) -> bool:
        self.ws.receive_eof()
        self.take_events()
        return True  # we close the transport ourselves, see write

    def connection_lost(self, exc: Exception | None) -> None:
        self.room.members.pop(self.ws, None)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.write()

    def take_events(self) -> None:
        for event in self.ws.events():
            match event:
                case Request():
                    self.ws.accept()
                    self.room.members[self.ws] = self
                case Message():
                    self.room.say(event)
                case CloseConnection():
                    self.room.members.pop(self.ws, None)
                case HandshakeFailed(error=error):
                    print("handshake failed:", error)
        self.write()

    def write(self) -> None:
        if not self.paused and not self.transport.is_closing():
            for data in self.ws.buffers_to_send():  # writelines never pauses on Python 3.12.1
                self.transport.write(data)
            if self.ws.finished:
                self.transport.close()  # sends what is left first


async def main(port: int) -> None:
    room = Room()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Member(room), "127.0.0.1", port)
    port = server.sockets[0].getsockname()[1]
    print(f"listening on ws://127.0.0.1:{port}/", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 8765))
