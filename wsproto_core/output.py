"""What waits to be sent, in order. Knows bytes and pongs, and nothing of what they mean."""

from __future__ import annotations

from typing import Final

from .masking import append_frame
from .masking_keys import MaskingKeys
from .types import Data

__all__ = ["OutputQueue"]

_JOINED: Final = 32 << 10
"""Bytes of frames side by side from which they are left alone: to let one buffer grow
would cost more than to begin another."""


class OutputQueue:
    """Byte strings in the order in which they must leave.

    Automatic pongs are the one thing that a peer can make us queue. No more than
    `max_pongs` of them wait: past that the oldest gives way (RFC 6455 section 5.5.3
    allows to answer only the newest pings).
    """

    __slots__ = ("_chunks", "_holes", "_joined", "_max_pongs", "_pongs", "_sent", "pending")

    def __init__(self, max_pongs: int) -> None:
        self._chunks: list[bytes] | None = None  # as long as nothing waits
        self._joined: bytearray | None = None  # what comes behind _chunks, if compiled
        self._max_pongs = max_pongs
        self._pongs: list[int] | None = None  # where in _chunks pongs wait, oldest first
        self._holes = 0  # pongs that gave way: empty chunks
        self._sent = 0  # bytes of the first chunk that have left already
        self.pending: int = 0

    def append(self, data: bytes) -> None:
        """Queue `data` behind all that waits."""
        if self._joined is not None:
            self._close_joined()
        if self._chunks is None:
            self._chunks = [data]
        else:
            self._chunks.append(data)
        self.pending += len(data)

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
        self.pending += append_frame(joined, header, batch, at, payload)
        if len(joined) >= _JOINED:
            self._close_joined()

    def _close_joined(self) -> None:
        assert self._joined is not None
        chunk = bytes(self._joined)
        self._joined = None
        self.pending -= len(chunk)
        self.append(chunk)

    def append_pong(self, data: bytes) -> None:
        """Queue an automatic pong; the oldest one gives way when there are too many."""
        self.append(data)
        chunks = self._chunks
        assert chunks is not None
        if self._pongs is None:
            self._pongs = []
        self._pongs.append(len(chunks) - 1)
        if len(self._pongs) > self._max_pongs:
            oldest = self._pongs.pop(0)
            self.pending -= len(chunks[oldest])
            chunks[oldest] = b""
            self._holes += 1
            if self._holes > len(chunks) // 2 + self._max_pongs:
                self._close_holes(chunks)

    def _close_holes(self, chunks: list[bytes]) -> None:
        """Drop the empty chunks: seldom enough that each pong pays for one only."""
        waiting = set(self._pongs or ())
        kept: list[bytes] = []
        pongs: list[int] = []
        for index, chunk in enumerate(chunks):
            if chunk:
                if index in waiting:
                    pongs.append(len(kept))
                kept.append(chunk)
        self._chunks = kept
        self._pongs = pongs
        self._holes = 0

    def drain_all(self) -> list[bytes]:
        """Take out everything, unjoined. Some of the byte strings may be empty."""
        if self._joined is not None:
            self._close_joined()
        chunks = self._chunks
        if chunks is None:
            return []
        if self._sent:
            chunks[0] = chunks[0][self._sent :]
            self._sent = 0
        self._chunks = None
        self._pongs = None
        self._holes = 0
        self.pending = 0
        return chunks

    def drain(self, max_bytes: int) -> bytes:
        """Take out up to `max_bytes` bytes. A pong that left in part gives way no more."""
        if max_bytes >= self.pending:
            return b"".join(self.drain_all())
        if self._joined is not None:
            self._close_joined()
        chunks = self._chunks
        assert chunks is not None
        taken: list[bytes] = []
        room = max_bytes
        done = 0
        sent = self._sent
        while room >= len(chunks[done]) - sent:
            chunk = chunks[done]
            taken.append(chunk[sent:] if sent else chunk)
            room -= len(chunk) - sent
            sent = 0
            done += 1
        if room:
            taken.append(chunks[done][sent : sent + room])
            sent += room
        self._drop_first(chunks, done, sent)
        self.pending -= max_bytes
        return b"".join(taken)

    def _drop_first(self, chunks: list[bytes], count: int, sent: int) -> None:
        """Forget `count` chunks, and `sent` bytes of the one behind them."""
        self._holes -= chunks[:count].count(b"")
        del chunks[:count]
        self._sent = sent
        if self._pongs:
            first = 1 if sent else 0
            self._pongs = [at - count for at in self._pongs if at - count >= first]
