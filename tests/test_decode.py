"""Captured conversations: what is found in them, and at which bytes."""

from __future__ import annotations

import base64

import pytest
from captures import (
    UPGRADE,
    capture,
    complaint,
    conversation,
    deflate,
    dump,
    frame,
    lines,
    masked,
    request,
    response,
    rows,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from wsproto_core import (
    Opcode,
    PerMessageDeflate,
)
from wsproto_core.cli.capture import CaptureError, read_capture
from wsproto_core.cli.decode import Settings, decode_captures
from wsproto_core.cli.rows import (
    FrameHeader,
    Ignored,
    Incomplete,
    Note,
    Row,
    Violation,
)
from wsproto_core.cli.table import Table
from wsproto_core.codes import Role
from wsproto_core.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

# One direction


def test_client_stream_alone() -> None:
    data = request() + masked(Opcode.TEXT, b"Hello") + masked(Opcode.CLOSE, b"\x03\xe8bye")
    found = rows(data)
    assert isinstance(found[0].event, Request)
    assert found[1].event == TextMessage("Hello")
    assert isinstance(found[2].event, CloseConnection)
    assert [(row.start, row.end) for row in found] == [
        (0, len(request())),
        (len(request()), len(request()) + 11),
        (len(request()) + 11, len(data)),
    ]


def test_server_stream_alone_says_what_was_agreed() -> None:
    data = response(
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9",
        "Sec-WebSocket-Protocol: chat",
    )
    found = rows(data + frame(Opcode.TEXT, deflate(b"Hello"), rsv1=True))
    accepted = found[0].event
    assert isinstance(accepted, AcceptConnection)
    assert accepted.subprotocol == "chat"
    assert found[1].event == TextMessage("Hello")
    assert found[1].frame == FrameHeader(1, True, True, False, False, False, len(deflate(b"Hello")))


def test_client_stream_alone_takes_rsv1_for_what_was_offered() -> None:
    hello = masked(Opcode.TEXT, deflate(b"Hello"), rsv1=True)
    offer = "Sec-WebSocket-Extensions: x-mine, permessage-deflate; oops, permessage-deflate"
    found = rows(request(offer) + masked(Opcode.TEXT, b"a") + hello + hello)
    assert [type(row.event) for row in found[1:]] == [TextMessage, Note, TextMessage, TextMessage]
    assert found[3].event == TextMessage("Hello")
    without = rows(request() + hello)
    assert [type(row.event) for row in without[1:]] == [Note, Violation, Ignored]
    told = rows(request() + hello, extensions=(PerMessageDeflate(),))
    assert [row.event for row in told[1:]] == [TextMessage("Hello")]


def test_open_stream_with_and_without_deflate() -> None:
    hello = masked(Opcode.TEXT, deflate(b"Hello"), rsv1=True)
    assert rows(hello, is_open=True, extensions=(PerMessageDeflate(),))[0].event == TextMessage(
        "Hello"
    )
    note, violation, _ = rows(hello, is_open=True)
    assert isinstance(note.event, Note)
    assert "--deflate" in note.event.text
    assert isinstance(violation.event, Violation)
    assert violation.event.offset == 0


def test_every_fragment_is_a_row() -> None:
    data = (
        frame(Opcode.TEXT, "né".encode()[:2], fin=False)
        + frame(Opcode.PING, b"?")
        + frame(Opcode.CONTINUATION, "né".encode()[2:], fin=False)
        + frame(Opcode.CONTINUATION)
    )
    for step in (0, 1):
        found = rows(data, is_open=True, step=step, sender=Role.SERVER)
        assert [(row.start, row.end, row.fragment) for row in found] == [
            (0, 4, 1),
            (4, 7, 0),
            (7, 10, 2),
            (10, 12, 3),
        ]
        assert [row.event for row in found] == [
            TextMessage("n", True, False),
            Ping(b"?"),
            TextMessage("é", True, False),
            TextMessage(""),
        ]


def test_what_follows_a_close_is_counted_and_no_violation() -> None:
    found = rows(frame(Opcode.CLOSE) + b"\xff\xff\xff", is_open=True)
    assert [(row.start, row.end) for row in found] == [(0, 2), (2, 5)]
    assert found[1].event == Ignored("behind the Close frame")


@pytest.mark.parametrize(
    ("data", "sender", "offset", "section", "left"),
    [
        (b"\x89\x00\xc1\x00", Role.SERVER, 2, "RFC 6455 section 5.2", 2),
        (b"\x81\x85abcd\x00", Role.SERVER, 1, "RFC 6455 section 5.1", 6),
        (masked(Opcode.PING) + b"\x81\x01x", Role.CLIENT, 7, "RFC 6455 section 5.1", 2),
        (b"\x81\x03a\xffb", Role.SERVER, 3, "RFC 6455 section 8.1", 2),
        (b"\x88\x02\x03\xed", Role.SERVER, 2, "RFC 6455 section 7.4", 2),
    ],
)
def test_violations_stop_a_direction_at_their_byte(
    data: bytes, sender: Role, offset: int, section: str, left: int
) -> None:
    found = rows(data, is_open=True, sender=sender)
    violation, rest = found[-2:]
    assert isinstance(violation.event, Violation)
    assert violation.event.offset == offset
    assert violation.event.error.section == section
    assert (rest.event, rest.end - rest.start) == (Ignored("not decoded"), left)


def test_violation_that_an_empty_last_frame_shows() -> None:
    half = frame(Opcode.TEXT, b"a\xc3", fin=False) + frame(Opcode.CONTINUATION)
    text, violation = rows(half, is_open=True)
    assert lines(text)[0].endswith('TextMessage "a" (fragment 1)')
    assert isinstance(violation.event, Violation)
    assert violation.event.offset == len(half)
    short = deflate(b"Hello")[:3]
    data = frame(Opcode.TEXT, short, fin=False, rsv1=True) + frame(Opcode.CONTINUATION)
    last = rows(data, is_open=True, extensions=(PerMessageDeflate(),))[-1].event
    assert isinstance(last, Violation)
    assert (last.offset, last.error.section) == (len(data), "RFC 7692 section 7.2.2")


def test_violation_behind_a_handshake_is_at_its_byte_of_the_whole_stream() -> None:
    found = rows(response() + frame(Opcode.PING) + b"\x81\x80")
    violation = found[2].event
    assert isinstance(violation, Violation)
    assert violation.offset == len(response()) + 3


@pytest.mark.parametrize("size", [1, 3, 5, 9])
def test_cut_streams_are_incomplete_and_no_violation(size: int) -> None:
    last = rows(masked(Opcode.TEXT, b"Hello")[:size], is_open=True, sender=Role.CLIENT)[-1]
    assert isinstance(last.event, Incomplete)
    assert (last.start, last.end) == (0, size)
    assert ("header" in last.event.what) is (size < 6)


@pytest.mark.parametrize("size", [200, 70_000])
def test_how_much_of_a_cut_frame_is_there(size: int) -> None:
    data = frame(Opcode.BINARY, b"x" * size)
    last = rows(data[:100], is_open=True)[-1].event
    assert last == Incomplete(
        f"the stream ends inside a frame: 100 of its {len(data)} bytes are there"
    )


def test_streams_cut_inside_a_message_or_a_head() -> None:
    inside = rows(frame(Opcode.TEXT, b"a", fin=False), is_open=True)[-1]
    assert inside.event == Incomplete("the stream ends inside a fragmented message")
    for head, name in ((request(), "request"), (response(), "response")):
        (row,) = rows(head[:-1], step=30)
        assert row.event == Incomplete(f"the stream ends inside the head of the {name}")
        assert (row.start, row.end) == (0, len(head) - 1)


@pytest.mark.parametrize(
    ("data", "section"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "RFC 6455 section 4.2.1"),
        (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "RFC 6455 section 4.1"),
        (b"HTTP/1.1 nonsense\r\n\r\n", "RFC 9112 section 4"),
        (b"HTTP/1.1 101 OK\r\n" + UPGRADE.encode() + b"\r\n", "RFC 6455 section 4.1"),
    ],
)
def test_broken_heads_are_violations(data: bytes, section: str) -> None:
    violation, rest = rows(data + b"??")
    assert isinstance(violation.event, Violation)
    assert violation.event.error.section == section
    assert violation.event.offset in (0, len(data))
    assert rest.end == len(data) + 2


