"""Time and events: clocks that are wrong, calls that come early or late, events taken late."""

from __future__ import annotations

from typing import Any

import pytest
from expect import measure, snapshot
from timed import answer, expire, pinged, timed
from wire import (
    CLOSE,
    FIN,
    PING,
    REQUEST,
    ROLES,
    TEXT,
    asked,
    connection,
    fixed_random,
    frame_to,
    frames_out,
    new_client,
    response,
)

from wsproto_core import (
    ClientConnection,
    CloseConnection,
    CloseSource,
    Connection,
    LocalProtocolError,
    Ping,
    Pong,
    RejectData,
    Request,
    Role,
    ServerConnection,
    TextMessage,
)

each_role = pytest.mark.parametrize("role", ROLES)


# The clock


@each_role
def test_early_late_and_repeated_calls(role: Role) -> None:
    ws = timed(role)
    for when in (100, 119.999, -5, 119.999):
        assert list(ws.handle_timeout(when)) == []
        assert ws.next_deadline() == 120
        assert not ws.pending_bytes
    assert list(ws.handle_timeout(3600)) == []  # the machine was asleep
    assert [first for first, _ in frames_out(ws)] == [FIN | PING]
    assert ws.next_deadline() == 3620
    assert list(ws.handle_timeout(3600)) == []
    assert not ws.pending_bytes
    assert ws.next_deadline() == 3620


def test_a_clock_that_steps_back_stands_still() -> None:
    ws = timed()
    list(ws.receive_data(b"", 110))
    ws.ping(b"p", now=50)
    assert list(ws.receive_data(answer(ws, b"p"), 60)) == [Pong(b"p", 0)]
    ws.close(now=70)
    assert ws.next_deadline() == 120


def test_without_now_it_is_as_late_as_it_was() -> None:
    ws = timed()
    list(ws.receive_data(b"", 110))
    ws.ping(b"p")
    assert list(ws.receive_data(answer(ws, b"p"))) == [Pong(b"p", 0)]
    ws.close()
    assert ws.next_deadline() == 120
    list(ws.receive_eof())
    assert ws.close_code == 1006


WRONG: list[tuple[Any, type[Exception], str]] = [
    ("5", TypeError, "now must be a number of seconds, not str"),
    (True, TypeError, "now must be a number of seconds, not bool"),
    (1j, TypeError, "now must be a number of seconds, not complex"),
    (float("nan"), ValueError, "now must be finite"),
    (float("-inf"), ValueError, "now must be finite"),
    (10**400, ValueError, "now must be finite"),
]


@pytest.mark.parametrize(("now", "error", "text"), WRONG)
@pytest.mark.parametrize("start", [None, 100])
def test_a_time_that_is_none_changes_nothing(
    start: int | None, now: Any, error: type[Exception], text: str
) -> None:
    ws = connection(now=start)
    hello = frame_to(ws.role, FIN | TEXT, b"hi")
    for call in (
        lambda: ws.receive_data(hello, now),
        lambda: ws.receive_eof(now),
        lambda: ws.receive_reset(now),
        lambda: ws.handle_timeout(now),
        lambda: ws.send(TextMessage("hi"), now),
        lambda: ws.ping(now=now),
        lambda: ws.close(now=now),
    ):
        before = (snapshot(ws), ws.next_deadline())
        with pytest.raises(error, match=text):
            call()
        assert (snapshot(ws), ws.next_deadline()) == before
        assert list(ws.events()) == []
    server = asked()
    for answer_ in (server.accept, server.reject):
        with pytest.raises(error, match=text):
            answer_(now=now)
    with pytest.raises(error, match=text):
        ServerConnection(now=now)


@pytest.mark.parametrize("start", [None, 100])
def test_a_deadline_is_handled_at_a_time(start: int | None) -> None:
    ws = connection(now=start)
    with pytest.raises(TypeError, match="now must be a number of seconds, not NoneType"):
        ws.handle_timeout(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [ServerConnection, Connection, ClientConnection])
