"""Extensions of the user's own, negotiated and at work, alone and beside permessage-deflate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from expect import assert_failed, both_roles
from wire import (
    BINARY,
    CONTINUATION,
    FIN,
    PING,
    RSV1,
    RSV2,
    TEXT,
    deflate,
    exchange,
    frame_to,
    new_client,
    open_one,
    open_pair,
    read_frames,
    receive,
    request,
    response,
)

from wsproto_core import (
    AcceptConnection,
    Agreement,
    BytesMessage,
    Codec,
    CompressedDataError,
    Connection,
    ConnectionState,
    Event,
    Extension,
    ExtensionName,
    ExtensionParameter,
    Frame,
    FrameError,
    HandshakeFailed,
    InvalidTextError,
    Limits,
    LocalProtocolError,
    MessageTooBig,
    NegotiationError,
    PerMessageDeflate,
    Ping,
    RemoteProtocolError,
    Request,
    Role,
    ServerConnection,
    TextMessage,
)


@dataclass(frozen=True)
class Shift(Extension):
    """Adds a number to each byte, another one with each frame, and marks the frame with RSV2."""

    name: ClassVar[ExtensionName] = ExtensionName("x-shift")
    rsv: ClassVar[int] = RSV2
    step: int = 1

    def offer(self) -> Sequence[tuple[ExtensionParameter, ...]]:
        return ((("step", str(self.step)),),)

    def accept(self, parameters: Sequence[ExtensionParameter]) -> Agreement | None:
        match list(parameters):
            case [("step", str() as step)] if step.isdecimal():
                return Agreement(Shift(int(step)), tuple(parameters))
            case _:
                return None

    def confirm(self, parameters: Sequence[ExtensionParameter]) -> Extension:
        if tuple(parameters) != (("step", str(self.step)),):
            raise NegotiationError("x-shift: not what was offered")
        return self

    def codec(self, role: Role) -> Codec:
        return ShiftCodec(self.step)


class ShiftCodec(Codec):
    """Counts the frames of each direction."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._sent = 0
        self._received = 0

    def encode(self, frame: Frame) -> Frame:
        self._sent += self._step
        return frame._replace(payload=shifted(frame.payload, self._sent), rsv2=True)

    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        if not frame.rsv2:
            raise RemoteProtocolError("a frame without RSV2", section="RFC 6455 section 9.2")
        if max_size is not None and len(frame.payload) > max_size:
            raise MessageTooBig("x-shift: too long", section="RFC 6455 section 10.4")
        self._received += self._step
        return frame._replace(payload=shifted(frame.payload, -self._received), rsv2=False)


class Rival(Shift):
    """Another extension with the same bit."""

    name: ClassVar[ExtensionName] = ExtensionName("x-rival")

    def accept(self, parameters: Sequence[ExtensionParameter]) -> Agreement | None:
        return Agreement(self, tuple(parameters))


def shifted(data: bytes, by: int) -> bytes:
    return bytes((byte + by) & 0xFF for byte in data)


FIELD = "Sec-WebSocket-Extensions: x-shift; step=1"
BOTH_FIELDS = {
    "shift inside": "permessage-deflate; client_max_window_bits, x-shift; step=1",
    "shift outside": "x-shift; step=1, permessage-deflate; client_max_window_bits",
}
LONG = "the same words again and again, " * 20


# Negotiation


def test_server_declines_the_second_of_two_that_claim_one_bit() -> None:
    server = ServerConnection(extensions=[Shift(), Rival()])
    (event,) = server.receive_data(
        request("Sec-WebSocket-Extensions: x-rival; step=3, x-shift; step=1, x-rival")
    )
    assert isinstance(event, Request)
    server.accept()
    assert server.extensions == (Rival(),)
    assert b"\r\nSec-WebSocket-Extensions: x-rival; step=3\r\n" in server.data_to_send()


def test_client_refuses_two_that_claim_one_bit() -> None:
    client = new_client(extensions=[Shift(), Rival()])
    (event,) = receive(client, response(f"{FIELD}, x-rival; step=1"))
    assert isinstance(event, HandshakeFailed)
    assert type(event.error) is NegotiationError
    assert event.error.section == "RFC 6455 section 9.1"


def test_client_may_offer_two_that_claim_one_bit() -> None:
    client, server = open_pair({"extensions": [Shift(), Rival()]}, {"extensions": [Rival()]})
    assert client.extensions == server.extensions == (Rival(),)


