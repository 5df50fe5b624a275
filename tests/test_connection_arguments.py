"""What may a caller pass to a connection: which values, which types, which buffers?"""

from __future__ import annotations

import array
import copy
import mmap
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from expect import snapshot
from wire import (
    BINARY,
    CLOSE,
    FIN,
    PING,
    PONG,
    ROLES,
    RSV1,
    TEXT,
    close_payload,
    connection,
    frame_to,
    frames_out,
    open_one,
)

from wsproto_core import (
    BytesMessage,
    CloseConnection,
    Connection,
    Event,
    LocalProtocolError,
    Message,
    PerMessageDeflate,
    Ping,
    Pong,
    Role,
    TextMessage,
)

each_role = pytest.mark.parametrize("role", ROLES)


# Wrong arguments


@each_role
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda ws: ws.send("text"), TypeError, "an event is wanted, not str"),
        (lambda ws: ws.send(None), TypeError, "an event is wanted, not NoneType"),
        (lambda ws: ws.send(Event()), TypeError, "an event is wanted, not Event"),
        (lambda ws: ws.send(TextMessage), TypeError, "an event is wanted, not type"),
        (lambda ws: ws.send_text(b"bytes"), TypeError, "text must be str, not bytes"),
        (lambda ws: ws.send(TextMessage(b"bytes")), TypeError, "text must be str, not bytes"),
        (lambda ws: ws.send_text("a\ud800"), LocalProtocolError, "surrogate at index 1"),
        (lambda ws: ws.send_bytes("text"), TypeError, "message must be bytes-like, not str"),
        (lambda ws: ws.send_bytes([1, 2]), TypeError, "bytes-like, not list"),
        (lambda ws: ws.send_bytes(5), TypeError, "bytes-like, not int"),
        (lambda ws: ws.send(BytesMessage("text")), TypeError, "bytes-like, not str"),
        (lambda ws: ws.ping(bytes(126)), LocalProtocolError, "126 bytes: a PING carries 125"),
        (lambda ws: ws.send(Pong(bytes(126))), LocalProtocolError, "a PONG carries 125"),
        (lambda ws: ws.ping([1]), TypeError, "a payload must be bytes-like, not list"),
        (lambda ws: ws.ping("text"), TypeError, "a payload must be bytes-like, not str"),
        (lambda ws: ws.ping(4), TypeError, "a payload must be bytes-like, not int"),
        (lambda ws: ws.close(999), LocalProtocolError, "close code 999 must not be sent"),
        (lambda ws: ws.close(1004), LocalProtocolError, "close code 1004"),
        (lambda ws: ws.close(1005), LocalProtocolError, "close code 1005"),
        (lambda ws: ws.close(1006), LocalProtocolError, "close code 1006"),
        (lambda ws: ws.close(1015), LocalProtocolError, "close code 1015"),
        (lambda ws: ws.close(70_000), LocalProtocolError, "close code 70000"),
        (lambda ws: ws.close(-1), LocalProtocolError, "close code -1"),
        (lambda ws: ws.close(True), LocalProtocolError, "close code True"),
        (lambda ws: ws.close("1000"), TypeError, "close code must be int or None, not str"),
        (lambda ws: ws.close(1000.0), TypeError, "close code must be int or None, not float"),
        (lambda ws: ws.close(1000, b"why"), TypeError, "close reason must be str, not bytes"),
        (lambda ws: ws.close(1000, None), TypeError, "close reason must be str, not NoneType"),
        (lambda ws: ws.close(1000, "x" * 124), LocalProtocolError, "more than 123 bytes"),
        (lambda ws: ws.close(1000, "é" * 62), LocalProtocolError, "more than 123 bytes"),
        (lambda ws: ws.close(1000, "ab\udfff"), LocalProtocolError, "surrogate at index 2"),
        (lambda ws: ws.close(None, "why"), LocalProtocolError, "needs a close code"),
        (lambda ws: ws.data_to_send(-1), ValueError, "max_bytes must not be negative"),
        (lambda ws: ws.receive_data("text"), TypeError, "data must be bytes-like, not str"),
        (lambda ws: ws.receive_data(None), TypeError, "data must be bytes-like, not NoneType"),
        (lambda ws: ws.receive_data(3), TypeError, "data must be bytes-like, not int"),
        (lambda ws: ws.receive_data([1]), TypeError, "data must be bytes-like, not list"),
    ],
)
def test_a_wrong_argument_changes_nothing(
    role: Role, call: Callable[[Any], None], error: type[Exception], message: str
) -> None:
    ws = open_one(role)
    ws.ping(b"waiting")
    before = snapshot(ws)
    with pytest.raises(error, match=message) as caught:
        call(ws)
    assert type(caught.value) is error
    assert snapshot(ws) == before
    ws.send_text("on")
    assert frames_out(ws) == [(FIN | PING, b"waiting"), (FIN | TEXT, b"on")]