def test_options_of_the_wrong_kind(make: Any) -> None:
    first = {Connection: [Role.CLIENT], ClientConnection: ["ws://localhost"]}.get(make, [])
    with pytest.raises(TypeError, match="timeouts must be Timeouts, not int"):
        make(*first, timeouts=5)
    with pytest.raises(ValueError, match="liveness must be 'pong' or 'any_data', not 'ping'"):
        make(*first, liveness="ping")


def test_time_goes_on_where_an_event_is_refused() -> None:
    ws = timed()
    with pytest.raises(LocalProtocolError):
        ws.close(999, now=110)
    assert ws.next_deadline() == 120
    ws.close()
    assert ws.next_deadline() == 120
    assert list(ws.receive_data(b"", 115)) == []


# Events are taken in order, deadlines among them


def test_a_pong_that_came_in_time_counts_however_late_it_is_taken() -> None:
    ws = timed()
    payload = pinged(ws)
    pong = answer(ws, payload)
    ws.receive_data(pong[:3], 138)
    ws.receive_data(pong[3:], 139)
    assert ws.next_deadline() == 140
    for when in (140, 150):
        ws.handle_timeout(when)
        assert ws.next_deadline() is None  # it has passed, so far as is known
    assert list(ws.events()) == [Pong(payload, 19, True)]
    assert ws.next_deadline() == 159
    assert not ws.finished


def test_a_pong_that_came_too_late_does_not_count() -> None:
    ws = timed()
    payload = pinged(ws)
    ws.handle_timeout(140)
    ws.receive_data(answer(ws, payload), 140.5)
    [end] = ws.events()
    assert end == CloseConnection(1011, "no pong within 20 seconds", CloseSource.LOCAL)


def test_a_late_pong_counts_where_the_deadline_was_not_looked_at() -> None:
    ws = timed()
    payload = pinged(ws)
    assert list(ws.receive_data(answer(ws, payload), 150)) == [Pong(payload, 30, True)]
    assert ws.next_deadline() == 170


def test_each_piece_counts_from_when_it_came() -> None:
    ws = timed()
    for when, payload in ((101, b"a"), (102, b"b"), (103, b"c")):
        ws.ping(payload, now=when)
    for when, payload in ((110, b"a"), (120, b"b"), (130, b"c")):
        ws.receive_data(answer(ws, payload), when)
    assert list(ws.events()) == [Pong(b"a", 9), Pong(b"b", 18), Pong(b"c", 27)]


def test_pieces_that_come_at_one_time_need_not_wait_for_each_other() -> None:
    ws = timed()
    ws.receive_data(frame_to(Role.SERVER, FIN | TEXT, b"one"), 101)
    ws.receive_data(frame_to(Role.SERVER, FIN | TEXT, b"two"), 101)
    assert list(ws.events()) == [TextMessage("one"), TextMessage("two")]


@pytest.mark.parametrize("end", ["receive_eof", "receive_reset"])
def test_the_end_of_the_transport_comes_behind_what_came_before_it(end: str) -> None:
    ws = timed()
    payload = pinged(ws)
    ws.receive_data(frame_to(Role.SERVER, FIN | TEXT, b"hi"), 130)
    ws.receive_data(answer(ws, payload), 135)
    getattr(ws, end)(139)
    ws.handle_timeout(141)
    ws.receive_data(b"ignored", 142)
    assert list(ws.events()) == [
        TextMessage("hi"),
        Pong(payload, 15, True),
        CloseConnection(1006, "", CloseSource.TRANSPORT),
    ]
    assert list(ws.events()) == []
    assert ws.finished


def test_a_deadline_that_passed_before_the_end_of_the_transport_goes_first() -> None:
    ws = timed()
    pinged(ws)
    ws.handle_timeout(140)
    ws.receive_eof(141)
    [end] = ws.events()
    assert end.code == 1011  # type: ignore[attr-defined]
    assert list(ws.events()) == []


def test_the_end_of_the_transport_goes_before_a_deadline_that_passed_later() -> None:
    ws = timed()
    pinged(ws)
    ws.receive_eof(139)
    ws.handle_timeout(140)
    assert list(ws.events()) == [CloseConnection(1006, "", CloseSource.TRANSPORT)]