def test_open_connection_with_two_that_claim_one_bit_is_refused() -> None:
    for role in Role:
        with pytest.raises(LocalProtocolError, match="the same RSV bit"):
            Connection(role, extensions=[Shift(), Rival()])
        assert Connection(role, extensions=[Shift()]).state is ConnectionState.OPEN


def test_extension_negotiates_its_parameters() -> None:
    client, server = open_pair({"extensions": [Shift(7)]}, {"extensions": [Shift()]})
    assert client.extensions == server.extensions == (Shift(7),)
    assert client.request is not None
    assert client.request.headers["Sec-WebSocket-Extensions"] == "x-shift; step=7"


def test_offer_that_the_extension_declines_is_left_out() -> None:
    server = ServerConnection(extensions=[Shift()])
    receive(server, request("Sec-WebSocket-Extensions: x-shift; step=x, x-shift"))
    server.accept()
    assert server.extensions == ()
    assert isinstance(server.response, AcceptConnection)
    assert "Sec-WebSocket-Extensions" not in server.response.headers


def test_answer_that_the_extension_refuses_fails_the_handshake() -> None:
    client = new_client(extensions=[Shift()])
    (event,) = receive(client, response("Sec-WebSocket-Extensions: x-shift; step=2"))
    assert isinstance(event, HandshakeFailed)
    assert event.error == NegotiationError(
        "x-shift: not what was offered", offset=event.error.offset
    )


# At work


@both_roles
def test_frames_are_transformed_both_ways(role: Role) -> None:
    connection = open_one(role, FIELD, extensions=[Shift()])
    connection.send_text("ab")
    connection.send_bytes(b"\x00")
    connection.ping(b"ab")
    sent = read_frames(connection.data_to_send())
    assert [frame[:2] for frame in sent] == [
        (FIN | RSV2 | TEXT, b"bc"),
        (FIN | RSV2 | BINARY, b"\x02"),
        (FIN | PING, b"ab"),
    ]
    data = (
        frame_to(role, FIN | RSV2 | TEXT, b"bc")
        + frame_to(role, FIN | PING, b"ab")
        + frame_to(role, FIN | RSV2 | BINARY, b"\x02")
    )
    for at in range(1, len(data), 3):
        fresh = open_one(role, FIELD, extensions=[Shift()])
        events = receive(fresh, data[:at]) + receive(fresh, data[at:])
        assert events == [TextMessage("ab"), Ping(b"ab"), BytesMessage(b"\x00")]


@both_roles
@pytest.mark.parametrize("delivery", ["message", "chunk"])
def test_each_fragment_is_transformed(role: Role, delivery: str) -> None:
    connection = open_one(role, FIELD, extensions=[Shift()], delivery=delivery)
    connection.send(TextMessage("a", message_finished=False))
    connection.send(TextMessage("b", message_finished=False))
    connection.send(TextMessage("c"))
    assert [frame[:2] for frame in read_frames(connection.data_to_send())] == [
        (RSV2 | TEXT, b"b"),
        (RSV2 | CONTINUATION, b"d"),
        (FIN | RSV2 | CONTINUATION, b"f"),
    ]
    data = (
        frame_to(role, RSV2 | TEXT, b"b")
        + frame_to(role, RSV2 | CONTINUATION, b"d")
        + frame_to(role, FIN | RSV2 | CONTINUATION, b"f")
    )
    expected: list[Event] = [TextMessage("abc")]
    if delivery == "chunk":
        expected = [
            TextMessage("a", True, False),
            TextMessage("b", True, False),
            TextMessage("c", True, True),
        ]
    assert receive(connection, data) == expected
    data = (
        frame_to(role, RSV2 | TEXT, shifted(b"d", 4))
        + frame_to(role, RSV2 | CONTINUATION, shifted(b"e", 5))
        + frame_to(role, FIN | RSV2 | CONTINUATION, shifted(b"f", 6))
    )
    bytewise = receive(connection, data, 1)
    assert len(bytewise) == len(expected)
    assert "".join(e.data for e in bytewise if isinstance(e, TextMessage)) == "def"


