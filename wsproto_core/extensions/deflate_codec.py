"""The codec of permessage-deflate (RFC 7692 section 7.2): messages in, messages out.

This module turns payloads into compressed payloads and back. It must never know what
was negotiated how, nor what a connection does with a message. How DEFLATE itself is
done is the business of a zlib module, which can be exchanged.

How input is cut never changes a result. A zlib inflater checks distances against its
window *plus the output of the same call*, and loses the output of a call that fails;
so the calls must not depend on how bytes happened to arrive. They depend on the frames
alone: each frame is fed in blocks of 4 KiB, and a step gives out at most 16 KiB.
"""

from __future__ import annotations

import zlib as standard_zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, cast

from ..codes import Opcode, Role
from ..exceptions import CompressedDataError, FrameError, MessageTooBig
from ..frames import Frame
from ..types import as_bytes
from .base import Codec

if TYPE_CHECKING:
    from .permessage_deflate import PerMessageDeflate

__all__ = ["LARGEST_WINDOW", "DeflateCodec", "ZlibModule"]

LARGEST_WINDOW: Final = 15
"""The largest window that DEFLATE knows is two to this power bytes."""


class _Deflater(Protocol):
    """What a backend's ``compressobj()`` returns."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self, mode: int, /) -> bytes: ...


class _Inflater(Protocol):
    """What a backend's ``decompressobj()`` returns."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class ZlibModule(Protocol):
    """What a backend must have; ``zlib``, ``zlib_ng.zlib_ng`` and ``isal.isal_zlib`` do.

    They differ where it matters little: isal's levels are 0 to 3, and its inflater
    takes distances past an agreed window smaller than 15 bits, up to 32 KiB.
    """

    @property
    def DEFLATED(self) -> int:  # noqa: N802
        """The compression method."""
        ...

    @property
    def Z_DEFAULT_COMPRESSION(self) -> int:  # noqa: N802
        """The default level."""
        ...

    @property
    def Z_SYNC_FLUSH(self) -> int:  # noqa: N802
        """The flush that ends in an empty stored block."""
        ...

    @property
    def error(self) -> type[Exception] | Exception:
        """The class raised for invalid data; some stubs call it an instance."""
        ...

    def compressobj(self, level: int, method: int, wbits: int, mem_level: int, /) -> _Deflater:
        """Make a compressor."""
        ...

    def decompressobj(self, wbits: int, /) -> _Inflater:
        """Make a decompressor."""
        ...


# The appended end of a message (RFC 7692 section 7.2.2), which adds no data; then empty
# stored blocks, which do nothing where a message really ends. Where it was truncated,
# all of it is read as data or codes, and shows: as output or as an error. The longest
# thing that is neither is the header of a block with its own codes (RFC 1951 section
# 3.2.7), which has at most 316 lengths. Whatever its code length codes are, and wherever it
# was cut, it has ended within 37 of these blocks: the tests try them all. What comes behind it
# shows within 65 bits, which are in the two others.
_TAIL: Final = b"\x00\x00\xff\xff"
_EMPTY_BLOCKS: Final = (b"\x00" + _TAIL) * 39
_PROBE: Final = _TAIL + _EMPTY_BLOCKS

_BLOCK: Final = 4 << 10
_STEP: Final = 16 << 10

# zlib takes all the memory that a call may fill before it begins. What comes of a small block
# nearly always fits into memory that Python has at hand.
_SMALL_BLOCK: Final = 64
_SMALL_STEP: Final = 448
_SMALL_ROOM: Final = _SMALL_STEP  # an object where compiled, as an argument has to be


