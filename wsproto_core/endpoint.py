"""What happens on a connection: bytes in, events out; events in, bytes out.

This is where the state table, the reader and the writer meet, and where it is decided
what a ping, a close, a violation or the end of the transport brings about. How the
connection came to be open is the business of the client's and the server's modules.
"""

# pyright: reportPrivateUsage=false
# What stands beside a class here shares what is private to it.

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NoReturn

from .codes import MAX_CONTROL_PAYLOAD, SENDABLE_CLOSE_CODES, CloseCode, Opcode, Role
from .config import Limits
from .events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    CloseSource,
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
from .exceptions import HandshakeError, LocalProtocolError, RemoteProtocolError, detach
from .extensions.base import Extension
from .masking_keys import MaskingKeys
from .message_reader import MessageReader
from .message_writer import MessageWriter
from .state import ADVICE, ROLE_ONLY, TRANSITIONS, Action, ConnectionState, next_state
from .types import BytesLike, Delivery, RandomBytes, Subprotocol, as_bytes

__all__ = ["Endpoint"]


class Endpoint:
    """One side of a connection: `Connection`, but for how one is made."""

    __slots__ = (
        "_auto_close",
        "_auto_pong",
        "_can_send_messages",
        "_delivery",
        "_eof",
        "_finished",
        "_limits",
        "_output",
        "_random_bytes",
        "_reader",
        "_reading",
        "_reset",
        "close_code",
        "close_reason",
        "error",
        "extensions",
        "request",
        "response",
        "role",
        "state",
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
    ) -> None:
        if getattr(self, "_output", None) is not None:
            # In a callback of the user's, what is to be replaced may be at work.
            raise LocalProtocolError("a connection is initialized once: make a new one")
        if delivery not in ("message", "chunk"):
            raise ValueError(f"delivery must be 'message' or 'chunk', not {delivery!r}")
        if not isinstance(limits, Limits):
            raise TypeError(f"limits must be Limits, not {type(limits).__name__}")
        self.role = role
        self.state = ConnectionState.CONNECTING
        self.request: Request | None = None
        self.response: AcceptConnection | RejectConnection | None = None
        self.subprotocol: Subprotocol | None = None
        self.extensions: tuple[Extension, ...] = ()
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.error: RemoteProtocolError | None = None
        self._limits = limits
        self._delivery: Delivery = delivery
        self._auto_pong = bool(auto_pong)
        self._auto_close = bool(auto_close)
        self._random_bytes = random_bytes
        self._output = MessageWriter(limits.max_pending_pongs)
        self._reading = False
        self._can_send_messages = False
        self._eof = False
        self._reset = False
        self._finished = False

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled")

    def _open(self, extensions: tuple[Extension, ...], offset: int) -> None:
        """Make ready for frames; the first is at `offset` in the peer's stream."""
        codecs = tuple([extension.codec(self.role) for extension in extensions])
        self.extensions = extensions
        rsv = sum([extension.rsv for extension in extensions])
        self._reader = MessageReader(self.role, codecs, rsv, self._limits, self._delivery, offset)
        keys = MaskingKeys(self._random_bytes) if self.role is Role.CLIENT else None
        self._output.open(codecs, keys)

    # Bytes in, events out

    def receive_data(self, data: BytesLike) -> Iterator[Event]:
        """Take what the transport received, and go on with `events`.

        Any bytes-like object will do; an empty one does nothing, and neither does any
        once the connection is over.

        Raises:
            TypeError: `data` is not bytes-like.
        """
        if type(data) is not bytes:
            data = as_bytes(data, "data")
        if data and not self._eof:
            if self._reading:
                self._reader.feed(data)
            else:
                self._feed_opening(data)
        return _iterate(self)

    def receive_eof(self) -> Iterator[Event]:
        """Take note that the peer will send nothing more, and go on with `events`.

        No WebSocket peer half-closes and still waits for an answer: once what came before
        is taken, the connection is over in every state.
        """
        self._eof = True
        return _iterate(self)

    def receive_reset(self) -> Iterator[Event]:
        """Take note that the transport broke, and go on with `events`.

        What came before still counts. What waits to be sent is dropped, and so is what
        the events still bring about.
        """
        self._eof = True
        self._reset = True
        self._output.drain_all()
        return _iterate(self)

    def events(self) -> Iterator[Event]:
        """The events that are due, each parsed when it is asked for.

        Events that are not taken are not lost: they come first the next time. Nothing
        happens, no ping is answered, until they are taken.
        """
        return _iterate(self)

    def _next_event(self) -> Event | None:
        """The next event that is not a message in one piece; None when there is none."""
        if self._reading:
            try:
                event = self._reader.read()
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
        return None

    @property
    def bytes_parsed(self) -> int:
        """How many bytes of the peer's stream, from its first one on, were parsed for the
        events taken so far. After a failure: the offset of `error`."""
        if self.error is not None and self.error.offset is not None:
            return self.error.offset
        return self._stream_offset()

    def _stream_offset(self) -> int:
        return self._reader.offset

    def _feed_opening(self, data: bytes) -> None:
        """Take data that is not frames; ignored once the opening handshake is over."""

    def _next_opening_event(self) -> Event | None:
        """The next event of the opening handshake; None when there is none."""
        return None

    def _fail_opening(self, error: HandshakeError) -> HandshakeFailed:
        if error.offset is None:
            error.offset = self._stream_offset()
        self.error = error
        detach(error)
        self._apply(Action.FAIL)
        self._finished = True
        return HandshakeFailed(error)

    def _receive_control(self, event: Ping | Pong | CloseConnection) -> Event:
        if isinstance(event, Ping):
            if self._auto_pong:
                self._output.write_automatic_pong(event.payload)
        elif isinstance(event, CloseConnection):
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
        self._finished = True
        return CloseConnection(self.close_code, self.close_reason, CloseSource.LOCAL)

    def _lose(self) -> Event | None:
        """The transport ended: an event of its own, unless it was time for it to end."""
        self._finished = True
        expected = not self._reading
        if self._next_state(Action.LOSE) is not None:
            self._apply(Action.LOSE)
        if expected:
            return None
        self.close_code = int(CloseCode.ABNORMAL_CLOSURE)
        self.close_reason = ""
        return CloseConnection(self.close_code, "", CloseSource.TRANSPORT)

    # Events in, bytes out

    def send(self, event: Event) -> None:
        """Queue what `event` says.

        Raises:
            LocalProtocolError: the state or the protocol forbids it. Nothing is queued.
            TypeError: `event` is not an event, or has content of the wrong type.
        """
        if isinstance(event, Message):
            self._send_message(event)
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
        else:
            raise TypeError(f"an event is wanted, not {type(event).__name__}")

    def _send_message(self, event: Message) -> None:
        if not self._can_send_messages:
            raise self._refusal(Action.SEND_MESSAGE)
        if isinstance(event, TextMessage):
            self._output.write_text(event._data, event._message_finished, event._compress)
        elif isinstance(event, BytesMessage):
            data = as_bytes(event._data, "a binary message")
            self._output.write_bytes(data, event._message_finished, event._compress)
        else:
            raise TypeError("a message is sent as TextMessage or BytesMessage")

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

    def ping(self, payload: BytesLike = b"") -> None:
        """Queue a Ping of up to 125 bytes (RFC 6455 section 5.5.2); see `send`."""
        self._send_control(Action.SEND_PING, Opcode.PING, payload)

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Start the closing handshake, or answer the peer's where `auto_close` is off.

        `code` None makes the Close frame empty. `reason` is at most 123 bytes of UTF-8.
        See `send` for what is raised.
        """
        self._send_close(CloseConnection(code, reason))

    def data_to_send(self, max_bytes: int | None = None) -> bytes:
        """Take out what waits to be sent, up to ``max_bytes`` bytes of it, in order."""
        if max_bytes is None:
            return self._output.drain_joined()
        if not isinstance(max_bytes, int):
            raise TypeError(f"max_bytes must be int or None, not {type(max_bytes).__name__}")
        if max_bytes < 0:
            raise ValueError("max_bytes must not be negative")
        return self._output.drain(min(max_bytes, self._output.pending))

    def buffers_to_send(self) -> list[bytes]:
        """Take out what waits to be sent, unjoined, for ``writelines`` or ``sendmsg``."""
        return self._output.drain_all()

    @property
    def pending_bytes(self) -> int:
        """How many bytes wait to be sent."""
        return self._output.pending

    @property
    def finished(self) -> bool:
        """Whether to close the transport, once what `data_to_send` gives is sent.

        A server closes first; a client waits for the end of the server's stream, where
        the closing handshake went as it should (RFC 6455 section 7.1.1).
        """
        return self._finished

    @property
    def send_eof(self) -> bool:
        """Whether to half-close the transport, once what `data_to_send` gives is sent.

        On a TCP connection that is when it is `finished`: a client whose closing handshake
        is done leaves the first word to the server.
        """
        return self._finished

    def _send_control(self, action: Action, opcode: Opcode, payload: BytesLike) -> None:
        self._require(action)
        data = as_bytes(payload, "a payload")
        if len(data) > MAX_CONTROL_PAYLOAD:
            raise LocalProtocolError(
                f"a payload of {len(data)} bytes: "
                f"a {opcode.name} carries {MAX_CONTROL_PAYLOAD} at most"
            )
        self._output.write_control(opcode, data)

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

    # The state

    def _next_state(self, action: Action) -> ConnectionState | None:
        return next_state(self.role, self.state, action)

    def _apply(self, action: Action) -> None:
        state = self._next_state(action)
        assert state is not None, f"{action} in {self.state}"
        self._enter(state)

    def _enter(self, state: ConnectionState) -> None:
        self.state = state
        was_reading = self._reading
        self._reading = Action.RECEIVE_FRAME in TRANSITIONS[state]
        if was_reading and not self._reading:
            self._reader.forget()  # nobody will look at what is left
        self._can_send_messages = Action.SEND_MESSAGE in TRANSITIONS[state]
        if state is ConnectionState.CLOSED and self.role is Role.SERVER:
            self._finished = True

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


class Events:
    """Iterates over the events of an endpoint that are due. All that is done to bring them
    about is the endpoint's: any number of iterators go on where the others stopped."""

    __slots__ = ("_endpoint",)

    _endpoint: Endpoint

    def __iter__(self) -> Iterator[Event]:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("an iterator over events cannot be copied or pickled")

    def __next__(self) -> Event:
        endpoint = self._endpoint
        event: Event | None = None
        if endpoint._reading:
            event = endpoint._reader.read_message()
        if event is None:
            event = endpoint._next_event()
        if endpoint._reset:
            endpoint._output.drain_all()
        if event is None:
            raise StopIteration
        return event


def _iterate(endpoint: Endpoint) -> Events:
    events = Events.__new__(Events)
    events._endpoint = endpoint
    return events


_ANSWERS: Final[dict[type[Event], Action]] = {
    AcceptConnection: Action.SEND_ACCEPT,
    RejectConnection: Action.SEND_REJECT,
    RejectData: Action.SEND_REJECT_DATA,
}


def _fit_reason(text: str) -> str:
    """`text` cut to what a Close frame can carry, between two characters."""
    return text.encode(errors="replace")[: MAX_CONTROL_PAYLOAD - 2].decode(errors="ignore")
