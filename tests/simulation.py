"""Two connections on a virtual clock, and between them a network that is slow and loses things.

Nothing here waits: time jumps from what happens to what happens next.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any, NamedTuple

from wire import PONG, ROLES, RawFrame, frame_from, read_frames

from wsproto_core import Connection, Event, Request, Role, ServerConnection

Loses = Callable[[float, Role, RawFrame], bool]
"""Whether the network loses what a side sends at a time."""


def nothing(when: float, sender: Role, frame: RawFrame) -> bool:
    return False


def everything(when: float, sender: Role, frame: RawFrame) -> bool:
    return True


def pongs(when: float, sender: Role, frame: RawFrame) -> bool:
    return frame.first & 0x0F == PONG


class Seen(NamedTuple):
    """Something that happened: an event of a side, or a frame that it sent."""

    when: float
    role: Role
    what: Event | RawFrame | str


class Simulation:
    """A client and a server.

    A head of the opening handshake is lost if a frame would be. What is lost is gone: there
    is no TCP here that would send it again.

    Args:
        make: makes a side at a time, with random bytes of its own.
        delay: how long what is sent next is on its way, in seconds.
        loses: what the network loses.
        spurious: where it is given, it decides when both sides are told about nothing.
    """

    def __init__(
        self,
        make: Callable[..., Connection] = Connection,
        *,
        delay: Callable[[], float] = lambda: 0.05,
        loses: Loses = nothing,
        spurious: random.Random | None = None,
        start: float = 1000.0,
        **options: Any,
    ) -> None:
        self.now = start
        self.trace: list[Seen] = []
        self.sides = {
            role: make(role, now=start, random_bytes=random.Random(role.value).randbytes, **options)
            for role in ROLES
        }
        self._delay = delay
        self._loses = loses
        self._spurious = spurious
        self._arrivals: list[tuple[float, int, Role, bytes | None]] = []
        self._latest = dict.fromkeys(ROLES, start)
        self._count = 0
        self._closed: set[Role] = set()
        for role in ROLES:
            self.flush(role)

    def __getitem__(self, role: Role) -> Connection:
        return self.sides[role]

    def events(self, role: Role) -> list[Event]:
        return [seen.what for seen in self.trace if seen.role is role and is_event(seen.what)]

    def run(self, until: float = float("inf")) -> None:
        """Go on until that time, or until nothing more can happen."""
        while (when := self.next()) is not None and when <= until:
            self.disturb(when)
            self.now = when
            if self._arrivals and self._arrivals[0][0] <= when:
                _, _, role, data = heapq.heappop(self._arrivals)
                ws = self.sides[role]
                self.take(
                    role, ws.receive_eof(when) if data is None else ws.receive_data(data, when)
                )
            else:
                for role, ws in self.sides.items():
                    if ws.next_deadline() is not None:
                        self.take(role, ws.handle_timeout(when))
            for ws in self.sides.values():
                deadline = ws.next_deadline()
                assert deadline is None or deadline >= when, "a deadline is in the past"

    def next(self) -> float | None:
        """When the next thing happens."""
        times = [ws.next_deadline() for ws in self.sides.values()]
        times += [self._arrivals[0][0] if self._arrivals else None]
        return min((each for each in times if each is not None), default=None)

    def disturb(self, until: float) -> None:
        """Tell both sides the time when there is nothing to do, again and again."""
        if self._spurious is None:
            return
        deadlines = [ws.next_deadline() for ws in self.sides.values()]
        for _ in range(self._spurious.randrange(4)):
            when = self._spurious.uniform(self.now - 1, until)
            for role, ws in self.sides.items():
                if when < until:
                    assert list(ws.handle_timeout(when)) == []
                    self.flush(role)
        assert deadlines == [ws.next_deadline() for ws in self.sides.values()]

    def take(self, role: Role, events: Any) -> None:
        for event in events:
            self.trace.append(Seen(self.now, role, event))
            if isinstance(event, Request):
                ws = self.sides[role]
                assert isinstance(ws, ServerConnection)
                ws.accept(now=self.now)
        self.flush(role)

    def flush(self, role: Role) -> None:
        """Send what is to be sent, and close the transport if it is time to."""
        ws = self.sides[role]
        data = ws.data_to_send()
        if data[:4] in (b"GET ", b"HTTP"):
            head, end, data = data.partition(b"\r\n\r\n")
            if ws.finished:  # what follows is the body of a refusal
                head, end, data = head + end + data, b"", b""
            self._send(role, RawFrame(0, head + end, False), head + end)
        for frame in read_frames(data):
            self._send(role, frame, frame_from(role, frame.first, frame.payload))
        if ws.finished and role not in self._closed:
            self._closed.add(role)
            self.trace.append(Seen(self.now, role, "closed"))
            self._arrive(role.peer, None)

    def _send(self, role: Role, frame: RawFrame, data: bytes) -> None:
        self.trace.append(Seen(self.now, role, frame))
        if not self._loses(self.now, role, frame):
            self._arrive(role.peer, data)

    def _arrive(self, role: Role, data: bytes | None) -> None:
        """Nothing overtakes what was sent before it."""
        self._latest[role] = max(self._latest[role], self.now + self._delay())
        self._count += 1
        heapq.heappush(self._arrivals, (self._latest[role], self._count, role, data))


def is_event(what: object) -> bool:
    return isinstance(what, Event)
