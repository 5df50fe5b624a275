"""Frames that broke other implementations: headers, fragments, control frames, closes.

Each is fed whole and byte by byte; both give the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from effort import EXHAUSTIVE
from expect import assert_failed, both_deliveries, both_roles, measure, whole_and_bytewise
from wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEFLATE_FIELD,
    FIN,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    close_payload,
    deflate,
    frame_from,
    frame_to,
    header_to,
    open_one,
    read_frames,
    receive,
)

from wsproto_core import (
    BytesMessage,
    CloseConnection,
    CloseSource,
    Connection,
    ConnectionState,
    Event,
    FrameError,
    InvalidTextError,
    Limits,
    Message,
    MessageTooBig,
    PerMessageDeflate,
    Ping,
    Pong,
    RemoteProtocolError,
    Role,
    TextMessage,
    TooManyFragments,
)

# Frame headers


@both_roles
@pytest.mark.parametrize("fragment", [False, True], ids=["first frame", "second fragment"])
@pytest.mark.parametrize(
    ("length", "error", "code"),
    [
        ((1 << 63) - 1, MessageTooBig, 1009),
        (1 << 63, FrameError, 1002),
        ((1 << 64) - 1, FrameError, 1002),
    ],
    ids=["2^63-1", "2^63", "2^64-1"],
)
def test_absurd_length_fails_at_the_header(
    role: Role, fragment: bool, length: int, error: type[RemoteProtocolError], code: int
) -> None:
    connection = open_one(role)
    before = frame_to(role, BINARY, b"abc") if fragment else b""
    assert receive(connection, before) == []
    start = connection.bytes_parsed
    events: list[Event] = []
    data = header_to(role, FIN | (CONTINUATION if fragment else BINARY), length)

    kept, peak = measure(lambda: events.extend(connection.receive_data(data)))

    failure = assert_failed(connection, events, error, code)
    assert failure.offset == start + (1 if code == 1009 else 2)
    assert peak < 64 << 10
    assert kept <= peak


@both_roles
@pytest.mark.parametrize("first", [TEXT, BINARY])
def test_length_of_63_bits_is_refused_without_a_limit_only_when_illegal(
    role: Role, first: int
) -> None:
    connection = open_one(role, limits=Limits(max_message_size=None))
    assert receive(connection, header_to(role, FIN | first, (1 << 63) - 1)) == []
    assert connection.state is ConnectionState.OPEN


class BadFrame(NamedTuple):
    """A frame that is refused: `at` is where in it the offset points; None: its payload."""

    build: Callable[[Role], bytes]
    at: int | None
    section: str


def _frame(first: int, payload: bytes = b"", form: int | None = None) -> Callable[[Role], bytes]:
    return lambda role: frame_to(role, first, payload, form)


BAD_FRAMES: dict[str, BadFrame] = {
    "5 in 16-bit form": BadFrame(_frame(FIN | TEXT, b"hello", 2), 2, "RFC 6455 section 5.2"),
    "5 in 64-bit form": BadFrame(_frame(FIN | TEXT, b"hello", 8), 2, "RFC 6455 section 5.2"),
    "125 in 16-bit form": BadFrame(_frame(FIN | TEXT, b"x" * 125, 2), 2, "RFC 6455 section 5.2"),
    "300 in 64-bit form": BadFrame(_frame(FIN | TEXT, b"x" * 300, 8), 2, "RFC 6455 section 5.2"),
    "65535 in 64-bit form": BadFrame(
        _frame(FIN | BINARY, b"x" * 65_535, 8), 2, "RFC 6455 section 5.2"
    ),
    "ping of 126 bytes": BadFrame(_frame(FIN | PING, b"x" * 126), 1, "RFC 6455 section 5.5"),
    "pong of 126 bytes": BadFrame(_frame(FIN | PONG, b"x" * 126), 1, "RFC 6455 section 5.5"),
    "close of 126 bytes": BadFrame(_frame(FIN | CLOSE, b"x" * 126), 1, "RFC 6455 section 5.5"),
    "ping in 64-bit form": BadFrame(_frame(FIN | PING, b"x", 8), 1, "RFC 6455 section 5.5"),
    "fragmented ping": BadFrame(_frame(PING, b"x"), 0, "RFC 6455 section 5.5"),
    "fragmented close": BadFrame(_frame(CLOSE, b"\x03\xe8"), 0, "RFC 6455 section 5.5"),
    "continuation of nothing": BadFrame(_frame(CONTINUATION, b"x"), 0, "RFC 6455 section 5.4"),
    "end of nothing": BadFrame(_frame(FIN | CONTINUATION, b"x"), 0, "RFC 6455 section 5.4"),
    "wrong masking": BadFrame(
        lambda role: frame_to(role.peer, FIN | TEXT, b"x"), 1, "RFC 6455 section 5.1"
    ),
    "wrong masking in 16-bit form": BadFrame(
        lambda role: frame_to(role.peer, FIN | TEXT, b"x" * 200), 1, "RFC 6455 section 5.1"
    ),
    "wrong masking of what would be text": BadFrame(
        lambda role: header_to(role.peer, FIN | TEXT, 200) + b"0000" + b"x" * 200,
        1,
        "RFC 6455 section 5.1",
    ),
    "close of one byte": BadFrame(_frame(FIN | CLOSE, b"\x03"), None, "RFC 6455 section 5.5.1"),
}
BAD_FRAMES |= {
    f"opcode {opcode:X}": BadFrame(_frame(FIN | opcode, b"x"), 0, "RFC 6455 section 5.2")
    for opcode in (*range(3, 8), *range(11, 16))
}
BAD_FRAMES |= {
    f"{name} on opcode {opcode:X}": BadFrame(
        _frame(FIN | bit | opcode, b"x"), 0, "RFC 6455 section 5.2"
    )
    for name, bit in (("RSV1", RSV1), ("RSV2", RSV2), ("RSV3", RSV3))
    for opcode in (TEXT, BINARY, CLOSE, PING, PONG)
}


@both_roles
@whole_and_bytewise
@both_deliveries
@pytest.mark.parametrize("bad", BAD_FRAMES.values(), ids=BAD_FRAMES.keys())
def test_bad_frame_fails_the_connection_with_1002(
    bad: BadFrame, role: Role, size: int | None, delivery: str
) -> None:
    connection = open_one(role, delivery=delivery)
    start = connection.bytes_parsed
    data = bad.build(role)

    events = receive(connection, data + frame_to(role, FIN | TEXT, b"later"), size)

    assert len(events) == 1
    failure = assert_failed(connection, events, FrameError, 1002)
    assert failure.section == bad.section
    payload_at = len(frame_to(role, FIN | CLOSE))
    assert failure.offset == start + (payload_at if bad.at is None else bad.at)
    assert receive(connection, frame_to(role, FIN | PING, b"still there?")) == []
    assert connection.pending_bytes == 0


@both_roles
@whole_and_bytewise
@pytest.mark.parametrize("first", [TEXT, FIN | BINARY], ids=["text", "binary"])
def test_new_message_inside_a_fragmented_one_fails(
    role: Role, size: int | None, first: int
) -> None:
    connection = open_one(role)
    start = connection.bytes_parsed
    fragment = frame_to(role, TEXT, b"a")
    events = receive(connection, fragment + frame_to(role, first, b"b"), size)
    failure = assert_failed(connection, events, FrameError, 1002)
    assert failure.offset == start + len(fragment)
    assert failure.section == "RFC 6455 section 5.4"


@both_roles
@whole_and_bytewise
def test_rsv1_with_deflate_is_refused_on_what_may_not_have_it(role: Role, size: int | None) -> None:
    for first in (RSV1 | CONTINUATION, FIN | RSV1 | CONTINUATION, FIN | RSV1 | PING):
        connection = open_one(role, DEFLATE_FIELD, extensions=[PerMessageDeflate()])
        start = connection.bytes_parsed
        before = frame_to(role, RSV1 | TEXT, b"")
        events = receive(connection, before + frame_to(role, first, b"x"), size)
        failure = assert_failed(connection, events[-1:], FrameError, 1002)
        assert failure.offset == start + len(before)


# Fragments and sizes


@both_roles
@both_deliveries
def test_200_000_empty_fragments_fail_at_the_limit(role: Role, delivery: str) -> None:
    connection = open_one(role, delivery=delivery)
    start = connection.bytes_parsed
    empty = frame_to(role, CONTINUATION, b"")
    data = frame_to(role, BINARY, b"") + empty * 200_000
    events: list[Event] = []

    def feed() -> None:
        for event in connection.receive_data(data):
            events[:] = [event]

    _, peak = measure(feed)

    failure = assert_failed(connection, events, TooManyFragments, 1008)
    assert failure.offset is not None
    assert failure.offset == start + len(empty) * (Limits().max_fragments + 1)
    assert peak < 1 << 20


@both_roles
def test_131_072_one_byte_fragments_fail_at_the_limit(role: Role) -> None:
    connection = open_one(role)
    data = frame_to(role, TEXT, b"a") + frame_to(role, CONTINUATION, b"a") * 131_071
    events: list[Event] = []
    _, peak = measure(lambda: events.extend(receive(connection, data, 65_536)))
    assert_failed(connection, events, TooManyFragments, 1008)
    assert peak < 4 << 20


@both_roles
@whole_and_bytewise
def test_fragments_up_to_the_limit_are_one_message(role: Role, size: int | None) -> None:
    for count, fails in ((8, False), (9, True)):
        connection = open_one(role, limits=Limits(max_fragments=8))
        data = frame_to(role, TEXT, b"a") + frame_to(role, CONTINUATION, b"b") * (count - 2)
        events = receive(connection, data + frame_to(role, FIN, b"c"), size)
        if fails:
            assert_failed(connection, events, TooManyFragments, 1008)
        else:
            assert events == [TextMessage("abbbbbbc")]


@both_roles
@whole_and_bytewise
def test_one_empty_continuation_is_fine(role: Role, size: int | None) -> None:
    connection = open_one(role)
    data = frame_to(role, TEXT, b"ab") + frame_to(role, CONTINUATION) + frame_to(role, FIN, b"c")
    assert receive(connection, data, size) == [TextMessage("abc")]


@both_roles
@whole_and_bytewise
def test_fragments_that_sum_to_the_limit_are_delivered_and_one_more_is_not(
    role: Role, size: int | None
) -> None:
    limits = Limits(max_message_size=100)
    data = frame_to(role, BINARY, b"a" * 60)
    connection = open_one(role, limits=limits)
    events = receive(connection, data + frame_to(role, FIN, b"b" * 40), size)
    assert events == [BytesMessage(b"a" * 60 + b"b" * 40)]

    connection = open_one(role, limits=limits)
    start = connection.bytes_parsed
    events = receive(connection, data + frame_to(role, FIN, b"b" * 41)[:2], size)
    failure = assert_failed(connection, events, MessageTooBig, 1009)
    assert failure.offset == start + len(data) + 1


@both_roles
@pytest.mark.parametrize("length", [1 << 20, (1 << 20) + 1])
def test_default_message_limit_is_one_mebibyte(role: Role, length: int) -> None:
    connection = open_one(role)
    events = receive(connection, frame_to(role, FIN | BINARY, bytes(length)), 65_536)
    if length > 1 << 20:
        assert_failed(connection, events, MessageTooBig, 1009)
    else:
        assert events == [BytesMessage(bytes(length))]


# Control frames


PINGS = 100_000 if EXHAUSTIVE else 10_000


@both_roles
def test_pongs_that_wait_are_bounded_and_answer_the_newest_pings(role: Role) -> None:
    connection = open_one(role)
    connection.send_text("first")
    payloads = [index.to_bytes(4, "big") + bytes(121) for index in range(PINGS)]
    data = b"".join(frame_to(role, FIN | PING, payload) for payload in payloads)
    seen = 0

    def feed() -> None:
        nonlocal seen
        for _ in connection.receive_data(data):
            seen += 1

    _, peak = measure(feed)

    assert seen == PINGS
    assert peak < 64 << 10
    assert connection.pending_bytes < 16 * 140 + 20
    sent = read_frames(connection.data_to_send())
    assert [frame.payload for frame in sent] == [b"first", *payloads[-16:]]
    assert {frame.first for frame in sent[1:]} == {FIN | PONG}


@both_roles
@whole_and_bytewise
def test_ten_pings_are_all_answered_in_order(role: Role, size: int | None) -> None:
    connection = open_one(role)
    payloads = [b"%d" % index for index in range(10)]
    data = b"".join(frame_to(role, FIN | PING, payload) for payload in payloads)
    assert receive(connection, data, size) == [Ping(payload) for payload in payloads]
    assert connection.data_to_send() == b"".join(
        frame_from(role, FIN | PONG, payload) for payload in payloads
    )


@both_roles
@whole_and_bytewise
def test_pings_and_pongs_between_compressed_fragments_do_no_harm(
    role: Role, size: int | None
) -> None:
    connection = open_one(role, DEFLATE_FIELD, extensions=[PerMessageDeflate()])
    payload = deflate(b"hello, hello, hello")
    data = (
        frame_to(role, FIN | PONG, b"first")
        + frame_to(role, RSV1 | TEXT, payload[:3])
        + frame_to(role, FIN | PING, b"ping")
        + frame_to(role, CONTINUATION, payload[3:5])
        + frame_to(role, FIN | PONG, b"pong")
        + frame_to(role, FIN | CONTINUATION, payload[5:])
        + frame_to(role, FIN | PONG, b"last")
        + frame_to(role, FIN | RSV1 | TEXT, payload)
    )
    assert receive(connection, data, size) == [
        Pong(b"first"),
        Ping(b"ping"),
        Pong(b"pong"),
        TextMessage("hello, hello, hello"),
        Pong(b"last"),
        TextMessage("hello, hello, hello"),
    ]
    assert read_frames(connection.data_to_send())[0][:2] == (FIN | PONG, b"ping")


# Close


@both_roles
@whole_and_bytewise
def test_empty_close_is_answered_by_an_empty_close(role: Role, size: int | None) -> None:
    connection = open_one(role)
    events = receive(connection, frame_to(role, FIN | CLOSE), size)
    assert events == [CloseConnection(1005, "", CloseSource.PEER)]
    assert connection.data_to_send() == frame_from(role, FIN | CLOSE)
    assert connection.finished is (role is Role.SERVER)


@both_roles
@whole_and_bytewise
@pytest.mark.parametrize(
    "code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
)
def test_close_code_that_must_not_travel_fails_with_1002(
    role: Role, size: int | None, code: int
) -> None:
    connection = open_one(role)
    start = connection.bytes_parsed
    data = frame_to(role, FIN | CLOSE, close_payload(code, "why"))
    events = receive(connection, data, size)
    failure = assert_failed(connection, events, FrameError, 1002)
    assert failure.section == "RFC 6455 section 7.4"
    assert failure.offset == start + len(data) - 5


@both_roles
@whole_and_bytewise
def test_close_reason_that_is_not_utf8_fails_with_1007(role: Role, size: int | None) -> None:
    connection = open_one(role)
    start = connection.bytes_parsed
    data = frame_to(role, FIN | CLOSE, close_payload(1000, b"ok\xc3("))
    events = receive(connection, data, size)
    failure = assert_failed(connection, events, InvalidTextError, 1007)
    assert failure.offset == start + len(data) - 1


@both_roles
@whole_and_bytewise
@pytest.mark.parametrize("code", [1000, 1003, 1007, 1014, 3000, 4999])
def test_legal_close_is_echoed(role: Role, size: int | None, code: int) -> None:
    connection = open_one(role)
    events = receive(connection, frame_to(role, FIN | CLOSE, close_payload(code, "bye")), size)
    assert events == [CloseConnection(code, "bye", CloseSource.PEER)]
    assert connection.data_to_send() == frame_from(role, FIN | CLOSE, close_payload(code, "bye"))
    assert (connection.close_code, connection.close_reason) == (code, "bye")


@both_roles
@whole_and_bytewise
def test_ping_after_our_close_is_answered(role: Role, size: int | None) -> None:
    connection = open_one(role)
    connection.close(1001, "away")
    assert receive(connection, frame_to(role, FIN | PING, b"hm"), size) == [Ping(b"hm")]
    assert connection.data_to_send() == frame_from(
        role, FIN | CLOSE, close_payload(1001, "away")
    ) + frame_from(role, FIN | PONG, b"hm")


@both_roles
@whole_and_bytewise
@pytest.mark.parametrize("auto_close", [True, False])
def test_what_follows_the_close_is_ignored(role: Role, size: int | None, auto_close: bool) -> None:
    connection = open_one(role, auto_close=auto_close)
    events = receive(
        connection,
        frame_to(role, FIN | CLOSE, close_payload(1000))
        + frame_to(role, FIN | TEXT, b"late")
        + frame_to(role, FIN | PING, b"late")
        + frame_to(role, FIN | CLOSE, close_payload(1001))
        + b"\xff" * 50,
        size,
    )
    assert events == [CloseConnection(1000, "", CloseSource.PEER)]
    assert len(read_frames(connection.data_to_send())) == auto_close
    assert receive(connection, b"\xff" * 50, size) == []
    assert list(connection.receive_eof()) == []
    assert list(connection.receive_reset()) == []
    assert list(connection.receive_data(b"more")) == []
    assert list(connection.events()) == []
    assert connection.error is None


def shout(connection: Connection, data: bytes, size: int | None) -> list[Event]:
    """Feed `data`; answer each text in capitals as its event comes."""
    events = []
    for at in range(0, len(data), size or len(data)):
        for event in connection.receive_data(data[at : at + (size or len(data))]):
            events.append(event)
            if isinstance(event, TextMessage):
                connection.send_text(event.data.upper())
    return events


@both_roles
@whole_and_bytewise
@pytest.mark.parametrize(
    ("second", "answers"),
    [
        ((FIN | CLOSE, close_payload(1000, "bye")), [(FIN | CLOSE, close_payload(1000, "bye"))]),
        ((FIN | PING, b"ping"), [(FIN | PONG, b"ping")]),
        ((FIN | 3, b""), [(FIN | CLOSE, close_payload(1002, "opcode 0x3 is reserved"))]),
        ((FIN | TEXT, b"\xff"), [(FIN | CLOSE, close_payload(1007, "text that is not UTF-8"))]),
    ],
    ids=["close", "ping", "bad frame", "bad text"],
)
def test_reply_to_a_text_leaves_before_what_follows_it(
    role: Role,
    size: int | None,
    second: tuple[int, bytes],
    answers: list[tuple[int, bytes]],
) -> None:
    connection = open_one(role)
    data = frame_to(role, FIN | TEXT, b"one") + frame_to(role, *second)
    shout(connection, data, size)
    assert connection.data_to_send() == frame_from(role, FIN | TEXT, b"ONE") + b"".join(
        frame_from(role, *answer) for answer in answers
    )


@both_roles
@whole_and_bytewise
@both_deliveries
def test_close_inside_a_fragmented_message_drops_the_message(
    role: Role, size: int | None, delivery: str
) -> None:
    connection = open_one(role, delivery=delivery)
    data = frame_to(role, BINARY, b"par") + frame_to(role, FIN | CLOSE, close_payload(1000))
    events = receive(connection, data + frame_to(role, FIN, b"t"), size)
    pieces = [event for event in events if isinstance(event, Message)]
    assert events[len(pieces) :] == [CloseConnection(1000, "", CloseSource.PEER)]
    assert bool(pieces) is (delivery == "chunk")
    assert not any(piece.message_finished for piece in pieces)
    assert connection.data_to_send() == frame_from(role, FIN | CLOSE, close_payload(1000))
    assert connection.error is None
