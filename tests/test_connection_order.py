"""In which order do events, replies and changes of state come, and is any of them lost?"""

from __future__ import annotations

import sys

import pytest
from wire import (
    BINARY,
    CLOSE,
    FIN,
    PING,
    PONG,
    REQUEST,
    ROLES,
    TEXT,
    close_payload,
    connection,
    frame_to,
    frames_out,
    local_closing,
    receive,
)

from wsproto_core import (
    CloseConnection,
    CloseSource,
    ConnectionState,
    Limits,
    Ping,
    Pong,
    Request,
    Role,
    ServerConnection,
    TextMessage,
)

each_role = pytest.mark.parametrize("role", ROLES)
State = ConnectionState


# Events are pulled, and act in order


@each_role
def test_nothing_happens_before_an_event_is_taken(role: Role) -> None:
    ws = connection(role)
    close = frame_to(role, FIN | CLOSE, close_payload(1000))
    ws.receive_data(frame_to(role, FIN | PING, b"1") + close)
    assert (ws.pending_bytes, ws.state, ws.bytes_parsed) == (0, State.OPEN, 0)
    events = ws.events()
    assert next(events) == Ping(b"1")
    assert ws.state is State.OPEN
    assert frames_out(ws) == [(FIN | PONG, b"1")]
    assert next(events) == CloseConnection(1000, "", CloseSource.PEER)
    assert ws.state is State.CLOSED
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1000))]
    assert next(events, None) is None


@each_role
def test_events_that_were_not_taken_are_not_lost(role: Role) -> None:
    ws = connection(role)
    one, two, three = (frame_to(role, FIN | TEXT, text) for text in (b"1", b"2", b"3"))
    assert next(ws.receive_data(one + two)) == TextMessage("1")
    ws.receive_data(three[:2])
    ws.receive_data(b"")
    again = ws.receive_data(three[2:])
    assert [next(again), next(again)] == [TextMessage("2"), TextMessage("3")]
    assert list(ws.events()) == []
    for text in (b"4", b"5"):
        ws.receive_data(frame_to(role, FIN | TEXT, text))
    assert list(ws.receive_eof()) == [
        TextMessage("4"),
        TextMessage("5"),
        CloseConnection(1006, "", CloseSource.TRANSPORT),
    ]


@each_role
@pytest.mark.parametrize("size", [None, 1, 2])
@pytest.mark.parametrize(
    ("second", "answer"),
    [
        ((FIN | PING, b"p"), (FIN | PONG, b"p")),
        ((FIN | CLOSE, close_payload(1000, "b")), (FIN | CLOSE, close_payload(1000, "b"))),
        ((FIN | CLOSE, b""), (FIN | CLOSE, b"")),
        ((0x3, b""), (FIN | CLOSE, close_payload(1002, "opcode 0x3 is reserved"))),
    ],
)
def test_a_reply_to_a_message_leaves_ahead_of_what_the_next_frame_brings(
    role: Role, size: int | None, second: tuple[int, bytes], answer: tuple[int, bytes]
) -> None:
    ws = connection(role)
    stream = frame_to(role, FIN | TEXT, b"hello") + frame_to(role, *second)
    for piece in [stream] if size is None else [stream[i : i + size] for i in range(len(stream))]:
        for event in ws.receive_data(piece if size is None else piece[:1]):
            if isinstance(event, TextMessage):
                ws.send_text(event.data.upper())
    assert frames_out(ws) == [(FIN | TEXT, b"HELLO"), answer]


@each_role
def test_replies_leave_in_the_order_of_what_they_answer(role: Role) -> None:
    ws = connection(role)
    stream = b""
    for number in range(5):
        stream += frame_to(role, FIN | PING, b"p%d" % number)
        stream += frame_to(role, FIN | TEXT, b"t%d" % number)
    for event in ws.receive_data(stream):
        if isinstance(event, TextMessage):
            ws.send_text(event.data)
    assert frames_out(ws) == [
        (first, b"%c%d" % (letter, number))
        for number in range(5)
        for first, letter in ((FIN | PONG, b"p"), (FIN | TEXT, b"t"))
    ]


@each_role
def test_a_close_sent_between_two_events_holds_for_the_next(role: Role) -> None:
    ws = connection(role)
    stream = frame_to(role, FIN | TEXT, b"a") + frame_to(role, FIN | TEXT, b"b")
    stream += frame_to(role, FIN | PING, b"p") + frame_to(role, FIN | CLOSE, close_payload(1000))
    events = []
    for event in ws.receive_data(stream):
        events.append(event)
        if event == TextMessage("a"):
            ws.close(3000)
    assert events == [
        TextMessage("a"),
        TextMessage("b"),
        Ping(b"p"),
        CloseConnection(1000, "", CloseSource.PEER),
    ]
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(3000)), (FIN | PONG, b"p")]
    assert (ws.state, ws.close_code) == (State.CLOSED, 1000)