def test_rejection_and_its_body() -> None:
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n"
    for step in (0, 1):
        rejected, body = rows(head + b"sorry!", step=step)
        assert rejected.event == RejectConnection(403, {"Content-Length": "6"}, True)
        assert (body.start, body.end) == (len(head), len(head) + 6)
        assert body.event == RejectData(b"sorry!")
    assert rows(head + b"sorry!", step=1, keep=3)[1].event == RejectData(b"sor", True, True)
    assert rows(head + b"sor")[1].event == RejectData(b"sor", True, True)
    empty = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    assert [type(row.event) for row in rows(empty + b"x")] == [RejectConnection, Ignored]


def test_unknown_extension_is_said_not_guessed() -> None:
    offered = "Sec-WebSocket-Extensions: x-mine"
    captures = [capture(request(offered) + b"??"), capture(response(offered) + b"???")]
    found: list[Row] = []
    with pytest.raises(CaptureError, match="extension 'x-mine' was agreed, which is not known"):
        found.extend(decode_captures(captures, Settings()))
    assert [type(row.event) for row in found] == [Request, AcceptConnection, Ignored, Ignored]
    assert "x-mine" in complaint(response(offered))


def test_sender_that_cannot_be_told() -> None:
    assert "cannot tell who sent this" in complaint(b"\x81\x05Hello")
    assert "cannot tell who sent this" in complaint(b"\x81", is_open=True)
    assert "cannot tell who sent this" in complaint(b"\x81\x05Hello", b"\x00")


