"""Any bytes, in any state, with any calls between them: events, and nothing else.

And the memory that they can cost. What a connection holds, on top of the piece that the
caller feeds and the events that it has handed out, is bounded by two formulas:

    message delivery:   8 * max_message_size + 3 * piece + 256 KiB
    chunk delivery:                            7 * piece + 256 KiB

where `piece` is the size of the largest piece fed. Where the numbers come from:

- A message of text waits as `str`, which takes 4 bytes for each character as soon as one
  of them is beyond U+FFFF: a byte of the stream may cost 4. While the parts are joined,
  they and the whole are there at once: 8. (Binary data: 2.)
- A header that lies across two pieces makes one piece be copied: 1 * piece. Its payload
  is cut out, unmasked, put behind the bytes of a character that was cut: no more than 2
  copies at once. While it becomes text in chunk delivery, 4 more: 7 in all.
- 256 KiB: the inflater's window and state, one step of 16 KiB and its text, the objects
  of up to 2,048 parts, `max_pending_pongs` pongs.
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import pytest
from effort import EXHAUSTIVE, examples
from hypothesis import given
from hypothesis import strategies as st
from plans import changed
from streams import SCENARIOS, SMALL, direct
from wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    REQUEST,
    RESPONSE,
    ROLES,
    RSV1,
    TEXT,
    close_payload,
    cut,
    deflate,
    frame_to,
    new_client,
    read_frames,
    request,
    response,
)

from wsproto_core import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Connection,
    ConnectionState,
    Event,
    HandshakeFailed,
    Limits,
    LocalProtocolError,
    PerMessageDeflate,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    Role,
    ServerConnection,
    TextMessage,
)

Deliveries = Literal["message", "chunk"]

# A connection in each state

NEGOTIATED = "Sec-WebSocket-Extensions: permessage-deflate"


def connecting(role: Role, **options: Any) -> Connection:
    return new_client(**options) if role is Role.CLIENT else ServerConnection(**options)


def requested(role: Role, **options: Any) -> Connection:
    """The server has the request, and has not answered."""
    ws = connecting(role, **options)
    if role is Role.SERVER:
        list(ws.receive_data(request(NEGOTIATED)))
    return ws


def opened(role: Role, **options: Any) -> Connection:
    ws = requested(role, **options)
    if role is Role.CLIENT:
        list(ws.receive_data(response(NEGOTIATED) if options.get("extensions") else RESPONSE))
    else:
        ws.send(AcceptConnection())
    assert ws.state is ConnectionState.OPEN
    assert len(ws.extensions) == len(options.get("extensions", ()))
    return ws


def local_closing(role: Role, **options: Any) -> Connection:
    ws = opened(role, **options)
    ws.close()
    return ws


def remote_closing(role: Role, **options: Any) -> Connection:
    ws = opened(role, auto_close=False, **options)
    list(ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(1000))))
    assert ws.state is ConnectionState.REMOTE_CLOSING
    return ws


def closed(role: Role, **options: Any) -> Connection:
    ws = opened(role, **options)
    list(ws.receive_data(frame_to(role, FIN | CLOSE, close_payload(1000))))
    assert ws.state is ConnectionState.CLOSED
    return ws


def rejecting(role: Role, **options: Any) -> Connection:
    ws = requested(role, **options)
    if role is Role.SERVER:
        ws.send(RejectConnection(404, has_body=True))
    else:
        list(ws.receive_data(response("Content-Length: 20", line="HTTP/1.1 404 No")))
    assert ws.state is ConnectionState.REJECTING
    return ws


def in_message(role: Role, **options: Any) -> Connection:
    """Open, in the middle of a frame of a fragmented message, with one of our own begun."""
    ws = opened(role, **options)
    ws.send(TextMessage("begun", message_finished=False))
    first = RSV1 | TEXT if options.get("extensions") else TEXT
    list(ws.receive_data(frame_to(role, first, deflate(b"text") if first & RSV1 else b"text")[:-1]))
    return ws


MAKERS = (
    connecting,
    requested,
    opened,
    local_closing,
    remote_closing,
    closed,
    rejecting,
    in_message,
)

# What may be fed: streams of peers, changed, and any bytes at all

STREAMS = sorted({scenario.stream for scenario in SCENARIOS})


data = st.one_of(
    st.binary(max_size=60), changed(st.sampled_from(STREAMS)), st.sampled_from(STREAMS)
)

ACTIONS: list[Callable[[Any], object]] = [
    lambda ws: ws.send_text("text é"),
    lambda ws: ws.send_text("longer " * 30, compress=True),
    lambda ws: ws.send_bytes(b"bytes"),
    lambda ws: ws.send(TextMessage("part", message_finished=False)),
    lambda ws: ws.send(BytesMessage(b"part", message_finished=False)),
    lambda ws: ws.ping(b"ping"),
    lambda ws: ws.send(Pong(b"pong")),
    lambda ws: ws.close(1001, "away"),
    lambda ws: ws.close(None),
    lambda ws: ws.close(1006),
    lambda ws: ws.ping(bytes(126)),
    lambda ws: ws.send_text("\ud800"),
    lambda ws: ws.send(AcceptConnection()),
    lambda ws: ws.send(AcceptConnection("not offered")),
    lambda ws: ws.send(RejectConnection(404, has_body=True)),
    lambda ws: ws.send(RejectConnection(101)),
    lambda ws: ws.send(RejectData(b"body", body_finished=False)),
    lambda ws: ws.send(RejectData(b"body")),
    lambda ws: ws.send(Request("h", "/")),
    lambda ws: ws.send(HandshakeFailed(None)),  # type: ignore[arg-type]
    lambda ws: ws.data_to_send(),
    lambda ws: ws.data_to_send(3),
    lambda ws: ws.buffers_to_send(),
]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("data"), data),
        st.tuples(st.just("take one"), data),
        st.tuples(st.just("action"), st.integers(0, len(ACTIONS) - 1)),
        st.tuples(st.just("end"), st.sampled_from(["receive_eof", "receive_reset", "events"])),
    ),
    max_size=8,
)


class Watch:
    """Checks the events of a connection while they come."""

    def __init__(self, ws: Connection) -> None:
        self.ws = ws
        self.over = ws.state in (ConnectionState.CLOSED, ConnectionState.REMOTE_CLOSING)
        self.body_may_come = ws.state is ConnectionState.REJECTING and ws.role is Role.CLIENT

    def see(self, events: Iterable[Event]) -> None:
        for event in events:
            assert isinstance(event, Event)
            assert type(event) is not Event
            if isinstance(event, RejectData):
                assert self.body_may_come
                self.body_may_come = not event.body_finished
                continue
            assert not self.over, event
            assert repr(event)
            if isinstance(event, (CloseConnection, HandshakeFailed, RejectConnection)):
                self.over = True
                self.body_may_come = isinstance(event, RejectConnection) and event.has_body
            if isinstance(event, CloseConnection):
                assert self.ws.close_code == event.code
                assert self.ws.close_reason == event.reason
                assert event.source is not None
            if isinstance(event, TextMessage):
                assert type(event.data) is str
            if isinstance(event, BytesMessage):
                assert type(event.data) is bytes


def visible(ws: Connection) -> tuple[object, ...]:
    return (
        ws.state,
        ws.close_code,
        ws.close_reason,
        ws.pending_bytes,
        ws.finished,
        ws.error,
        ws.request,
        ws.response,
        ws.subprotocol,
        ws.extensions,
        ws.bytes_parsed,
    )


def act(ws: Connection, action: Callable[[Any], object]) -> None:
    """Do what a caller may or may not do: it works, or is refused and changes nothing."""
    before = visible(ws)
    try:
        action(ws)
    except LocalProtocolError:
        assert visible(ws) == before


@examples(500)
@given(
    make=st.sampled_from(MAKERS),
    role=st.sampled_from(ROLES),
    delivery=st.sampled_from(["message", "chunk"]),
    extensions=st.sampled_from([[], [PerMessageDeflate()]]),
    limits=st.sampled_from([Limits(), SMALL]),
    steps=steps,
)
def test_any_bytes_in_any_state(
    make: Callable[..., Connection],
    role: Role,
    delivery: Deliveries,
    extensions: Sequence[PerMessageDeflate],
    limits: Limits,
    steps: list[tuple[str, Any]],
) -> None:
    ws = make(role, delivery=delivery, extensions=extensions, limits=limits)
    watch = Watch(ws)
    for kind, argument in steps:
        match kind:
            case "data":
                watch.see(ws.receive_data(argument))
            case "take one":
                watch.see(event for event in [next(ws.receive_data(argument), None)] if event)
            case "action":
                act(ws, ACTIONS[argument])
            case "end":
                watch.see(getattr(ws, argument)())
    watch.see(ws.receive_eof())
    assert ws.state is ConnectionState.CLOSED
    assert ws.finished
    ws.data_to_send()
    after = visible(ws)
    for stream in STREAMS[::20]:
        assert list(ws.receive_data(stream)) == []
    assert list(ws.receive_reset()) == []
    assert visible(ws) == after


@examples(200)
@given(
    role=st.sampled_from(ROLES),
    extensions=st.sampled_from([[], [PerMessageDeflate()]]),
    streams=st.lists(data, max_size=4),
    actions=st.lists(st.integers(0, 11), max_size=6),
)
def test_what_any_bytes_make_us_send_is_valid(
    role: Role,
    extensions: Sequence[PerMessageDeflate],
    streams: list[bytes],
    actions: list[int],
) -> None:
    ws = direct(role, extensions=extensions)()
    peer = direct(role.peer, extensions=extensions, auto_close=False)()
    output = b""
    for stream in streams:
        for event in ws.receive_data(stream):
            if isinstance(event, (TextMessage, BytesMessage)) and ws.state.name == "OPEN":
                act(ws, lambda ws, event=event: ws.send(event))  # type: ignore[misc]
        for number in actions:
            act(ws, ACTIONS[number])
        output += ws.data_to_send()
    events = list(peer.receive_data(output))
    assert peer.error is None
    closes = [frame for frame in read_frames(output) if frame.first == FIN | CLOSE]
    assert len(closes) <= 1
    assert sum(isinstance(event, CloseConnection) for event in events) == len(closes)


# Memory

KIB = 1 << 10
ASTRAL = "\U0001f600".encode()


def bound(delivery: str, limits: Limits, piece: int) -> int:
    """The formula of this module's docstring."""
    if delivery == "chunk":
        return 7 * piece + 256 * KIB
    assert limits.max_message_size is not None
    return 8 * limits.max_message_size + 3 * piece + 256 * KIB


