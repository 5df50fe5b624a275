"""A client and a server in memory that talk to each other, and what each receives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from ..client import ClientConnection
from ..events import BytesMessage, Request
from ..extensions.permessage_deflate import PerMessageDeflate
from ..server import ServerConnection
from .rows import Row, Tap

__all__ = ["talk"]

_ROSE: Final = "A rose is " + "a rose is " * 29


def talk() -> Iterator[Row]:
    """The conversation: always the same, byte for byte."""
    # The highest level gives the same bytes in every zlib there is.
    deflate = PerMessageDeflate(level=9)
    client = ClientConnection(
        "ws://example.com/chat?room=7",
        subprotocols=["chat"],
        extensions=[deflate],
        origin="https://example.com",
        delivery="chunk",
        random_bytes=_predictable,
    )
    server = ServerConnection(
        subprotocols=["chat"], extensions=[deflate], server="demo", delivery="chunk"
    )
    to_server = Tap(server, keep=512, cut=True)
    to_client = Tap(client, keep=512, cut=True)
    for step in _steps(client, server):
        step()
        while client.pending_bytes or server.pending_bytes:
            for row in to_server.feed(client.data_to_send()):
                if isinstance(row.event, Request):
                    server.accept()
                yield row
            yield from to_client.feed(server.data_to_send())


def _steps(client: ClientConnection, server: ServerConnection) -> list[Callable[[], None]]:
    picture = bytes(range(0xE0, 0x100))
    return [
        lambda: None,  # the request waits to be sent already
        lambda: client.send_text("Hello, server!"),
        lambda: server.send_text("Hello, client! Grüße, привет!"),
        lambda: client.send(BytesMessage(picture[:8], message_finished=False, compress=False)),
        lambda: client.send(BytesMessage(picture[8:24], message_finished=False)),
        lambda: server.ping(b"still there?"),  # answered between two fragments
        lambda: client.send(BytesMessage(picture[24:])),
        lambda: server.send_text(_ROSE),
        lambda: client.send_text(_ROSE),
        lambda: client.send_text(_ROSE),  # the context makes the second one smaller
        lambda: client.close(1000, "that was all"),
    ]


def _predictable(count: int) -> bytes:
    """Masking keys and a Sec-WebSocket-Key that anybody can guess: only for a demo."""
    return bytes(7 * index % 256 for index in range(1, count + 1))
