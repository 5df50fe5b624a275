"""What a connection waits for, and until when: every deadline as a row of a table.

Knows states, deadlines and pings, and the input that has to wait for its turn. Does not
know frames, nor what an end looks like; and reads no clock, for time is what callers say.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from typing import Final, NamedTuple

from .codes import Role
from .config import Timeouts
from .exceptions import ClosingTimeout, OpeningTimeout, PongTimeout, RemoteProtocolError
from .headers import Headers
from .state import ConnectionState

__all__ = ["AWAITED", "RULES", "HeaderList", "Mark", "Timer", "Timers", "as_time"]

_MAX_PINGS: Final = 64
"""Pings of which the answer is awaited. A peer that never answers must not make more."""


class Timer(enum.Enum):
    """What there can be a deadline for."""

    __hash__ = object.__hash__  # each member is the only one of its kind

    OPENING = "the other half of the opening handshake"
    REJECTION = "the rest of a rejection's body"
    PING = "the time to send the next keepalive ping"
    PONG = "its pong"
    CLOSING = "the peer's Close frame"
    EOF = "the end of the peer's stream"


AWAITED: Final[dict[ConnectionState, dict[Role, Timer]]] = {
    ConnectionState.CONNECTING: {Role.CLIENT: Timer.OPENING, Role.SERVER: Timer.OPENING},
    ConnectionState.REJECTING: {Role.CLIENT: Timer.REJECTION},
    ConnectionState.OPEN: {Role.CLIENT: Timer.PING, Role.SERVER: Timer.PING},
    ConnectionState.LOCAL_CLOSING: {Role.CLIENT: Timer.CLOSING, Role.SERVER: Timer.CLOSING},
    ConnectionState.REMOTE_CLOSING: {},
    ConnectionState.CLOSED: {Role.CLIENT: Timer.EOF, Role.SERVER: Timer.EOF},
}
"""The timer that starts when a side enters a state; whichever ran before stops. Where there
is none, it is our own user who has to do something."""


class Rule(NamedTuple):
    """How long a timer runs, and the error that its end is; without one it is none."""

    timeout: str
    error: type[RemoteProtocolError] | None = None
    message: str = ""
    section: str = ""


RULES: Final[dict[Timer, Rule]] = {
    Timer.OPENING: Rule(
        "opening",
        OpeningTimeout,
        "the opening handshake was not over within {:g} seconds",
        "RFC 6455 section 4",
    ),
    Timer.REJECTION: Rule("closing"),
    Timer.PING: Rule("ping"),
    Timer.PONG: Rule("pong", PongTimeout, "no pong within {:g} seconds", "RFC 6455 section 5.5.2"),
    Timer.CLOSING: Rule(
        "closing",
        ClosingTimeout,
        "the Close frame was not answered within {:g} seconds",
        "RFC 6455 section 5.5.1",
    ),
    Timer.EOF: Rule("eof"),
}
"""For each timer, the field of `Timeouts` that it goes by, and what its end means."""


class Mark(enum.Enum):
    """Input that is not bytes."""

    EOF = "receive_eof"
    TIMEOUT = "handle_timeout"


class _Ping(NamedTuple):
    payload: bytes
    sent: float
    is_keepalive: bool


class HeaderList(NamedTuple):
    """Input on a stream of HTTP/2 or HTTP/3 that is not bytes either."""

    headers: Headers
    end_stream: bool


class Timers:
    """The one deadline of a connection, the pings that are not answered, and late input.

    A connection awaits one thing at a time, so it never has more than one deadline.

    Input comes with its time. Where earlier input is not taken yet, what comes later has
    to wait, so that everything counts from when it came and not from when it was looked
    at; and so that a deadline passes neither before what came in time nor after what did
    not.
    """

    __slots__ = (
        "_any_data",
        "_arrival",
        "_deadline",
        "_has_untaken",
        "_last_timeout",
        "_pings",
        "_role",
        "_state",
        "_timeouts",
        "_timer",
        "_waiting",
        "clock",
        "latency",
    )

    def __init__(
        self,
        role: Role,
        state: ConnectionState,
        timeouts: Timeouts,
        any_data: bool,
        now: float,
    ) -> None:
        self._role = role
        self._timeouts = timeouts
        self._any_data = any_data  # whether all that comes shows the peer to be there
        self.clock = now  # the latest time that we were told
        self._arrival = now  # when that came which is being taken
        self._has_untaken = False
        # Only while something waits: an empty deque takes more memory than all the rest.
        self._waiting: deque[tuple[float, bytes | Mark | HeaderList]] | None = None
        self._last_timeout = -math.inf  # the latest Mark.TIMEOUT that waits
        self._pings: list[_Ping] = []
        self.latency: float | None = None
        self.enter(state)

    # The deadline

    def enter(self, state: ConnectionState) -> None:
        """Await what is awaited in `state`."""
        self._state = state
        self._start(AWAITED[state].get(self._role), self.clock)
        if state is ConnectionState.CLOSED:
            self._pings.clear()
            marks = [each for each in self._waiting or () if isinstance(each[1], Mark)]
            self._waiting = deque(marks) if marks else None

    def stop(self) -> None:
        """Await nothing more in this state."""
        self._start(None, self.clock)

    def _start(self, timer: Timer | None, since: float) -> None:
        seconds = timer and getattr(self._timeouts, RULES[timer].timeout)
        self._timer = None if seconds is None else timer
        self._deadline: float | None = None if seconds is None else since + seconds

    def next_deadline(self) -> float | None:
        """The deadline, unless the news that it has passed is on its way already."""
        deadline = self._deadline
        return None if deadline is None or deadline <= self._last_timeout else deadline

    def passed(self) -> Timer | None:
        """The timer that has run out by the time of the input that was taken last."""
        if self._deadline is None or self._deadline > self._arrival:
            return None
        return self._timer

    def error(self, timer: Timer) -> RemoteProtocolError | None:
        """What it is that `timer` has run out; None if nobody did anything wrong."""
        rule = RULES[timer]
        if rule.error is None:
            return None
        seconds = getattr(self._timeouts, rule.timeout)
        return rule.error(rule.message.format(seconds), section=rule.section)

    # Input

    def admit(self, what: bytes | Mark | HeaderList) -> bool:
        """Whether `what`, which comes now, can be taken at once; otherwise it is kept."""
        waiting = self._waiting
        if waiting is None:
            if not self._has_untaken and what is not Mark.TIMEOUT:
                self._begin(self.clock, what)
                return True
            waiting = self._waiting = deque()
        elif what is Mark.TIMEOUT and waiting[-1][1] is Mark.TIMEOUT:
            waiting.pop()  # what it would have brought about, the new one does
        waiting.append((self.clock, what))
        if what is Mark.TIMEOUT:
            self._last_timeout = self.clock
        return False

    def take(self) -> bytes | Mark | HeaderList | None:
        """The next input that waits, now that all before it is taken; None if none does."""
        waiting = self._waiting
        if waiting is None:
            self._has_untaken = False
            return None
        moment, what = waiting.popleft()
        if not waiting:
            self._waiting = None
        if what is Mark.TIMEOUT and moment == self._last_timeout:
            self._last_timeout = -math.inf
        self._begin(moment, what)
        return what

    def _begin(self, moment: float, what: bytes | Mark | HeaderList) -> None:
        self._arrival = moment
        self._has_untaken = True
        is_data = self._any_data and not isinstance(what, Mark)
        if is_data and self._state is ConnectionState.OPEN:
            self._start(Timer.PING, moment)

    # Pings

    def note_ping(self, payload: bytes) -> None:
        """A ping of the user's goes out."""
        self._pings.append(_Ping(payload, self.clock, False))
        if len(self._pings) > _MAX_PINGS:
            oldest = 1 if self._pings[0].is_keepalive else 0
            del self._pings[oldest]

    def note_keepalive(self, payload: bytes) -> None:
        """The keepalive ping goes out. One that is unanswered gives way to it."""
        self._pings = [ping for ping in self._pings if not ping.is_keepalive]
        self._pings.append(_Ping(payload, self.clock, True))
        unlimited = self._timeouts.pong is None
        self._start(Timer.PING if unlimited else Timer.PONG, self.clock)

    def acknowledge(self, payload: bytes) -> tuple[float, bool] | None:
        """Take a pong: the round trip in seconds, and whether it answers the keepalive ping.

        It answers the oldest ping with its payload, and those before that one. None if
        there is no such ping: pongs need not be asked for (RFC 6455 section 5.5.3).
        """
        for index, ping in enumerate(self._pings):
            if ping.payload == payload and ping.sent <= self._arrival:
                answered = self._pings[: index + 1]
                del self._pings[: index + 1]
                self.latency = self._arrival - ping.sent
                is_alive = any(each.is_keepalive for each in answered)
                if is_alive and self._state is ConnectionState.OPEN:
                    self._start(Timer.PING, self._arrival)
                return self.latency, ping.is_keepalive
        return None


def as_time(now: object) -> float:
    """`now`, which must be a number of seconds.

    Raises:
        TypeError: it is no number.
        ValueError: it is not finite.
    """
    if not isinstance(now, (int, float)) or isinstance(now, bool):
        raise TypeError(f"now must be a number of seconds, not {type(now).__name__}")
    try:
        moment = float(now)
    except OverflowError:
        moment = math.inf
    if not math.isfinite(moment):
        raise ValueError("now must be finite")
    return moment