def test_a_broken_transport_leaves_the_body_that_waits() -> None:
    client = new_client(now=0)
    head = response("Content-Length: 10", line="HTTP/1.1 404 Not Found")
    client.receive_data(head, 1)
    client.receive_data(b"12345", 2)
    client.receive_reset(3)
    assert list(client.events())[1:] == [RejectData(b"12345", truncated=True)]


def test_a_request_that_came_in_time_counts_however_late_it_is_taken() -> None:
    server = ServerConnection(now=0)
    server.receive_data(REQUEST, 9)
    server.handle_timeout(10)
    [event] = server.events()
    assert isinstance(event, Request)


def test_a_ping_counts_from_when_it_can_leave() -> None:
    ws = timed(random_bytes=fixed_random)
    ws.handle_timeout(120)
    ws.handle_timeout(130)
    list(ws.receive_data(b"", 150))
    assert [first for first, _ in frames_out(ws)] == [FIN | PING]
    assert ws.next_deadline() == 170
    pong = answer(ws, fixed_random(8))
    assert list(ws.receive_data(pong, 151)) == [Pong(fixed_random(8), 1, True)]


def test_only_a_call_for_it_lets_a_deadline_pass() -> None:
    ws = timed()
    ws.handle_timeout(119)
    list(ws.receive_data(b"", 125))
    assert not ws.pending_bytes
    assert ws.next_deadline() == 120


def test_silence_is_counted_from_when_the_last_data_came() -> None:
    ws = timed(liveness="any_data")
    for when in (105, 110, 115):
        ws.receive_data(frame_to(Role.SERVER, FIN | PING), when)
    ws.ping(now=130)
    assert list(ws.events()) == [Ping()] * 3
    assert ws.next_deadline() == 135


def test_a_deadline_ahead_of_the_time_that_was_told_is_still_to_come() -> None:
    ws = timed()
    ws.receive_data(frame_to(Role.SERVER, FIN | TEXT, b"hi"), 110)
    ws.handle_timeout(119)
    assert ws.next_deadline() == 120
    assert list(ws.events()) == [TextMessage("hi")]
    assert expire(ws) == []
    assert ws.pending_bytes


@each_role
def test_what_waits_behind_the_end_is_dropped(role: Role) -> None:
    ws = timed(role)

    def end() -> None:
        ws.receive_data(frame_to(role, FIN | CLOSE), 101)
        ws.receive_data(bytes(100_000), 102)
        ws.receive_eof(103)
        ws.handle_timeout(104)
        assert next(ws.events()) == CloseConnection(1005, "", CloseSource.PEER)

    kept, _ = measure(end)
    assert kept < 10_000
    assert list(ws.events()) == []
    assert ws.finished


def test_calls_that_are_not_followed_up_take_no_memory() -> None:
    ws = timed()

    def call() -> None:
        for number in range(1000):
            ws.handle_timeout(120 + number)

    kept, _ = measure(call)
    assert kept < 10_000


@each_role
def test_after_the_end_nothing_is_kept(role: Role) -> None:
    ws = timed(role)

    def end() -> None:
        for number in range(64):
            ws.ping(bytes([number]) * 125)
        list(ws.receive_data(frame_to(role, FIN | CLOSE), 101))
        ws.data_to_send()

    assert measure(end)[0] < 5_000
    list(ws.receive_eof(102))

    def go_on() -> None:
        for when in range(103, 203):
            ws.receive_data(bytes(1000), when)
            ws.handle_timeout(when)
            ws.receive_eof(when)

    assert measure(go_on)[0] < 1_000
    assert ws.finished


def test_a_connection_that_knows_the_time_is_not_much_larger() -> None:
    made = []

    def make() -> None:
        made.extend(Connection(Role.SERVER, now=0) for _ in range(100))

    def make_timeless() -> None:
        made.extend(Connection(Role.SERVER) for _ in range(100))

    make()
    assert measure(make)[0] - measure(make_timeless)[0] < 100 * 400
