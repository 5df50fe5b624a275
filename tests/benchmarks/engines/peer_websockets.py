"""websockets: its sans-I/O layer, as its documentation uses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version

from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame, Opcode, apply_mask  # type: ignore[attr-defined]
from websockets.http11 import Request
from websockets.protocol import CLIENT, SERVER, Protocol
from websockets.server import ServerProtocol

from wsproto_core import Role

from .ours import LARGEST

__all__ = ["VERSION", "broadcaster", "echoer", "mask", "opener", "receiver", "sender"]

_IN_C = apply_mask.__module__ != "websockets.utils"
_TEXT = Opcode.TEXT  # looked up but once, for an enumeration takes its time
VERSION = f"{version('websockets')} (masking in {'C' if _IN_C else 'Python'})"


def _connect(role: Role, deflate: bool) -> Protocol:
    protocol = Protocol(SERVER if role is Role.SERVER else CLIENT, max_size=LARGEST)
    if deflate:
        protocol.extensions = [PerMessageDeflate(False, False, 15, 15)]
    return protocol


def receiver(role: Role, deflate: bool) -> Callable[[Sequence[bytes]], tuple[int, str]]:
    protocol = _connect(role, deflate)

    def receive(pieces: Sequence[bytes]) -> tuple[int, str]:
        messages = 0
        last = ""
        for piece in pieces:
            protocol.receive_data(piece)
            for frame in protocol.events_received():
                if isinstance(frame, Frame) and frame.opcode is _TEXT:
                    last = frame.data.decode()  # type: ignore[union-attr]
                    messages += 1
        return messages, last

    return receive


def sender(role: Role, deflate: bool) -> Callable[[Sequence[str]], bytes]:
    protocol = _connect(role, deflate)

    def send(texts: Sequence[str]) -> bytes:
        for text in texts:
            protocol.send_text(text.encode())
        return b"".join(protocol.data_to_send())

    return send


def broadcaster(count: int, deflate: bool) -> Callable[[str, Callable[[bytes], object]], None]:
    protocols = [_connect(Role.SERVER, deflate) for _ in range(count)]

    def send(text: str, write: Callable[[bytes], object]) -> None:
        data = text.encode()
        for protocol in protocols:
            protocol.send_text(data)
            for piece in protocol.data_to_send():
                write(piece)

    return send


def mask(payload: bytes, key: bytes) -> bytes:
    masked: bytes = apply_mask(payload, key)
    return masked


def _server(deflate: bool) -> ServerProtocol:
    return ServerProtocol(extensions=[ServerPerMessageDeflateFactory()] if deflate else None)


def opener(deflate: bool) -> Callable[[bytes], tuple[ServerProtocol, bytes]]:
    def open_one(request: bytes) -> tuple[ServerProtocol, bytes]:
        protocol = _server(deflate)
        protocol.receive_data(request)
        for event in protocol.events_received():
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
        return protocol, b"".join(protocol.data_to_send())

    return open_one


def echoer() -> Callable[[bytes], bytes]:
    protocol = _server(False)

    def echo(data: bytes) -> bytes:
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame):
                if event.opcode is _TEXT:
                    text = event.data.decode()  # type: ignore[union-attr]
                    protocol.send_text(text.encode())
            elif isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
        return b"".join(protocol.data_to_send())

    return echo
