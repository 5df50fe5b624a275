"""Follows a captured conversation: the bytes each side sent in, rows out.

Each direction goes through the part of the engine that would have received it. Knows
nothing of files, nor of how rows are shown.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from ..carrier import ResponseHead
from ..codes import MASKED, Role
from ..config import Limits
from ..connection import Connection
from ..events import AcceptConnection, Event, RejectConnection, RejectData, Request
from ..exceptions import HandshakeError
from ..extensions.base import Extension
from ..extensions.permessage_deflate import PerMessageDeflate
from ..handshake import parse_request
from ..headers import Headers, parse_extension_list
from ..http1 import ClientCarrier, RequestReader
from .agreement import check_answer, widest_offer, without
from .capture import Capture, CaptureError, Record
from .rows import Finding, Ignored, Incomplete, Note, Row, Tap, Violation

__all__ = ["Conversation", "Settings", "decode_captures"]

_LIMITS: Final = Limits(
    max_message_size=None,
    max_fragments=sys.maxsize,
    max_head_size=1 << 20,
    max_head_line=1 << 20,
    max_head_fields=1 << 14,
)
"""A tool must show what is there."""

_MAX_HELD: Final = 1 << 20
"""Bytes behind a request that wait for the answer, which says how to decode them."""

_REQUEST_LINE: Final = re.compile(rb"[A-Z]{3,16} ")
_UPGRADE: Final = Headers([("Host", "h"), ("Upgrade", "websocket"), ("Connection", "Upgrade")])


@dataclass(frozen=True)
class Settings:
    """What the caller knows about a capture, and wants to see of it."""

    sender: Role | None = None
    """Who sent the first stream; None to go by its first bytes."""
    is_open: bool = False
    """Whether the capture starts behind the opening handshake."""
    extensions: tuple[Extension, ...] | None = None
    """What was agreed, where the capture does not say; None if that is unknown."""
    keep: int = 512
    """How much of a payload to keep in a row, in characters or bytes."""
    cut: bool = True
    """Whether the rest is dropped; if not, it comes in more rows."""


class _Stream:
    """One direction: how far it has been followed, and by what."""

    def __init__(self, sender: Role, settings: Settings) -> None:
        self.sender = sender
        self.received = 0
        self.end = 0  # of the last row, while there is no tap
        self.tap: Tap | None = None
        self.stopped: str | None = None  # why
        self.hint: str | None = None  # to give with the first frame that has RSV1
        self._settings = settings

    def row(self, event: Event | Finding, end: int) -> Row:
        start, self.end = self.end, end
        return Row(self.sender, start, end, event)

    def open(self, extensions: tuple[Extension, ...], data: bytes) -> Iterator[Row]:
        connection = Connection(
            self.sender.peer,
            extensions=extensions,
            limits=_LIMITS,
            delivery="chunk",
            auto_pong=False,
            auto_close=False,
        )
        settings = self._settings
        self.tap = Tap(connection, self.end, keep=settings.keep, cut=settings.cut)
        return self.follow(self.tap, data)

    def follow(self, tap: Tap, data: bytes) -> Iterator[Row]:
        for row in tap.feed(data):
            if self.hint is not None and row.frame is not None and row.frame.rsv1:
                yield Row(self.sender, row.start, row.start, Note(self.hint))
                self.hint = None
            yield row

    def violate(self, error: HandshakeError, end: int) -> Iterator[Row]:
        offset = end if error.offset is None else error.offset
        self.stopped = "not decoded"
        yield self.row(Violation(error, offset), offset)

    def finish(self) -> Iterator[Row]:
        if self.tap is not None:
            yield from self.tap.finish()
        elif self.received > self.end:
            what = "request" if self.sender is Role.CLIENT else "response"
            if self.stopped is None:
                left = Incomplete(f"the stream ends inside the head of the {what}")
                yield self.row(left, self.received)
            else:
                yield self.row(Ignored(self.stopped), self.received)

    def lose(self, count: int) -> Iterator[Row]:
        """Note that the capture lacks `count` bytes here. There is no way to go on."""
        if self.stopped != _LOST:
            yield from self.finish()
            self.tap = None
            self.stopped = _LOST
            self.end = self.received
            yield self.row(Note(f"{count} bytes are missing in the capture"), self.end)


_LOST: Final = "behind bytes that are missing in the capture"


class Conversation:
    """Both directions of a connection, or one of them.

    Args:
        senders: whose streams there will be.
        settings: what is known of them.
    """

    def __init__(self, senders: Collection[Role], settings: Settings) -> None:
        self.problem: str | None = None
        """Why frames could not be decoded, where that is not the sender's fault."""
        self._settings = settings
        self._client = _Stream(Role.CLIENT, settings)
        self._server = _Stream(Role.SERVER, settings)
        self._request: Request | None = None
        self._requests = RequestReader(_LIMITS)
        self._held = b""  # of the client's frames, until the answer is known
        self._responses = ClientCarrier(_LIMITS)
        self._responses.write_request("/", _UPGRADE)
        self._answered = Role.SERVER not in senders
        self._agreed: tuple[Extension, ...] | None = None
        self._body: bytearray | None = None  # of a rejection
        self._body_size = 0
        if settings.is_open:
            for stream in (self._client, self._server):
                if settings.extensions is None:
                    stream.hint = "RSV1 is set: if permessage-deflate was agreed, say --deflate"
                list(stream.open(settings.extensions or (), b""))

    @property
    def request_known(self) -> bool:
        """Whether the request has come, or never will."""
        return self._request is not None or self._started(self._client)

    @property
    def answer_known(self) -> bool:
        """Whether the response's head has come, or never will."""
        return self._answered or self._started(self._server)

    def _started(self, stream: _Stream) -> bool:
        return stream.tap is not None or stream.stopped is not None

    def feed(self, sender: Role, data: bytes) -> Iterator[Row]:
        """The rows that the next bytes of one direction complete."""
        stream = self._stream(sender)
        stream.received += len(data)
        if stream.tap is not None:
            yield from stream.follow(stream.tap, data)
        elif stream.stopped is None:
            read = self._read_request if sender is Role.CLIENT else self._read_response
            yield from read(stream, data)

    def lose(self, sender: Role, count: int) -> Iterator[Row]:
        """The rows for `count` bytes that were sent, but not captured."""
        yield from self._settle(sender)
        yield from self._stream(sender).lose(count)

    def finish(self, sender: Role) -> Iterator[Row]:
        """The rows for the end of one direction."""
        yield from self._settle(sender)
        yield from self._stream(sender).finish()

    def _stream(self, sender: Role) -> _Stream:
        return self._client if sender is Role.CLIENT else self._server

    def _settle(self, sender: Role) -> Iterator[Row]:
        """Go on without what has not come by the end of a direction."""
        if sender is Role.SERVER:
            if self._body is not None:
                yield from self._read_body(self._server, eof=True)
            self._answered = True
        yield from self._release()

    # The request

    def _read_request(self, stream: _Stream, data: bytes) -> Iterator[Row]:
        if self._request is not None:
            self._held += data
            self._answered = self._answered or len(self._held) > _MAX_HELD
        else:
            reader = self._requests
            reader.feed(data)
            try:
                head = reader.read()
                if head is None:
                    return
                self._request = parse_request(*head)
            except HandshakeError as error:
                yield from stream.violate(error, reader.offset)
                return
            end = reader.offset
            self._held = reader.take_rest()
            yield stream.row(self._request, end)
        if self._answered:
            yield from self._release()

    def _release(self) -> Iterator[Row]:
        """Decode what the client sent behind its request, as far as that is known."""
        client = self._client
        if self._request is None or self._started(client):
            return
        extensions = self._settings.extensions if self._agreed is None else self._agreed
        if extensions is None:
            extensions = widest_offer(self._request)
            client.hint = "RSV1 is set, the answer unknown: taken for permessage-deflate as offered"
        held, self._held = self._held, b""
        yield from client.open(extensions, held)

    # The response

    def _read_response(self, stream: _Stream, data: bytes) -> Iterator[Row]:
        carrier = self._responses
        carrier.feed(data)
        if self._body is not None:
            yield from self._read_body(stream, eof=False)
            return
        try:
            head = carrier.read()
            if head is None:
                return
            self._answered = True
            if head.status_code == 101:
                yield from self._accept(stream, head)
            else:
                yield from self._reject(stream, head)
        except HandshakeError as error:
            self._answered = True
            yield from stream.violate(error, carrier.offset)
            yield from self._release()

    def _accept(self, stream: _Stream, head: ResponseHead) -> Iterator[Row]:
        headers = head.headers
        answers = parse_extension_list(headers.get_all("Sec-WebSocket-Extensions"))
        asked = answers if self._request is None else self._request.extensions
        offered = {name for name, _ in asked} - {PerMessageDeflate.name}
        unknown = [name for name, _ in answers if name in offered]
        if unknown:
            headers = without(headers, "Sec-WebSocket-Extensions")
        accepted = check_answer(headers, self._request)
        end = self._responses.offset
        rest = self._responses.take_rest()
        shown = AcceptConnection(accepted.subprotocol, accepted.extensions, head.headers)
        if unknown:
            self.problem = f"extension {unknown[0]!a} was agreed, which is not known here"
            self._client.stopped = stream.stopped = "in an extension that is not known here"
            yield stream.row(shown, end)
            return
        self._agreed = accepted.extensions
        yield stream.row(shown, end)
        yield from self._release()
        yield from stream.open(self._agreed or (), rest)

    def _reject(self, stream: _Stream, head: ResponseHead) -> Iterator[Row]:
        has_body = self._responses.has_body()
        rejected = RejectConnection(head.status_code, head.headers, has_body)
        if not self._started(self._client):
            self._client.stopped = "behind a request that was rejected"
        yield stream.row(rejected, self._responses.offset)
        if has_body:
            self._body = bytearray()
            yield from self._read_body(stream, eof=False)
        else:
            stream.stopped = "behind the response"

    def _read_body(self, stream: _Stream, eof: bool) -> Iterator[Row]:
        body = self._body
        assert body is not None
        piece = self._responses.read_body(eof)
        body += piece.data[: self._settings.keep - len(body)]
        self._body_size += len(piece.data)
        if piece.finished:
            self._body = None
            stream.stopped = "behind the response"
            truncated = piece.broken or self._body_size > len(body)
            yield stream.row(RejectData(bytes(body), True, truncated), stream.received)


