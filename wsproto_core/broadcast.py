"""One message to many connections: encoded once for all that encode it alike.

Knows who may be sent a message, and in which order things are done so that an error
leaves nobody with half of it. How a message is encoded is the writers' business, and
what makes two encodings the same is the codecs'.
"""

# pyright: reportPrivateUsage=false
# The writer of a connection is for its neighbours to use.

from __future__ import annotations

import enum
import sys
from collections.abc import Hashable, Iterable
from typing import TypeVar

from .codes import Opcode, Role
from .connection import Connection
from .events import BytesMessage, Message, TextMessage
from .exceptions import LocalProtocolError
from .message_writer import MessageWriter, no_utf8
from .output import append_to_all
from .state import ConnectionState
from .types import BytesLike, as_bytes

__all__ = ["Skipped", "broadcast"]

_AnyConnection = TypeVar("_AnyConnection", bound=Connection)


class Skipped(enum.Enum):
    """Why a connection did not get a message that was broadcast."""

    NOT_OPEN = "not open"
    """Its handshake is not over, or it is closing or closed."""
    BACKLOG = "backlog"
    """More than `max_backlog` bytes wait on it already: its peer reads too slowly."""
    MID_MESSAGE = "mid-message"
    """A message sent in fragments is unfinished on it, and no other may come in between
    (RFC 6455 section 5.4)."""


def broadcast(
    connections: Iterable[_AnyConnection],
    message: Message | str | BytesLike,
    *,
    max_backlog: int | None = None,
) -> list[tuple[_AnyConnection, Skipped]]:
    """Queue one message on many server connections.

    Each client receives what it would if the message were sent to each connection in turn.
    But it is encoded only once for all connections on which its frame is the same, and they
    all queue the same `bytes` object. Where permessage-deflate is agreed on, the frame is the
    same if the compressors' settings are: the message is compressed by itself, and the next
    that is sent on such a connection is so too, for its peer's window has moved on without
    its compressor (RFC 7692 section 7.2.3.2).

    Args:
        connections: the receivers, gone through once before anything is done. One that is
            there twice gets the message twice.
        message: a whole message. A `str` goes as text, anything bytes-like as binary;
            `TextMessage` and `BytesMessage` can say whether to compress.
        max_backlog: the bytes that may wait on a connection already (`Connection.pending_bytes`)
            for it to get the message; None: any number.

    Returns:
        The connections that were skipped, each with the reason. All others have the message.

    Raises:
        LocalProtocolError: one of `connections` is a client (RFC 6455 section 5.3 wants a
            masking key of its own for each frame of a client), or the message is a fragment
            or text without a UTF-8 form. Nothing is queued on any connection.
        TypeError, ValueError: an argument has the wrong type or value. Nothing is queued.
    """
    opcode, payload, compress = _content(message)
    most = _backlog(max_backlog)
    receivers = list(connections)
    for kind in set(map(type, receivers)):
        if not issubclass(kind, Connection):
            raise TypeError(f"a connection is wanted, not {kind.__name__}")
    skipped: list[tuple[_AnyConnection, Skipped]] = []
    groups = _group(receivers, len(payload), compress, most, skipped)
    _write(groups, opcode, payload, compress)
    return skipped


def _group(
    receivers: list[_AnyConnection],
    size: int,
    compress: bool | None,
    most: int,
    skipped: list[tuple[_AnyConnection, Skipped]],
) -> dict[Hashable, list[MessageWriter]]:
    """The writers of those that are to get a message of `size` bytes, by their `sharing`.

    Changes none of them. What is called here for each connection is most of the work.
    """
    is_open, server = ConnectionState.OPEN, Role.SERVER
    plain: list[MessageWriter] = []
    groups: dict[Hashable, list[MessageWriter]] = {(): plain}
    for connection in receivers:
        if connection.role is not server:
            raise LocalProtocolError(
                "a client masks each frame with a key of its own: send to it by itself"
            )
        writer = connection._output
        if connection.state is not is_open:
            skipped.append((connection, Skipped.NOT_OPEN))
        elif most >= 0 and writer.pending() > most:
            skipped.append((connection, Skipped.BACKLOG))
        elif writer._opcode:
            skipped.append((connection, Skipped.MID_MESSAGE))
        elif writer._codecs:
            groups.setdefault(writer.sharing(size, compress), []).append(writer)
        else:
            plain.append(writer)
    return groups


def _write(
    groups: dict[Hashable, list[MessageWriter]],
    opcode: Opcode,
    payload: bytes,
    compress: bool | None,
) -> None:
    """Queue a message on writers, grouped by their `sharing`.

    Codecs are code of others, which may raise: all that they do comes first.
    """
    alone = groups.pop(None, ())
    frames: list[tuple[list[MessageWriter], bytes]] = []
    for sharing, writers in groups.items():
        if writers:
            frames.append((writers, writers[0].encode_shared(opcode, payload, compress)))
        if sharing != ():
            for writer in writers:
                writer.restart(len(payload), compress)
    for writer in alone:
        writer.write_whole(opcode, payload, compress)
    for writers, frame in frames:
        append_to_all(writers, frame)


def _content(
    message: Message | str | BytesLike,
) -> tuple[Opcode, bytes, bool | None]:
    """The kind of a message, its payload, and whether to compress it."""
    if isinstance(message, str):
        message = TextMessage(message)
    elif not isinstance(message, Message):
        message = BytesMessage(as_bytes(message, "a message that is no text"))
    if not message.message_finished:
        raise LocalProtocolError("a fragment: only a whole message can be broadcast")
    if isinstance(message, BytesMessage):
        return Opcode.BINARY, as_bytes(message.data, "a binary message"), message.compress
    if not isinstance(message, TextMessage):
        raise TypeError("a message is broadcast as TextMessage or BytesMessage")
    if not isinstance(message.data, str):
        raise TypeError(f"text must be str, not {type(message.data).__name__}")
    try:
        return Opcode.TEXT, str.encode(message.data), message.compress
    except UnicodeEncodeError as error:
        raise no_utf8(error) from None


def _backlog(max_backlog: int | None) -> int:
    if max_backlog is None:
        return -1
    if not isinstance(max_backlog, int):
        raise TypeError(f"max_backlog must be int or None, not {type(max_backlog).__name__}")
    if max_backlog < 0:
        raise ValueError("max_backlog must not be negative")
    return min(max_backlog, sys.maxsize)
