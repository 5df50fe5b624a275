"""Events with the bytes they were made from: the rows of a listing.

A `Tap` sits where a connection takes its peer's bytes, and gives one row for each
frame. It knows nothing of where the bytes come from, nor of how rows are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias, Union

from ..codes import FIN, MASKED, RSV1, RSV2, RSV3, Role
from ..connection import Connection
from ..events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    CloseSource,
    Event,
    Message,
    Request,
    TextMessage,
)
from ..exceptions import RemoteProtocolError

__all__ = [
    "Finding",
    "FrameHeader",
    "Ignored",
    "Incomplete",
    "Note",
    "Row",
    "Tap",
    "Violation",
    "parse_header",
]

_LONGEST_HEADER: Final = 14


class FrameHeader(NamedTuple):
    """A frame's header as it is on the wire (RFC 6455 section 5.2)."""

    opcode: int
    fin: bool
    rsv1: bool
    rsv2: bool
    rsv3: bool
    masked: bool
    length: int
    """The payload's length in bytes."""


def parse_header(data: bytes) -> FrameHeader | None:
    """The header that `data` begins with, valid or not; None where it is incomplete."""
    if len(data) < 2:
        return None
    first, second = data[0], data[1]
    length = second & 0x7F
    extended = {126: 2, 127: 8}.get(length, 0)
    if len(data) < 2 + extended + (4 if second & MASKED else 0):
        return None
    if extended:
        length = int.from_bytes(data[2 : 2 + extended], "big")
    return FrameHeader(
        first & 0x0F,
        bool(first & FIN),
        bool(first & RSV1),
        bool(first & RSV2),
        bool(first & RSV3),
        bool(second & MASKED),
        length,
    )


@dataclass(frozen=True)
class Violation:
    """The sender broke the protocol at byte `offset`, and is followed no further."""

    error: RemoteProtocolError
    offset: int


@dataclass(frozen=True)
class Incomplete:
    """The stream ends too early, `what` says inside what."""

    what: str


@dataclass(frozen=True)
class Ignored:
    """Bytes that were not decoded, and why."""

    why: str


@dataclass(frozen=True)
class Note:
    """What a reader has to know to understand the rows that follow."""

    text: str


Finding: TypeAlias = Union[Violation, Incomplete, Ignored, Note]
"""What is said about a stream besides its events."""


@dataclass(frozen=True)
class Row:
    """An event and the bytes of the sender's stream that it was made from."""

    sender: Role
    start: int
    """How many bytes of the stream come before it."""
    end: int
    """How many bytes of the stream come before what follows it."""
    event: Event | Finding
    frame: FrameHeader | None = None
    """The frame's header; None where it is not a frame."""
    size: int = 0
    """Of a message: the size in bytes of what the frame carries, decompressed."""
    fragment: int = 0
    """Of a message: which frame of it this is, from 1 on."""
    compressed: bool = False
    """Of a message: whether it is compressed."""


class Tap:
    """Follows one sender's stream through the connection that receives it.

    Args:
        connection: the receiver, in chunk delivery.
        base: bytes of the stream in front of the first one that is fed.
        keep: how much of a frame's payload to keep, in characters or bytes.
        cut: what to do when there is more: drop the rest, or give a row for each piece.
    """

    def __init__(self, connection: Connection, base: int = 0, *, keep: int, cut: bool) -> None:
        self.connection = connection
        self.sender = connection.role.peer
        self.end = base
        """Where the last row ended."""
        self._base = base
        self.received = base
        """The stream's length up to now."""
        self._piece = b""
        self._header = b""  # of a frame that began in an earlier piece
        self._keep = keep
        self._cut = cut
        self._parts: list[Any] = []  # all str or all bytes
        self._kept = 0
        self._size = 0
        self._fragment = 1
        self._compressed = False

    def feed(self, data: bytes) -> Iterator[Row]:
        """The rows that `data` completes."""
        self._piece = data
        self.received += len(data)
        for event in self.connection.receive_data(data):
            row = self._take(event)
            if row is not None:
                yield row
        self._header = self._header_bytes()
        self._piece = b""

    def finish(self) -> Iterator[Row]:
        """The rows for what is left when the stream is over."""
        left = self.received - self.end
        if self.connection.error is not None:
            if left:
                yield self._row(Ignored("not decoded"), self.received)
        elif self.connection.close_code is not None:
            if left:
                yield self._row(Ignored("behind the Close frame"), self.received)
        elif left:
            yield from self._finish_frame(left)
        elif self._fragment > 1:
            yield self._row(Incomplete("the stream ends inside a fragmented message"), self.end)

    def _finish_frame(self, left: int) -> Iterator[Row]:
        header_bytes = self._header_bytes()
        header = parse_header(header_bytes)
        start = self.end
        if self._parts:
            kind = TextMessage if isinstance(self._parts[0], str) else BytesMessage
            yield self._message(kind, False, False)
        what = "the stream ends inside a frame's header"
        if header is not None:
            size = header.length + 2 + {126: 2, 127: 8}.get(header_bytes[1] & 0x7F, 0)
            size += 4 if header.masked else 0
            what = f"the stream ends inside a frame: {left} of its {size} bytes are there"
        yield Row(self.sender, start, self.received, Incomplete(what), header)

    def _header_bytes(self) -> bytes:
        """The first bytes of the frame that follows the last row."""
        at = self.end - (self.received - len(self._piece))
        if at < 0:
            return (self._header + self._piece[:_LONGEST_HEADER])[:_LONGEST_HEADER]
        return self._piece[at : at + _LONGEST_HEADER]

    def _take(self, event: Event) -> Row | None:
        if isinstance(event, Message):
            return self._take_message(event)
        if isinstance(event, (Request, AcceptConnection)):
            return self._row(event, self._parsed())
        if isinstance(event, CloseConnection) and event.source is CloseSource.LOCAL:
            error = self.connection.error
            assert error is not None
            offset = self._base + (error.offset or 0)
            return self._row(Violation(error, offset), offset, self._frame())
        return self._row(event, self._parsed(), self._frame())

    def _take_message(self, event: Message) -> Row | None:
        data = event.data
        self._size += len(data.encode()) if isinstance(data, str) else len(data)
        room = self._keep - self._kept
        if room > 0 or not self._cut:
            self._parts.append(data[:room] if self._cut else data)
            self._kept += len(data)
        if not event.frame_finished and (self._cut or self._kept < self._keep):
            return None
        return self._message(type(event), event.frame_finished, event.message_finished)

    def _message(self, kind: type[Message], frame_finished: bool, message_finished: bool) -> Row:
        parts = self._parts
        event = kind(parts[0][:0].join(parts), frame_finished, message_finished)
        frame = self._frame()
        size, fragment = self._size, self._fragment
        self._parts = []
        self._kept = self._size = 0
        if fragment == 1:
            self._compressed = frame is not None and frame.rsv1
        start, end = self.end, self._parsed()
        if frame_finished:
            self._fragment = 1 if message_finished else fragment + 1
            self.end = end
        return Row(self.sender, start, end, event, frame, size, fragment, self._compressed)

    def _row(
        self,
        event: Event | Finding,
        end: int,
        frame: FrameHeader | None = None,
    ) -> Row:
        start, self.end = self.end, end
        return Row(self.sender, start, end, event, frame)

    def _parsed(self) -> int:
        return self._base + self.connection.bytes_parsed

    def _frame(self) -> FrameHeader | None:
        return parse_header(self._header_bytes())