# Both directions


@pytest.mark.parametrize("step", [0, 1, 64])
@pytest.mark.parametrize("swap", [False, True])
def test_two_streams_with_deflate_agreed(step: int, swap: bool) -> None:
    sent, answered, texts = conversation()
    streams = (answered, sent) if swap else (sent, answered)
    found = rows(*streams, step=step)
    assert [row.sender.value for row in found] == ["client", "server"] + ["client"] * 2 + [
        "server"
    ] * 2
    assert [getattr(row.event, "data", None) for row in found[2:]] == texts * 2
    assert all(row.frame is not None and row.frame.rsv1 for row in found[2:])


def test_response_is_checked_against_the_request() -> None:
    def violation(*found: bytes) -> str:
        answer = rows(*found)[1]
        assert answer.sender is Role.SERVER
        assert isinstance(answer.event, Violation)
        return str(answer.event.error)

    offered = "Sec-WebSocket-Extensions: permessage-deflate"
    wrong = base64.b64encode(b"0123456789abcdef").decode()
    assert "does not answer the key" in violation(request(), response(key=wrong))
    assert "'permessage-deflate' was not offered" in violation(request(), response(offered))
    assert "'x-mine' was not offered" in violation(
        request(), response("Sec-WebSocket-Extensions: x-mine")
    )
    assert "'chat' was not offered" in violation(
        request(), response("Sec-WebSocket-Protocol: chat")
    )
    limited = f"{offered}; client_max_window_bits=9"
    assert "client_max_window_bits was not offered" in violation(
        request(offered), response(limited)
    )
    assert isinstance(rows(request(limited), response(limited))[1].event, AcceptConnection)


def test_second_offer_may_be_the_one_that_was_taken() -> None:
    offers = (
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover, "
        "permessage-deflate; server_max_window_bits=10"
    )
    answer = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9"
    accepted = rows(request(offers), response(answer))[1].event
    assert isinstance(accepted, AcceptConnection)
    assert accepted.extensions is not None
    (extension,) = accepted.extensions
    assert isinstance(extension, PerMessageDeflate)
    assert extension.server_max_window_bits == 9


def test_client_frames_ahead_of_the_answer_wait_for_it() -> None:
    hello = masked(Opcode.TEXT, deflate(b"Hello"), rsv1=True)
    offered = "Sec-WebSocket-Extensions: permessage-deflate"
    found = rows(
        dump(request(offered).hex() + hello.hex(), hello.hex(), "\t" + response(offered).hex())
    )
    assert [type(row.event) for row in found] == [
        Request,
        AcceptConnection,
        TextMessage,
        TextMessage,
    ]


