"""The HTTP/1.1 carrier (RFC 9112): heads and bodies of handshakes, read and written.

The only module that knows h11. It bounds a head while it arrives, lets h11 check every
part of it once it is there, and never shows h11 a byte of what comes behind. It does
not know what a WebSocket handshake says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import ClassVar, Final

import h11

from .carrier import BodyPiece, RejectionRules, RequestHead, ResponseHead, WaitingData
from .config import Limits
from .exceptions import (
    HeadTooLarge,
    HTTPVersionNotSupported,
    LocalProtocolError,
    MalformedHandshake,
)
from .headers import Headers, as_headers

__all__ = ["ClientCarrier", "RequestReader", "ResponseWriter"]

_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_BLANKS: Final = b" \t"
_FRAMING: Final = re.compile(
    rb"^(?:content-length|transfer-encoding):.*\n", re.IGNORECASE | re.MULTILINE
)


class _HeadReader(WaitingData):
    """Gathers bytes up to the empty line that ends a head, and not one more.

    Goes line by line, so that a limit is passed at the same byte however the input
    was cut.
    """

    __slots__ = ("_buffer", "_fields", "_limits", "_line")

    def __init__(self, limits: Limits) -> None:
        super().__init__()  # in the queue is what was fed and is not in the buffer
        self._limits = limits
        self._buffer = bytearray()  # never more than a head may have, and one byte
        self._line = 0  # where the current line begins
        self._fields = -1  # complete lines behind the first one

    def take_rest(self) -> bytes:
        """What came behind the head."""
        self._queue.appendleft(bytes(self._buffer))
        self._buffer.clear()
        return super().take_rest()

    def drop(self) -> None:
        """Forget what was fed and not read; nothing more will be."""
        super().drop()
        self._buffer.clear()

    def _read_head(self) -> bytes | None:
        """The head, its empty line included; None while it is incomplete.

        Raises:
            HeadTooLarge: it passes a limit.
            MalformedHandshake: a line does not end in CR LF, or continues the one above.
        """
        buffer = self._buffer
        while True:
            end = buffer.find(b"\n", self._line) + 1
            self._check_line(end)
            if not end:
                if not self._refill():
                    return None
            elif end - self._line > 2:
                self._fields += 1
                self._line = end
            elif self._fields < 0:
                self._line = end  # RFC 9112 section 2.2: empty lines may come first
            else:
                break
        head = bytes(buffer[:end])
        del buffer[:end]
        self._line = 0
        self._fields = -1
        self.offset += end
        self.waiting -= end
        return head.lstrip(b"\r\n")

    def _refill(self) -> bool:
        """Move on what was fed, as far as a head may reach; False when there is nothing."""
        if not self._queue:
            return False
        data = self._queue.popleft()
        room = self._limits.max_head_size + 1 - len(self._buffer)
        self._buffer += data[:room]
        if len(data) > room:
            self._queue.appendleft(memoryview(data)[room:])
        return True

    def _check_line(self, end: int) -> None:
        """Check the line that goes up to `end`, or, where that is 0, is not complete.

        What is wrong at an earlier byte is looked for first.
        """
        limits = self._limits
        line = self._line
        size = (end or len(self._buffer)) - line
        if size == 0:
            return
        first = self._buffer[line]
        if first == 0x0D and size > 1 and self._buffer[line + 1] != 0x0A:
            raise self._malformed("a line begins with a bare CR", "RFC 9112 section 2.2")
        if first in _BLANKS:
            raise self._malformed("a header line is folded", "RFC 9112 section 5.2")
        if self._fields >= limits.max_head_fields and first != 0x0D:
            raise self._too_large(f"more than {limits.max_head_fields} fields")
        if size > min(limits.max_head_line, limits.max_head_size - line):
            if limits.max_head_line <= limits.max_head_size - line:
                raise self._too_large(f"a line of more than {limits.max_head_line} bytes")
            raise self._too_large(f"more than {limits.max_head_size} bytes")
        if end and not self._buffer.endswith(b"\r\n", line, end):
            raise self._malformed("a line that does not end in CR LF", "RFC 9112 section 2.2")

    def _too_large(self, what: str) -> HeadTooLarge:
        return HeadTooLarge(
            f"a head of {what}", section="RFC 6585 section 5", offset=self.offset + self._line
        )

    def _malformed(self, what: str, section: str) -> MalformedHandshake:
        return MalformedHandshake(what, section=section, offset=self.offset + self._line)


class RequestReader(_HeadReader):
    """Reads one request, or hands on one that was parsed elsewhere."""

    __slots__ = ("_parsed",)

    def __init__(self, limits: Limits, parsed: RequestHead | None = None) -> None:
        super().__init__(limits)
        self._parsed = parsed

    def read(self) -> RequestHead | None:
        """The request; None until more has been fed.

        Raises:
            HandshakeError: it is not an HTTP/1.1 request, or passes a limit.
        """
        if self._parsed is not None:
            return self._parsed
        taken = self._take_request()
        if taken is not None:
            return taken
        head = self._read_head()
        return None if head is None else _parse_request(head)

    def _take_request(self) -> RequestHead | None:
        """The request, if it came in one piece and there is nothing wrong with it."""
        if self._buffer or not self._queue:
            return None
        limits = self._limits
        data = bytes(self._queue[0])
        end = data.find(b"\r\n\r\n", 0, min(limits.max_head_line, limits.max_head_size))
        if end < 0 or data.count(b"\r\n", 0, end) > limits.max_head_fields:
            return None
        request = _split_request(data[:end])
        if request is not None:
            self.offset = end + 4
            self.waiting -= self.offset
            self._queue[0] = memoryview(data)[self.offset :]
        return request


def _split_request(head: bytes) -> RequestHead | None:
    """The request, if there is nothing wrong with its head.

    h11 checks each part by the rules of its parser, which takes twice as long. What it
    refuses is left to the parser, to say what is wrong.
    """
    first, *lines = head.split(b"\r\n")
    try:
        method, target, version = first.split(b" ")
        split = [line.split(b":", 1) for line in lines]
        fields = [(name, value.strip(b" \t")) for name, value in split]
        h11.Request(method=method, target=target, headers=fields)
    except (ValueError, h11.LocalProtocolError):
        return None
    if version != b"HTTP/1.1":
        return None
    return RequestHead(method.decode(), target.decode(), _headers(fields))


def _parse_request(head: bytes) -> RequestHead:
    parser = h11.Connection(h11.SERVER)
    try:
        parser.receive_data(head)
        request = parser.next_event()
    except h11.RemoteProtocolError as error:
        raise _malformed(error, "RFC 9112 section 3", 0) from None
    assert isinstance(request, h11.Request)
    if request.http_version != b"1.1":
        raise HTTPVersionNotSupported(
            f"HTTP/{request.http_version.decode()} instead of HTTP/1.1",
            section="RFC 6455 section 4.1",
            offset=0,
        )
    fields = request.headers.raw_items()
    return RequestHead(request.method.decode(), request.target.decode(), _headers(fields))


class ResponseWriter(RejectionRules):
    """Writes a server's answer: the 101, or a refusal and its body."""

    __slots__ = ()

    _least_status = 200
    _own_fields = ("Connection", "Transfer-Encoding")

    def accept(self, headers: Headers) -> bytes:
        """The head of the 101."""
        return _format_head("HTTP/1.1 101 Switching Protocols", headers)

    def reject(self, status_code: int, headers: Headers, has_body: bool) -> bytes:
        """The head of another answer; behind it and its body the connection is closed.

        Without a Content-Length the end of the connection is the end of the body
        (RFC 9112 section 6.3).

        Raises:
            LocalProtocolError: the status, the fields and the body contradict each other.
            TypeError: the status is not an int.
        """
        headers = self._begin_reject(status_code, headers, has_body)
        fields = [("Connection", "Upgrade, close" if "Upgrade" in headers else "close"), *headers]
        phrase = _PHRASES.get(status_code, "")
        return _format_head(f"HTTP/1.1 {int(status_code)} {phrase}", Headers(fields))


