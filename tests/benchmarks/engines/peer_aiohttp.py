"""aiohttp: the reader and the writer of its WebSockets, which are not made to stand alone.

Importing this module fails where aiohttp's compiled parts are not what runs: without
them it is another, slower engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Any

from aiohttp import WSMsgType
from aiohttp._websocket import helpers, reader
from aiohttp._websocket.writer import WebSocketWriter

from wsproto_core import Role

from .ours import LARGEST

__all__ = ["VERSION", "mask", "receiver", "sender"]

if (
    reader.WebSocketReader.__module__ != "aiohttp._websocket.reader_c"
    or helpers.websocket_mask.__module__ != "aiohttp._websocket.mask"
):
    raise ImportError(
        "aiohttp runs without its compiled parts: install a wheel of it, "
        "and leave AIOHTTP_NO_EXTENSIONS unset"
    )

VERSION = f"{version('aiohttp')} (reader and masking in C)"

_TEXT = WSMsgType.TEXT  # looked up but once, for an enumeration takes its time

_QUEUE_LIMIT = 1 << 30
"""Bytes that a queue may have taken; it cannot know that they have been taken out."""

_LOOP: Any = None  # the queue would ask it for a future if it were awaited


class _Transport:
    """What an asyncio transport is to aiohttp, but for the network."""

    _reading_paused = False
    _paused = False

    def __init__(self) -> None:
        self.written: list[bytes | bytearray] = []
        self.write = self.written.append

    def is_closing(self) -> bool:
        return False


def receiver(role: Role, deflate: bool) -> Callable[[Sequence[bytes]], tuple[int, str]]:
    """Takes messages out of the queue by hand: faster than to await each, as users do.

    The reader does not know its role: it takes frames with and without a mask."""

    def receive(pieces: Sequence[bytes]) -> tuple[int, str]:
        transport: Any = _Transport()
        queue = reader.WebSocketDataQueue(transport, _QUEUE_LIMIT, loop=_LOOP)
        feed = reader.WebSocketReader(queue, LARGEST, deflate, True).feed_data
        arrived = queue._buffer
        messages = 0
        last = ""
        for piece in pieces:
            feed(piece)
            while arrived:
                message, _ = arrived.popleft()
                if message.type is _TEXT:
                    messages += 1
                    last = message.data
        return messages, last

    return receive


def sender(role: Role, deflate: bool) -> Callable[[Sequence[str]], bytes]:
    """With permessage-deflate its level is 1, where that of the others is 6."""
    transport: Any = _Transport()
    writer = WebSocketWriter(
        transport,
        transport,
        use_mask=role is Role.CLIENT,
        compress=15 if deflate else 0,
    )

    async def send_all(texts: Sequence[str]) -> None:
        for text in texts:
            await writer.send_frame(text.encode(), _TEXT)

    def send(texts: Sequence[str]) -> bytes:
        coroutine = send_all(texts)
        with suppress(StopIteration):
            coroutine.send(None)  # it never waits
        data = b"".join(transport.written)
        transport.written.clear()
        return data

    return send


def mask(payload: bytes, key: bytes) -> bytearray:
    data = bytearray(payload)
    helpers.websocket_mask(key, data)
    return data
