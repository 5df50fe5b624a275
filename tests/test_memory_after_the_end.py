"""What does a connection let go of once it is over: input, parts of messages, bodies?"""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Sequence

import pytest
from expect import both_deliveries, both_roles, measure
from wire import (
    BINARY,
    CLOSE,
    DEFLATE_FIELD,
    FIN,
    REQUEST,
    RSV1,
    TEXT,
    asked,
    close_payload,
    deflate,
    frame_to,
    head,
    header_to,
    new_client,
    open_one,
    request,
    response,
)

from wsproto_core import (
    Agreement,
    Codec,
    CompressedDataError,
    Connection,
    ConnectionState,
    Extension,
    ExtensionName,
    ExtensionParameter,
    Frame,
    HandshakeFailed,
    MessageTooBig,
    PerMessageDeflate,
    RejectConnection,
    RejectData,
    Role,
    ServerConnection,
)

MUCH = 1 << 20
LITTLE = 64 << 10
"""Bytes that a connection may keep in all once it is over, codecs included."""

FORBIDDEN = "HTTP/1.1 403 Forbidden"


def kept_by(feed: Callable[[], Connection]) -> int:
    """What the connection that `feed` made keeps, in bytes."""
    made: list[Connection] = []
    feed()  # what is made but once, is made here
    gc.collect()
    gc.disable()
    try:
        kept, peak = measure(lambda: made.append(feed()))
    finally:
        gc.enable()
    assert peak > MUCH // 2
    return kept


class Whole(Extension):
    """An extension that changes nothing, but wants whole frames."""

    name = ExtensionName("x-whole")

    def offer(self) -> Sequence[tuple[ExtensionParameter, ...]]:
        return ((),)

    def accept(self, parameters: Sequence[ExtensionParameter]) -> Agreement:
        return Agreement(self, ())

    def confirm(self, parameters: Sequence[ExtensionParameter]) -> Extension:
        return self

    def codec(self, role: Role) -> Codec:
        return WholeCodec()


class WholeCodec(Codec):
    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        return frame

    def encode(self, frame: Frame) -> Frame:
        return frame


# Frames


@both_roles
@both_deliveries
@pytest.mark.parametrize("auto_close", [True, False])
def test_what_follows_a_close_is_let_go(role: Role, delivery: str, auto_close: bool) -> None:
    def feed() -> Connection:
        ws = open_one(role, delivery=delivery, auto_close=auto_close)
        close = frame_to(role, FIN | CLOSE, close_payload(1000))
        assert len(list(ws.receive_data(close + bytes(MUCH)))) == 1
        list(ws.receive_data(bytes(MUCH)))
        return ws

    assert kept_by(feed) < LITTLE


@both_roles
@pytest.mark.parametrize("delivery", ["message", "chunk"])
def test_what_follows_a_violation_is_let_go(role: Role, delivery: str) -> None:
    def feed() -> Connection:
        ws = open_one(role, delivery=delivery)
        list(ws.receive_data(frame_to(role, FIN | 0x3) + bytes(MUCH)))
        return ws

    assert kept_by(feed) < LITTLE


