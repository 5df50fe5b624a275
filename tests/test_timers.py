"""Deadlines: when each one runs, what stops it, and what its end brings about."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from expect import snapshot
from timed import answer, expire, pinged, timed
from wire import (
    CLOSE,
    FIN,
    MAKERS,
    PING,
    REQUEST,
    REQUEST_FIELDS,
    RESPONSE,
    ROLES,
    TEXT,
    asked,
    close_payload,
    closed,
    connecting,
    connection,
    fixed_random,
    frame_to,
    frames_out,
    local_closing,
    new_client,
    open_one,
    rejecting,
    remote_closing,
    response,
)

from wsproto_core import (
    CloseConnection,
    CloseSource,
    ClosingTimeout,
    ConnectionState,
    HandshakeFailed,
    OpeningTimeout,
    Ping,
    Pong,
    PongTimeout,
    RejectData,
    Request,
    Role,
    ServerConnection,
    TextMessage,
    Timeouts,
)
from wsproto_core.state import ConnectionState as State
from wsproto_core.timers import AWAITED, RULES, Timer

each_role = pytest.mark.parametrize("role", ROLES)
KEEPALIVE = fixed_random(8)


# The table


def test_every_state_says_what_each_side_awaits() -> None:
    assert set(AWAITED) == set(State)
    started = {timer for row in AWAITED.values() for timer in row.values()}
    assert started == set(Timer) - {Timer.PONG}  # which a ping starts
    assert set(RULES) == set(Timer)
    assert {rule.timeout for rule in RULES.values()} == set(inspect.signature(Timeouts).parameters)


# Without the time


@each_role
@pytest.mark.parametrize("state", MAKERS)
def test_without_the_time_there_is_no_deadline(state: ConnectionState, role: Role) -> None:
    ws = MAKERS[state](role)
    assert ws.next_deadline() is None
    assert ws.latency is None
    assert ws._timers is None


@each_role
def test_without_the_time_a_pong_has_no_latency(role: Role) -> None:
    ws = open_one(role)
    ws.ping(b"p")
    assert list(ws.receive_data(answer(ws, b"p"))) == [Pong(b"p", None, False)]


def test_the_first_time_that_is_told_starts_the_timers() -> None:
    for tell in (
        lambda ws: ws.receive_data(b"", 7),
        lambda ws: ws.send(Ping(), 7),
        lambda ws: ws.ping(now=7),
        lambda ws: ws.handle_timeout(7),
    ):
        ws = connection()
        list(tell(ws) or ())
        assert ws.next_deadline() == 27


# The opening handshake


def test_a_client_that_gets_no_answer_gives_up() -> None:
    client = new_client(now=5)
    assert client.next_deadline() == 15
    assert list(client.receive_data(RESPONSE[:50], 14)) == []
    assert client.next_deadline() == 15
    [event] = expire(client)
    text = "the opening handshake was not over within 10 seconds"
    error = OpeningTimeout(text, section="RFC 6455 section 4", offset=0)
    assert event == HandshakeFailed(error)
    assert client.error == error
    assert (client.finished, client.pending_bytes, client.next_deadline()) == (True, 0, None)


@pytest.mark.parametrize("start", [b"", REQUEST[:-1]])
def test_a_server_that_gets_no_request_answers_408(start: bytes) -> None:
    server = ServerConnection(now=5)
    assert list(server.receive_data(start, 14)) == []
    [event] = expire(server)
    assert isinstance(event, HandshakeFailed)
    assert isinstance(event.error, OpeningTimeout)
    assert event.error.offset == 0
    sent = server.data_to_send()
    assert sent.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"\r\nConnection: close\r\n" in sent
    assert server.finished
    assert server.next_deadline() is None


@pytest.mark.parametrize("later", [False, True])
def test_what_a_server_takes_to_answer_is_its_own_affair(later: bool) -> None:
    server = ServerConnection() if later else ServerConnection(now=0)
    [event] = server.receive_data(REQUEST) if later else server.receive_data(REQUEST, 9)
    assert isinstance(event, Request)
    assert list(server.handle_timeout(1000)) == []
    assert server.next_deadline() is None
    server.accept(now=1001)
    assert server.next_deadline() == 1021


def test_a_parsed_request_is_not_waited_for() -> None:
    fields = [tuple(line.split(": ", 1)) for line in REQUEST_FIELDS]
    server = ServerConnection.from_request(fields, "/", now=0)  # type: ignore[arg-type]
    [event] = server.handle_timeout(1000)
    assert isinstance(event, Request)
    assert server.next_deadline() is None


@each_role
def test_the_opening_stops_the_deadline_of_the_opening(role: Role) -> None:
    ws = connecting(role, now=0)
    if isinstance(ws, ServerConnection):
        ws.accept(now=3)
    else:
        list(ws.receive_data(RESPONSE, 3))
    assert ws.next_deadline() == 23


def test_a_server_that_rejects_waits_for_nothing() -> None:
    server = rejecting(Role.SERVER, now=0)
    assert server.next_deadline() is None
    server.send(RejectData(b"no"), 5)
    assert server.next_deadline() is None
    server = asked(now=0)
    server.reject(now=1)
    assert server.next_deadline() is None


@pytest.mark.parametrize("fields", [["Content-Length: 10"], ["Connection: close"]])
def test_a_client_cuts_the_body_of_a_rejection_that_never_ends(fields: list[str]) -> None:
    client = new_client(now=0, timeouts=Timeouts(closing=3))
    head = response(*fields, line="HTTP/1.1 404 Not Found")
    list(client.receive_data(head, 2))
    assert client.next_deadline() == 5
    assert list(client.receive_data(b"12345", 4)) == []
    assert expire(client) == [RejectData(b"12345", truncated=True)]
    assert client.finished
    assert client.next_deadline() is None


# Keepalive


@each_role
def test_a_keepalive_ping_is_sent_after_each_answer(role: Role) -> None:
    ws = timed(role)
    assert ws.next_deadline() == 120
    first = pinged(ws)
    assert len(first) == 8
    assert ws.next_deadline() == 140
    assert list(ws.receive_data(answer(ws, first), 121.5)) == [Pong(first, 1.5, True)]
    assert ws.latency == 1.5
    assert ws.next_deadline() == 141.5
    second = pinged(ws)
    assert second != first
    assert list(ws.receive_data(answer(ws, first), 142)) == [Pong(first)]  # stale
    assert ws.latency == 1.5
    assert ws.next_deadline() == 161.5


@each_role
def test_without_a_pong_in_time_the_connection_fails(role: Role) -> None:
    ws = timed(role)
    pinged(ws)
    text = "no pong within 20 seconds"
    assert list(ws.receive_data(frame_to(role, FIN | TEXT, b"hi"), 139)) == [TextMessage("hi")]
    offset = ws.bytes_parsed
    assert expire(ws) == [CloseConnection(1011, text, CloseSource.LOCAL)]
    assert frames_out(ws) == [(FIN | CLOSE, close_payload(1011, text))]
    assert ws.error == PongTimeout(text, section="RFC 6455 section 5.5.2", offset=offset)
    assert (ws.close_code, ws.close_reason) == (1011, text)
    assert ws.finished
    assert ws.next_deadline() is None


@each_role
def test_only_an_answer_to_the_keepalive_ping_or_to_a_later_one_counts(role: Role) -> None:
    ws = timed(role)
    ws.ping(b"before", now=119)
    keepalive = pinged(ws)
    ws.ping(b"behind", now=121)
    ws.data_to_send()
    assert list(ws.receive_data(answer(ws, b"foreign"), 122)) == [Pong(b"foreign")]
    assert ws.next_deadline() == 140
    assert list(ws.receive_data(answer(ws, b"before"), 123)) == [Pong(b"before", 4)]
    assert ws.next_deadline() == 140
    assert list(ws.receive_data(answer(ws, b"behind"), 124)) == [Pong(b"behind", 3)]
    assert ws.next_deadline() == 144
    assert list(ws.receive_data(answer(ws, keepalive), 125)) == [Pong(keepalive)]
    assert ws.next_deadline() == 144


@each_role
def test_any_data_will_do_where_that_is_asked_for(role: Role) -> None:
    ws = timed(role, liveness="any_data")
    list(ws.receive_data(frame_to(role, FIN | TEXT, b"hi")[:1], 110))
    assert ws.next_deadline() == 130
    list(ws.receive_data(b"", 115))
    assert ws.next_deadline() == 130
    first = pinged(ws)
    assert ws.next_deadline() == 150
    list(ws.receive_data(frame_to(role, FIN | TEXT, b"hi")[1:], 149))
    assert ws.next_deadline() == 169
    second = pinged(ws)
    assert list(ws.receive_data(answer(ws, first), 170)) == [Pong(first)]  # given up
    assert list(ws.receive_data(answer(ws, second), 171)) == [Pong(second, 2, True)]
    assert ws.next_deadline() == 191
    pinged(ws)
    assert [type(event) for event in expire(ws)] == [CloseConnection]
    assert isinstance(ws.error, PongTimeout)


@each_role
def test_data_counts_for_nothing_where_pongs_are_asked_for(role: Role) -> None:
    ws = timed(role)
    list(ws.receive_data(frame_to(role, FIN | PING), 110))
    assert ws.next_deadline() == 120


def test_without_a_timeout_for_pongs_the_pings_go_on() -> None:
    ws = timed(timeouts=Timeouts(ping=5, pong=None))
    first, second = pinged(ws), pinged(ws)
    assert ws.next_deadline() == 115
    assert list(ws.receive_data(answer(ws, first), 111)) == [Pong(first)]
    assert ws.next_deadline() == 115
    assert list(ws.receive_data(answer(ws, second), 112)) == [Pong(second, 2, True)]
    assert ws.next_deadline() == 117


def test_without_keepalive_the_pings_of_the_user_are_measured_all_the_same() -> None:
    ws = timed(timeouts=Timeouts(ping=None))
    assert ws.next_deadline() is None
    ws.ping(b"p")
    assert list(ws.receive_data(answer(ws, b"p"), 101)) == [Pong(b"p", 1)]
    assert ws.latency == 1
    assert ws.next_deadline() is None


def test_a_pong_answers_the_oldest_ping_with_its_payload() -> None:
    ws = timed()
    for when in (101, 102):
        ws.ping(b"same", now=when)
    for when, latency in ((103, 2), (104.5, 2.5)):
        assert list(ws.receive_data(answer(ws, b"same"), when)) == [Pong(b"same", latency)]
    assert list(ws.receive_data(answer(ws, b"same"), 105)) == [Pong(b"same")]


def test_a_pong_that_came_before_the_ping_does_not_answer_it() -> None:
    ws = timed()
    events = ws.receive_data(answer(ws, b"p"), 101)
    ws.ping(b"p", now=102)
    assert list(events) == [Pong(b"p")]
    assert list(ws.receive_data(answer(ws, b"p"), 103)) == [Pong(b"p", 1)]


@pytest.mark.parametrize("first", [True, False])
def test_of_many_pings_the_oldest_are_forgotten_but_never_the_keepalive_ping(first: bool) -> None:
    ws = timed()
    keepalive = pinged(ws) if first else b""
    for number in range(65 if first else 64):
        ws.ping(bytes([number]), now=121)
    keepalive = keepalive or pinged(ws)
    ws.ping(b"last")
    forgotten = 1 if first else 0
    events = list(ws.receive_data(answer(ws, bytes([forgotten])), 130))
    assert events == [Pong(bytes([forgotten]))]
    events = list(ws.receive_data(answer(ws, keepalive), 131))
    assert events == [Pong(keepalive, 11 if first else 10, True)]


def test_sixty_four_pings_are_remembered() -> None:
    ws = timed()
    for number in range(64):
        ws.ping(bytes([number]), now=101)
    for number in range(64):
        [pong] = ws.receive_data(answer(ws, bytes([number])), 102)
        assert pong == Pong(bytes([number]), 1)


def test_a_source_of_random_bytes_that_fails_costs_no_ping() -> None:
    given: list[Any] = [b"short", "text", KEEPALIVE]
    ws = timed(random_bytes=lambda size: given.pop(0))
    with pytest.raises(ValueError, match="random_bytes gave 5 bytes instead of 8"):
        expire(ws)
    with pytest.raises(TypeError, match="what random_bytes gives must be bytes-like, not str"):
        expire(ws)
    assert pinged(ws) == KEEPALIVE


# The end


@each_role
def test_a_close_that_is_not_answered_in_time(role: Role) -> None:
    ws = timed(role)
    pinged(ws)
    ws.send_bytes(bytes(100_000))
    ws.close(1001, "away", now=130)
    assert ws.next_deadline() == 140
    text = "the Close frame was not answered within 10 seconds"
    assert list(ws.receive_data(frame_to(role, FIN | PING), 139)) == [Ping()]
    offset = ws.bytes_parsed
    ws.data_to_send()
    assert expire(ws) == [CloseConnection(1006, text, CloseSource.LOCAL)]
    assert ws.error == ClosingTimeout(text, section="RFC 6455 section 5.5.1", offset=offset)
    assert ws.close_code == 1006
    assert ws.finished
    assert ws.pending_bytes == 0
    assert ws.next_deadline() is None


@each_role
def test_pongs_do_not_hold_up_the_closing_handshake(role: Role) -> None:
    ws = timed(role, liveness="any_data")
    payload = pinged(ws)
    ws.close(now=121)
    assert list(ws.receive_data(answer(ws, payload), 125)) == [Pong(payload, 5, True)]
    assert ws.next_deadline() == 131


def test_a_user_who_has_to_answer_a_close_is_not_waited_for() -> None:
    for role in ROLES:
        assert remote_closing(role, now=0).next_deadline() is None


def test_a_client_waits_for_the_end_of_the_stream_only_so_long() -> None:
    client = local_closing(Role.CLIENT, now=100)
    close = frame_to(Role.CLIENT, FIN | CLOSE, close_payload(1001))
    [event] = client.receive_data(close, 105)
    assert event == CloseConnection(1001, "", CloseSource.PEER)
    assert client.next_deadline() == 115
    assert not client.finished
    assert list(client.handle_timeout(114)) == []
    assert not client.finished
    assert expire(client) == []
    assert client.finished
    assert (client.close_code, client.error) == (1001, None)
    assert client.next_deadline() is None


def test_the_answer_to_a_close_can_still_be_sent_when_the_wait_is_over() -> None:
    client = timed(Role.CLIENT)
    list(client.receive_data(frame_to(Role.CLIENT, FIN | CLOSE), 105))
    assert expire(client) == []
    assert client.finished
    assert frames_out(client) == [(FIN | CLOSE, b"")]


def test_a_server_that_has_closed_waits_for_nothing() -> None:
    assert closed(Role.SERVER, now=100).next_deadline() is None


@each_role
def test_a_timeout_that_is_none_never_passes(role: Role) -> None:
    off = Timeouts(opening=None, closing=None, ping=None, pong=None, eof=None)
    for make in MAKERS.values():
        ws = make(role, timeouts=off, now=0)
        assert ws.next_deadline() is None
        before = snapshot(ws)
        assert [e for e in ws.handle_timeout(1e9) if not isinstance(e, Request)] == []
        assert snapshot(ws) == before


@each_role
def test_after_the_end_nothing_happens(role: Role) -> None:
    ws = timed(role)
    pinged(ws)
    assert len(expire(ws)) == 1
    ws.data_to_send()
    before = snapshot(ws)
    frames = frame_to(role, FIN | TEXT, b"hi")
    for call in (
        lambda: ws.handle_timeout(1e6),
        lambda: ws.receive_data(frames, 1e6),
        lambda: ws.receive_eof(1e6),
        lambda: ws.receive_reset(1e6),
        lambda: ws.handle_timeout(1e7),
    ):
        assert list(call()) == []
        assert ws.next_deadline() is None
        assert snapshot(ws) == before


def test_time_may_begin_after_the_end() -> None:
    ws = closed(Role.SERVER)
    assert list(ws.handle_timeout(1)) == []
    assert ws.next_deadline() is None
