"""The receiving half of a connection: bytes and the time in, events out.

This is where the state table, the reader and the writer meet, and where it is decided
what a ping, a close, a violation, a deadline or the end of the transport brings about.
How the connection came to be open is the business of the client's and the server's
modules.
"""

# pyright: reportPrivateUsage=false
# What stands beside a class here shares what is private to it.

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NoReturn

from .codes import MAX_CONTROL_PAYLOAD, CloseCode, Opcode, Role
from .config import Limits, Timeouts
from .events import (
    AcceptConnection,
    CloseConnection,
    CloseSource,
    Event,
    HandshakeFailed,
    Message,
    Ping,
    Pong,
    RejectConnection,
)
from .exceptions import HandshakeError, LocalProtocolError, RemoteProtocolError, detach
from .extensions.base import Extension
from .inlined import iterate as iterate_inlined
from .masking import COMPILED
from .masking_keys import MaskingKeys
from .message_reader import MessageReader
from .sender import Sender
from .state import TRANSITIONS, Action, ConnectionState
from .timers import HeaderList, Mark, Timer, as_time
from .types import BytesLike, Delivery, Liveness, RandomBytes, Subprotocol, as_bytes

__all__ = ["Endpoint"]

_NO_EVENTS: Final[Iterator[Event]] = iter(())
"""For input that brings none. An iterator that has come to its end stays there."""

_KEEPALIVE_SIZE: Final = 8
"""Bytes of a keepalive ping: nobody guesses them, and no user picks the same."""