@both_roles
@pytest.mark.parametrize("first", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("end", ["violation", "close", "receive_eof", "receive_reset"])
def test_unfinished_message_is_let_go(role: Role, first: int, end: str) -> None:
    def feed() -> Connection:
        ws = open_one(role)
        part = frame_to(role, first, b"x" * (MUCH // 2))
        begun = header_to(role, 0, MUCH // 4) + bytes(MUCH // 8)
        if end == "violation":
            list(ws.receive_data(part + frame_to(role, FIN | 0x3)))
        elif end == "close":
            list(ws.receive_data(part + frame_to(role, FIN | CLOSE)))
        else:
            list(ws.receive_data(part + begun))
            list(getattr(ws, end)())
        assert ws.state is ConnectionState.CLOSED
        return ws

    assert kept_by(feed) < LITTLE


@both_roles
def test_frame_that_an_extension_would_have_read_is_let_go(role: Role) -> None:
    def feed() -> Connection:
        ws = Connection(role, extensions=[Whole()])
        list(ws.receive_data(header_to(role, FIN | BINARY, MUCH) + bytes(MUCH - 1)))
        list(ws.receive_eof())
        return ws

    assert kept_by(feed) < LITTLE


@both_roles
@both_deliveries
@pytest.mark.parametrize("beside", [(), (Whole(),)], ids=["alone", "beside another"])
@pytest.mark.parametrize("bad", [True, False], ids=["bad", "too big"])
def test_compressed_input_is_let_go(
    role: Role, delivery: str, beside: tuple[Extension, ...], bad: bool
) -> None:
    payload = b"\xff" * MUCH if bad else deflate(bytes(MUCH + 1), level=0)

    def feed() -> Connection:
        ws = Connection(role, extensions=[PerMessageDeflate(), *beside], delivery=delivery)  # type: ignore[arg-type]
        data = frame_to(role, FIN | RSV1 | BINARY, payload)
        list(ws.receive_data(data))
        assert type(ws.error) is (CompressedDataError if bad else MessageTooBig)
        return ws

    assert kept_by(feed) < LITTLE


# Errors


def assert_detached(error: BaseException | None) -> None:
    """Nothing hangs on `error` that could hold the input."""
    assert error is not None
    assert (error.__cause__, error.__context__, error.__traceback__) == (None, None, None)
    assert len("".join(traceback.format_exception(error))) < 1000


@both_roles
@pytest.mark.parametrize("fragments", [1, 2])
def test_error_of_bad_text_does_not_hold_the_text(role: Role, fragments: int) -> None:
    def feed() -> Connection:
        ws = open_one(role)
        if fragments == 2:
            list(ws.receive_data(frame_to(role, TEXT, b"x")))
        first = FIN | TEXT if fragments == 1 else FIN
        list(ws.receive_data(frame_to(role, first, b"x" * (MUCH - 2) + b"\xff")))
        assert_detached(ws.error)
        return ws

    assert kept_by(feed) < LITTLE


@both_roles
def test_error_of_bad_compression_has_no_cause(role: Role) -> None:
    ws = open_one(role, DEFLATE_FIELD, extensions=[PerMessageDeflate()])
    list(ws.receive_data(frame_to(role, FIN | RSV1 | TEXT, b"\xff" * 50)))
    assert_detached(ws.error)


@pytest.mark.parametrize("data", [request("no colon"), b"nonsense\r\n\r\n", request("X: \xff")])
def test_error_of_a_bad_head_has_no_cause(data: bytes) -> None:
    for connection in (ServerConnection(), new_client()):
        (event,) = connection.receive_data(data)
        assert isinstance(event, HandshakeFailed)
        assert event.error is connection.error
        assert_detached(event.error)


@both_roles
def test_bad_head_does_not_hold_what_its_receiver_held(role: Role) -> None:
    # Its error must not be part of a ring either, which waits for the garbage collector.
    def feed() -> Connection:
        ws = ServerConnection() if role is Role.SERVER else new_client()
        data = (request("no colon") if role is Role.SERVER else response("no colon")) + bytes(MUCH)
        list(ws.receive_data(data))
        assert ws.error is not None
        return ws

    assert kept_by(feed) < LITTLE


# Handshakes


@pytest.mark.parametrize("body", [b"", b"why"])
def test_early_data_is_let_go_when_the_request_is_rejected(body: bytes) -> None:
    def feed() -> Connection:
        server = ServerConnection()
        for _ in server.receive_data(REQUEST + bytes(MUCH)):
            server.reject(403, body=body)
        list(server.receive_data(bytes(MUCH)))
        assert server.finished
        return server

    assert kept_by(feed) < LITTLE


def test_early_data_is_let_go_while_a_rejection_is_streamed() -> None:
    def feed() -> Connection:
        server = ServerConnection()
        for _ in server.receive_data(REQUEST + bytes(MUCH)):
            server.send(RejectConnection(403, has_body=True))
        list(server.receive_data(bytes(MUCH)))
        assert server.state is ConnectionState.REJECTING
        server.send(RejectData(b"why", False))
        return server

    assert kept_by(feed) < LITTLE


def test_early_data_is_let_go_when_there_is_too_much_of_it() -> None:
    def feed() -> Connection:
        server = asked()
        assert len(list(server.receive_data(bytes(MUCH)))) == 1
        return server

    assert kept_by(feed) < LITTLE


@both_deliveries
@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (("Content-Length: 0",), b""),
        (("Content-Length: 700000",), bytes(700_000)),
        (("Transfer-Encoding: chunked",), b"80000\r\n" + bytes(0x80000) + b"\r\n0\r\n\r\n"),
        (("Transfer-Encoding: chunked",), b"80000\r\n" + bytes(0x80000) + b"\r\nwrong\r\n"),
        ((), bytes(700_000)),
        ((), bytes(3 * MUCH)),
    ],
    ids=["none", "Content-Length", "chunked", "broken", "up to the end", "too long"],
)
def test_body_of_a_rejection_is_let_go(delivery: str, fields: tuple[str, ...], body: bytes) -> None:
    def feed() -> Connection:
        client = new_client(delivery=delivery)
        behind = bytes(MUCH) if fields else b""
        list(client.receive_data(head(FORBIDDEN, *fields) + body + behind))
        list(client.receive_eof())
        assert client.finished
        return client

    assert kept_by(feed) < LITTLE


def test_what_follows_a_bad_101_is_let_go() -> None:
    def feed() -> Connection:
        client = new_client()
        list(client.receive_data(response(without=["Upgrade"]) + bytes(MUCH)))
        assert client.error is not None
        return client

    assert kept_by(feed) < LITTLE
