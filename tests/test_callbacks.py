"""Code of the user's that a connection calls, and that uses that connection itself.

Whatever comes of it comes of it in both modes, and nothing is read or written that is not ours.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import pytest
from test_custom_extensions import shifted
from twins import TWINS, Twin, describe, random_source
from wire import (
    DEFLATE_FIELD,
    FIN,
    PING,
    REQUEST,
    RSV1,
    RSV2,
    TEXT,
    deflate,
    fixed_random,
    frame_to,
    request,
    response,
)

from wsproto_core import Role

FIELDS = (f"{DEFLATE_FIELD}, x-shift; step=1", "Sec-WebSocket-Protocol: chat")
INIT = {"Connection": ("client",), "ClientConnection": ("ws://example.com",)}
CallBack = Callable[[], None]


def role_of(ws: Any) -> Role:
    return Role[ws.role.name]


def init_again(ws: Any) -> None:
    ws.__init__(*INIT.get(type(ws).__name__, ()))


# What is done in the middle

ACTIONS: dict[str, Callable[[Any], object]] = {
    "send_text": lambda ws: ws.send_text("inner"),
    "send_bytes": lambda ws: ws.send_bytes(b"inner" * 5000),
    "fragment": lambda ws: ws.send_text("part", message_finished=False),
    "ping": lambda ws: ws.ping(b"inner"),
    "data_to_send": lambda ws: ws.data_to_send(),
    "data_to_send(3)": lambda ws: ws.data_to_send(3),
    "buffers_to_send": lambda ws: b"".join(ws.buffers_to_send()),
    "events": lambda ws: list(ws.events()),
    "receive ping": lambda ws: list(ws.receive_data(frame_to(role_of(ws), FIN | PING, b"inner"))),
    "receive text": lambda ws: list(ws.receive_data(frame_to(role_of(ws), FIN | TEXT, b"inner"))),
    "receive fragment": lambda ws: list(ws.receive_data(frame_to(role_of(ws), TEXT, b"inner"))),
    "receive nonsense": lambda ws: list(ws.receive_data(b"\xff" * 20)),
    "receive request": lambda ws: list(ws.receive_data(REQUEST)),
    "receive_eof": lambda ws: list(ws.receive_eof()),
    "receive_reset": lambda ws: list(ws.receive_reset()),
    "close": lambda ws: ws.close(),
    "accept": lambda ws: ws.accept(),
    "reject": lambda ws: ws.reject(404, body=b"inner"),
    "__init__": init_again,
}


# What calls back


def with_random_bytes(twin: Twin, call_back: CallBack) -> Any:
    def random_bytes(size: int) -> bytes:
        call_back()
        return fixed_random(size)

    return twin.package.Connection(twin.package.Role.CLIENT, random_bytes=random_bytes)


class Watched:
    """An object of zlib's that calls back before it does anything."""

    def __init__(self, inner: Any, call_back: CallBack) -> None:
        self._inner = inner
        self._call_back = call_back

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def compress(self, data: bytes) -> bytes:
        self._call_back()
        return bytes(self._inner.compress(data))

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self._call_back()
        return bytes(self._inner.decompress(data, max_length))


class WatchedZlib:
    def __init__(self, call_back: CallBack) -> None:
        self._call_back = call_back

    def __getattr__(self, name: str) -> Any:
        return getattr(zlib, name)

    def compressobj(self, *arguments: int) -> Watched:
        return Watched(zlib.compressobj(*arguments), self._call_back)

    def decompressobj(self, bits: int) -> Watched:
        return Watched(zlib.decompressobj(bits), self._call_back)


def with_zlib(twin: Twin, call_back: CallBack) -> Any:
    extension = twin.package.PerMessageDeflate(zlib=WatchedZlib(call_back), threshold=0)
    return twin.package.Connection(twin.package.Role.SERVER, extensions=[extension])


