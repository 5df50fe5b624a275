"""Both sides on a virtual clock, for hours at a time, over networks of every kind."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from effort import examples
from hypothesis import given
from hypothesis import strategies as st
from simulation import Simulation, everything, pongs
from wire import CLOSE, FIN, PING, PONG, ROLES, TEXT, RawFrame, frame_to, frames_out

from wsproto_core import (
    AcceptConnection,
    ClientConnection,
    CloseConnection,
    CloseSource,
    Connection,
    ConnectionState,
    Event,
    HandshakeFailed,
    LocalProtocolError,
    OpeningTimeout,
    Ping,
    Pong,
    PongTimeout,
    Request,
    Role,
    ServerConnection,
    TextMessage,
    Timeouts,
)

HOUR = 3600.0
START = 1000.0


def handshaking(role: Role, **options: Any) -> Connection:
    if role is Role.CLIENT:
        return ClientConnection("ws://example.com/", **options)
    return ServerConnection(**options)


def ends(events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, (CloseConnection, HandshakeFailed))]


def test_an_hour_without_a_message() -> None:
    began = time.process_time()
    net = Simulation(handshaking)
    net.run(START + HOUR)
    assert time.process_time() - began < 0.5
    for role in ROLES:
        assert net[role].state is ConnectionState.OPEN
        assert net[role].latency == pytest.approx(0.1)
        opening, *events = net.events(role)
        assert isinstance(opening, (AcceptConnection, Request))
        answers = [event for event in events if isinstance(event, Pong)]
        assert all(pong.keepalive for pong in answers)
        # Each ping goes out 20 s after the answer to the one before: 20.1 s apart.
        assert len(answers) == 179
        assert len({pong.payload for pong in answers}) == len(answers)
        assert 178 <= len([event for event in events if isinstance(event, Ping)]) <= 180
        assert len(events) == len(answers) + len([e for e in events if isinstance(e, Ping)])


def test_an_hour_with_something_to_hear_needs_no_pings() -> None:
    net = Simulation(liveness="any_data")
    hello = frame_to(Role.SERVER, FIN | TEXT, b"hello")
    for second in range(0, 3600, 15):
        net.run(START + second)
        net.now = START + second
        net.take(Role.SERVER, net[Role.SERVER].receive_data(hello, net.now))
    # The client hears nothing but the answers to its pings.
    assert {type(event) for event in net.events(Role.SERVER)} == {TextMessage, Ping}
    assert {type(event) for event in net.events(Role.CLIENT)} == {Pong}


@pytest.mark.parametrize("liveness", ["pong", "any_data"])
def test_a_peer_that_falls_silent_is_noticed_within_ping_and_pong_together(liveness: str) -> None:
    net = Simulation(liveness=liveness, loses=lambda when, *_: when > START + 100)
    net.run()
    for role in ROLES:
        [end] = ends(net.events(role))
        assert end == CloseConnection(1011, "no pong within 20 seconds", CloseSource.LOCAL)
        assert isinstance(net[role].error, PongTimeout)
        when = next(seen.when for seen in net.trace if seen.what == end)
        assert START + 100 < when <= START + 100 + 40.2


def test_lost_pongs_fail_both_sides_unless_any_data_will_do() -> None:
    strict = Simulation(loses=pongs)
    strict.run()
    assert [type(strict[role].error) for role in ROLES] == [PongTimeout] * 2
    lenient = Simulation(loses=pongs, liveness="any_data")
    lenient.run(START + HOUR)
    # Each hears the pings of the other.
    assert [lenient[role].state for role in ROLES] == [ConnectionState.OPEN] * 2


def test_an_opening_that_is_lost_fails_both_sides() -> None:
    net = Simulation(handshaking, loses=everything)
    net.run()
    for role in ROLES:
        [end] = net.events(role)
        assert isinstance(end, HandshakeFailed)
        assert isinstance(end.error, OpeningTimeout)
        assert net[role].finished
    heads = [seen for seen in net.trace if isinstance(seen.what, RawFrame)]
    assert [seen.when for seen in heads] == [START, START + 10]
    assert [seen.role for seen in heads] == [Role.CLIENT, Role.SERVER]


@pytest.mark.parametrize("closer", ROLES)
def test_a_close_that_is_lost_ends_with_1006(closer: Role) -> None:
    net = Simulation(loses=lambda _when, _role, frame: frame.first == FIN | CLOSE)
    net[closer].close(now=net.now)
    net.flush(closer)
    net.run()
    [end] = ends(net.events(closer))
    assert isinstance(end, CloseConnection)
    assert (end.code, end.source) == (1006, CloseSource.LOCAL)
    [other] = ends(net.events(closer.peer))
    assert other == CloseConnection(1006, "", CloseSource.TRANSPORT)


@pytest.mark.parametrize("closer", ROLES)
def test_a_closing_handshake_takes_no_timer(closer: Role) -> None:
    net = Simulation()
    net[closer].close(now=net.now)
    net.flush(closer)
    net.run()
    assert net.now == pytest.approx(START + (0.15 if closer is Role.SERVER else 0.1), abs=0.06)
    for role in ROLES:
        assert ends(net.events(role)) == [CloseConnection(1000, "", CloseSource.PEER)]
        assert net[role].finished


@pytest.mark.parametrize("loses", [pongs, everything])
@pytest.mark.parametrize("seed", range(10))
def test_the_trace_is_the_same_when_nothing_is_told_again_and_again(seed: int, loses: Any) -> None:
    def late(when: float, *what: Any) -> bool:
        lost: bool = when > START + 600 and loses(when, *what)
        return lost

    def trace(spurious: random.Random | None) -> list[Any]:
        delay = random.Random(seed)
        net = Simulation(
            handshaking, delay=lambda: delay.uniform(0, 3), loses=late, spurious=spurious
        )
        net.run(START + HOUR)
        return net.trace

    assert trace(random.Random(seed)) == trace(None)


# Any order of anything


class Caller:
    """Does with one connection what it is told to, and checks what must always hold."""

    def __init__(self, role: Role, options: dict[str, Any]) -> None:
        source = random.Random(1).randbytes
        self.ws = Connection(role, random_bytes=source, **options)
        self.now = 100.0
        self.latest: float | None = None
        self.ends = 0
        self.pings: list[bytes] = []

    def time(self, step: float | None) -> float | None:
        if step is None:
            return None
        self.now += step
        self.latest = self.now if self.latest is None else max(self.latest, self.now)
        return self.now

    def take(self, count: int | None) -> None:
        events = self.ws.events()
        while count is None or count > 0:
            event = next(events, None)
            if event is None:
                break
            self.ends += isinstance(event, CloseConnection)
            if isinstance(event, Pong) and event.latency is not None:
                assert event.latency >= 0
                assert event.latency == self.ws.latency
            count = None if count is None else count - 1

    def act(self, what: str, payload: bytes, now: float | None) -> None:
        ws = self.ws
        if what == "data":
            ws.receive_data(payload, now)
        elif what == "pong":
            ws.receive_data(frame_to(ws.role, FIN | PONG, (self.pings or [payload])[-1]), now)
        elif what == "end":
            ws.receive_eof(now)
        elif what == "timeout":
            if now is not None:
                ws.handle_timeout(now)
        else:
            try:
                ws.ping(payload, now=now) if what == "ping" else ws.close(now=now)
            except LocalProtocolError:
                assert ws.state is not ConnectionState.OPEN

    def look(self) -> None:
        deadline = self.ws.next_deadline()
        assert self.ends <= 1
        assert deadline is None or self.latest is not None
        if self.ws.finished:
            assert deadline is None
        for first, payload in frames_out(self.ws):
            if first == FIN | PING:
                self.pings.append(payload)

    def handle(self) -> None:
        """Come when it is due, or now, and take all: then no deadline is in the past, and
        none is missing where one must be."""
        self.take(None)
        due = [each for each in (self.ws.next_deadline(), self.latest) if each is not None]
        if not due:
            return
        when = max(due)
        self.time(when - self.now)
        self.ws.handle_timeout(when)
        self.take(None)
        deadline = self.ws.next_deadline()
        assert deadline is None or deadline > when
        running = not self.ws.finished and self.ws.state is not ConnectionState.REMOTE_CLOSING
        assert (deadline is not None) is running


steps = st.tuples(
    st.sampled_from(["data", "pong", "pong", "end", "timeout", "timeout", "ping", "close"]),
    st.sampled_from([b"", b"a", b"\x81", frame_to(Role.CLIENT, FIN | TEXT, b"hi")])
    | st.just(frame_to(Role.CLIENT, FIN | CLOSE)),
    st.none() | st.floats(-30, 60) | st.sampled_from([0.0, 10.0, 20.0, -20.0]),
    st.sampled_from([None, None, 0, 1]),
    st.booleans(),
)


@examples(400)
@given(
    drawn=st.lists(steps, max_size=25),
    role=st.sampled_from(ROLES),
    options=st.fixed_dictionaries(
        {
            "liveness": st.sampled_from(["pong", "any_data"]),
            "timeouts": st.sampled_from(
                [Timeouts(), Timeouts(pong=None), Timeouts(3, 30, 7, 1, 2)]
            ),
            "auto_close": st.booleans(),
        }
    ),
)
def test_whatever_happens_no_deadline_is_lost_or_past(
    drawn: list[Any], role: Role, options: dict[str, Any]
) -> None:
    caller = Caller(role, options)
    for what, payload, step, count, handles in drawn:
        caller.act(what, payload, caller.time(step))
        caller.take(count)
        caller.look()
        if handles:
            caller.handle()
            caller.look()
    for _ in range(4):  # at the most a ping, its pong, the closing handshake, the end
        caller.handle()
        caller.look()


@examples(200)
@given(
    drawn=st.lists(steps, max_size=20),
    role=st.sampled_from(ROLES),
    liveness=st.sampled_from(["pong", "any_data"]),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
)
def test_how_data_is_cut_changes_nothing(
    drawn: list[Any], role: Role, liveness: str, sizes: list[int]
) -> None:
    def events(cut: bool) -> Any:
        ws = Connection(role, liveness=liveness, random_bytes=random.Random(1).randbytes, now=100)  # type: ignore[arg-type]
        seen: list[Any] = []
        now = 100.0
        for what, payload, step, _, _ in drawn:
            now += step or 0.0
            if what == "data":
                data = frame_to(role, FIN | PING, payload) if len(payload) < 2 else payload
                while data:
                    size = sizes[len(data) % len(sizes)] if cut else len(data)
                    seen += ws.receive_data(data[:size], now)
                    data = data[size:]
            else:
                seen += ws.handle_timeout(now)
            seen.append(ws.next_deadline())
        return seen, ws.data_to_send()

    assert events(True) == events(False)
