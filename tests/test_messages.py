"""Messages out of frames and into frames: fragments, sizes, pieces, compression, extensions."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest
from wire import (
    BINARY,
    CONTINUATION,
    FIN,
    PING,
    PONG,
    ROLES,
    RSV1,
    RSV2,
    TEXT,
    RawFrame,
    cut,
    deflate,
    fixed_random,
    frame_to,
    read_frames,
    receive,
    unmasked,
)

from wsproto_core import (
    Agreement,
    BytesMessage,
    CloseConnection,
    CloseSource,
    Codec,
    Connection,
    Event,
    Extension,
    ExtensionName,
    ExtensionParameter,
    Frame,
    FrameError,
    Limits,
    LocalProtocolError,
    Message,
    MessageTooBig,
    Opcode,
    PerMessageDeflate,
    Ping,
    Pong,
    RemoteProtocolError,
    Role,
    TextMessage,
    TooManyFragments,
)

Deliveries = Literal["message", "chunk"]
both_deliveries = pytest.mark.parametrize("delivery", ["message", "chunk"])
each_role = pytest.mark.parametrize("role", ROLES)
each_size = pytest.mark.parametrize("size", [None, 1, 3])


def connection(role: Role = Role.CLIENT, **options: Any) -> Connection:
    return Connection(role, random_bytes=fixed_random, **options)


def compressing(role: Role = Role.CLIENT, **options: Any) -> Connection:
    return connection(role, extensions=[PerMessageDeflate()], **options)


def whole(events: Sequence[Event]) -> list[str | bytes]:
    """The messages that the events of messages add up to."""
    messages: list[str | bytes] = []
    parts: list[Any] = []
    for event in events:
        if isinstance(event, Message):
            parts.append(event.data)
            if event.message_finished:
                assert event.frame_finished
                messages.append(parts[0][:0].join(parts))
                parts = []
    return messages


def failure(connection: Connection, events: Sequence[Event]) -> tuple[int, type[Exception]]:
    """The code and type of the failure that is the last event."""
    assert isinstance(events[-1], CloseConnection)
    assert events[-1].source is CloseSource.LOCAL
    assert events[-1].code is not None
    assert connection.error is not None
    return events[-1].code, type(connection.error)


# Received in fragments


@each_role
@both_deliveries
@each_size
def test_fragments_make_one_message(role: Role, delivery: Deliveries, size: int | None) -> None:
    ws = connection(role, delivery=delivery)
    stream = frame_to(role, TEXT, b"one ") + frame_to(role, CONTINUATION, b"two ")
    stream += frame_to(role, CONTINUATION) + frame_to(role, FIN | CONTINUATION, b"three")
    stream += frame_to(role, BINARY) + frame_to(role, FIN | CONTINUATION)
    assert whole(receive(ws, stream, size)) == ["one two three", b""]


def test_whole_messages_say_that_they_are() -> None:
    stream = unmasked(TEXT, b"a") + unmasked(FIN | CONTINUATION, b"b") + unmasked(FIN | BINARY)
    events = receive(connection(), stream, 1)
    assert events == [TextMessage("ab", True, True), BytesMessage(b"", True, True)]


def test_pieces_say_where_frames_and_messages_end() -> None:
    ws = connection(delivery="chunk")
    one, two = unmasked(BINARY, b"abcdef"), unmasked(FIN | CONTINUATION, b"xyz")
    events = [
        event
        for piece in (one[:4], one[4:6], one[6:], two[:3], two[3:])
        for event in ws.receive_data(piece)
    ]
    assert events == [
        BytesMessage(b"ab", False, False),
        BytesMessage(b"cd", False, False),
        BytesMessage(b"ef", True, False),
        BytesMessage(b"x", False, False),
        BytesMessage(b"yz", True, True),
    ]


def test_empty_frames_give_empty_pieces() -> None:
    ws = connection(delivery="chunk")
    stream = unmasked(TEXT) + unmasked(CONTINUATION) + unmasked(FIN | CONTINUATION)
    assert receive(ws, stream, 1) == [
        TextMessage("", True, False),
        TextMessage("", True, False),
        TextMessage("", True, True),
    ]


def test_text_pieces_are_cut_between_characters() -> None:
    ws = connection(delivery="chunk")
    stream = unmasked(FIN | TEXT, "aé€\U0001f600".encode())
    assert receive(ws, stream, 1) == [
        TextMessage("a", False, False),
        TextMessage("é", False, False),
        TextMessage("€", False, False),
        TextMessage("\U0001f600", True, True),
    ]


def test_a_frame_that_ends_inside_a_character_gives_a_piece_without_it() -> None:
    ws = connection(delivery="chunk")
    euro = "€".encode()
    stream = unmasked(TEXT, euro[:2]) + unmasked(FIN | CONTINUATION, euro[2:])
    assert receive(ws, stream) == [TextMessage("", True, False), TextMessage("€", True, True)]


@each_role
@both_deliveries
@each_size
def test_control_frames_between_fragments_do_not_disturb(
    role: Role, delivery: Deliveries, size: int | None
) -> None:
    ws = connection(role, delivery=delivery)
    stream = (
        frame_to(role, FIN | PONG, b"0")
        + frame_to(role, TEXT, b"on")
        + frame_to(role, FIN | PING, b"1")
        + frame_to(role, CONTINUATION)
        + frame_to(role, FIN | PONG, b"2")
        + frame_to(role, FIN | CONTINUATION, b"e")
        + frame_to(role, FIN | PING, b"3")
    )
    events = receive(ws, stream, size)
    assert whole(events) == ["one"]
    control = [event for event in events if not isinstance(event, Message)]
    assert control == [Pong(b"0"), Ping(b"1"), Pong(b"2"), Ping(b"3")]


@each_role
@pytest.mark.parametrize("size", [1, 2, 3])
def test_thousands_of_pieces_are_joined_in_order(role: Role, size: int) -> None:
    data = bytes(range(256)) * 40
    assert receive(connection(role), frame_to(role, FIN | BINARY, data), size) == [
        BytesMessage(data)
    ]
    text = "".join(map(chr, range(0x20, 0x1000)))
    assert receive(connection(role), frame_to(role, FIN | TEXT, text.encode()), size) == [
        TextMessage(text)
    ]


@both_deliveries
def test_messages_of_the_other_kind_may_follow(delivery: Deliveries) -> None:
    stream = b"".join(
        unmasked(first, b"x") + unmasked(FIN | CONTINUATION, b"y")
        for first in (TEXT, BINARY, BINARY, TEXT)
    )
    assert whole(receive(connection(delivery=delivery), stream, 1)) == ["xy", b"xy", b"xy", "xy"]


# Limits


@each_role
@both_deliveries
@each_size
@pytest.mark.parametrize("sizes", [(10,), (5, 5), (0, 10), (10, 0), (1,) * 10, (4, 0, 3, 3)])
def test_a_message_of_exactly_the_limit_and_one_byte_more(
    role: Role, delivery: Deliveries, size: int | None, sizes: tuple[int, ...]
) -> None:
    limits = Limits(max_message_size=10)
    ws = connection(role, limits=limits, delivery=delivery)
    # three times: the limit is each message's own
    assert whole(receive(ws, fragments(role, sizes) * 3, size)) == [b"m" * 10] * 3

    over = connection(role, limits=limits, delivery=delivery)
    events = receive(over, fragments(role, (*sizes[:-1], sizes[-1] + 1)), size)
    assert failure(over, events) == (1009, MessageTooBig)
    assert whole(events) == []


def fragments(role: Role, sizes: Sequence[int]) -> bytes:
    """A binary message in frames of these sizes."""
    return b"".join(
        frame_to(
            role,
            (FIN if index == len(sizes) - 1 else 0) | (CONTINUATION if index else BINARY),
            b"m" * size,
        )
        for index, size in enumerate(sizes)
    )


@both_deliveries
@each_size
@pytest.mark.parametrize("sizes", [(1,) * 5, (0,) * 5])
def test_exactly_as_many_fragments_as_allowed_and_one_more(
    delivery: Deliveries, size: int | None, sizes: tuple[int, ...]
) -> None:
    limits = Limits(max_fragments=5)
    ws = connection(limits=limits, delivery=delivery)
    assert len(whole(receive(ws, fragments(Role.CLIENT, sizes) * 2, size))) == 2

    over = connection(limits=limits, delivery=delivery)
    events = receive(over, fragments(Role.CLIENT, (*sizes, 0)), size)
    assert failure(over, events) == (1008, TooManyFragments)
    assert over.error is not None
    assert "more than 5 fragments" in str(over.error)


def test_one_fragment_may_be_all_that_is_allowed() -> None:
    ws = connection(limits=Limits(max_fragments=1))
    assert whole(receive(ws, unmasked(FIN | TEXT, b"a") * 2, 1)) == ["a", "a"]
    events = receive(ws, unmasked(TEXT, b"a") + unmasked(FIN | CONTINUATION))
    assert failure(ws, events) == (1008, TooManyFragments)


def test_the_default_number_of_fragments() -> None:
    ws = connection()
    stream = unmasked(BINARY) + unmasked(CONTINUATION) * 16_383
    assert receive(ws, stream) == []
    assert failure(ws, receive(ws, unmasked(CONTINUATION))) == (1008, TooManyFragments)


def test_without_a_limit_messages_may_be_large() -> None:
    ws = connection(limits=Limits(max_message_size=None))
    (event,) = receive(ws, unmasked(FIN | BINARY, bytes(2_000_000)), 65_536)
    assert event == BytesMessage(bytes(2_000_000))


# Compressed


@each_role
@both_deliveries
@each_size
def test_compressed_messages_whole_in_fragments_and_with_pings_between(
    role: Role, delivery: Deliveries, size: int | None
) -> None:
    ws = compressing(role, delivery=delivery)
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    stream = b""
    for text in ("first " * 9, "first again " * 9, ""):
        payload = compressor.compress(text.encode()) + compressor.flush(zlib.Z_SYNC_FLUSH)
        payload = payload[:-4]
        half = len(payload) // 2
        stream += frame_to(role, FIN | PONG) + frame_to(role, RSV1 | TEXT, payload[:half])
        stream += frame_to(role, FIN | PING) + frame_to(role, FIN | CONTINUATION, payload[half:])
        stream += frame_to(role, FIN | BINARY, b"plain")
    expected = ["first " * 9, b"plain", "first again " * 9, b"plain", "", b"plain"]
    assert whole(receive(ws, stream, size)) == expected


@both_deliveries
def test_messages_that_inflate_in_several_steps_keep_their_order(delivery: Deliveries) -> None:
    ws = compressing(delivery=delivery)
    stream = unmasked(FIN | RSV1 | BINARY, deflate(bytes(100_000))) + unmasked(FIN | TEXT, b"next")
    stream += unmasked(FIN | PING)
    for size in (None, 1, 100):
        ws = compressing(delivery=delivery)
        events = receive(ws, stream, size)
        assert whole(events) == [bytes(100_000), "next"]
        assert events[-2:] == [TextMessage("next"), Ping()] or size == 1
        assert max(len(event.data) for event in events if isinstance(event, Message)) <= (
            16_384 if delivery == "chunk" else 100_000
        )


@both_deliveries
@each_size
@pytest.mark.parametrize("in_fragments", [False, True])
@pytest.mark.parametrize(("more", "fails"), [(0, False), (1, True), (2, True), (90_000, True)])
def test_the_limit_counts_what_was_inflated(
    delivery: Deliveries, size: int | None, in_fragments: bool, more: int, fails: bool
) -> None:
    ws = compressing(delivery=delivery, limits=Limits(max_message_size=20_000))
    payload = deflate(bytes(20_000 + more))
    if in_fragments:
        stream = unmasked(RSV1 | BINARY, payload[:5]) + unmasked(CONTINUATION)
        stream += unmasked(FIN | CONTINUATION, payload[5:])
    else:
        stream = unmasked(FIN | RSV1 | BINARY, payload)
    events = receive(ws, stream, size)
    if fails:
        assert failure(ws, events) == (1009, MessageTooBig)
        assert whole(events) == []
    else:
        assert whole(events) == [bytes(20_000)]


@each_size
def test_a_continuation_of_a_compressed_message_gets_the_little_more_too(size: int | None) -> None:
    # stored blocks: 5 bytes of header, then what does not shrink
    data = bytes(1000)
    stored = b"\x00" + (1000).to_bytes(2, "little") + (0xFFFF - 1000).to_bytes(2, "little") + data
    ws = compressing(limits=Limits(max_message_size=1000))
    stream = unmasked(RSV1 | BINARY) + unmasked(FIN | CONTINUATION, stored + b"\x00")
    assert whole(receive(ws, stream, size)) == [data]


def test_rsv1_belongs_to_the_first_frame_only() -> None:
    ws = compressing()
    events = receive(ws, unmasked(RSV1 | TEXT) + unmasked(RSV1 | CONTINUATION))
    assert failure(ws, events) == (1002, FrameError)


@both_deliveries
@each_size
def test_bad_text_in_a_compressed_message_fails(delivery: Deliveries, size: int | None) -> None:
    ws = compressing(delivery=delivery)
    stream = unmasked(FIN | RSV1 | TEXT, deflate(b"fine" * 20_000 + b"\xff"))
    events = receive(ws, stream, size)
    assert failure(ws, events)[0] == 1007
    assert ws.error is not None
    assert ws.error.offset == len(stream) - len(deflate(b"fine" * 20_000 + b"\xff"))


@both_deliveries
@each_size
def test_what_is_wrong_first_in_a_compressed_text_decides(
    delivery: Deliveries, size: int | None
) -> None:
    for data, limit in ((b"\xff" + bytes(100_000), 50_000), (b"\xff" + bytes(60_000), 1 << 20)):
        payload = deflate(data)
        if limit == 1 << 20:
            payload = payload[:-20] + b"\xff" * 20
        ws = compressing(delivery=delivery, limits=Limits(max_message_size=limit))
        events = receive(ws, unmasked(FIN | RSV1 | TEXT, payload), size)
        assert failure(ws, events)[0] == 1007
        assert str(ws.error) == "text that is not UTF-8"


# Sent


def sent(ws: Connection) -> list[RawFrame]:
    return read_frames(ws.data_to_send())


@each_role
def test_short_and_long_messages_go_out_as_one_frame(role: Role) -> None:
    for length in (0, 1, 125, 126, 16_383, 16_384, 65_535, 65_536, 100_000):
        ws = connection(role)
        ws.send_bytes(b"x" * length)
        ws.send_text("y" * length)
        masked = role is Role.CLIENT
        assert sent(ws) == [
            RawFrame(FIN | BINARY, b"x" * length, masked),
            RawFrame(FIN | TEXT, b"y" * length, masked),
        ]


@each_role
def test_messages_can_be_sent_in_fragments(role: Role) -> None:
    ws = connection(role)
    ws.send(TextMessage("one ", message_finished=False))
    ws.send(Ping(b"between"))
    ws.send(TextMessage("two ", message_finished=False))
    ws.send(TextMessage("three"))
    ws.send(BytesMessage(b"", message_finished=False))
    ws.send_bytes(b"end")
    assert [(frame.first, frame.payload) for frame in sent(ws)] == [
        (TEXT, b"one "),
        (FIN | PING, b"between"),
        (CONTINUATION, b"two "),
        (FIN | CONTINUATION, b"three"),
        (BINARY, b""),
        (FIN | CONTINUATION, b"end"),
    ]


@each_role
@pytest.mark.parametrize("extensions", [[], [PerMessageDeflate(threshold=0)]])
def test_kinds_do_not_mix_inside_a_message(role: Role, extensions: list[Extension]) -> None:
    ws = connection(role, extensions=extensions)
    ws.send(TextMessage("begun", message_finished=False))
    begun = ws.pending_bytes
    for event in (BytesMessage(b"other"), BytesMessage(b"other", message_finished=False)):
        with pytest.raises(LocalProtocolError, match="a fragmented TEXT message is unfinished"):
            ws.send(event)
    with pytest.raises(LocalProtocolError, match="a fragmented TEXT message is unfinished"):
        ws.send_bytes(b"")
    assert ws.pending_bytes == begun
    ws.send_text("finished")
    ws.send(BytesMessage(b"begun", message_finished=False))
    with pytest.raises(LocalProtocolError, match="a fragmented BINARY message is unfinished"):
        ws.send_text("other")
    ws.send_bytes(b"finished")
    peer = connection(role.peer, extensions=extensions)
    assert receive(peer, ws.data_to_send()) == [
        TextMessage("begunfinished"),
        BytesMessage(b"begunfinished"),
    ]


@each_role
@pytest.mark.parametrize("compress", [None, True, False])
@pytest.mark.parametrize("length", [0, 63, 64, 65, 1000])
def test_compress_decides_for_each_message(role: Role, compress: bool | None, length: int) -> None:
    ws = compressing(role)
    ws.send_text("t" * length, compress=compress)
    ws.send_bytes(b"b" * length, compress=compress)
    ws.send(TextMessage("t" * length, compress=compress))
    ws.send(BytesMessage(b"b" * length, compress=compress))
    compressed = length >= 64 if compress is None else compress
    output = ws.data_to_send()
    assert [bool(frame.first & RSV1) for frame in read_frames(output)] == [compressed] * 4
    peer = compressing(role.peer)
    assert whole(receive(peer, output)) == ["t" * length, b"b" * length] * 2


def test_compress_is_without_effect_where_nothing_was_agreed() -> None:
    ws = connection()
    ws.send_text("t" * 100, compress=True)
    assert [frame.first for frame in sent(ws)] == [FIN | TEXT]


@pytest.mark.parametrize("compress", [None, True, False])
def test_the_first_fragment_decides_for_the_message(compress: bool | None) -> None:
    ws = compressing(Role.SERVER)
    ws.send(TextMessage("a", message_finished=False, compress=compress))
    ws.send(TextMessage("b", message_finished=False, compress=not compress))
    ws.send(TextMessage("c"))
    output = ws.data_to_send()
    first = TEXT if compress is False else RSV1 | TEXT
    assert [frame.first for frame in read_frames(output)] == [
        first,
        CONTINUATION,
        FIN | CONTINUATION,
    ]
    assert receive(compressing(Role.CLIENT), output) == [TextMessage("abc")]


# With extensions of one's own


class ShiftCodec(Codec):
    """Adds to every byte on the way out, and sets a bit; undoes both on the way in."""

    def __init__(self, extension: Shift) -> None:
        self.extension = extension
        self.seen: list[Frame] = []
        self.rooms: list[int | None] = []

    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        self.seen.append(frame)
        self.rooms.append(max_size)
        return self.shifted(frame, -self.extension.step, False)

    def encode(self, frame: Frame) -> Frame:
        return self.shifted(frame, self.extension.step, True)

    def shifted(self, frame: Frame, step: int, mark: bool) -> Frame:
        payload = bytes([(octet + step) % 256 for octet in frame.payload])
        if self.extension.step < 0:
            payload = payload[::-1]
        mark = mark and frame.opcode is not Opcode.CONTINUATION
        return frame._replace(payload=payload, rsv2=mark)


@dataclass(frozen=True)
class Shift(Extension):
    """A test extension; with a negative step it reverses too, so that order matters."""

    name: ClassVar[ExtensionName] = ExtensionName("x-shift")
    rsv: ClassVar[int] = RSV2
    step: int = 1

    def offer(self) -> Sequence[tuple[ExtensionParameter, ...]]:
        return ((),)

    def accept(self, parameters: Sequence[ExtensionParameter]) -> Agreement | None:
        return Agreement(self, ())

    def confirm(self, parameters: Sequence[ExtensionParameter]) -> Extension:
        return self

    def codec(self, role: Role) -> ShiftCodec:
        codec = ShiftCodec(self)
        CODECS.append(codec)
        return codec


@dataclass(frozen=True)
class Double(Shift):
    """Sends every byte twice, without a bit to say so."""

    name: ClassVar[ExtensionName] = ExtensionName("x-double")
    rsv: ClassVar[int] = 0

    def codec(self, role: Role) -> ShiftCodec:
        return DoubleCodec(self)


class DoubleCodec(ShiftCodec):
    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        if len(frame.payload) % 2:
            raise RemoteProtocolError("an odd number of bytes")
        return frame._replace(payload=frame.payload[::2])

    def encode(self, frame: Frame) -> Frame:
        payload = b"".join(bytes([octet, octet]) for octet in frame.payload)
        return frame._replace(payload=payload)


CODECS: list[ShiftCodec] = []


@each_role
@both_deliveries
@each_size
def test_extensions_of_ones_own_see_whole_frames(
    role: Role, delivery: Deliveries, size: int | None
) -> None:
    CODECS.clear()
    one = connection(role, extensions=[Shift()])
    other = connection(role.peer, extensions=[Shift()], delivery=delivery)
    one.send_text("whole")
    one.send(TextMessage("in ", message_finished=False))
    one.ping(b"between")
    one.send(TextMessage("fragments"))
    output = one.data_to_send()
    assert [(frame.first, frame.payload) for frame in read_frames(output)] == [
        (FIN | RSV2 | TEXT, b"xipmf"),
        (RSV2 | TEXT, b"jo!"),
        (FIN | PING, b"between"),
        (FIN | CONTINUATION, b"gsbhnfout"),
    ]
    events = receive(other, output, size)
    assert whole(events) == ["whole", "in fragments"]
    assert Ping(b"between") in events
    _, reader = CODECS
    assert reader.seen == [
        Frame(Opcode.TEXT, b"xipmf", True, False, True, False),
        Frame(Opcode.TEXT, b"jo!", False, False, True, False),
        Frame(Opcode.CONTINUATION, b"gsbhnfout", True, False, False, False),
    ]
    assert reader.rooms == [1 << 20, 1 << 20, (1 << 20) - 3]


@each_role
@each_size
def test_extensions_are_applied_in_order_and_undone_in_the_opposite_order(
    role: Role, size: int | None
) -> None:
    extensions = [Double(), PerMessageDeflate(threshold=0), Shift()]
    one = connection(role, extensions=extensions)
    one.send_text("abc" * 50)
    one.send_text("small", compress=False)
    output = one.data_to_send()
    first, second = read_frames(output)
    assert (first.first, second.first) == (FIN | RSV1 | RSV2 | TEXT, FIN | RSV2 | TEXT)
    assert second.payload == b"ttnnbbmmmm"
    unshifted = bytes([octet - 1 & 0xFF for octet in first.payload])
    assert zlib.decompressobj(-15).decompress(unshifted) == b"aabbcc" * 50
    other = connection(role.peer, extensions=extensions)
    assert receive(other, output, size) == [TextMessage("abc" * 50), TextMessage("small")]


@both_deliveries
@each_size
def test_what_an_extension_refuses_fails_the_connection(
    delivery: Deliveries, size: int | None
) -> None:
    ws = connection(extensions=[Double()], delivery=delivery)
    stream = unmasked(FIN | BINARY, b"aabb") + unmasked(FIN | BINARY, b"odd")
    events = receive(ws, stream, size)
    assert whole(events) == [b"ab"]
    assert failure(ws, events) == (1002, RemoteProtocolError)
    assert ws.error is not None
    assert ws.error.offset == len(stream) - 3


class TalkativeCodec(ShiftCodec):
    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        raise MessageTooBig("é" * 100)


@dataclass(frozen=True)
class Talkative(Shift):
    """Refuses everything, in more words than a Close frame holds."""

    def codec(self, role: Role) -> ShiftCodec:
        return TalkativeCodec(self)


def test_a_failure_of_many_words_is_cut_to_what_a_close_can_carry() -> None:
    ws = connection(extensions=[Talkative()])
    events = receive(ws, unmasked(FIN | RSV2 | TEXT))
    assert events == [CloseConnection(1009, "é" * 61, CloseSource.LOCAL)]
    assert str(ws.error) == "é" * 100
    (frame,) = sent(ws)
    assert frame.payload == (1009).to_bytes(2, "big") + "é".encode() * 61


@both_deliveries
@each_size
def test_the_limit_counts_what_comes_out_of_the_extensions(
    delivery: Deliveries, size: int | None
) -> None:
    limits = Limits(max_message_size=10)
    ws = connection(extensions=[Double()], delivery=delivery, limits=limits)
    exact = unmasked(BINARY, b"aa" * 6) + unmasked(FIN | CONTINUATION, b"bb" * 4)
    assert whole(receive(ws, exact * 2, size)) == [b"aaaaaabbbb"] * 2
    over = unmasked(BINARY, b"aa" * 6) + unmasked(FIN | CONTINUATION, b"bb" * 5)
    assert failure(ws, receive(ws, over, size)) == (1009, MessageTooBig)


def test_bad_text_out_of_an_extension_is_reported_at_its_frame() -> None:
    for size in (None, 1):
        ws = connection(extensions=[Shift()])
        stream = unmasked(FIN | RSV2 | TEXT, b"bcd") + unmasked(FIN | RSV2 | TEXT, b"bc\x00")
        events = receive(ws, stream, size)
        assert failure(ws, events)[0] == 1007
        assert ws.error is not None
        assert ws.error.offset == 7


@pytest.mark.parametrize("bits", [0x40, 0x10, 0x50])
def test_bits_that_no_extension_claims_are_refused(bits: int) -> None:
    ws = connection(extensions=[Shift()])
    assert failure(ws, receive(ws, unmasked(FIN | bits | TEXT))) == (1002, FrameError)


def test_a_bit_of_ones_own_extension_may_stand_on_every_frame() -> None:
    ws = connection(extensions=[Shift()])
    stream = unmasked(RSV2 | TEXT, b"bc") + unmasked(FIN | RSV2 | CONTINUATION, b"d")
    assert receive(ws, stream) == [TextMessage("abc")]


def test_pieces_of_many_frames_arrive_in_any_cut() -> None:
    stream = fragments(Role.CLIENT, (3, 0, 4)) + unmasked(FIN | TEXT, b"t")
    for size in range(1, len(stream) + 1):
        ws = connection(delivery="chunk")
        events = [event for piece in cut(stream, size) for event in ws.receive_data(piece)]
        assert whole(events) == [b"m" * 7, "t"]