def test_a_refused_close_code_can_be_followed_by_a_valid_one() -> None:
    ws = connection(Role.CLIENT)
    with pytest.raises(LocalProtocolError):
        ws.close(1006)
    assert (ws.close_code, ws.close_reason) == (None, None)
    ws.close(1000, "x" * 123)
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1000, "x" * 123))]
    assert (ws.close_code, ws.close_reason) == (1000, "x" * 123)


# Bytes-like arguments


def in_memory_map(data: bytes) -> mmap.mmap:
    mapped = mmap.mmap(-1, len(data))
    mapped.write(data)
    return mapped


def every_other(data: bytes) -> memoryview:
    spread = bytearray(2 * len(data))
    spread[::2] = data
    return memoryview(spread)[::2]


class OwnBytes(bytes):
    """A subclass of the user's."""


FORMS: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "subclass": OwnBytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "strided": every_other,
    "reversed": lambda data: memoryview(data[::-1])[::-1],
    "two-byte items": lambda data: array.array("H", data),
    "cast": lambda data: memoryview(data).cast("B", (2, len(data) // 2)),
    "mmap": in_memory_map,
}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@each_role
@each_form
def test_received_data_may_be_any_bytes_like_object(
    role: Role, form: Callable[[bytes], Any]
) -> None:
    ws = connection(role)
    stream = frame_to(role, FIN | BINARY, b"abcd") + frame_to(role, FIN | TEXT, b"ef")
    (message, text) = ws.receive_data(form(stream))
    assert (message, text) == (BytesMessage(b"abcd"), TextMessage("ef"))
    assert type(message.data) is bytes  # type: ignore[attr-defined]


@each_role
@each_form
def test_sent_data_may_be_any_bytes_like_object(role: Role, form: Callable[[bytes], Any]) -> None:
    ws = connection(role)
    ws.send_bytes(form(b"abcdef"))
    ws.send(BytesMessage(form(b"ghij")))
    ws.ping(form(b"kl"))
    ws.send(Pong(form(b"mn")))
    assert frames_out(ws) == [
        (FIN | BINARY, b"abcdef"),
        (FIN | BINARY, b"ghij"),
        (FIN | PING, b"kl"),
        (FIN | PONG, b"mn"),
    ]


@each_role
def test_a_buffer_may_be_used_again_by_its_owner(role: Role) -> None:
    ws = connection(role)
    stream = frame_to(role, FIN | BINARY, b"first") + frame_to(role, FIN | PING, b"ping")
    buffer = bytearray(stream)
    events = ws.receive_data(memoryview(buffer)[:9])
    buffer[:] = b"\xff" * len(buffer)
    more = bytearray(stream[9:])
    ws.receive_data(more)
    more[:] = b"\xff" * len(more)
    assert list(events) == [BytesMessage(b"first"), Ping(b"ping")]

    data = bytearray(b"x" * 20_000)
    ws.send_bytes(data)
    ws.ping(memoryview(data)[:4])
    data[:] = b"y" * len(data)
    assert frames_out(ws) == [
        (FIN | PONG, b"ping"),
        (FIN | BINARY, b"x" * 20_000),
        (FIN | PING, b"xxxx"),
    ]


def test_a_buffer_is_not_held_on_to() -> None:
    ws = connection(Role.CLIENT)
    buffer = bytearray(frame_to(Role.CLIENT, FIN | BINARY, bytes(100)))
    ws.receive_data(buffer)
    buffer.clear()  # BufferError while a view of it is alive
    data = bytearray(20_000)
    ws.send_bytes(data)
    data.clear()
    assert next(ws.events()) == BytesMessage(bytes(100))


# Text and truths of the user's own kind


class Confused(str):
    """Text that says something else about itself than it is."""

    __slots__ = ()

    def encode(self, *arguments: Any) -> bytes:
        return b"something else"

    def isascii(self) -> bool:
        return True

    def __len__(self) -> int:
        return 1


@each_role
@pytest.mark.parametrize("text", ["short", "é", "a" * 130, "é" * 130, "long" * 10_000])
def test_text_is_sent_as_the_characters_it_has(role: Role, text: str) -> None:
    ws = connection(role)
    ws.send_text(Confused(text))
    ws.send(TextMessage(Confused(text)))
    assert frames_out(ws) == [(FIN | TEXT, text.encode())] * 2


@each_role
@pytest.mark.parametrize("truth", ["yes", 300, -1, 0.5, [1]])
def test_options_count_as_true_or_false_from_the_start(role: Role, truth: Any) -> None:
    replies = connection(role, auto_pong=truth, auto_close=truth)
    silent: list[object] = []
    none = connection(role, auto_pong=silent, auto_close=silent)
    silent.append(1)
    stream = frame_to(role, FIN | PING, b"1") + frame_to(role, FIN | CLOSE, close_payload(1000))
    assert len(list(replies.receive_data(stream))) == len(list(none.receive_data(stream))) == 2
    assert frames_out(replies) == [(FIN | PONG, b"1"), (FIN | CLOSE, close_payload(1000))]
    assert none.pending_bytes == 0


@each_role
@pytest.mark.parametrize("truth", ["yes", 300, -1, 0.5, [1]])
def test_to_compress_counts_as_true_or_false(role: Role, truth: Any) -> None:
    ws = connection(role, extensions=[PerMessageDeflate()])
    ws.send_text("a", compress=truth)
    ws.send_text("a" * 100, compress="")  # type: ignore[arg-type]
    ws.send_text("a" * 100, message_finished=truth, compress=0)  # type: ignore[arg-type]
    assert [first for first, _ in frames_out(ws)] == [FIN | RSV1 | TEXT, FIN | TEXT, FIN | TEXT]


# Events of the user's own kind


def test_subclasses_of_events_are_sent_as_what_they_are() -> None:
    class Greeting(TextMessage):
        __slots__ = ()

    class Farewell(CloseConnection):
        pass

    ws = connection(Role.SERVER)
    ws.send(Greeting("hello"))
    ws.send(Farewell(1001, "bye"))
    assert frames_out(ws) == [(FIN | TEXT, b"hello"), (FIN | CLOSE, close_payload(1001, "bye"))]


def test_a_bare_message_cannot_be_sent() -> None:
    ws = connection(Role.SERVER)
    with pytest.raises(TypeError, match="TextMessage or BytesMessage"):
        ws.send(Message("x"))
    assert ws.pending_bytes == 0


# What no caller should do


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_connections_and_their_iterators_cannot_be_pickled(protocol: int) -> None:
    for thing in (Connection(Role.SERVER), Connection(Role.CLIENT).events()):
        with pytest.raises(TypeError, match=r"cannot (be copied or pickled|pickle)"):
            pickle.dumps(thing, protocol)
        with pytest.raises(TypeError, match=r"cannot (be copied or pickled|pickle)"):
            copy.copy(thing)
