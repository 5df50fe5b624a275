"""The peer under test: echoes every message, over a plain blocking socket.

    peer.py server              listens on a free port of 127.0.0.1, prints it, never ends
    peer.py client PORT AGENT   runs each case that the suite on PORT has, then ends

One read, every event of it, one write. The suite opens one connection at a time.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator

from wsproto_core import (
    AcceptConnection,
    BytesMessage,
    ClientConnection,
    Connection,
    Event,
    HandshakeFailed,
    Limits,
    PerMessageDeflate,
    RejectConnection,
    Request,
    ServerConnection,
    TextMessage,
)

READ_SIZE = 1 << 16
# Groups 9, 12 and 13: messages of 16 MiB, and 4 MiB in fragments of 64 bytes.
LIMITS = Limits(max_message_size=16 << 20, max_fragments=1 << 17)
# Level 1: the suite judges the format, not the ratio, and this takes a third of the time off.
EXTENSIONS = [PerMessageDeflate(level=1)]


def converse(ws: Connection, transport: socket.socket) -> Iterator[Event]:
    """Carry bytes both ways until the connection is finished; yields its events.

    What the caller sends while it handles the events of one read goes out after them.
    """
    try:
        transport.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            transport.sendall(ws.data_to_send())
            if ws.send_eof:
                transport.shutdown(socket.SHUT_WR)
            if ws.finished:
                return
            data = transport.recv(READ_SIZE)
            yield from ws.receive_data(data) if data else ws.receive_eof()
    except OSError:
        yield from ws.receive_reset()


def drain(transport: socket.socket) -> None:
    """Read up to the peer's EOF: closing with data unread would turn into a reset."""
    with contextlib.suppress(OSError):
        while transport.recv(READ_SIZE):
            pass


def echo(ws: Connection, transport: socket.socket) -> list[Event]:
    """Send every message back until the connection ends; returns all other events."""
    others: list[Event] = []
    with transport:
        for event in converse(ws, transport):
            match event:
                case TextMessage() | BytesMessage():
                    ws.send(event)
                case Request():
                    ws.send(AcceptConnection())
                case _:
                    others.append(event)
        drain(transport)
    return others


def serve() -> None:
    """Be the server under test until somebody ends this process."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on port {listener.getsockname()[1]}")
    while True:
        transport, _ = listener.accept()
        echo(ServerConnection(extensions=EXTENSIONS, limits=LIMITS), transport)


def open_connection(port: int, target: str) -> tuple[ClientConnection, socket.socket]:
    """A connection to the suite, its handshake not yet sent."""
    ws = ClientConnection(f"ws://127.0.0.1:{port}{target}", extensions=EXTENSIONS, limits=LIMITS)
    return ws, socket.create_connection(("127.0.0.1", port))


def count_cases(port: int) -> int:
    """Ask the suite how many cases it has."""
    ws, transport = open_connection(port, "/getCaseCount")
    with transport:
        for event in converse(ws, transport):
            if isinstance(event, TextMessage):
                return int(event.data)
    raise RuntimeError("the suite did not say how many cases it has")


def run_cases(port: int, agent: str) -> None:
    """Be the client under test for each case in turn, then have the reports written."""
    for case in range(1, count_cases(port) + 1):
        others = echo(*open_connection(port, f"/runCase?case={case}&agent={agent}"))
        if any(isinstance(event, (RejectConnection, HandshakeFailed)) for event in others):
            raise RuntimeError(f"case number {case} did not open: {others}")
    # The suite writes its reports and goes, without an answer to the handshake.
    echo(*open_connection(port, f"/updateReports?agent={agent}&shutdownOnComplete=true"))


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve()
    else:
        run_cases(int(sys.argv[2]), sys.argv[3])