class Endpoint(Sender):
    """One side of a connection: `Connection`, but for how one is made."""

    __slots__ = (
        "_auto_close",
        "_auto_pong",
        "_chunks",
        "_limits",
        "_random_bytes",
        "_reader",
        "_reading",
        "error",
        "extensions",
        "response",
        "subprotocol",
    )

    def _configure(
        self,
        role: Role,
        limits: Limits,
        delivery: Delivery,
        auto_pong: bool,
        auto_close: bool,
        random_bytes: RandomBytes,
        timeouts: Timeouts,
        liveness: Liveness,
        now: float | None,
    ) -> None:
        if getattr(self, "_output", None) is not None:
            # In a callback of the user's, what is to be replaced may be at work.
            raise LocalProtocolError("a connection is initialized once: make a new one")
        if delivery not in ("message", "chunk"):
            raise ValueError(f"delivery must be 'message' or 'chunk', not {delivery!r}")
        if not isinstance(limits, Limits):
            raise TypeError(f"limits must be Limits, not {type(limits).__name__}")
        if not isinstance(timeouts, Timeouts):
            raise TypeError(f"timeouts must be Timeouts, not {type(timeouts).__name__}")
        if liveness not in ("pong", "any_data"):
            raise ValueError(f"liveness must be 'pong' or 'any_data', not {liveness!r}")
        self._prepare(role, limits, timeouts, liveness == "any_data", now)
        self.response: AcceptConnection | RejectConnection | None = None
        self.subprotocol: Subprotocol | None = None
        self.extensions: tuple[Extension, ...] = ()
        self.error: RemoteProtocolError | None = None
        self._limits = limits
        self._chunks = delivery == "chunk"
        self._auto_pong = bool(auto_pong)
        self._auto_close = bool(auto_close)
        self._random_bytes = random_bytes
        self._reading = False

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled")

    def _open(self, extensions: tuple[Extension, ...], offset: int) -> None:
        """Make ready for frames; the first is at `offset` in the peer's stream."""
        codecs = tuple([extension.codec(self.role) for extension in extensions])
        self.extensions = extensions
        rsv = sum([extension.rsv for extension in extensions])
        self._reader = MessageReader(self.role, codecs, rsv, self._limits, self._chunks, offset)
        keys = MaskingKeys(self._random_bytes) if self.role is Role.CLIENT else None
        self._output.open(codecs, keys)

    # Bytes and the time in, events out

    def receive_data(self, data: BytesLike, now: float | None = None) -> Iterator[Event]:
        """Take what the transport received, and go on with `events`.

        Any bytes-like object will do; an empty one does nothing, and neither does any
        once the connection is over. `now` tells the time, see `next_deadline`.

        Raises:
            TypeError: `data` is not bytes-like, or `now` is not a number.
            ValueError: `now` is not finite.
        """
        if type(data) is not bytes:
            data = as_bytes(data, "data")
        if now is not None or self._timers is not None:
            if self._admit(data, now):
                self._feed(data)
        elif data and self._reading and not self._eof:  # as `_feed` does
            reader = self._reader
            if reader._payload is None:  # as `take` does, without the time that a call takes
                reader.feed(data)
            elif not reader.take(data):
                return _NO_EVENTS
        elif data:
            self._feed(data)
        return _iterate(self)

    def receive_eof(self, now: float | None = None) -> Iterator[Event]:
        """Take note that the peer will send nothing more, and go on with `events`.

        No WebSocket peer half-closes and still waits for an answer: once what came before
        is taken, the connection is over in every state. `now` tells the time, see
        `next_deadline`.

        Raises:
            TypeError: `now` is not a number.
            ValueError: `now` is not finite.
        """
        if (now is None and self._timers is None) or self._admit(Mark.EOF, now):
            self._eof = True
        return _iterate(self)

    def receive_reset(self, now: float | None = None) -> Iterator[Event]:
        """Take note that the transport broke, and go on with `events`.

        What came before still counts. What waits to be sent is dropped, and so is what
        the events still bring about, your answers to them included. `now` tells the time,
        see `next_deadline`.

        Raises:
            TypeError: `now` is not a number.
            ValueError: `now` is not finite.
        """
        events = self.receive_eof(now)
        self._reset = True
        self._output.drain_all()
        return events

    def handle_timeout(self, now: float) -> Iterator[Event]:
        """Take note that it is `now`, and go on with `events`.

        If that is as late as `next_deadline`, what is due then is done, once all that was
        received before is taken: a keepalive ping is sent, or the connection ends. Too
        early, once more, or after the end nothing is done.

        Raises:
            TypeError: `now` is not a number.
            ValueError: `now` is not finite.
        """
        self._admit(Mark.TIMEOUT, as_time(now))
        return _iterate(self)

    def events(self) -> Iterator[Event]:
        """The events that are due, each parsed when it is asked for.

        Events that are not taken are not lost: they come first the next time. Nothing
        happens, no ping is answered, until they are taken. An iterator that has come to its
        end stays there, and one that let through an error of your own code may: what comes
        then, a new one gives.
        """
        return _iterate(self)

    def _next_event(self) -> Event | None:
        """The next event that is not a message in one piece; None when there is none."""
        while True:
            if self._reading:
                reader = self._reader
                if not reader.needs_input():
                    try:
                        event = reader.read()
                    except RemoteProtocolError as error:
                        return self._fail(error)
                    if event is not None:
                        return event if isinstance(event, Message) else self._receive_control(event)
            else:
                assert isinstance(self.state, ConnectionState), "__init__ was not called"
                opening = self._next_opening_event()
                if opening is not None:
                    return opening
            if self._eof and not self._finished:
                return self._lose()
            if self._timers is None:
                return None
            waiting = self._timers.take()
            if waiting is None:
                return None
            if isinstance(waiting, bytes):
                self._feed(waiting)
            elif isinstance(waiting, HeaderList):
                self._feed_headers(waiting)
            elif waiting is Mark.EOF:
                self._eof = True
            else:
                ending = self._handle_passed()
                if ending is not None:
                    return ending

    def _admit(self, what: bytes | Mark, now: float | None) -> bool:
        """Whether `what` can be taken at once; nothing is taken after the end."""
        timers = self._tell(now)
        return bool(what) and not self._finished and timers.admit(what)

    def _feed(self, data: bytes) -> None:
        if not self._eof:
            if self._reading:
                self._reader.take(data)
            else:
                self._feed_opening(data)

    @property
    def bytes_parsed(self) -> int:
        """How many bytes of the peer's stream, from its first one on, were parsed: for the
        events taken so far, and of a message that is unfinished. After a failure: the offset
        of `error`."""
        if self.error is not None and self.error.offset is not None:
            return self.error.offset
        return self._stream_offset()

    def _stream_offset(self) -> int:
        return self._reader.offset

    def _feed_opening(self, data: bytes) -> None:
        """Take data that is not frames; ignored once the opening handshake is over."""

    def _feed_headers(self, head: HeaderList) -> None:
        """Take a header list; only a client on a stream gets any."""

    def _next_opening_event(self) -> Event | None:
        """The next event of the opening handshake; None when there is none."""
        return None

    def _fail_opening(self, error: HandshakeError) -> HandshakeFailed:
        if error.offset is None:
            error.offset = self._stream_offset()
        self.error = error
        detach(error)
        self._apply(Action.FAIL)
        self._finish()
        return HandshakeFailed(error)

    def _refuse(self, error: HandshakeError) -> HandshakeFailed:
        """Fail the opening handshake, and answer where there is somebody to answer."""
        return self._fail_opening(error)

    def _handle_passed(self) -> Event | None:
        """Do what is due, if the deadline has passed."""
        timers = self._timers
        assert timers is not None
        timer = timers.passed()
        if timer is None:
            return None
        if timer is Timer.PING:
            payload = as_bytes(self._random_bytes(_KEEPALIVE_SIZE), "what random_bytes gives")
            if len(payload) != _KEEPALIVE_SIZE:
                raise ValueError(
                    f"random_bytes gave {len(payload)} bytes instead of {_KEEPALIVE_SIZE}"
                )
            self._output.write_control(Opcode.PING, payload)
            timers.note_keepalive(payload)
            return None
        error = timers.error(timer)
        if error is None:  # as if the transport had ended, of which we waited for the end
            self._eof = True
            # As if it broke: a rejection's body is not whole; a stream is reset by us, and
            # what waits for room in its window will never leave.
            self._reset = self._reset or self._on_stream or timer is Timer.REJECTION
            return None
        error.offset = self._stream_offset()
        return self._refuse(error) if isinstance(error, HandshakeError) else self._fail(error)

    def _receive_control(self, event: Ping | Pong | CloseConnection) -> Event:
        if isinstance(event, Ping):
            if self._auto_pong:
                self._output.write_automatic_pong(event.payload)
        elif isinstance(event, Pong):
            if self._timers is not None:
                answer = self._timers.acknowledge(event.payload)
                if answer is not None:
                    return Pong(event.payload, *answer)
        else:
            self._apply(Action.RECEIVE_CLOSE)
            self.close_code = event.code
            self.close_reason = event.reason
            if self._auto_close and self.state is ConnectionState.REMOTE_CLOSING:
                self._send_close(event.response())
        return event

    def _fail(self, error: RemoteProtocolError) -> Event:
        """Fail the WebSocket connection (RFC 6455 section 7.1.7)."""
        if error.offset is None:
            error.offset = self._reader.payload_offset
        self.error = error
        detach(error)
        self.close_code = int(error.close_code)
        self.close_reason = _fit_reason(str(error))
        if self._next_state(Action.SEND_CLOSE) is not None:
            self._write_close(self.close_code, self.close_reason)
        self._apply(Action.FAIL)
        self._finish()
        return CloseConnection(self.close_code, self.close_reason, CloseSource.LOCAL)

    def _lose(self) -> Event | None:
        """The transport ended: an event of its own, unless it was time for it to end."""
        if self._on_stream and not self._reset and self.state in _OURS_TO_END:
            return None
        self._finished = True
        expected = not self._reading
        if self._next_state(Action.LOSE) is not None:
            self._apply(Action.LOSE)
        if expected:
            return None
        self.close_code = int(CloseCode.ABNORMAL_CLOSURE)
        self.close_reason = ""
        return CloseConnection(self.close_code, "", CloseSource.TRANSPORT)

    def _enter(self, state: ConnectionState) -> None:
        super()._enter(state)
        was_reading = self._reading
        self._reading = Action.RECEIVE_FRAME in TRANSITIONS[state]
        if was_reading and not self._reading:
            self._reader.forget()  # nobody will look at what is left