def test_every_iterator_goes_on_where_the_others_stopped() -> None:
    ws = connection(Role.CLIENT)
    first = ws.receive_data(frame_to(Role.CLIENT, FIN | TEXT, b"x") * 3)
    assert iter(first) is first
    assert next(first) == TextMessage("x")
    assert next(ws.events()) == TextMessage("x")
    assert list(first) == [TextMessage("x")]
    with pytest.raises(StopIteration):
        next(first)


@each_role
def test_an_iterator_that_has_come_to_its_end_stays_there(role: Role) -> None:
    ws = connection(role)
    for ended in (ws.events(), ws.receive_data(b"")):
        assert list(ended) == []
        fresh = ws.receive_data(frame_to(role, FIN | TEXT, b"x"))
        assert list(ended) == []
        assert list(fresh) == [TextMessage("x")]


def test_an_iterator_that_ended_ahead_of_the_request_stays_there() -> None:
    server = ServerConnection()
    ended = server.events()
    assert list(ended) == []
    (request,) = server.receive_data(REQUEST)
    assert isinstance(request, Request)
    server.accept()
    server.receive_data(frame_to(Role.SERVER, FIN | TEXT, b"x"))
    assert list(ended) == []
    assert list(server.events()) == [TextMessage("x")]


def test_the_iterator_that_gave_the_request_goes_on_with_what_came_behind_it() -> None:
    server = ServerConnection()
    behind = b"".join([frame_to(Role.SERVER, FIN | TEXT, text) for text in (b"x", b"y\xff")])
    events = []
    for event in server.receive_data(REQUEST + behind):
        if isinstance(event, Request):
            server.accept()
        else:
            events.append(event)
    text, end = events
    assert text == TextMessage("x")
    assert isinstance(end, CloseConnection)
    assert (end.code, end.source) == (1007, CloseSource.LOCAL)


@each_role
@pytest.mark.parametrize("cut", [None, -1])
def test_input_that_is_spent_is_not_kept(role: Role, cut: int | None) -> None:
    ws = connection(role)
    data = frame_to(role, FIN | BINARY, bytes(2000))[:cut]
    for _ in ws.receive_data(data):
        pass
    assert sys.getrefcount(data) == 2


# Pings and pongs


@each_role
def test_every_ping_is_answered_in_order(role: Role) -> None:
    ws = connection(role)
    payloads = [b"", b"a", bytes(125), b"\xff\x00", b"last"]
    stream = b"".join(frame_to(role, FIN | PING, payload) for payload in payloads)
    assert receive(ws, stream) == [Ping(payload) for payload in payloads]
    assert frames_out(ws) == [(FIN | PONG, payload) for payload in payloads]


@each_role
def test_without_auto_pong_the_event_makes_the_answer(role: Role) -> None:
    ws = connection(role, auto_pong=False)
    for event in ws.receive_data(frame_to(role, FIN | PING, b"one") * 2):
        assert isinstance(event, Ping)
        assert ws.pending_bytes == 0
        ws.send(event.response())
        assert frames_out(ws) == [(FIN | PONG, b"one")]


@each_role
def test_heartbeats_of_the_greatest_length_can_be_sent(role: Role) -> None:
    ws = connection(role)
    ws.ping(bytes(125))
    ws.send(Pong(b"x" * 125))
    assert frames_out(ws) == [(FIN | PING, bytes(125)), (FIN | PONG, b"x" * 125)]


@each_role
def test_pongs_are_delivered_and_answered_by_nothing(role: Role) -> None:
    ws = connection(role)
    assert receive(ws, frame_to(role, FIN | PONG, b"unasked")) == [Pong(b"unasked")]
    assert ws.pending_bytes == 0


@each_role
@pytest.mark.parametrize("limit", [1, 16, 100])
def test_only_the_newest_pings_are_answered_past_the_limit(role: Role, limit: int) -> None:
    ws = connection(role, limits=Limits(max_pending_pongs=limit))
    ws.send_text("first")
    payloads = [b"%d" % number for number in range(3000)]
    stream = b"".join(frame_to(role, FIN | PING, payload) for payload in payloads)
    assert receive(ws, stream) == [Ping(payload) for payload in payloads]
    newest = [(FIN | PONG, payload) for payload in payloads[-limit:]]
    assert frames_out(ws) == [(FIN | TEXT, b"first"), *newest]


@each_role
def test_pongs_sent_by_the_caller_are_never_dropped(role: Role) -> None:
    ws = connection(role, limits=Limits(max_pending_pongs=1), auto_pong=False)
    for event in ws.receive_data(frame_to(role, FIN | PING, b"p") * 50):
        assert isinstance(event, Ping)
        ws.send(event.response())
    assert frames_out(ws) == [(FIN | PONG, b"p")] * 50


@each_role
def test_a_ping_is_answered_after_our_close(role: Role) -> None:
    ws = local_closing(role)
    assert receive(ws, frame_to(role, FIN | PING, b"still")) == [Ping(b"still")]
    assert frames_out(ws) == [(FIN | PONG, b"still")]
    assert ws.state is State.LOCAL_CLOSING
