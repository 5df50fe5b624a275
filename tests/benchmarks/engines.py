"""The engines side by side: one function each for what is measured.

A receiver takes pieces of a stream and returns how many messages were in it, each
handed over whole, text as `str`. A sender is given a payload and a count and returns
the bytes for the wire.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version

from websockets.frames import Opcode
from websockets.protocol import CLIENT, SERVER, Protocol
from wsproto.connection import Connection as WsprotoConnection
from wsproto.connection import ConnectionType
from wsproto.events import Message as WsprotoMessage
from wsproto.events import TextMessage as WsprotoText

from wsproto_core import Connection, Limits, Message, Role, TextMessage

LARGEST = 64 << 20
LIMITS = Limits(max_message_size=LARGEST)

Receiver = Callable[[list[bytes]], int]
Sender = Callable[[str, int], bytes]

VERSIONS = {
    "wsproto_core": version("wsproto-core"),
    "wsproto": version("wsproto"),
    "websockets": version("websockets"),
}


def receive(role: Role) -> Receiver:
    connection = Connection(role, limits=LIMITS)

    def run(pieces: list[bytes]) -> int:
        messages = 0
        for piece in pieces:
            for event in connection.receive_data(piece):
                if isinstance(event, Message):
                    messages += 1
        return messages

    return run


def receive_with_wsproto(role: Role) -> Receiver:
    connection = WsprotoConnection(ConnectionType[role.name])

    def run(pieces: list[bytes]) -> int:
        messages = 0
        parts: list[str] | list[bytes] = []
        for piece in pieces:
            connection.receive_data(piece)
            for event in connection.events():
                if isinstance(event, WsprotoMessage):
                    if event.message_finished and not parts:
                        messages += 1
                        continue
                    parts.append(event.data)  # type: ignore[arg-type]
                    if event.message_finished:
                        event.data[:0].join(parts)  # type: ignore[arg-type]
                        parts = []
                        messages += 1
        return messages

    return run


def receive_with_websockets(role: Role) -> Receiver:
    protocol = Protocol(SERVER if role is Role.SERVER else CLIENT, max_size=LARGEST)

    def run(pieces: list[bytes]) -> int:
        messages = 0
        for piece in pieces:
            protocol.receive_data(piece)
            for frame in protocol.events_received():
                if frame.opcode is Opcode.TEXT:  # type: ignore[union-attr]
                    frame.data.decode()  # type: ignore[union-attr]
                messages += 1
        return messages

    return run


def send_text(role: Role) -> Sender:
    connection = Connection(role)

    def run(text: str, count: int) -> bytes:
        for _ in range(count):
            connection.send_text(text)
        return connection.data_to_send()

    return run


def send_event(role: Role) -> Sender:
    connection = Connection(role)

    def run(text: str, count: int) -> bytes:
        for _ in range(count):
            connection.send(TextMessage(text))
        return connection.data_to_send()

    return run


def send_with_wsproto(role: Role) -> Sender:
    connection = WsprotoConnection(ConnectionType[role.name])

    def run(text: str, count: int) -> bytes:
        return b"".join([connection.send(WsprotoText(text)) for _ in range(count)])

    return run


def send_with_websockets(role: Role) -> Sender:
    protocol = Protocol(SERVER if role is Role.SERVER else CLIENT)

    def run(text: str, count: int) -> bytes:
        for _ in range(count):
            protocol.send_text(text.encode())
        return b"".join(protocol.data_to_send())

    return run


def stream(size: int, count: int, masked: bool, piece: int) -> list[bytes]:
    """Text frames of `size` bytes, `count` of them, cut into pieces."""
    text = b"a" * size
    frames: list[bytes] = []
    for _ in range(count):
        if size < 126:
            length = bytes([size | masked << 7])
        elif size < 1 << 16:
            length = bytes([126 | masked << 7]) + size.to_bytes(2, "big")
        else:
            length = bytes([127 | masked << 7]) + size.to_bytes(8, "big")
        if masked:
            key = os.urandom(4)
            pad = int.from_bytes((key * (size // 4 + 1))[:size], "big")
            body = key + (int.from_bytes(text, "big") ^ pad).to_bytes(size, "big")
        else:
            body = text
        frames.append(b"\x81" + length + body)
    data = b"".join(frames)
    return [data[start : start + piece] for start in range(0, len(data), piece)]