@both_roles
def test_what_the_codec_refuses_fails_the_connection(role: Role) -> None:
    connection = open_one(role, FIELD, extensions=[Shift()])
    start = connection.bytes_parsed
    events = receive(connection, frame_to(role, FIN | TEXT, b"x"), 1)
    failure = assert_failed(connection, events, RemoteProtocolError, 1002)
    assert failure.offset is not None
    assert failure.offset >= start


@both_roles
def test_bits_that_the_extension_does_not_claim_are_refused(role: Role) -> None:
    for first in (FIN | RSV1 | TEXT, FIN | RSV2 | RSV1 | TEXT, FIN | RSV2 | PING):
        connection = open_one(role, FIELD, extensions=[Shift()])
        events = receive(connection, frame_to(role, first, b"x"))
        assert_failed(connection, events, FrameError, 1002)


@both_roles
def test_text_is_checked_behind_the_extension(role: Role) -> None:
    connection = open_one(role, FIELD, extensions=[Shift()])
    fine = frame_to(role, FIN | RSV2 | TEXT, shifted("é".encode(), 1))
    bad = frame_to(role, FIN | RSV2 | TEXT, shifted(b"\xff", 2))
    events = receive(connection, fine + bad)
    assert events[0] == TextMessage("é")
    assert_failed(connection, events, InvalidTextError, 1007)


@both_roles
def test_limit_counts_what_comes_out_of_the_extension(role: Role) -> None:
    for length, fails in ((10, False), (11, True)):
        connection = open_one(role, FIELD, extensions=[Shift()], limits=Limits(max_message_size=10))
        events = receive(connection, frame_to(role, FIN | RSV2 | BINARY, bytes(length)))
        if fails:
            assert_failed(connection, events, MessageTooBig, 1009)
        else:
            assert events == [BytesMessage(b"\xff" * length)]


# Beside permessage-deflate


@pytest.mark.parametrize("order", BOTH_FIELDS)
@pytest.mark.parametrize("size", [None, 1, 100])
def test_two_extensions_work_together_in_either_order(order: str, size: int | None) -> None:
    own: list[Extension] = [PerMessageDeflate(), Shift()]
    if order == "shift outside":
        own.reverse()
    client, server = open_pair({"extensions": own}, {"extensions": [PerMessageDeflate(), Shift()]})
    assert [each.name for each in client.extensions] == [each.name for each in own]
    assert [each.name for each in server.extensions] == [each.name for each in own]
    for sender, receiver in ((client, server), (server, client)):
        sender.send_text(LONG)
        sender.send_text(LONG)
        sender.send_text(LONG, compress=False)
        sender.send_text("short")
        sender.send_text("short", compress=True)
        sender.send(TextMessage(LONG, message_finished=False))
        sender.ping(b"between")
        sender.send(TextMessage("", message_finished=False))
        sender.send(TextMessage(LONG))
        sender.send_bytes(b"")
        _, seen = exchange(sender, receiver, size)
        assert seen == [
            TextMessage(LONG),
            TextMessage(LONG),
            TextMessage(LONG),
            TextMessage("short"),
            TextMessage("short"),
            Ping(b"between"),
            TextMessage(LONG + LONG),
            BytesMessage(b""),
        ]


@both_roles
@pytest.mark.parametrize("order", BOTH_FIELDS)
def test_outgoing_frames_pass_in_the_order_of_the_response(role: Role, order: str) -> None:
    field = f"Sec-WebSocket-Extensions: {BOTH_FIELDS[order]}"
    if role is Role.CLIENT:
        field = field.replace("; client_max_window_bits", "")
    connection = open_one(role, field, extensions=[PerMessageDeflate(), Shift()])
    connection.send_text(LONG)
    (frame,) = read_frames(connection.data_to_send())
    assert frame.first == FIN | RSV1 | RSV2 | TEXT
    text = LONG.encode()
    expected = shifted(deflate(text), 1) if order == "shift inside" else deflate(shifted(text, 1))
    # Incoming frames pass in the opposite order: what a peer makes the same way is read.
    assert receive(connection, frame_to(role, FIN | RSV1 | RSV2 | TEXT, expected)) == [
        TextMessage(LONG)
    ]
    assert len(frame.payload) < len(text) // 4