class Events:
    """Iterates over the events of an endpoint that are due. All that is done to bring them
    about is the endpoint's: any number of iterators go on where the others stopped."""

    __slots__ = ("_endpoint",)

    _endpoint: Endpoint | None  # None at the end

    def __iter__(self) -> Iterator[Event]:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("an iterator over events cannot be copied or pickled")

    def __next__(self) -> Event:
        endpoint = self._endpoint
        if endpoint is None:
            raise StopIteration
        event: Event | None = None
        if endpoint._reading:
            event = endpoint._reader.read_message()
        if event is None:
            event = endpoint._next_event()
            if endpoint._reset:
                endpoint._output.drain_all()
            if event is None:
                self._endpoint = None
                raise StopIteration
        return event


def _iterate(endpoint: Endpoint) -> Iterator[Event]:
    if not COMPILED and endpoint._reading:
        return iterate_inlined(endpoint)
    events = Events.__new__(Events)
    events._endpoint = endpoint
    return events


# Who has ended its side of a stream still reads the rest of a rejection, or our Close.
_OURS_TO_END: Final = (ConnectionState.REJECTING, ConnectionState.REMOTE_CLOSING)


def _fit_reason(text: str) -> str:
    """`text` cut to what a Close frame can carry, between two characters."""
    return text.encode(errors="replace")[: MAX_CONTROL_PAYLOAD - 2].decode(errors="ignore")
