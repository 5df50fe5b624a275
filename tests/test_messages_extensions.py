"""What do extensions do to messages: permessage-deflate, and extensions of one's own?"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest
from expect import both_deliveries, failure, whole
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
    connection,
    deflate,
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
    CompressedDataError,
    Connection,
    Extension,
    ExtensionName,
    ExtensionParameter,
    Frame,
    FrameError,
    InvalidTextError,
    Limits,
    Message,
    MessageTooBig,
    Opcode,
    PerMessageDeflate,
    Ping,
    RemoteProtocolError,
    Role,
    TextMessage,
)

Deliveries = Literal["message", "chunk"]
each_role = pytest.mark.parametrize("role", ROLES)
each_size = pytest.mark.parametrize("size", [None, 1, 3])


def compressing(role: Role = Role.CLIENT, **options: Any) -> Connection:
    return connection(role, extensions=[PerMessageDeflate()], **options)


# Received compressed


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


def final(data: bytes) -> bytes:
    """A DEFLATE stream that ends, and the block that a message ends with."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush(zlib.Z_FINISH) + b"\x00"


@each_role
@both_deliveries
@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (deflate(b"second"), "second"),
        (deflate("zw\u00f6lf \U0001f600".encode()), "zw\u00f6lf \U0001f600"),
        (final(b"second"), "second"),
        (deflate(b"a" * 2000), "a" * 2000),
        (deflate(b"a" * 19_999 + b"\xc2\xa0"), "a" * 19_999 + "\xa0"),
        (deflate(b"\xff no text"), InvalidTextError),
        (deflate(b"a" * 19_999 + b"\xff"), InvalidTextError),
        (deflate(b"a" * 20_002), MessageTooBig),
        (deflate(b"a" * 33_000), MessageTooBig),
        (deflate(b"a" * 20_002)[:-1], None),
        (deflate(b"second")[:-1], CompressedDataError),
        (b"\xff\xff", CompressedDataError),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_small_frame_can_hold_what_a_large_one_can(
    role: Role, delivery: Deliveries, payload: bytes, expected: Any
) -> None:
    assert len(payload) <= 64
    opening = frame_to(role, FIN | RSV1 | TEXT, deflate(b"first"))
    small = frame_to(role, FIN | RSV1 | TEXT, payload)
    ends = set()
    for size in (None, 1, 3, len(opening)):
        limits = Limits(max_message_size=20_001)
        ws = compressing(role, delivery=delivery, limits=limits)
        events = receive(ws, opening + small + frame_to(role, FIN | PING), size)
        if isinstance(expected, str):
            assert whole(events) == ["first", expected]
            assert events[-1] == Ping()
            assert ws.error is None
        else:
            assert whole(events) == ["first"]
            assert isinstance(events[-1], CloseConnection)
            assert isinstance(ws.error, expected or RemoteProtocolError)
            ends.add((type(ws.error), ws.error.offset, str(ws.error), ws.data_to_send()[:4]))
    assert len(ends) == (not isinstance(expected, str))


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


# Sent compressed


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
    assert [frame.first for frame in read_frames(ws.data_to_send())] == [FIN | TEXT]


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
    (frame,) = read_frames(ws.data_to_send())
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


class SloppyCodec(ShiftCodec):
    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        if frame.payload == b"bad":
            raise RemoteProtocolError("bad \ud800") from ValueError(frame.payload)
        return frame._replace(payload=bytearray(frame.payload))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Sloppy(Shift):
    """Gives back what is not bytes, and words that are not UTF-8."""

    def codec(self, role: Role) -> ShiftCodec:
        return SloppyCodec(self)


@both_deliveries
@each_size
def test_message_out_of_an_extension_is_bytes_whatever_the_codec_gives(
    delivery: Deliveries, size: int | None
) -> None:
    ws = connection(extensions=[Sloppy()], delivery=delivery)
    stream = unmasked(FIN | BINARY, b"ab") + unmasked(BINARY, b"c") + unmasked(FIN, b"d")
    events = receive(ws, stream + unmasked(FIN | TEXT, b"text"), size)
    assert whole(events) == [b"ab", b"cd", "text"]
    assert {type(event.data) for event in events if isinstance(event, Message)} == {bytes, str}


def test_failure_in_words_that_are_not_utf8_is_an_event_too() -> None:
    ws = connection(extensions=[Sloppy()])
    assert receive(ws, unmasked(FIN | TEXT, b"bad")) == [
        CloseConnection(1002, "bad ?", CloseSource.LOCAL)
    ]
    assert ws.error is not None
    assert (ws.error.__cause__, ws.error.__context__, ws.error.__traceback__) == (None, None, None)
    (frame,) = read_frames(ws.data_to_send())
    assert frame.payload == (1002).to_bytes(2, "big") + b"bad ?"


# When random bytes fail


class Unreliable:
    """A source of random bytes that fails when it is told to."""

    def __init__(self) -> None:
        self.fails = False

    def __call__(self, size: int) -> bytes:
        if self.fails:
            raise OSError("no entropy")
        return bytes(range(256))[:size]


@pytest.mark.parametrize("extensions", [[PerMessageDeflate()], [PerMessageDeflate(), Shift()]])
@pytest.mark.parametrize("fin", [True, False], ids=["whole", "fragment"])
def test_random_bytes_that_fail_leave_a_compressing_connection_usable(
    extensions: list[Extension], fin: bool
) -> None:
    source = Unreliable()
    ws = Connection(Role.CLIENT, extensions=extensions, random_bytes=source)
    peer = connection(Role.SERVER, extensions=extensions)
    text, lost = "the same words again and again, " * 10, "lost words, lost words, " * 10
    for count in range(64):  # until there is no key left of the first batch
        ws.send_text(f"{text}{count}")
    ws.send_text("a", compress=False)
    output = ws.data_to_send()
    source.fails = True
    for count in range(63):
        ws.send_text(f"{text}{count}")
    output += ws.data_to_send()
    for _ in range(2):
        with pytest.raises(OSError, match="no entropy"):
            ws.send(TextMessage(lost, message_finished=fin))
        assert ws.pending_bytes == 0
    source.fails = False
    ws.send_text(text + lost + "and found")
    ws.send_bytes(b"of another kind, of another kind")
    events = receive(peer, output + ws.data_to_send())
    assert whole(events)[-2:] == [
        text + lost + "and found",
        b"of another kind, of another kind",
    ]
    assert len(events) == 64 + 1 + 63 + 2


@each_role
@both_deliveries
@each_size
def test_bad_text_in_a_compressed_message_is_reported_at_its_payload(
    role: Role, delivery: Deliveries, size: int | None
) -> None:
    ws = compressing(role, delivery=delivery)
    good = frame_to(role, FIN | RSV1 | TEXT, deflate("gr\xfc\xdfe".encode()))
    payload = deflate(b"ba\xff")
    bad = frame_to(role, FIN | RSV1 | TEXT, payload)
    events = receive(ws, good + bad, size)
    assert whole(events) == ["gr\xfc\xdfe"]
    assert failure(ws, events) == (1007, InvalidTextError)
    assert ws.error is not None
    assert ws.error.offset == len(good) + len(bad) - len(payload)