@both_roles
def test_rsv1_on_a_continuation_is_refused_beside_another_extension(role: Role) -> None:
    field = f"Sec-WebSocket-Extensions: {BOTH_FIELDS['shift inside']}"
    if role is Role.CLIENT:
        field = field.replace("; client_max_window_bits", "")
    connection = open_one(role, field, extensions=[PerMessageDeflate(), Shift()])
    payload = deflate(b"hello, hello, hello")
    data = frame_to(role, RSV1 | RSV2 | TEXT, shifted(payload[:4], 1))
    data += frame_to(role, FIN | RSV1 | RSV2 | CONTINUATION, shifted(payload[4:], 2))
    events = receive(connection, data)
    failure = assert_failed(connection, events, FrameError, 1002)
    assert failure.section == "RFC 7692 section 6.1"


@both_roles
@pytest.mark.parametrize("order", BOTH_FIELDS)
def test_bad_deflate_beside_another_extension_fails_with_1007(role: Role, order: str) -> None:
    field = f"Sec-WebSocket-Extensions: {BOTH_FIELDS[order]}"
    if role is Role.CLIENT:
        field = field.replace("; client_max_window_bits", "")
    connection = open_one(role, field, extensions=[PerMessageDeflate(), Shift()])
    payload = b"\xff" * 5
    sent = shifted(payload, 1) if order == "shift inside" else payload
    events = receive(connection, frame_to(role, FIN | RSV1 | RSV2 | TEXT, sent))
    assert_failed(connection, events, CompressedDataError, 1007)


@both_roles
@pytest.mark.parametrize("order", BOTH_FIELDS)
@pytest.mark.parametrize("extra", [0, 1])
def test_limit_beside_deflate_counts_the_message_and_not_the_frame(
    role: Role, order: str, extra: int
) -> None:
    field = f"Sec-WebSocket-Extensions: {BOTH_FIELDS[order]}"
    if role is Role.CLIENT:
        field = field.replace("; client_max_window_bits", "")
    limits = Limits(max_message_size=1000)
    connection = open_one(role, field, extensions=[PerMessageDeflate(), Shift()], limits=limits)
    # Stored blocks: the frame is longer than the message.
    data = bytes(1000 + extra)
    if order == "shift inside":
        sent = shifted(deflate(data, level=0), 1)
    else:
        sent = deflate(shifted(data, 1), level=0)
    assert len(sent) > len(data)
    events = receive(connection, frame_to(role, FIN | RSV1 | RSV2 | BINARY, sent))
    if extra:
        assert_failed(connection, events, MessageTooBig, 1009)
    else:
        assert events == [BytesMessage(data)]


def test_extension_object_serves_many_connections() -> None:
    extension = Shift()
    options: dict[str, Any] = {"extensions": [extension]}
    pairs = [open_pair(options, options) for _ in range(3)]
    for client, server in pairs:
        client.send_text("a")
        client.send_text("b")
        assert exchange(client, server)[1] == [TextMessage("a"), TextMessage("b")]
    assert extension == Shift()


# Extensions that are none


def test_extensions_may_be_given_as_an_iterator() -> None:
    for role in Role:
        assert Connection(role, extensions=iter([Shift()])).extensions == (Shift(),)  # type: ignore[arg-type]
    client, server = open_pair({"extensions": iter([Shift()])}, {"extensions": iter([Shift()])})
    assert client.extensions == server.extensions == (Shift(),)
    server = ServerConnection()
    receive(server, request(FIELD))
    server.accept(extensions=iter([Shift()]))  # type: ignore[arg-type]
    assert server.extensions == (Shift(),)


class Greedy(Shift):
    """Claims the FIN bit."""

    rsv: ClassVar[int] = 0x80


@pytest.mark.parametrize(
    ("bad", "error"),
    [(object(), TypeError), (Shift, TypeError), ("x-shift", TypeError), (Greedy(), ValueError)],
    ids=["object", "class", "name", "FIN bit"],
)
def test_what_is_no_extension_is_refused_at_once(bad: Any, error: type[Exception]) -> None:
    extensions: Any = [Shift(), bad]
    for role in Role:
        with pytest.raises(error):
            Connection(role, extensions=extensions)
    for make in (new_client, ServerConnection):
        with pytest.raises(error):
            make(extensions=extensions)
    server = ServerConnection()
    receive(server, request(FIELD))
    with pytest.raises(error):
        server.accept(extensions=extensions)
    assert (server.state, server.pending_bytes) == (ConnectionState.CONNECTING, 0)
