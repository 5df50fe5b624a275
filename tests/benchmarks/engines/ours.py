"""wsproto_core, as one uses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wsproto_core import (
    Connection,
    Limits,
    PerMessageDeflate,
    Request,
    Role,
    ServerConnection,
    TextMessage,
    broadcast,
    mask,
)

__all__ = [
    "LARGEST",
    "broadcaster",
    "echoer",
    "event_sender",
    "kept_for_the_caller",
    "mask",
    "opener",
    "receiver",
    "sender",
]

LARGEST = 128 << 20
"""The limit on messages, in bytes, of every engine that has one."""

_LIMITS = Limits(max_message_size=LARGEST)
_DEFLATE = PerMessageDeflate(mem_level=8)  # as zlib's own default, which the peers take


def _connect(role: Role, deflate: bool) -> Connection:
    return Connection(role, extensions=(_DEFLATE,) if deflate else (), limits=_LIMITS)


def receiver(role: Role, deflate: bool) -> Callable[[Sequence[bytes]], tuple[int, str]]:
    connection = _connect(role, deflate)

    def receive(pieces: Sequence[bytes]) -> tuple[int, str]:
        messages = 0
        last = ""
        for piece in pieces:
            for event in connection.receive_data(piece):
                if isinstance(event, TextMessage):
                    messages += 1
                    last = event.data
        return messages, last

    return receive


def sender(role: Role, deflate: bool) -> Callable[[Sequence[str]], bytes]:
    connection = _connect(role, deflate)

    def send(texts: Sequence[str]) -> bytes:
        for text in texts:
            connection.send_text(text)
        return connection.data_to_send()

    return send


def event_sender(role: Role, deflate: bool) -> Callable[[Sequence[str]], bytes]:
    connection = _connect(role, deflate)

    def send(texts: Sequence[str]) -> bytes:
        for text in texts:
            connection.send(TextMessage(text))
        return connection.data_to_send()

    return send


def broadcaster(count: int, deflate: bool) -> Callable[[str, Callable[[bytes], object]], None]:
    connections = [_connect(Role.SERVER, deflate) for _ in range(count)]

    def send(text: str, write: Callable[[bytes], object]) -> None:
        broadcast(connections, text)
        for connection in connections:
            write(connection.data_to_send())

    return send


def opener(deflate: bool) -> Callable[[bytes], tuple[ServerConnection, bytes]]:
    extensions = (_DEFLATE,) if deflate else ()

    def open_one(request: bytes) -> tuple[ServerConnection, bytes]:
        connection = ServerConnection(extensions=extensions)
        for event in connection.receive_data(request):
            if isinstance(event, Request):
                connection.accept()
        return connection, connection.data_to_send()

    return open_one


def kept_for_the_caller(connection: ServerConnection) -> object:
    return connection.request, connection.response


def echoer() -> Callable[[bytes], bytes]:
    connection = ServerConnection()

    def echo(data: bytes) -> bytes:
        for event in connection.receive_data(data):
            if isinstance(event, TextMessage):
                connection.send_text(event.data)
            elif isinstance(event, Request):
                connection.accept()
        return connection.data_to_send()

    return echo
