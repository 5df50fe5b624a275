"""What a caller may get wrong, and that it harms nothing."""

from __future__ import annotations

import array
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from expect import assert_failed, both_roles
from wire import (
    BINARY,
    CLOSE,
    DEFLATE_FIELD,
    FIN,
    RSV1,
    TEXT,
    close_payload,
    frame_to,
    masked,
    new_client,
    open_client,
    open_one,
    open_server,
    read_frames,
    receive,
)

from wsproto_core import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    CompressedDataError,
    ConnectionState,
    LocalProtocolError,
    PerMessageDeflate,
    Ping,
    Pong,
    RejectConnection,
    Role,
    TextMessage,
)

# What the caller does wrong


@both_roles
@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 70000, -1])
def test_close_code_that_must_not_be_sent_is_refused(role: Role, code: int) -> None:
    connection = open_one(role)
    calls: list[Callable[[], None]] = [
        lambda: connection.close(code),
        lambda: connection.send(CloseConnection(code)),
    ]
    for call in calls:
        with pytest.raises(LocalProtocolError, match=f"close code {code} must not be sent"):
            call()
    assert connection.pending_bytes == 0
    assert connection.state is ConnectionState.OPEN
    assert connection.close_code is None


@both_roles
@pytest.mark.parametrize("code", ["1000", 1000.0, b"\x03\xe8", [1000]])
def test_close_code_of_another_type_is_a_type_error(role: Role, code: Any) -> None:
    connection = open_one(role)
    with pytest.raises(TypeError, match="a close code must be int or None"):
        connection.close(code)
    assert connection.pending_bytes == 0
    assert connection.state is ConnectionState.OPEN


@both_roles
def test_close_reason_is_bounded_in_bytes_of_utf8(role: Role) -> None:
    connection = open_one(role)
    for reason in ("x" * 124, "é" * 62, "\U0001f600" * 31, "\ud800", "a\udfff"):
        with pytest.raises(LocalProtocolError):
            connection.close(1000, reason)
        assert connection.pending_bytes == 0
    others: list[Any] = [b"bytes", array.array("H", [1]), memoryview(b"abc"), None, 5]
    for other in others:
        with pytest.raises(TypeError, match="a close reason must be str"):
            connection.close(1000, other)
        assert connection.pending_bytes == 0
    with pytest.raises(LocalProtocolError, match="needs a close code"):
        connection.close(None, "why")
    assert connection.state is ConnectionState.OPEN
    connection.close(1000, "é" * 61 + "x")
    assert read_frames(connection.data_to_send())[0].payload[2:] == b"\xc3\xa9" * 61 + b"x"


@both_roles
def test_ping_of_126_bytes_is_refused(role: Role) -> None:
    connection = open_one(role)
    for event in (Ping(bytes(126)), Pong(bytes(126))):
        with pytest.raises(LocalProtocolError, match="126 bytes"):
            connection.send(event)
    with pytest.raises(LocalProtocolError, match="126 bytes"):
        connection.ping(bytearray(126))
    assert connection.pending_bytes == 0
    connection.ping(bytes(125))
    assert len(read_frames(connection.data_to_send())[0].payload) == 125


@both_roles
@pytest.mark.parametrize("payload", [[1, 2], "text", None, 5, {1: 2}, object()])
def test_payload_that_is_not_bytes_is_a_type_error(role: Role, payload: Any) -> None:
    connection = open_one(role)
    calls: list[Callable[[], None]] = [
        lambda: connection.ping(payload),
        lambda: connection.send(Ping(payload)),
        lambda: connection.send(Pong(payload)),
        lambda: connection.send_bytes(payload),
        lambda: connection.send(BytesMessage(payload)),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="must be bytes-like"):
            call()
    with pytest.raises(TypeError, match="must be bytes-like"):
        connection.receive_data(payload)
    assert connection.pending_bytes == 0
    assert connection.state is ConnectionState.OPEN


@both_roles
@pytest.mark.parametrize("data", [b"bytes", bytearray(b"x"), None, 5, ["a"]])
def test_text_that_is_not_str_is_a_type_error(role: Role, data: Any) -> None:
    connection = open_one(role)
    with pytest.raises(TypeError, match="text must be str"):
        connection.send_text(data)
    with pytest.raises(TypeError, match="text must be str"):
        connection.send(TextMessage(data))
    assert connection.pending_bytes == 0


@both_roles
@pytest.mark.parametrize("text", ["\ud800", "ab\udfffcd"], ids=ascii)
def test_text_with_a_lone_surrogate_is_refused(role: Role, text: str) -> None:
    connection = open_one(role)
    with pytest.raises(LocalProtocolError, match="lone surrogate at index"):
        connection.send_text(text)
    assert connection.pending_bytes == 0
    connection.send_text("fine")
    assert read_frames(connection.data_to_send())[0].first == FIN | TEXT