def test_answer_that_never_comes_is_not_waited_for() -> None:
    hello = masked(Opcode.TEXT, b"Hello")
    assert [type(row.event) for row in rows(dump(request().hex(), hello.hex()))] == [
        Request,
        TextMessage,
    ]
    large = masked(Opcode.BINARY, bytes(1 << 20))
    found = rows(dump(request().hex(), large.hex(), "\t" + response().hex()))
    assert [type(row.event) for row in found] == [Request, BytesMessage, AcceptConnection]


def test_what_a_client_sends_behind_a_broken_answer_is_still_shown() -> None:
    found = rows(request() + masked(Opcode.TEXT, b"Hello"), b"HTTP/1.0 101 OK\r\n\r\n")
    assert [type(row.event) for row in found] == [Request, Violation, TextMessage, Ignored]


def test_what_a_client_sends_behind_a_rejection_is_counted() -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    found = rows(request() + b"???", refusal)
    assert [type(row.event) for row in found] == [Request, RejectConnection, Ignored]
    assert found[2].end - found[2].start == 3


def test_answer_to_a_broken_request_is_read_all_the_same() -> None:
    found = rows(b"GET / HTTP/1.1\r\n\r\n", response() + frame(Opcode.PING))
    assert [type(row.event) for row in found] == [Violation, AcceptConnection, Ignored, Ping]
    found = rows(b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
    assert [type(row.event) for row in found] == [Violation, RejectConnection, Ignored]
    cut = rows(request()[:-2], b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    assert [type(row.event) for row in cut] == [Incomplete, RejectConnection]


def test_answer_that_is_cut_off_in_its_head() -> None:
    found = rows(request() + masked(Opcode.TEXT, b"Hello"), response()[:-2])
    assert [type(row.event) for row in found] == [Request, TextMessage, Incomplete]


def test_open_pair_is_told_by_masks() -> None:
    found = rows(frame(Opcode.PING), masked(Opcode.TEXT, b"x"), is_open=True)
    assert [row.sender for row in found] == [Role.CLIENT, Role.SERVER]
    assert rows(b"\x89", masked(Opcode.TEXT, b"x"), is_open=True)[1].sender is Role.SERVER


def test_pairs_that_are_none() -> None:
    assert "both streams seem to be the client's" in complaint(request(), request())
    assert rows(request(), request(), sender=Role.SERVER)[0].event == rows(request())[0].event
    assert "give it alone" in complaint(request(), dump("8900"))
    assert "give it alone" in complaint(dump("8900"), request())


# Size


def test_large_frames_are_cut_or_come_in_pieces() -> None:
    text = "né" * 100_000
    data = frame(Opcode.TEXT, text.encode())
    (row,) = rows(data, is_open=True, sender=Role.SERVER, step=1000)
    assert (row.end, row.size) == (len(data), 300_000)
    assert row.event == TextMessage(text[:512])
    pieces = rows(data, is_open=True, sender=Role.SERVER, step=1000, keep=50_000, cut=False)
    events = [row.event for row in pieces]
    assert "".join(event.data for event in events if isinstance(event, TextMessage)) == text
    assert [getattr(event, "frame_finished", None) for event in events] == [False] * (
        len(events) - 1
    ) + [True]
    assert len(events) in (4, 5)
    assert {row.start for row in pieces} == {0}


def test_messages_of_any_size_are_shown() -> None:
    data = frame(Opcode.BINARY, bytes(3 << 20))
    (row,) = rows(data, is_open=True, sender=Role.SERVER, step=1 << 16)
    assert row.size == 3 << 20


@given(st.binary(max_size=60), st.sampled_from(list(Role)), st.booleans())
@settings(max_examples=50)
def test_any_bytes_give_rows_that_cover_them(data: bytes, sender: Role, is_open: bool) -> None:
    source = read_capture("file", [b"\x01" + data], "raw")
    found = list(decode_captures([source], Settings(sender=sender, is_open=is_open)))
    assert found[-1].end == len(data) + 1 or isinstance(found[-1].event, Violation)
    table = Table(width=80, colour=False, symbols=True)
    assert all(len(line) <= 80 for row in found for line in table.lines(row))