def peak(ws: Connection, pieces: Iterable[bytes]) -> tuple[int, int]:
    """Bytes allocated at once at the most, and how many events there were."""
    count = 0
    tracemalloc.start()
    try:
        for piece in pieces:
            events = ws.receive_data(piece)
            while next(events, None) is not None:  # none is held while the next is made
                count += 1
        return tracemalloc.get_traced_memory()[1], count
    finally:
        tracemalloc.stop()


def dense(size: int) -> bytes:
    """Text of that many bytes that needs 4 bytes a character in any piece of 64 bytes."""
    return (b"a" * 60 + ASTRAL) * (size // 64)


def last_wide(size: int) -> bytes:
    """Text that is ASCII but for its last character."""
    return b"a" * (size - 4) + ASTRAL


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def in_fragments(role: Role, opcode: int, payload: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(payload), size):
        first = (CONTINUATION if at else opcode) | (FIN if at + size >= len(payload) else 0)
        yield frame_to(role, first, payload[at : at + size])


SIZE = 256 * KIB
LIMITS = Limits(max_message_size=SIZE)
CONTENTS = {
    "dense text": (TEXT, dense(SIZE)),
    "wide at the end": (TEXT, last_wide(SIZE)),
    "binary": (BINARY, noise(SIZE)),
}
each_content = pytest.mark.parametrize("content", CONTENTS)
both_deliveries = pytest.mark.parametrize("delivery", ["message", "chunk"])
each_role = pytest.mark.parametrize("role", ROLES)


def check_memory(
    role: Role, delivery: str, pieces: list[bytes], limits: Limits = LIMITS, **options: Any
) -> Connection:
    ws = Connection(role, delivery=delivery, limits=limits, **options)  # type: ignore[arg-type]
    used, count = peak(ws, pieces)
    assert count
    assert used <= bound(delivery, limits, max(map(len, pieces)))
    return ws


@each_role
@both_deliveries
@each_content
@pytest.mark.parametrize("size", [None, 64 * KIB, 1000, 64])
def test_memory_of_one_frame_in_pieces(
    role: Role, delivery: str, content: str, size: int | None
) -> None:
    opcode, payload = CONTENTS[content]
    stream = frame_to(role, FIN | opcode, payload)
    ws = check_memory(role, delivery, list(cut(stream, size)))
    assert ws.error is None


@both_deliveries
@each_content
def test_memory_of_one_frame_a_byte_at_a_time(delivery: str, content: str) -> None:
    opcode, payload = CONTENTS[content]
    stream = frame_to(Role.SERVER, FIN | opcode, payload[-32 * KIB :])
    limits = Limits(max_message_size=32 * KIB)
    assert check_memory(Role.SERVER, delivery, list(cut(stream, 1)), limits).error is None


@each_role
@both_deliveries
@each_content
@pytest.mark.parametrize("size", [*([16] if EXHAUSTIVE else []), 64, SIZE // 2, SIZE - 64])
def test_memory_of_fragments(role: Role, delivery: str, content: str, size: int) -> None:
    opcode, payload = CONTENTS[content]
    frames = list(in_fragments(role, opcode, payload, size))
    assert check_memory(role, delivery, frames).error is None
    assert check_memory(role, delivery, [b"".join(frames)]).error is None


@each_role
@both_deliveries
def test_memory_of_one_byte_fragments_up_to_the_limit(role: Role, delivery: str) -> None:
    frames = list(in_fragments(role, TEXT, dense(16_384), 1))
    for pieces in (frames, [b"".join(frames)]):
        assert check_memory(role, delivery, pieces).error is None
    more = [*frames[:-4], *[frame_to(role, CONTINUATION, b"a")] * 5]
    assert check_memory(role, delivery, more).close_code == 1008


@each_role
@both_deliveries
@each_content
@pytest.mark.parametrize("size", [None, 1000])
def test_memory_of_compressed_messages(
    role: Role, delivery: str, content: str, size: int | None
) -> None:
    opcode, payload = CONTENTS[content]
    stream = frame_to(role, FIN | RSV1 | opcode, deflate(payload))
    ws = check_memory(role, delivery, list(cut(stream, size)), extensions=[PerMessageDeflate()])
    assert ws.error is None


@each_role
@both_deliveries
@pytest.mark.parametrize("size", [None, 1000, 1])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_memory_of_a_bomb(role: Role, delivery: str, size: int | None, opcode: int) -> None:
    bomb = frame_to(role, FIN | RSV1 | opcode, BOMB)
    ws = check_memory(role, delivery, list(cut(bomb, size)), extensions=[PerMessageDeflate()])
    assert ws.close_code == 1009


BOMB = deflate(bytes(30_000_000), level=9)


@each_role
def test_memory_without_a_message_limit_in_chunk_delivery(role: Role) -> None:
    unlimited = Limits(max_message_size=None)
    options = {"limits": unlimited, "extensions": [PerMessageDeflate()]}
    for size in (None, 1000):
        stream = frame_to(role, FIN | RSV1 | BINARY, BOMB)
        check_memory(role, "chunk", list(cut(stream, size)), **options)  # type: ignore[arg-type]
        plain = b"".join(in_fragments(role, TEXT, dense(4 << 20), 64 * KIB))
        check_memory(role, "chunk", list(cut(plain, size)), **options)  # type: ignore[arg-type]


@each_role
@both_deliveries
def test_memory_of_a_flood_of_pings_whose_answers_are_not_taken(role: Role, delivery: str) -> None:
    pings = frame_to(role, FIN | PING, bytes(125)) * 500
    ws = check_memory(role, delivery, [pings] * 20)
    assert ws.pending_bytes == 16 * (127 + (4 if role is Role.CLIENT else 0))


@each_role
@pytest.mark.parametrize("length", [(1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_memory_of_a_length_without_payload(role: Role, length: int) -> None:
    second = 0xFF if role is Role.SERVER else 0x7F
    stream = bytes([FIN | BINARY, second]) + length.to_bytes(8, "big")
    check_memory(role, "message", [stream], Limits(max_message_size=1000))


def test_memory_of_a_mebibyte_of_text_with_one_wide_character() -> None:
    stream = frame_to(Role.SERVER, FIN | TEXT, last_wide(1 << 20))
    for size in (None, 64 * KIB, 4 * KIB):
        assert check_memory(Role.SERVER, "message", list(cut(stream, size)), Limits()).error is None


@each_role
@both_deliveries
def test_a_connection_at_rest_holds_next_to_nothing(role: Role, delivery: str) -> None:
    ws = Connection(role, delivery=delivery, limits=LIMITS)  # type: ignore[arg-type]
    stream = frame_to(role, FIN | TEXT, dense(SIZE)) + frame_to(role, FIN | PING)
    tracemalloc.start()
    try:
        for piece in cut(stream, 64 * KIB):
            for event in ws.receive_data(piece):
                assert isinstance(event, (TextMessage, Ping))
        ws.data_to_send()
        del piece, event
        assert tracemalloc.get_traced_memory()[0] < 8 * KIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("role", ROLES)
def test_memory_of_a_head_that_never_ends(role: Role) -> None:
    line = b"X-Header: " + b"x" * 90 + b"\r\n"
    start = REQUEST[:-2] if role is Role.SERVER else RESPONSE[:-2]
    ws = connecting(role)
    used, count = peak(ws, [start, *[line] * 5000])
    assert count == 1
    assert used < 512 * KIB
