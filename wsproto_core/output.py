"""What waits to be sent, in order. Knows bytes and pongs, and nothing of what they mean."""

# pyright: reportPrivateUsage=false
# What stands beside a class here shares what is private to it.

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .masking import append_frame
from .masking_keys import MaskingKeys
from .types import Data

__all__ = ["OutputQueue", "append_to_all"]

_JOINED: Final = 32 << 10
"""Bytes of frames side by side from which they are left alone: to let one buffer grow
would cost more than to begin another."""

_COUNTED: Final = 0x7FFFFFFF  # chunks, at most


class OutputQueue:
    """Byte strings in the order in which they must leave.

    Automatic pongs are the one thing that a peer can make us queue. No more than
    `max_pongs` of them wait: past that the oldest gives way (RFC 6455 section 5.5.3
    allows to answer only the newest pings).
    """

    __slots__ = (
        "_chunks",
        "_counted",
        "_first",
        "_holes",
        "_joined",
        "_max_pongs",
        "_only",
        "_pongs",
        "_sent",
        "_size",
    )

    def __init__(self, max_pongs: int) -> None:
        self._only = b""  # all that waits, if that is one byte string
        self._chunks: list[bytes] | None = None  # if it is several
        self._joined: bytearray | None = None  # what comes behind _chunks, if compiled
        self._max_pongs = min(max_pongs, _COUNTED)
        self._pongs: list[int] | None = None  # where in _chunks pongs wait, oldest first
        self._holes = 0  # chunks that gave way or have left: they are empty now
        self._first = 0  # where in _chunks the first one is that has not left
        self._sent = 0  # bytes of it that have left already
        self._counted = 0  # how many of _chunks were counted so far
        self._size = 0  # bytes in these that have not left

    def pending(self) -> int:
        """How many bytes wait. They are counted when that is asked for."""
        joined = self._joined
        size = len(self._only) if joined is None else len(self._only) + len(joined)
        chunks = self._chunks
        if chunks is None:
            return size
        for at in range(self._counted, len(chunks)):
            self._size += len(chunks[at])
        self._counted = len(chunks)
        return size + self._size

    def append(self, data: bytes) -> None:
        """Queue `data`, which must not be empty, behind all that waits."""
        if self._joined is not None:
            self._close_joined()
        if self._chunks is not None:
            self._chunks.append(data)
        elif self._only:
            self._chunks = [self._only, data]
            self._only = b""
        else:
            self._only = data

    def _as_list(self) -> list[bytes]:
        """What waits, in the list where it is from now on."""
        if self._chunks is None:
            self._chunks = [self._only]
            self._only = b""
        return self._chunks

    def append_joined(self, header: bytes, keys: MaskingKeys | None, payload: Data) -> None:
        """Queue a frame, masked if there are `keys`, in one piece with those before it.

        The payload is bytes or ASCII text. In a compiled build this is faster than to
        make an object of each frame.
        """
        at = 0 if keys is None else keys.draw()
        joined = self._joined
        if joined is None:
            joined = self._joined = bytearray()
        batch = b"" if keys is None else keys.batch
        append_frame(joined, header, batch, at, payload)
        if len(joined) >= _JOINED:
            self._close_joined()

    def _close_joined(self) -> None:
        assert self._joined is not None
        chunk = bytes(self._joined)
        self._joined = None
        self.append(chunk)

    def append_pong(self, data: bytes) -> None:
        """Queue an automatic pong; the oldest one gives way when there are too many."""
        self.append(data)
        chunks = self._as_list()
        if self._pongs is None:
            self._pongs = []
        self._pongs.append(len(chunks) - 1)
        if len(self._pongs) > self._max_pongs:
            oldest = self._pongs.pop(0)
            if oldest < self._counted:
                self._size -= len(chunks[oldest])
            chunks[oldest] = b""
            self._note_holes(chunks, 1)

    def _note_holes(self, chunks: list[bytes], count: int) -> None:
        """Count chunks that have become empty. Now and then all of these are dropped: seldom
        enough that each chunk pays for one only."""
        self._holes += count
        if self._holes <= len(chunks) // 2 + self._max_pongs:
            return
        waiting = set(self._pongs or ())
        kept: list[bytes] = []
        pongs: list[int] = []
        counted = 0
        for index, chunk in enumerate(chunks):
            if chunk:
                if index in waiting:
                    pongs.append(len(kept))
                if index < self._counted:
                    counted += 1
                kept.append(chunk)
        self._chunks = kept
        self._pongs = pongs
        self._counted = counted
        self._holes = self._first = 0

    def drain_all(self) -> list[bytes]:
        """Take out everything, unjoined. None of the byte strings is empty."""
        if self._joined is not None:
            self._close_joined()
        chunks = self._chunks
        if chunks is None:
            only = self._only
            self._only = b""
            return [only] if only else []
        if self._sent:
            chunks[self._first] = chunks[self._first][self._sent :]
            self._sent = 0
        if self._holes:
            chunks = [chunk for chunk in chunks if chunk]
            self._holes = self._first = 0
        self._chunks = None
        self._pongs = None
        self._counted = self._size = 0
        return chunks

    def drain_joined(self) -> bytes:
        """Take out everything, as one byte string."""
        if self._chunks is not None or self._joined is not None:
            chunks = self.drain_all()
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        only = self._only
        self._only = b""
        return only

    def drain(self, max_bytes: int) -> bytes:
        """Take out up to `max_bytes` bytes. A pong that left in part gives way no more."""
        if max_bytes >= self.pending():
            return self.drain_joined()
        if self._joined is not None:
            self._close_joined()
        chunks = self._as_list()
        self.pending()
        self._size -= max_bytes
        taken: list[bytes] = []
        room = max_bytes
        at = self._first
        sent = self._sent
        while room >= len(chunks[at]) - sent:
            chunk = chunks[at]
            taken.append(chunk[sent:] if sent else chunk)
            chunks[at] = b""
            room -= len(chunk) - sent
            sent = 0
            at += 1
        if room:
            taken.append(chunks[at][sent : sent + room])
            sent += room
        count = at - self._first
        self._first = at
        self._sent = sent
        if self._pongs:
            begun = at + 1 if sent else at
            self._pongs = [pong for pong in self._pongs if pong >= begun]
        self._note_holes(chunks, count)
        return b"".join(taken)


def append_to_all(queues: Sequence[OutputQueue], data: bytes) -> None:
    """Queue `data`, the same object, on each of `queues`."""
    for queue in queues:
        if queue._joined is not None:
            queue._close_joined()
        if queue._chunks is not None:  # `append`, without the time that a call takes
            queue._chunks.append(data)
        elif queue._only:
            queue._chunks = [queue._only, data]
            queue._only = b""
        else:
            queue._only = data
