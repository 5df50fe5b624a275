"""Rows as a table for people. Knows rows, columns and colours, and no terminal."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from textwrap import wrap
from typing import Final

from ..codes import CloseCode, Role
from ..events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from ..exceptions import HandshakeError
from ..headers import Headers
from .rows import Finding, FrameHeader, Ignored, Incomplete, Note, Row, Violation

__all__ = ["LEAST_WIDTH", "Table"]

LEAST_WIDTH: Final = 80
"""Columns below which nothing would be left for content."""

_DIRECTION: Final = 16
_RANGE: Final = 13
_SIZE: Final = 6
_INDENT: Final = _DIRECTION + _RANGE + _SIZE + 4
_LEAST_CONTENT: Final = 16

_BOLD: Final = "1"
_DIM: Final = "2"
_RED: Final = "1;31"
_YELLOW: Final = "33"
_SENDERS: Final = {Role.CLIENT: "36", Role.SERVER: "35"}
_COLOURS: Final[dict[type[Event | Finding], str]] = {
    Request: "1;34",
    AcceptConnection: "1;34",
    RejectConnection: "1;34",
    RejectData: "1;34",
    TextMessage: "1;32",
    BytesMessage: "1;33",
    Ping: _BOLD,
    Pong: _BOLD,
    CloseConnection: "1;35",
    Violation: _RED,
    Incomplete: _YELLOW,
    Ignored: _DIM,
    Note: _DIM,
}

# Credentials and cookies are left out: tables end up in bug reports.
_MAIN_FIELDS: Final = (
    "host",
    "origin",
    "user-agent",
    "server",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-accept",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "location",
    "www-authenticate",
    "content-type",
)


class Table:
    """Formats rows one at a time, and counts them.

    Args:
        width: how many columns a line may take.
        colour: whether to use ANSI escape sequences.
        symbols: whether characters outside ASCII can be shown.
    """

    def __init__(self, *, width: int, colour: bool, symbols: bool) -> None:
        self._room = max(width, LEAST_WIDTH) - _INDENT
        self._colour = colour
        self._symbols = symbols
        self._arrow = "→" if symbols else "->"
        self._ellipsis = "…" if symbols else "..."
        self._frames: Counter[Role] = Counter()
        self._sizes: dict[Role, int] = {}
        self._closes: dict[Role, str] = {}

    def head(self) -> str:
        """The names of the columns."""
        names = f"{'direction':<{_DIRECTION}} {'bytes':>{_RANGE}} {'size':>{_SIZE}}  event"
        return self._paint(names.ljust(_INDENT + self._room) if self._colour else names, "1;4")

    def lines(self, row: Row) -> Iterator[str]:
        """A row as one line or more."""
        self._count(row)
        first, *more = self._event(row)
        yield self._columns(row) + first
        for line in more:
            yield " " * _INDENT + line

    def summary(self) -> Iterator[str]:
        """What was seen in all."""
        for role, size in self._sizes.items():
            frames = self._frames[role]
            text = f"{size} bytes, {frames} {'frame' if frames == 1 else 'frames'}, "
            yield f"{self._paint(role.value, _SENDERS[role])}  {text}" + self._closes.get(
                role, "no Close frame"
            )

    def _count(self, row: Row) -> None:
        self._sizes[row.sender] = row.end
        if row.frame is not None and isinstance(row.event, Event):
            self._frames[row.sender] += 1
        if isinstance(row.event, CloseConnection):
            self._closes[row.sender] = f"closed with {row.event.code}"

    def _columns(self, row: Row) -> str:
        way = f"{row.sender.value} {self._arrow} {row.sender.peer.value}".ljust(_DIRECTION)
        span, size = f"{row.start}..{row.end}", str(row.end - row.start)
        if isinstance(row.event, Note):
            span = size = ""
        elif isinstance(row.event, Violation):
            span, size = f"{row.event.offset}", ""
        return (
            f"{self._paint(way, _SENDERS[row.sender])} {self._paint(span.rjust(_RANGE), _DIM)} "
            f"{size:>{_SIZE}}  "
        )

    def _event(self, row: Row) -> list[str]:
        event = row.event
        colour = _COLOURS[type(event)]
        match event:
            case Message():
                return self._message(event, row, colour)
            case Request(target=target):
                return self._head("Request", f"GET {target}", event.headers, colour)
            case AcceptConnection():
                return self._head("AcceptConnection", _status(101), event.headers, colour)
            case RejectConnection(status_code=status):
                return self._head("RejectConnection", _status(status), event.headers, colour)
            case RejectData():
                note = "truncated" if event.truncated else ""
                return self._payload("RejectData", event.data, note, colour)
            case Ping() | Pong():
                return self._payload(type(event).__name__, event.payload, "", colour)
            case CloseConnection():
                return self._close(event, colour)
            case Violation():
                return self._violation(event)
            case Incomplete(what=text):
                return self._text("INCOMPLETE", text, colour)
            case Ignored(why=text):
                return self._text("IGNORED", text, colour)
            case _:
                assert isinstance(event, Note)
                return self._text("NOTE", event.text, colour)

    def _head(self, name: str, text: str, headers: Headers, colour: str) -> list[str]:
        lines = [self._titled(name, self._fit(text, self._room - len(name) - 1), colour)]
        for field, value in headers:
            if field.lower() in _MAIN_FIELDS:
                text = self._fit(f"{field}: {value}", 4 * self._room)
                first, *more = wrap(text, self._room, subsequent_indent="  ")
                label, colon, rest = first.partition(":")
                lines += [self._paint(label + colon, _DIM) + rest, *more]
        return lines

    def _message(self, event: Message, row: Row, colour: str) -> list[str]:
        notes = list(_remarks(event, row.frame, row, self._arrow))
        return self._payload(type(event).__name__, event.data, ", ".join(notes), colour, row.size)

    def _payload(
        self, name: str, data: str | bytes, note: str, colour: str, size: int = 0
    ) -> list[str]:
        room = self._room - len(name) - 1
        beside = room - len(note) - 3 >= _LEAST_CONTENT
        if note and beside:
            room -= len(note) + 3
        if isinstance(data, bytes):
            content = self._hex(data, room, max(size, len(data)))
        else:
            content = self._quote(data, room, max(size, len(data.encode())))
        line = self._titled(name, content, colour)
        note = self._paint(f"({note})", _DIM) if note else ""
        if note and not beside:
            return [line, note]
        return [f"{line} {note}".rstrip()]

    def _close(self, event: CloseConnection, colour: str) -> list[str]:
        name = "CloseConnection"
        if event.code == CloseCode.NO_STATUS_RCVD:
            return [self._titled(name, "without a code", colour)]
        names = [code.name for code in CloseCode if code == event.code]
        text = " ".join([str(event.code), *names])
        line = self._titled(name, text, colour)
        room = self._room - len(name) - len(text) - 2
        if not event.reason:
            return [line]
        if room < min(_LEAST_CONTENT, len(event.reason) + 2):
            return [line, self._quote(event.reason, self._room)]
        return [f"{line} {self._quote(event.reason, room)}"]

    def _violation(self, event: Violation) -> list[str]:
        error = event.error
        lines = self._text("VIOLATION", f"at byte {event.offset}: {error}", _RED)
        if isinstance(error, HandshakeError):
            means = f"status {_status(error.status)}"
        else:
            means = f"close code {error.close_code} {CloseCode(error.close_code).name}"
        section = f"{error.section}, " if error.section else ""
        lines += wrap(self._fit(section + means, 2 * self._room), self._room)
        return lines

    def _text(self, name: str, text: str, colour: str) -> list[str]:
        shown = self._fit(text, 6 * self._room)
        first, *more = wrap(f"{name} {shown}", self._room, break_on_hyphens=False)
        return [self._paint(name, colour) + first[len(name) :], *more]

    def _titled(self, name: str, text: str, colour: str) -> str:
        return f"{self._paint(name, colour)} {text}".rstrip()

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour else text

    # Content

    def _quote(self, text: str, room: int, size: int = 0) -> str:
        """Text in quotes, cut to `room` columns; `size` is that of all of it in UTF-8."""
        escaped = [self._escape(each, '"\\') for each in text[: room + 1]]
        whole = len(text.encode()) >= size and len(text) <= room
        return f'"{self._cut(escaped, room - 2, whole)}'.replace("\0", '"')

    def _fit(self, text: str, room: int) -> str:
        """Text as it is, but for what a terminal might take for a command."""
        escaped = [self._escape(each, "") for each in text[: room + 1]]
        return self._cut(escaped, room, len(text) <= room).replace("\0", "")

    def _hex(self, data: bytes, room: int, size: int) -> str:
        printable = data.isascii() and data.decode("ascii").isprintable()
        if printable and data:
            return self._quote(data.decode("ascii"), room, size)
        if len(data) == size and 3 * size - 1 <= room:
            return data.hex(" ")
        count = (room - len(self._ellipsis)) // 3
        return f"{data[:count].hex(' ')} {self._ellipsis}"

    def _escape(self, character: str, quoted: str) -> str:
        if character in quoted:
            return "\\" + character
        if character.isprintable() and (self._symbols or character.isascii()):
            return character
        return ascii(character)[1:-1]

    def _cut(self, characters: Iterable[str], room: int, whole: bool) -> str:
        """As many characters as fit, with a NUL where the quotation mark goes."""
        shown = ""
        at = used = 0
        end = room - len(self._ellipsis)
        for each in characters:
            used += _columns(each)
            if used <= end:
                at = len(shown) + len(each)
            if used > room:
                whole = False
                break
            shown += each
        return f"{shown}\0" if whole else f"{shown[:at]}\0{self._ellipsis}"


def _columns(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def _status(code: int) -> str:
    return f"{code} {HTTPStatus(code).phrase}" if code in list(HTTPStatus) else str(code)


def _remarks(event: Message, frame: FrameHeader | None, row: Row, arrow: str) -> Iterator[str]:
    if row.fragment > 1 or not event.message_finished:
        last = ", last" if row.fragment > 1 and event.message_finished else ""
        yield f"fragment {row.fragment}{last}"
    if not event.frame_finished:
        yield "cut short"
    elif frame is not None and row.compressed:
        yield f"inflated {frame.length} {arrow} {row.size}"
