"""The sending half of a connection: events in, bytes out.

Keeps the state and the time, for they say what may be sent and what is waited for. Knows
nothing of what is received.
"""

# pyright: reportPrivateUsage=false
# What stands beside a class here shares what is private to it.

from __future__ import annotations

from typing import Final

from .codes import MAX_CONTROL_PAYLOAD, SENDABLE_CLOSE_CODES, CloseCode, Opcode, Role
from .config import Limits, Timeouts
from .events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    HandshakeFailed,
    Message,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from .exceptions import LocalProtocolError
from .message_writer import MessageWriter
from .state import ADVICE, ROLE_ONLY, TRANSITIONS, Action, ConnectionState, next_state
from .timers import Timers, as_time
from .types import BytesLike, as_bytes

__all__ = ["Sender"]


class Sender:
    """What a side of a connection may do by itself, and until when it waits for the other."""

    __slots__ = (
        "_any_data",
        "_can_send_messages",
        "_eof",
        "_finished",
        "_on_stream",
        "_output",
        "_reset",
        "_timeouts",
        "_timers",
        "close_code",
        "close_reason",
        "request",
        "role",
        "state",
    )

    def _prepare(
        self, role: Role, limits: Limits, timeouts: Timeouts, any_data: bool, now: float | None
    ) -> None:
        self.role = role
        self.state = ConnectionState.CONNECTING
        self.request: Request | None = None
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._output = MessageWriter(limits.max_pending_pongs)
        self._can_send_messages = False
        self._eof = False
        self._reset = False
        self._finished = False
        # Whether one of HTTP/2 or HTTP/3, not a transport of its own, carries it.
        self._on_stream = False
        self._timeouts = timeouts
        self._any_data = any_data
        self._timers: Timers | None = None
        if now is not None:
            self._tell(now)

    # Events in, bytes out

    def send(self, event: Event, now: float | None = None) -> None:
        """Queue what `event` says.

        `now` tells the time, see `next_deadline`. It counts from then on, even where the
        event is refused.

        Raises:
            LocalProtocolError: the state or the protocol forbids it. Nothing is queued.
            TypeError: `event` is not an event, or has content of the wrong type; or `now`
                is not a number.
            ValueError: `now` is not finite.
        """
        if now is not None:
            self._tell(now)
        if isinstance(event, TextMessage):
            self._send_text(event)
        elif isinstance(event, BytesMessage):
            self._send_bytes(event)
        elif isinstance(event, Ping):
            self._send_control(Action.SEND_PING, Opcode.PING, event.payload)
        elif isinstance(event, Pong):
            self._send_control(Action.SEND_PONG, Opcode.PONG, event.payload)
        elif isinstance(event, CloseConnection):
            self._send_close(event)
        elif isinstance(event, (AcceptConnection, RejectConnection, RejectData)):
            self._send_answer(event)
        elif isinstance(event, (Request, HandshakeFailed)):
            raise LocalProtocolError(f"{type(event).__name__} is received, never sent")
        elif isinstance(event, Message):
            raise TypeError("a message is sent as TextMessage or BytesMessage")
        else:
            raise TypeError(f"an event is wanted, not {type(event).__name__}")

    def _send_text(self, event: TextMessage) -> None:
        if not self._can_send_messages:
            raise self._refusal(Action.SEND_MESSAGE)
        self._output.write_text(event._data, event._message_finished, event._compress)

    def _send_bytes(self, event: BytesMessage) -> None:
        if not self._can_send_messages:
            raise self._refusal(Action.SEND_MESSAGE)
        data = as_bytes(event._data, "a binary message")
        self._output.write_bytes(data, event._message_finished, event._compress)

    def send_text(
        self, data: str, *, message_finished: bool = True, compress: bool | None = None
    ) -> None:
        """Queue a text message, or a fragment of one; see `TextMessage` and `send`."""
        if not self._can_send_messages:
            raise self._refusal(Action.SEND_MESSAGE)
        self._output.write_text(data, message_finished, compress)

    def send_bytes(
        self, data: BytesLike, *, message_finished: bool = True, compress: bool | None = None
    ) -> None:
        """Queue a binary message, or a fragment of one; see `BytesMessage` and `send`."""
        if not self._can_send_messages:
            raise self._refusal(Action.SEND_MESSAGE)
        payload = data if type(data) is bytes else as_bytes(data, "a binary message")
        self._output.write_bytes(payload, message_finished, compress)

    def ping(self, payload: BytesLike = b"", *, now: float | None = None) -> None:
        """Queue a Ping of up to 125 bytes (RFC 6455 section 5.5.2); see `send`.

        Where the time is known, `Pong.latency` tells how long its answer took. Give each
        ping a payload of its own to tell their answers apart.
        """
        if now is not None:
            self._tell(now)
        self._send_control(Action.SEND_PING, Opcode.PING, payload)

    def close(self, code: int | None = 1000, reason: str = "", *, now: float | None = None) -> None:
        """Start the closing handshake, or answer the peer's where `auto_close` is off.

        `code` None makes the Close frame empty. `reason` is at most 123 bytes of UTF-8.
        See `send` for what is raised.
        """
        if now is not None:
            self._tell(now)
        self._send_close(CloseConnection(code, reason))

    def data_to_send(self, max_bytes: int | None = None) -> bytes:
        """Take out what waits to be sent, up to ``max_bytes`` bytes of it, in order."""
        if self._reset:
            self._output.drain_all()
        if max_bytes is None:
            return self._output.drain_joined()
        if not isinstance(max_bytes, int):
            raise TypeError(f"max_bytes must be int or None, not {type(max_bytes).__name__}")
        if max_bytes < 0:
            raise ValueError("max_bytes must not be negative")
        return self._output.drain(min(max_bytes, self._output.pending()))

    def buffers_to_send(self) -> list[bytes]:
        """Take out what waits to be sent, unjoined, for ``writelines`` or ``sendmsg``."""
        if self._reset:
            self._output.drain_all()
        return self._output.drain_all()

    @property
    def pending_bytes(self) -> int:
        """How many bytes wait to be sent."""
        return 0 if self._reset else self._output.pending()

    @property
    def finished(self) -> bool:
        """Whether to close the transport, once what `data_to_send` gives is sent.

        A server closes first; a client waits for the end of the server's stream, where
        the closing handshake went as it should (RFC 6455 section 7.1.1).

        On a stream of HTTP/2 or HTTP/3 both sides wait for the peer's END_STREAM, however
        it came to the end. Has it not come, reset the stream with `ResetCode`.
        """
        return bool(self._finished)

    @property
    def send_eof(self) -> bool:
        """Whether to half-close the transport, once what `data_to_send` gives is sent.

        On a TCP connection that is when it is `finished`: a client whose closing handshake
        is done leaves the first word to the server. On a stream of HTTP/2 or HTTP/3 it is
        as soon as nothing more will be sent, and means END_STREAM.
        """
        if self._on_stream:
            return self.state is ConnectionState.CLOSED and not self._reset
        return bool(self._finished)

    def _send_control(self, action: Action, opcode: Opcode, payload: BytesLike) -> None:
        self._require(action)
        data = as_bytes(payload, "a payload")
        if len(data) > MAX_CONTROL_PAYLOAD:
            raise LocalProtocolError(
                f"a payload of {len(data)} bytes: "
                f"a {opcode.name} carries {MAX_CONTROL_PAYLOAD} at most"
            )
        self._output.write_control(opcode, data)
        if opcode is Opcode.PING and self._timers is not None:
            self._timers.note_ping(data)

    def _send_close(self, event: CloseConnection) -> None:
        self._require(Action.SEND_CLOSE)
        code, reason = event.code, event.reason
        if code is not None and not isinstance(code, int):
            raise TypeError(f"a close code must be int or None, not {type(code).__name__}")
        if not isinstance(reason, str):
            raise TypeError(f"a close reason must be str, not {type(reason).__name__}")
        if code is not None and code not in SENDABLE_CLOSE_CODES:
            raise LocalProtocolError(
                f"close code {code} must not be sent (RFC 6455 section 7.4): "
                "use 1000, another registered code, or 3000 to 4999"
            )
        if code is None and reason:
            raise LocalProtocolError("a close reason needs a close code: give both")
        if len(reason.encode("utf-8", "replace")) > MAX_CONTROL_PAYLOAD - 2:
            raise LocalProtocolError(
                f"a close reason of more than {MAX_CONTROL_PAYLOAD - 2} bytes of UTF-8"
            )
        try:
            self._write_close(code, reason)
        except UnicodeEncodeError as error:
            raise LocalProtocolError(
                f"a close reason with a lone surrogate at index {error.start}"
            ) from None
        if self.close_code is None:
            self.close_code = int(CloseCode.NO_STATUS_RCVD if code is None else code)
            self.close_reason = reason
        self._apply(Action.SEND_CLOSE)

    def _write_close(self, code: int | None, reason: str) -> None:
        payload = b"" if code is None else code.to_bytes(2, "big") + reason.encode()
        self._output.write_control(Opcode.CLOSE, payload)

    def _send_answer(self, event: AcceptConnection | RejectConnection | RejectData) -> None:
        """Answer a request; only a server can."""
        raise self._refusal(_ANSWERS[type(event)])

    # The time

    def next_deadline(self) -> float | None:
        """The time at which `handle_timeout` is due, by the caller's clock in seconds.

        None: nothing is, as long as nothing else happens. Ask again after each call.

        There are deadlines once a connection has been told the time: pass `now` when it
        is made, and to each method that takes it. Any clock will do that counts seconds
        and never jumps, such as ``time.monotonic`` or the time of an event loop; one
        that steps back is taken to stand still. Where `now` is left out, it is as late as
        it was before.
        """
        if self._timers is None or self._finished:
            return None
        return self._timers.next_deadline()

    @property
    def latency(self) -> float | None:
        """The round trip of the last ping that was answered, in seconds; None if none was."""
        return None if self._timers is None else self._timers.latency

    def _tell(self, now: float | None) -> Timers:
        """It is `now`, or where that is None as late as it was. The first time that we are
        told starts the timers."""
        timers = self._timers
        if timers is None or now is not None:
            moment = as_time(now)
            if timers is None:
                return self._start_timers(moment)
            timers.clock = max(timers.clock, moment)
        return timers

    def _start_timers(self, now: float) -> Timers:
        timers = Timers(self.role, self.state, self._timeouts, self._any_data, now)
        self._timers = timers
        return timers

    # The state

    def _next_state(self, action: Action) -> ConnectionState | None:
        return next_state(self.role, self.state, action)

    def _apply(self, action: Action) -> None:
        state = self._next_state(action)
        assert state is not None, f"{action} in {self.state}"
        self._enter(state)

    def _enter(self, state: ConnectionState) -> None:
        self.state = state
        self._can_send_messages = Action.SEND_MESSAGE in TRANSITIONS[state]
        if state is ConnectionState.CLOSED and (self._on_stream or self.role is Role.SERVER):
            self._finish()
        if self._timers is not None:
            self._timers.enter(state)

    def _finish(self) -> None:
        """Be done with the transport; a stream waits for the peer's END_STREAM first."""
        self._finished = self._eof or not self._on_stream

    def _require(self, action: Action) -> None:
        if self._next_state(action) is None:
            raise self._refusal(action)

    def _refusal(self, action: Action) -> LocalProtocolError:
        """The error for what the state does not allow, with what to do instead."""
        if ROLE_ONLY.get(action, self.role) is not self.role:
            message = f"a {self.role.value} cannot {action.value}"
        else:
            message = f"cannot {action.value} in state {self.state.name}: {ADVICE[self.state]}"
        return LocalProtocolError(message, state=self.state, close_code=self.close_code)


_ANSWERS: Final[dict[type[Event], Action]] = {
    AcceptConnection: Action.SEND_ACCEPT,
    RejectConnection: Action.SEND_REJECT,
    RejectData: Action.SEND_REJECT_DATA,
}