# Whole captures


def decode_captures(captures: list[Capture], settings: Settings) -> Iterator[Row]:
    """The rows of one capture, or of two that hold one direction each.

    Raises:
        CaptureError: while rows are taken: it cannot be told what the captures are, or
            they hold what cannot be decoded.
    """
    if len(captures) == 2:
        conversation = Conversation(list(Role), settings)
        rows = _decode_pair(conversation, captures, settings)
    elif captures[0].two_way:
        conversation = Conversation(list(Role), settings)
        rows = _decode_dump(conversation, captures[0], settings)
    else:
        sender, records = _peek(captures[0], settings.is_open)
        sender = settings.sender or sender
        if sender is None:
            raise CaptureError(f"{captures[0].name}: {_UNTOLD}")
        conversation = Conversation([sender], settings)
        rows = _decode_stream(conversation, sender, records)
    yield from rows
    if conversation.problem is not None:
        raise CaptureError(f"{conversation.problem}: frames cannot be decoded")


_UNTOLD: Final = (
    'cannot tell who sent this: it begins with neither a request nor "HTTP/" '
    "(say --role, or --open if it starts behind the handshake)"
)


def _peek(capture: Capture, is_open: bool) -> tuple[Role | None, Iterator[Record]]:
    """Who seems to be the sender, and the records with those put back that were looked at."""
    taken: list[Record] = []
    start = b""
    for record in capture.records:
        taken.append(record)
        start += record.data
        if len(start) >= 20:
            break
    return _guess_sender(start, is_open), chain(taken, capture.records)