def bytes_like_objects() -> Iterator[tuple[Any, bytes]]:
    numbers = array.array("H", [0x0102, 0x0304, 0x0506])
    yield numbers, numbers.tobytes()
    yield memoryview(numbers), numbers.tobytes()
    yield memoryview(b"abcdefgh")[::2], b"aceg"
    yield memoryview(b"abcdefgh")[::-1], b"hgfedcba"
    yield memoryview(bytes(range(12))).cast("B", (3, 4)), bytes(range(12))
    yield bytearray(b"abc"), b"abc"


@both_roles
def test_any_bytes_like_object_is_sent_as_the_bytes_it_stands_for(role: Role) -> None:
    connection = open_one(role)
    for given, expected in bytes_like_objects():
        connection.send_bytes(given)
        connection.ping(given)
        connection.send(Pong(given))
        sent = read_frames(connection.data_to_send())
        assert [frame.payload for frame in sent] == [expected] * 3


@both_roles
def test_any_bytes_like_object_is_received_as_the_bytes_it_stands_for(role: Role) -> None:
    connection = open_one(role)
    frame = frame_to(role, FIN | BINARY, b"payload!")
    spread = bytearray(2 * len(frame))
    spread[::2] = frame
    expected = [BytesMessage(b"payload!")]
    assert list(connection.receive_data(memoryview(spread)[::2])) == expected
    assert list(connection.receive_data(memoryview(frame[::-1])[::-1])) == expected
    assert list(connection.receive_data(bytearray(frame))) == expected


@both_roles
def test_bytes_given_are_copied_before_the_caller_changes_them(role: Role) -> None:
    connection = open_one(role)
    outgoing = bytearray(b"before")
    connection.send_bytes(outgoing)
    outgoing[:] = b"after!"
    assert read_frames(connection.data_to_send())[0].payload == b"before"
    incoming = bytearray(frame_to(role, FIN | BINARY, b"before"))
    events = connection.receive_data(incoming)
    incoming[:] = bytes(len(incoming))
    assert list(events) == [BytesMessage(b"before")]


@both_roles
def test_message_after_a_close_is_refused_with_state_and_code(role: Role) -> None:
    sent = open_one(role)
    sent.close(1001, "away")
    received = open_one(role, auto_close=False)
    receive(received, frame_to(role, FIN | CLOSE, close_payload(4000)))
    both = open_one(role)
    receive(both, frame_to(role, FIN | CLOSE, close_payload(4001)))
    for connection, state, code in (
        (sent, ConnectionState.LOCAL_CLOSING, 1001),
        (received, ConnectionState.REMOTE_CLOSING, 4000),
        (both, ConnectionState.CLOSED, 4001),
    ):
        connection.data_to_send()
        for event in (TextMessage("late"), BytesMessage(b"late"), Ping()):
            with pytest.raises(LocalProtocolError) as caught:
                connection.send(event)
            assert caught.value.state is state
            assert caught.value.close_code == code
        assert connection.pending_bytes == 0
        assert connection.state is state


def test_second_accept_is_refused_with_the_state() -> None:
    server = open_server()
    calls: list[Callable[[], None]] = [
        server.accept,
        server.reject,
        lambda: server.send(AcceptConnection()),
    ]
    for call in calls:
        with pytest.raises(LocalProtocolError) as caught:
            call()
        assert caught.value.state is ConnectionState.OPEN
    assert server.pending_bytes == 0


def test_accept_and_reject_on_a_client_are_refused() -> None:
    for client in (new_client(), open_client()):
        state = client.state
        for event in (AcceptConnection(), RejectConnection()):
            with pytest.raises(LocalProtocolError, match="a client cannot") as caught:
                client.send(event)
            assert caught.value.state is state
        assert client.pending_bytes == 0
        assert client.state is state


def test_one_extension_object_serves_two_connections_independently() -> None:
    extension = PerMessageDeflate()
    one, two = (open_server(DEFLATE_FIELD, extensions=[extension]) for _ in range(2))
    text = "the very same text, long enough to be compressed: " * 3
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    first, second = (
        (compressor.compress(text.encode()) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
        for _ in range(2)
    )
    assert len(second) < len(first) - 20  # it refers to the first
    assert receive(one, masked(FIN | RSV1 | TEXT, first)) == [TextMessage(text)]
    one.send_text(text)
    two.send_text(text)
    assert one.data_to_send() == two.data_to_send()
    assert receive(one, masked(FIN | RSV1 | TEXT, second)) == [TextMessage(text)]
    assert_failed(two, receive(two, masked(FIN | RSV1 | TEXT, second)), CompressedDataError, 1007)