def watched_extension(twin: Twin, call_back: CallBack) -> Any:
    """An extension that calls back from all of its methods and its codec's, before and after."""

    def watched(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            call_back()
            result = method(*arguments)
            call_back()
            return result

        return call

    module = twin.extensions

    class WatchedCodec(module.ShiftCodec):  # type: ignore[name-defined, misc]
        encode = watched(module.ShiftCodec.encode)
        decode = watched(module.ShiftCodec.decode)

    class WatchedExtension(module.Shift):  # type: ignore[name-defined, misc]
        offer = watched(module.Shift.offer)
        confirm = watched(module.Shift.confirm)
        codec = watched(lambda self, role: WatchedCodec(self.step))

        def accept(self, parameters: Any) -> Any:
            call_back()
            return twin.package.Agreement(self, tuple(parameters))

    return WatchedExtension()


def with_codec(twin: Twin, call_back: CallBack) -> Any:
    extensions = [watched_extension(twin, call_back)]
    return twin.package.Connection(twin.package.Role.SERVER, extensions=extensions)


def with_codec_and_deflate(twin: Twin, call_back: CallBack) -> Any:
    deflater = twin.package.PerMessageDeflate(threshold=0)
    extensions = [deflater, watched_extension(twin, call_back)]
    random_bytes = random_source("seeded", 1)
    return twin.package.Connection(
        twin.package.Role.CLIENT, extensions=extensions, random_bytes=random_bytes
    )


def with_hook(twin: Twin, call_back: CallBack) -> Any:
    def choose(asking: Any) -> str:
        call_back()
        return "chat"

    return twin.package.ServerConnection(select_subprotocol=choose)


def server_with_extension(twin: Twin, call_back: CallBack) -> Any:
    extensions = [twin.package.PerMessageDeflate(), watched_extension(twin, call_back)]
    return twin.package.ServerConnection(extensions=extensions)


def client_with_extension(twin: Twin, call_back: CallBack) -> Any:
    extensions = [twin.package.PerMessageDeflate(), watched_extension(twin, call_back)]
    random_bytes = random_source("fixed", 0)
    return twin.package.ClientConnection(
        "ws://example.com/chat",
        extensions=extensions,
        subprotocols=["chat"],
        random_bytes=random_bytes,
    )


Maker = Callable[[Twin, CallBack], Any]
MAKERS: dict[Maker, int] = {
    with_random_bytes: 0,
    with_zlib: RSV1,
    with_codec: RSV2,
    with_codec_and_deflate: RSV1 | RSV2,
    with_hook: 0,
    server_with_extension: RSV1 | RSV2,
    client_with_extension: RSV1 | RSV2,
}
"""How a connection is made, and the bits of its extensions in what it receives."""


# The conversation


def received(role: Role, bits: int) -> tuple[bytes, ...]:
    """Three messages as the extensions of those bits make them, in three pieces."""
    messages = []
    for number in range(1, 4):
        payload = deflate(b"hello " * 50) if bits & RSV1 else b"hello " * 50
        payload = shifted(payload, number) if bits & RSV2 else payload
        messages.append(frame_to(role, FIN | bits | TEXT, payload))
    first, second, third = messages
    return first + second, third[:-5], third[-5:]


def conversation(twin: Twin, make: Maker, inner: Callable[[Any], object], bits: int) -> object:
    seen: list[object] = []
    calls = depth = 0
    made: list[Any] = []

    def call_back() -> None:
        nonlocal calls, depth
        if depth < 3 and made:
            calls += 1
            depth += 1
            seen.append(attempt(lambda: inner(made[0])))
            depth -= 1

    def attempt(action: Callable[[], object]) -> object:
        try:
            return describe(action())
        except twin.expected_errors as error:
            return describe(error)

    ws = make(twin, call_back)
    made.append(ws)
    role = role_of(ws)
    opening = request(*FIELDS) if role is Role.SERVER else response(*FIELDS)
    receiving = [opening] if ws.state.name == "CONNECTING" else []
    receiving += [*received(role, bits), frame_to(role, FIN | PING, b"1") * 3]
    for action in (
        *[lambda data=data: list(ws.receive_data(data)) for data in receiving[:1]],
        *([ws.accept] if hasattr(ws, "accept") else []),
        *[lambda data=data: list(ws.receive_data(data)) for data in receiving[1:]],
        lambda: ws.send_text("hello"),
        lambda: ws.send_text("hello " * 10_000),
        lambda: ws.send_bytes(b"a part", message_finished=False),
        lambda: ws.send_bytes(b"the rest"),
        ws.close,
    ):
        seen.append(attempt(action))
        seen.append((ws.pending_bytes, str(ws.state), ws.bytes_parsed, ws.data_to_send()))
    assert calls
    return seen


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(("make", "bits"), MAKERS.items(), ids=[make.__name__ for make in MAKERS])
def test_a_connection_used_in_the_middle(make: Maker, bits: int, action: str) -> None:
    """Where messages have what the extensions want, and where they do not."""
    for each in {bits, 0}:
        ours, theirs = (conversation(twin, make, ACTIONS[action], each) for twin in TWINS)
        assert ours == theirs