def _guess_sender(start: bytes, is_open: bool) -> Role | None:
    if is_open:
        # RFC 6455 section 5.1: what a client sends is masked, what a server sends is not.
        if len(start) < 2:
            return None
        return Role.CLIENT if start[1] & MASKED else Role.SERVER
    if start.startswith(b"HTTP/"):
        return Role.SERVER
    return Role.CLIENT if _REQUEST_LINE.match(start) else None


def _decode_stream(
    conversation: Conversation, sender: Role, records: Iterator[Record]
) -> Iterator[Row]:
    for record in records:
        yield from conversation.feed(sender, record.data)
    yield from conversation.finish(sender)


def _decode_dump(conversation: Conversation, capture: Capture, settings: Settings) -> Iterator[Row]:
    records = capture.records
    first = next(records)
    sender = settings.sender
    if sender is None:
        guess = _guess_sender(first.data, settings.is_open) or Role.CLIENT
        sender = guess if first.node == 0 else guess.peer
    senders = (sender, sender.peer)
    for node, data, missing in chain((first,), records):
        if missing:
            yield from conversation.lose(senders[node], missing)
        else:
            yield from conversation.feed(senders[node], data)
    yield from conversation.finish(Role.CLIENT)
    yield from conversation.finish(Role.SERVER)


def _decode_pair(
    conversation: Conversation, captures: list[Capture], settings: Settings
) -> Iterator[Row]:
    """Two streams that do not tell when what was sent: the handshake, then each stream."""
    if captures[0].two_way or captures[1].two_way:
        raise CaptureError("a dump has both directions in it: give it alone")
    first, records = _peek(captures[0], settings.is_open)
    second, others = _peek(captures[1], settings.is_open)
    sender = settings.sender or first or (second and second.peer)
    if sender is None:
        raise CaptureError(f"{captures[0].name}: {_UNTOLD}")
    if settings.sender is None and second is sender:
        raise CaptureError(f"both streams seem to be the {sender.value}'s (say --role)")
    rows = {
        sender: _decode_stream(conversation, sender, records),
        sender.peer: _decode_stream(conversation, sender.peer, others),
    }
    yield from _until(lambda: conversation.request_known, rows[Role.CLIENT])
    yield from _until(lambda: conversation.answer_known, rows[Role.SERVER])
    yield from rows[Role.CLIENT]
    yield from rows[Role.SERVER]


def _until(known: Callable[[], bool], rows: Iterator[Row]) -> Iterator[Row]:
    while not known():
        row = next(rows, None)
        if row is None:
            return
        yield row
