"""wsproto's connection: the engine's, set up to behave as wsproto does.

Messages come in pieces, as their bytes do; replies are the caller's business; what is to be
sent is returned. The protocol is all the engine's: only names and habits are told here.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Generator, Iterable
from typing import Any, Final, TypedDict

from .. import events as engine
from ..codes import Role
from ..config import Limits
from ..connection import Connection as Engine
from ..events import CloseSource
from ..exceptions import LocalProtocolError, RemoteProtocolError
from ..state import ConnectionState as EngineState
from ..types import Delivery
from .codes import LOCAL_ONLY_CLOSE_REASONS, CloseReason, ConnectionState, ConnectionType
from .events import BytesMessage, CloseConnection, Event, Message, Ping, Pong, TextMessage
from .extensions import Extension, agreed_settings

__all__ = ["PRESET", "Connection"]


class _Preset(TypedDict):
    limits: Limits
    delivery: Delivery
    auto_pong: bool
    auto_close: bool


PRESET: Final[_Preset] = {
    "limits": Limits(
        max_message_size=None,
        max_fragments=(1 << 31) - 1,
        max_head_line=64 << 10,
        max_head_fields=64 << 10,
    ),
    "delivery": "chunk",
    "auto_pong": False,
    "auto_close": False,
}
"""What makes the engine behave as wsproto does. No message is kept, so its size is the
caller's to limit; a head is kept, and stays limited as a whole."""


_MAX_REASON: Final = 123
"""Bytes of a reason at most (RFC 6455 section 5.5)."""


class Connection:
    """A connection whose opening handshake is over.

    Args:
        connection_type: which side this is.
        extensions: those of them that are enabled are in use.
        trailing_data: what came behind the handshake.

    Raises:
        TypeError: an enabled extension is not `PerMessageDeflate`.
    """

    _events: deque[Event]
    """Events that come ahead of what is received; some programs put theirs here."""

    def __init__(
        self,
        connection_type: ConnectionType,
        extensions: Iterable[Extension] | None = None,
        trailing_data: bytes = b"",
    ) -> None:
        role = Role.CLIENT if connection_type is ConnectionType.CLIENT else Role.SERVER
        self._adopt(Engine(role, extensions=agreed_settings(extensions or ()), **PRESET))
        self.receive_data(trailing_data)

    @classmethod
    def over(cls, engine: Engine) -> Connection:
        """The connection that goes on where the handshake of `engine` ended."""
        self = cls.__new__(cls)
        self._adopt(engine)
        return self

    def _adopt(self, engine: Engine) -> None:
        self.client = engine.role is Role.CLIENT
        self._engine = engine
        self._events = deque()
        self._failed = False
        self._lost = False

    @property
    def state(self) -> ConnectionState:
        """Where the connection is in its life."""
        return ConnectionState[self._engine.state.name]

    def send(self, event: Event) -> bytes:
        """The bytes that say `event`.

        Raises:
            LocalProtocolError: the state or the protocol forbids it.
            TypeError: it has content of the wrong type.
        """
        if isinstance(event, Message):
            data: Any = event.data
            if isinstance(data, str):
                self._engine.send_text(data, message_finished=event.message_finished)
            else:
                self._engine.send_bytes(data, message_finished=event.message_finished)
        elif isinstance(event, Ping):
            self._engine.ping(event.payload)
        elif isinstance(event, Pong):
            self._engine.send(engine.Pong(event.payload))
        elif isinstance(event, CloseConnection):
            self._engine.close(*_closing(event))
        else:
            raise LocalProtocolError(f"{type(event).__name__} is not sent on an open connection")
        return self._engine.data_to_send()

    def receive_data(self, data: bytes | None) -> None:
        """Take what was received; None says that the transport ended.

        Raises:
            LocalProtocolError: the connection is closed already.
        """
        if data is None:
            self._engine.receive_eof()
            self._lost = True
        elif self._engine.state is EngineState.CLOSED:
            raise LocalProtocolError("the connection is closed, nothing can be received")
        elif not self._failed:
            self._engine.receive_data(data)

    def events(self) -> Generator[Event, None, None]:
        """What was received and not taken yet, each parsed when it is asked for."""
        while self._events:
            yield self._events.popleft()
        for event in self._engine.events():
            if isinstance(event, engine.TextMessage):
                yield TextMessage(event.data, event.frame_finished, event.message_finished)
            elif isinstance(event, engine.BytesMessage):
                yield BytesMessage(event.data, event.frame_finished, event.message_finished)
            elif isinstance(event, engine.Ping):
                yield Ping(event.payload)
            elif isinstance(event, engine.Pong):
                yield Pong(event.payload)
            elif self._engine.error is not None:
                yield self._fail(self._engine.error)
            elif isinstance(event, engine.CloseConnection) and event.source is CloseSource.PEER:
                assert event.code is not None
                yield CloseConnection(_CODES.get(event.code, event.code), event.reason)
        if self._lost:
            self._lost = False
            yield CloseConnection(CloseReason.ABNORMAL_CLOSURE)

    def _fail(self, error: RemoteProtocolError) -> CloseConnection:
        """Nothing more is received, but that can still be answered, as by an echo of the event."""
        sent = self._engine.data_to_send()  # the Close that the engine would have sent
        self._engine = Engine(self._engine.role, **PRESET)
        self._failed = True
        if not sent:
            self._engine.close()
            self._engine.data_to_send()
        return CloseConnection(CloseReason(error.close_code), describe(error))


