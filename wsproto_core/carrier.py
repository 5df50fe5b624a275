"""What the carriers of an opening handshake have in common.

A carrier takes the request to the server and the answer back: as text on HTTP/1.1, as
header lists on a stream of HTTP/2 or HTTP/3. Here are the parts that all of them hand
on, the bytes that wait behind a head, and what may be in an answer that says no. This
module knows neither form, and not what a WebSocket handshake says.
"""

from __future__ import annotations

import re
from collections import deque
from typing import ClassVar, Final, NamedTuple

from .exceptions import LocalProtocolError
from .headers import Headers, check_fields

__all__ = [
    "CONTENT_LENGTH",
    "WITHOUT_BODY",
    "BodyPiece",
    "RejectionRules",
    "RequestHead",
    "ResponseHead",
    "WaitingData",
]

WITHOUT_BODY: Final = (204, 205, 304)
_WITHOUT_LENGTH: Final = (204, 304)
CONTENT_LENGTH: Final = re.compile("[0-9]{1,18}")


class RequestHead(NamedTuple):
    """A request, but for its body."""

    method: str
    target: str
    headers: Headers
    authority: str | None = None
    """What stands in for the Host field on a stream; None on HTTP/1.1."""


class ResponseHead(NamedTuple):
    """A response, but for its body."""

    status_code: int
    headers: Headers


class BodyPiece(NamedTuple):
    """What has come of a response's body."""

    data: bytes
    finished: bool
    broken: bool
    """Its framing is wrong or wasteful, or the transport ended inside it."""


class WaitingData:
    """Bytes that came and are not read yet."""

    __slots__ = ("_queue", "offset", "waiting")

    offset: int
    """How many bytes of the peer's stream have been read."""
    waiting: int
    """How many bytes were fed but not read."""

    def __init__(self) -> None:
        self._queue: deque[bytes | memoryview] = deque()
        self.offset = 0
        self.waiting = 0

    def feed(self, data: bytes) -> None:
        """Add what arrived. Nothing is parsed before it is asked for."""
        self._queue.append(data)
        self.waiting += len(data)

    def take_rest(self) -> bytes:
        """All that waits."""
        rest = b"".join(self._queue)
        self.offset += len(rest)
        WaitingData.drop(self)  # only the input: a carrier's own drop ends it
        return rest

    def drop(self) -> None:
        """Forget what was fed and not read; nothing more will be."""
        self._queue.clear()
        self.waiting = 0


class RejectionRules:
    """What an answer other than yes may say (RFC 9110 sections 6.4.1, 8.6 and 15)."""

    __slots__ = ("_left",)

    _least_status: ClassVar[int]
    _own_fields: ClassVar[tuple[str, ...]] = ()
    """Header fields that nobody may add."""

    def __init__(self) -> None:
        self._left: int | None = None  # bytes of the body that must follow; None: any

    def _begin_reject(self, status_code: int, headers: Headers, has_body: bool) -> Headers:
        """The fields of such an answer, with its length where it has no body.

        Raises:
            LocalProtocolError: the status, the fields and the body contradict each other.
            TypeError: the status is not an int.
        """
        if not isinstance(status_code, int):
            raise TypeError(f"a status must be int, not {type(status_code).__name__}")
        if not self._least_status <= status_code <= 599:
            raise LocalProtocolError(
                f"status {status_code} rejects nothing: use {self._least_status} to 599"
            )
        if has_body and status_code in WITHOUT_BODY:
            raise LocalProtocolError(f"an answer with status {status_code} has no body")
        check_fields(headers)
        for name in self._own_fields:
            if name in headers:
                raise LocalProtocolError(f"{name} is the connection's own: it cannot be added")
        length = headers.get("Content-Length")
        if length is not None and status_code == 204:
            raise LocalProtocolError("an answer with status 204 has no Content-Length")
        if length is not None and not CONTENT_LENGTH.fullmatch(length):
            raise LocalProtocolError("Content-Length must be one decimal number")
        if length is not None and not has_body and int(length):
            raise LocalProtocolError(f"Content-Length is {length}, but there is no body")
        self._left = int(length) if length and has_body else None
        if length is None and not has_body and status_code not in _WITHOUT_LENGTH:
            headers += [("Content-Length", "0")]
        return headers

    def note_body(self, size: int, finished: bool) -> None:
        """Take note of a piece of the body, `size` bytes long.

        Raises:
            LocalProtocolError: it is more or less than the Content-Length says.
        """
        if self._left is None:
            return
        if size > self._left or (finished and size < self._left):
            raise LocalProtocolError(
                f"{size} bytes of body where Content-Length leaves {self._left}"
            )
        self._left -= size