class DeflateCodec:
    """permessage-deflate at work on one connection.

    Compressor and inflater are made when first used, and dropped after each message
    that is not to leave a context: an idle connection has none.

    Received messages go through `inflate_message` or, piece by piece, through
    `decompress` and `finish`, or `decompress_message` where there is but one frame; the
    results are the same. Sent messages go through `compress`. `decode` and `encode` do both
    for whole frames. A message's pieces must go through in order; other than that, the two
    directions are independent.

    After an error about received data the codec cannot receive any more.
    """

    __slots__ = (
        "_block",
        "_deflater",
        "_frame_finished",
        "_full",
        "_inflate",
        "_inflater",
        "_inflating",
        "_keep_deflater",
        "_keep_inflater",
        "_pending",
        "_receive_bits",
        "_zlib",
        "_zlib_error",
        "more",
        "sharing",
        "threshold",
    )

    def __init__(self, extension: PerMessageDeflate, role: Role) -> None:
        self.threshold: int = extension.threshold  # what is smaller had better go uncompressed
        self._zlib = extension.zlib
        self._zlib_error = cast("type[Exception]", extension.zlib.error)
        server_bits = extension.server_max_window_bits or LARGEST_WINDOW
        client_bits = extension.client_max_window_bits or LARGEST_WINDOW
        if role is Role.SERVER:
            send_bits, self._receive_bits = server_bits, client_bits
            self._keep_deflater = not extension.server_no_context_takeover
            self._keep_inflater = not extension.client_no_context_takeover
        else:
            send_bits, self._receive_bits = client_bits, server_bits
            self._keep_deflater = not extension.client_no_context_takeover
            self._keep_inflater = not extension.server_no_context_takeover
        # What compressors are made with: all that a message's compressed form depends on,
        # if none went before it.
        self.sharing: tuple[ZlibModule, int, int, int] = _deflater_settings(extension, send_bits)

        self._deflater: _Deflater | None = None
        self._inflater: _Inflater | None = None
        self._inflate: Callable[[bytes, int], bytes] | None = None  # its `decompress`
        self._inflating = False  # whether the message that is being received is compressed
        self._pending = bytearray()  # input that is not in a block yet
        self._frame_finished = False  # whether the frame's last, short block is pending
        self._block = b""  # what is left of the block being inflated
        self.more: bool = False  # whether `decompress` is not done with what it was given
        self._full = False  # whether the last step was full, so that there may be more

    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        """Inflate a frame if its message is compressed (RFC 7692 section 6.2).

        Raises:
            CompressedDataError: the data is not valid, or ends too early.
            MessageTooBig: the frame inflates to more than `max_size` bytes.
            FrameError: RSV1 on a continuation frame (section 6.1).
        """
        if frame.opcode is not Opcode.CONTINUATION:
            self._inflating = frame.rsv1
        elif frame.rsv1:
            raise FrameError("RSV1 on a continuation frame", section="RFC 7692 section 6.1")
        if not self._inflating:
            return frame
        payload = as_bytes(frame.payload, "what a codec gives")
        if frame.fin:
            payload = self.inflate_message(payload, max_size)
        else:
            payload = self._drain(self.decompress(payload, True), max_size)
        return frame._replace(payload=payload, rsv1=False)

    def encode(self, frame: Frame) -> Frame:
        """Compress a frame of a message that is to be compressed."""
        first = frame.opcode is not Opcode.CONTINUATION
        payload = as_bytes(frame.payload, "what a codec gives")
        return frame._replace(payload=self.compress(payload, frame.fin), rsv1=first)

    def compress(self, data: bytes, fin: bool) -> bytes:
        """Compress one fragment of a message, the last when `fin` (RFC 7692 section 7.2.1).

        The result is the fragment's payload, complete and flushed. What went through
        here must be sent: what follows refers to it.
        """
        deflater = self._deflater
        if deflater is None:
            deflater = self._deflater = self._new_deflater()
        payload = deflater.compress(data) + deflater.flush(self._zlib.Z_SYNC_FLUSH)
        if not fin:
            return payload
        if not self._keep_deflater:
            self._deflater = None
        return payload[:-4]  # "remove 4 octets (that are 0x00 0x00 0xff 0xff)"

    def restart(self) -> None:
        """Compress the next message by itself. That needs no agreement: the receiver's
        window is "shared", not required (RFC 7692 section 7.2.3.2)."""
        self._deflater = None

    def inflate_message(self, payload: bytes, max_size: int | None) -> bytes:
        """Inflate the last or only frame of a message.

        Args:
            payload: the frame's payload.
            max_size: how many bytes it may inflate to; None: no limit. No more than
                16 KiB past it are ever inflated.

        Raises:
            CompressedDataError: the data is not valid, or ends too early.
            MessageTooBig: there is more than `max_size`.
        """
        data = self._drain(self.decompress(payload, True), max_size)
        self.finish()
        return data

    def decompress(self, data: bytes = b"", frame_finished: bool = False) -> bytes:
        """Inflate a piece of the message being received, a step at a time.

        Returns at most 16 KiB, possibly nothing. While `more` is true, call again
        without arguments before anything else::

            step = codec.decompress(data, frame_finished)
            while True:
                total += len(step)
                ...                      # stop here if total is over the limit
                if not codec.more:
                    break
                step = codec.decompress()
            if message_finished:
                codec.finish()

        Args:
            data: payload of the current frame, cut anywhere.
            frame_finished: whether the frame ends here. Up to 4 KiB of a frame's
                input may wait for more of it.

        Raises:
            CompressedDataError: the data is not valid.
        """
        if frame_finished and len(data) <= _BLOCK and not (self.more or self._pending):
            return self._go_on(self._step(data))  # a short frame at once, as nearly all are
        self._pending += data
        self._frame_finished = self._frame_finished or frame_finished
        self.more = self._has_more()
        step = b""
        while self.more and not step:
            step = self._inflate_step()
        self._frame_finished = self.more and self._frame_finished
        return step

    def decompress_message(self, payload: bytes) -> bytes:
        """`decompress` the only frame of a message, then `finish`, unless there is `more`.

        Raises:
            CompressedDataError: the data is not valid, or ends too early.
        """
        inflate = self._inflate
        if inflate is None or len(payload) > _SMALL_BLOCK:
            step = self.decompress(payload, True)
        else:  # the same, without the time that calls take
            inflater = self._inflater
            assert inflater is not None
            try:
                step = inflate(payload, _SMALL_ROOM)
                ended = inflater.eof
                if len(step) < _SMALL_STEP and not ended:
                    surplus = inflate(_PROBE, 1)
                    if surplus or inflater.eof:
                        self._end(inflater, surplus)
                    return step
                step = self._whole_step(inflater, step)
            except self._zlib_error as error:
                raise _invalid(error) from error
            step = self._go_on(step)
        if not self.more:
            self.finish()
        return step

    def _has_more(self) -> bool:
        return bool(
            self._full
            or self._block
            or len(self._pending) >= _BLOCK
            or (self._frame_finished and self._pending)
        )

    def finish(self) -> None:
        """End the message whose every frame went through `decompress`.

        There is no more output: whatever a valid message holds is out before this.

        Raises:
            CompressedDataError: the message is truncated. It is not noticed if what is
                left is made so that the four bytes 00 00 FF FF, which end every
                message, happen to complete it.
        """
        inflate = self._inflate
        if inflate is None:
            inflate = self._new_inflater()
        try:
            surplus = inflate(_PROBE, 1)
        except self._zlib_error as error:
            raise _invalid(error) from error
        inflater = self._inflater
        assert inflater is not None
        if surplus or inflater.eof or not self._keep_inflater:
            self._end(inflater, surplus)

    def _end(self, inflater: _Inflater, surplus: bytes) -> None:
        """End a message that may be truncated, or after which there is no context."""
        # BFINAL on the message's own last, empty block: the stream ends with the tail.
        if surplus or (inflater.eof and inflater.unused_data != _EMPTY_BLOCKS):
            raise _invalid("truncated message")
        self._drop_inflater()

    def drop(self) -> None:
        """Forget the input that is left; nothing more can be received."""
        self._drop_inflater()
        self._pending.clear()
        self._block = b""
        self.more = self._full = False

    def _drain(self, step: bytes, max_size: int | None) -> bytes:
        """All of what was given to `decompress`, `step` being the first of it."""
        steps = [step]
        size = len(step)
        while (max_size is None or size <= max_size) and self.more:
            step = self.decompress()
            steps.append(step)
            size += len(step)
        if max_size is not None and size > max_size:
            raise _too_big(max_size)
        return b"".join(steps)

    def _inflate_step(self) -> bytes:
        """One step, with the rest of a block or a new one; sets `more`."""
        if not self._block and not self._full:
            self._block = bytes(self._pending[:_BLOCK])
            del self._pending[:_BLOCK]
        step = self._step(self._block)
        inflater = self._inflater
        assert inflater is not None
        self._note_step(inflater, step)
        return step

    def _step(self, block: bytes) -> bytes:
        """What zlib makes of a block, up to 16 KiB of it."""
        inflate = self._inflate
        if inflate is None:
            inflate = self._new_inflater()
        try:
            if len(block) > _SMALL_BLOCK:
                return inflate(block, _STEP)
            inflater = self._inflater
            assert inflater is not None
            return self._whole_step(inflater, inflate(block, _SMALL_ROOM))
        except self._zlib_error as error:
            raise _invalid(error) from error

    def _whole_step(self, inflater: _Inflater, step: bytes) -> bytes:
        """The step that is to be made of a small block, given its beginning."""
        if len(step) == _SMALL_STEP:
            step += inflater.decompress(inflater.unconsumed_tail, _STEP - _SMALL_STEP)
        return step

    def _go_on(self, step: bytes) -> bytes:
        """What to give out for a frame of one block, of which `step` came."""
        inflater = self._inflater
        assert inflater is not None
        if len(step) == _STEP or inflater.eof:
            self._note_step(inflater, step)
            while self.more and not step:
                step = self._inflate_step()
        return step

    def _note_step(self, inflater: _Inflater, step: bytes) -> None:
        """Take note of what a step has left to do."""
        self._full = len(step) == _STEP
        if inflater.eof:
            # A block with BFINAL ends a DEFLATE stream; another may follow, and starts
            # without a context (section 7.2.3.4). Blocks being small, copying the rest of
            # one for each of many tiny streams stays linear.
            self._drop_inflater()
            self._block = inflater.unused_data
            self._full = False
        elif self._full:
            self._block = inflater.unconsumed_tail
        else:
            self._block = b""  # input is left over only where the output had no room
        self.more = self._has_more()

    def _new_inflater(self) -> Callable[[bytes, int], bytes]:
        """Make an inflater; returns its `decompress`, which is looked up here and not at
        each message."""
        inflater = self._zlib.decompressobj(-self._receive_bits)
        self._inflater = inflater
        self._inflate = inflater.decompress
        return inflater.decompress

    def _drop_inflater(self) -> None:
        self._inflater = self._inflate = None

    def _new_deflater(self) -> _Deflater:
        backend, level, bits, mem_level = self.sharing
        return backend.compressobj(level, backend.DEFLATED, -bits, mem_level)


Codec.register(DeflateCodec)  # it is one, but what is compiled cannot inherit from an ABC


def _deflater_settings(extension: PerMessageDeflate, bits: int) -> tuple[ZlibModule, int, int, int]:
    """The backend, and its level, window bits and memory level."""
    backend = extension.zlib
    if bits == 8:
        # No backend compresses raw with 8 bits. With 9, zlib goes back 250 bytes at
        # the most (512 less its lookahead of 262), which 8 bits hold; isal goes further.
        backend, bits = cast("ZlibModule", standard_zlib), 9
    level = backend.Z_DEFAULT_COMPRESSION if extension.level is None else extension.level
    return backend, level, bits, extension.mem_level


def _invalid(problem: object) -> CompressedDataError:
    return CompressedDataError(f"compressed data: {problem}", section="RFC 7692 section 7.2.2")


def _too_big(limit: int) -> MessageTooBig:
    return MessageTooBig(f"inflates to over {limit} bytes", section="RFC 6455 section 7.4.1")
