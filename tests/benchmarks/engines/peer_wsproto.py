"""wsproto, as its documentation uses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version

from wsproto import WSConnection
from wsproto.connection import Connection, ConnectionType
from wsproto.events import AcceptConnection, Message, Request, TextMessage
from wsproto.extensions import Extension, PerMessageDeflate
from wsproto.frame_protocol import XorMaskerSimple

from wsproto_core import Role

__all__ = ["VERSION", "broadcaster", "echoer", "mask", "opener", "receiver", "sender"]

VERSION = version("wsproto")


def _connect(role: Role, deflate: bool) -> Connection:
    extensions: list[Extension] = []
    if deflate:
        agreed = PerMessageDeflate()
        agreed.finalize("permessage-deflate")
        extensions.append(agreed)
    return Connection(ConnectionType[role.name], extensions)


def receiver(role: Role, deflate: bool) -> Callable[[Sequence[bytes]], tuple[int, str]]:
    connection = _connect(role, deflate)

    def receive(pieces: Sequence[bytes]) -> tuple[int, str]:
        messages = 0
        last = ""
        parts: list[str] = []
        for piece in pieces:
            connection.receive_data(piece)
            for event in connection.events():
                if isinstance(event, TextMessage):
                    if event.message_finished and not parts:
                        messages += 1
                        last = event.data
                        continue
                    parts.append(event.data)
                    if event.message_finished:
                        last = "".join(parts)
                        parts = []
                        messages += 1
        return messages, last

    return receive


def sender(role: Role, deflate: bool) -> Callable[[Sequence[str]], bytes]:
    connection = _connect(role, deflate)

    def send(texts: Sequence[str]) -> bytes:
        return b"".join([connection.send(TextMessage(text)) for text in texts])

    return send


def broadcaster(count: int, deflate: bool) -> Callable[[str, Callable[[bytes], object]], None]:
    connections = [_connect(Role.SERVER, deflate) for _ in range(count)]

    def send(text: str, write: Callable[[bytes], object]) -> None:
        message = TextMessage(text)
        for connection in connections:
            write(connection.send(message))

    return send


def mask(payload: bytes, key: bytes) -> bytearray:
    return XorMaskerSimple(key).process(payload)  # type: ignore[arg-type]


def opener(deflate: bool) -> Callable[[bytes], tuple[WSConnection, bytes]]:
    def open_one(request: bytes) -> tuple[WSConnection, bytes]:
        connection = WSConnection(ConnectionType.SERVER)
        connection.receive_data(request)
        response = b""
        for event in connection.events():
            if isinstance(event, Request):
                extensions: list[Extension] = [PerMessageDeflate()] if deflate else []
                response = connection.send(AcceptConnection(extensions=extensions))
        return connection, response

    return open_one


def echoer() -> Callable[[bytes], bytes]:
    connection = WSConnection(ConnectionType.SERVER)

    def echo(data: bytes) -> bytes:
        connection.receive_data(data)
        output: list[bytes] = []
        for event in connection.events():
            if isinstance(event, Message):
                output.append(
                    connection.send(
                        TextMessage(event.data, event.frame_finished, event.message_finished)
                    )
                )
            elif isinstance(event, Request):
                output.append(connection.send(AcceptConnection()))
        return b"".join(output)

    return echo
