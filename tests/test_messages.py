"""How do messages become frames, and frames messages: fragments, pieces, and limits?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest
from expect import both_deliveries, failure, whole
from wire import (
    BINARY,
    CONTINUATION,
    FIN,
    PING,
    PONG,
    ROLES,
    TEXT,
    RawFrame,
    connection,
    cut,
    frame_to,
    read_frames,
    receive,
    unmasked,
)

from wsproto_core import (
    BytesMessage,
    Connection,
    Extension,
    Limits,
    LocalProtocolError,
    Message,
    MessageTooBig,
    PerMessageDeflate,
    Ping,
    Pong,
    Role,
    TextMessage,
    TooManyFragments,
)

Deliveries = Literal["message", "chunk"]
each_role = pytest.mark.parametrize("role", ROLES)
each_size = pytest.mark.parametrize("size", [None, 1, 3])


# Received whole


@each_role
def test_texts_of_every_length_up_to_1300(role: Role) -> None:
    ws = connection(role)
    texts = [("abcdefg" * 200)[:size] for size in range(1301)]
    stream = b"".join([frame_to(role, FIN | TEXT, text.encode()) for text in texts])
    assert receive(ws, stream) == [TextMessage(text) for text in texts]


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


def test_pieces_of_many_frames_arrive_in_any_cut() -> None:
    stream = fragments(Role.CLIENT, (3, 0, 4)) + unmasked(FIN | TEXT, b"t")
    for size in range(1, len(stream) + 1):
        ws = connection(delivery="chunk")
        events = [event for piece in cut(stream, size) for event in ws.receive_data(piece)]
        assert whole(events) == [b"m" * 7, "t"]


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


def test_a_fragment_too_many_is_refused_at_its_first_byte() -> None:
    ws = connection(limits=Limits(max_fragments=1))
    frame = unmasked(FIN | CONTINUATION, b"a" * 100)
    assert receive(ws, unmasked(TEXT, b"a") + frame[:2]) == []
    assert failure(ws, receive(ws, frame[2:20])) == (1008, TooManyFragments)


def test_the_default_number_of_fragments() -> None:
    ws = connection()
    stream = unmasked(BINARY) + unmasked(CONTINUATION) * 16_383
    assert receive(ws, stream) == []
    assert failure(ws, receive(ws, unmasked(CONTINUATION))) == (1008, TooManyFragments)


def test_without_a_limit_messages_may_be_large() -> None:
    ws = connection(limits=Limits(max_message_size=None))
    (event,) = receive(ws, unmasked(FIN | BINARY, bytes(2_000_000)), 65_536)
    assert event == BytesMessage(bytes(2_000_000))


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