class ClientCarrier(_HeadReader):
    """Writes a request and reads its answer."""

    __slots__ = ("_body_room", "_connects", "_h11", "_interim_room", "_skips_interim")

    accepting: ClassVar[int] = 101
    """The status that says yes."""

    def __init__(self, limits: Limits, skips_interim: bool = True) -> None:
        super().__init__(limits)
        self._skips_interim = skips_interim
        self._connects = False
        self._interim_room = 16 * limits.max_head_size  # enough for any server that means well
        # Bytes of a body as sent that are looked at. Chunked, a byte takes up to six; what
        # takes more is made to waste our time. h11's own limit depends on how the input was
        # cut, so this one, which does not, stands in for it.
        self._body_room = 8 * limits.max_reject_body + (64 << 10)
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=self._body_room + 1)

    def drop(self) -> None:
        """Forget what was fed and not read; nothing more will be."""
        super().drop()
        self._h11 = h11.Connection(h11.CLIENT)  # the old one keeps what came behind a body

    def write_request(self, target: str, headers: Headers, method: str = "GET") -> bytes:
        """The request.

        Raises:
            LocalProtocolError: the target cannot be sent.
        """
        try:
            request = h11.Request(method=method, target=target, headers=list(headers))
        except (h11.LocalProtocolError, UnicodeEncodeError) as error:
            raise LocalProtocolError(f"the request cannot be sent: {error}") from None
        self._connects = method == "CONNECT"
        return self._h11.send(request) or b""

    def read(self) -> ResponseHead | None:
        """The answer, interim ones skipped if so told; None until more has been fed.

        Raises:
            HandshakeError: it is not an HTTP/1.1 response, or passes a limit.
        """
        while True:
            start = self.offset
            head = self._read_head()
            if head is None:
                return None
            if self._connects:
                head = self._check_tunnel(head, start)
            try:
                self._h11.receive_data(head)
                response = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                raise _malformed(error, "RFC 9112 section 4", start) from None
            assert isinstance(response, (h11.Response, h11.InformationalResponse))
            # Many a server says no in HTTP/1.0; only a yes must be HTTP/1.1.
            refusal = response.status_code >= 200 and response.http_version == b"1.0"
            if response.http_version != b"1.1" and not refusal:
                raise HTTPVersionNotSupported(
                    f"HTTP/{response.http_version.decode()} instead of HTTP/1.1",
                    section="RFC 9112 section 2.3",
                    offset=start,
                )
            interim = response.status_code < 200 and response.status_code != 101
            if not (interim and self._skips_interim):
                return ResponseHead(response.status_code, _headers(response.headers.raw_items()))
            # RFC 9110 section 15.2: interim responses may come ahead of the real one.
            if self.offset > self._interim_room:
                raise HeadTooLarge(
                    f"interim responses of more than {self._interim_room} bytes",
                    section="RFC 9110 section 15.2",
                    offset=start,
                )

    def _check_tunnel(self, head: bytes, offset: int) -> bytes:
        """A response to CONNECT, without what the tunnel behind it makes meaningless."""
        if head[8:12] == b" 101":
            raise MalformedHandshake(
                "a 101 that nobody asked for", section="RFC 9110 section 15.2.2", offset=offset
            )
        # RFC 9110 section 9.3.6: a client MUST ignore them where the tunnel begins.
        return _FRAMING.sub(b"", head) if head[8:10] == b" 2" else head

    def has_body(self) -> bool:
        """Whether a body follows the response. To be asked before any of it is read."""
        return self._h11.next_event() is h11.NEED_DATA

    def read_body(self, eof: bool, reset: bool = False) -> BodyPiece:
        """What has come of the body; `eof` says that no more will, `reset` that the
        transport broke: then its end is not the body's (RFC 9112 section 8)."""
        rest = self.take_rest()
        cut = len(rest) > self._body_room
        rest = rest[: self._body_room]
        self._body_room -= len(rest)
        pieces: list[bytes] = []
        try:
            if rest:
                self._h11.receive_data(rest)
            if eof and not reset:
                self._h11.receive_data(b"")
            while isinstance(event := self._h11.next_event(), h11.Data):
                pieces.append(bytes(event.data))
        except h11.RemoteProtocolError as error:
            error.__traceback__ = None  # h11 ties it into a ring, which would keep the input
            return BodyPiece(b"".join(pieces), finished=True, broken=True)
        if isinstance(event, h11.EndOfMessage):
            behind, _ = self._h11.trailing_data
            self.offset -= len(behind)
            return BodyPiece(b"".join(pieces), finished=True, broken=False)
        return BodyPiece(b"".join(pieces), finished=cut or reset, broken=cut or reset)


def _malformed(error: h11.RemoteProtocolError, section: str, offset: int) -> MalformedHandshake:
    error.__traceback__ = None  # h11 ties it into a ring, which would keep the input
    text = str(error)
    if text.startswith("illegal"):
        text = text.partition(":")[0]  # behind it h11 repeats what was sent: long, or secret
    return MalformedHandshake(text, section=section, offset=offset)


def _headers(fields: Iterable[tuple[bytes, bytes]]) -> Headers:
    return as_headers(tuple([(name.decode(), value.decode("latin-1")) for name, value in fields]))


def _format_head(first_line: str, headers: Headers) -> bytes:
    lines = [first_line, *[f"{name}: {value}" for name, value in headers], "", ""]
    return "\r\n".join(lines).encode("ascii")