def _closing(event: CloseConnection) -> tuple[int | None, str]:
    """What to send for `event`: codes that never travel give way, a long reason is cut."""
    code: int | None = event.code
    if code is CloseReason.NO_STATUS_RCVD:
        code = None
    elif code in LOCAL_ONLY_CLOSE_REASONS:
        code = CloseReason.NORMAL_CLOSURE
    reason = event.reason or ""
    payload = reason.encode(errors="replace")
    if len(payload) > _MAX_REASON:
        reason = payload[:_MAX_REASON].decode(errors="ignore")
    return code, reason


_CODES: Final[dict[int, int]] = {code.value: code for code in CloseReason}

# How wsproto says what the engine found wrong; of a row without a match, the engine's words.
_TEXTS: Final = [
    (re.compile(ours), theirs)
    for ours, theirs in (
        ("opcode (0x.) is reserved", r"Invalid opcode \1"),
        ("a reserved bit is set.*", "Reserved bit set unexpectedly"),
        ("a control frame is fragmented", "Invalid attempt to fragment control frame"),
        ("a control frame of more than 125 bytes", "Control frame with payload len > 125"),
        ("a continuation frame, but.*", "unexpected CONTINUATION"),
        ("a new TEXT message.*", "expected CONTINUATION, got <Opcode.TEXT: 1>"),
        ("a new BINARY message.*", "expected CONTINUATION, got <Opcode.BINARY: 2>"),
        (".* in 2 bytes is not.*", "Payload length used 2 bytes when 1 would have sufficed"),
        (".* in 8 bytes is not.*", "Payload length used 8 bytes when 2 would have sufficed"),
        ("the most significant bit.*", "8-byte payload length with non-zero MSB"),
        ("a client's frame is not masked", "server received unexpected unmasked frame"),
        ("a server's frame is masked", "client received unexpected masked frame"),
        ("a Close frame with one byte.*", "CLOSE with 1 byte payload"),
        ("close code (?:.{1,3}|[5-9].*|.{5}) must.*", "CLOSE with invalid code"),
        ("close code 10(?:05|06|15) must.*", "remote CLOSE with local-only reason"),
        ("close code .*", "CLOSE with unknown reserved code"),
        ("compressed data.*", "error in extension"),
    )
]


def describe(error: RemoteProtocolError) -> str:
    """What was wrong, in wsproto's words where it has any."""
    text = str(error)
    for ours, theirs in _TEXTS:
        match = ours.fullmatch(text)
        if match is not None:
            return match.expand(theirs)
    return text
