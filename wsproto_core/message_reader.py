"""Messages (RFC 6455 section 5.6), put together from the peer's frames.

Knows text, fragments, sizes and extensions. Does not know the state of the connection,
nor what is done about a ping or a close.
"""

from __future__ import annotations

from typing import Final

from .codes import (
    CONTROL,
    FIN,
    RSV1,
    RSV2,
    RSV3,
    SENDABLE_CLOSE_CODES,
    UNLIMITED,
    CloseCode,
    Opcode,
    Role,
)
from .config import Limits
from .events import (
    BytesMessage,
    CloseConnection,
    CloseSource,
    Message,
    Ping,
    Pong,
    TextMessage,
    whole_bytes,
    whole_text,
)
from .exceptions import (
    FrameError,
    InvalidTextError,
    MessageTooBig,
    RemoteProtocolError,
    TooManyFragments,
)
from .extensions.base import Codec
from .extensions.deflate_codec import DeflateCodec
from .frames import NOTHING, Frame, FrameDecoder
from .masking import (
    PayloadBuffer,
    copy_bytes,
    copy_text,
    mask,
    unmask,
    unmask_text,
)
from .types import Data, as_bytes
from .utf8 import decode_piece, first_bad_byte

__all__ = ["MessageReader"]

_CONTINUATION: Final = int(Opcode.CONTINUATION)
_TEXT: Final = int(Opcode.TEXT)
_WHOLE_TEXT: Final = FIN | _TEXT
_COUNTED: Final = 0x7FFFFFFF  # fragments, at most
_PLAIN: Final = bytes(first in (FIN | Opcode.TEXT, FIN | Opcode.BINARY) for first in range(256))
_DEFLATE: Final = bytes(
    (first & ~RSV1) in (FIN | Opcode.TEXT, FIN | Opcode.BINARY) for first in range(256)
)


class MessageReader(FrameDecoder):
    """Turns the peer's bytes into messages and control frames, one at a time."""

    __slots__ = (
        "_carry",
        "_chunks",
        "_codecs",
        "_compressed",
        "_deflate",
        "_failure",
        "_fragments",
        "_frame",
        "_inflating",
        "_max_fragments",
        "_max_size",
        "_opcode",
        "_payload",
        "_size",
    )

    def __init__(
        self,
        role: Role,
        codecs: tuple[Codec, ...],
        rsv: int,
        limits: Limits,
        chunks: bool,
        base: int,
    ) -> None:
        """`rsv` are the bits that `codecs` claim; `base` is the offset, in the peer's
        stream, of the first byte behind the handshake."""
        self._max_fragments = min(limits.max_fragments, _COUNTED)
        max_size = _or_unlimited(limits.max_message_size)
        self._max_size = max_size
        self._chunks = chunks
        self._codecs: tuple[Codec, ...] | None = None
        self._deflate: DeflateCodec | None = None
        self._failure: RemoteProtocolError | None = None  # for `read` to raise
        whole = _PLAIN
        rsv_next = rsv
        # Data that does not shrink grows a little when it is deflated.
        spare = max_size + max_size // 64 + 1024
        room_compressed = min(_or_unlimited(limits.max_frame_size, spare), UNLIMITED)
        if len(codecs) == 1 and isinstance(codecs[0], DeflateCodec):
            self._deflate = codecs[0]
            whole = _DEFLATE
            rsv_next = 0  # RFC 7692 section 6.1: only a message's first frame has RSV1
        elif codecs:
            self._codecs = tuple(reversed(codecs))
            whole = NOTHING
        super().__init__(role, rsv, rsv_next, whole, base)
        self.room_compressed = room_compressed
        self._frame: bytearray | None = None  # where extensions want whole frames
        self._compressed = False
        self._inflating = False
        self._opcode = 0
        self._payload: PayloadBuffer | None
        self._begin_message()

    def take(self, data: bytes) -> bool:
        """Add what arrived; whether there may be something to read now.

        There is not, where it is the middle of a frame that only has to be kept. This is the
        way that nearly all of a large message takes. An error waits for `read`.
        """
        payload = self._payload
        size = len(data)
        if (
            payload is None
            or size >= self._left
            or self._begins
            or self._position < self._end
            or self._failure is not None
            or not self._is_plain()
        ):
            self.feed(data)
            return True
        if self._turn:
            self._turn_key()
        self._turn = size & 3
        self._base += size
        self._left -= size
        self._size += size
        ascii_only = payload.add(data, 0, size, self._key, self._left)
        if self._opcode == _TEXT and (self._carry or not ascii_only):
            try:
                self._decode_text(payload.last(), False)
            except RemoteProtocolError as error:
                self._failure = error
                return True
        return False

    def read_message(self) -> Message | None:
        """The next message, if it is one frame and has arrived whole.

        None where anything else comes next, more has to be done, or something is wrong: use
        `read`. This is the way that nearly every message takes, so its checks are just those
        that make sure that `read` would have found nothing to refuse.
        """
        buffer = self._buffer
        position = self._position
        end = self._end
        if end - position < 2:
            return None
        first = buffer[position]
        if not (self._may_be_whole and self._whole[first]):
            return None
        length = buffer[position + 1] ^ self._masked
        start = position + 2
        if length >= 126:
            if length != 126 or end - position < 4:
                return None
            length = buffer[position + 2] << 8 | buffer[position + 3]
            if length < 126:
                return None
            start = position + 4
        if length > self.room:
            return None
        stop = start + length
        masked = self._masked
        if masked:
            stop += 4
        if stop > end:
            return None
        if first == _WHOLE_TEXT:
            text = unmask_text(buffer, start, stop) if masked else copy_text(buffer, start, stop)
            if text is None:
                return None
            self._position = stop
            return whole_text(text)
        self._position = stop
        payload = unmask(buffer, start, stop) if masked else copy_bytes(buffer, start, stop)
        if first & RSV1:
            self.payload_offset = self._base + stop - length
            return self._inflate_message(first, payload)
        return whole_bytes(payload)

    def read(self) -> Message | Ping | Pong | CloseConnection | None:
        """The next message (in chunk delivery: piece of one) or control frame.

        None until more has been fed.

        Raises:
            RemoteProtocolError: what comes next breaks a rule or passes a limit.
        """
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        while True:
            event: Message | None
            if self._inflating:
                event = self._inflate(b"")
            elif not self.next_piece():
                return None
            elif self.first & CONTROL:
                return self._control(self.first & 0x0F, self.piece())
            else:
                if self.begins:
                    self._begin_frame(self.first)
                if self._codecs is not None:
                    event = self._decode(self.piece())
                elif self._compressed:
                    event = self._inflate(self.piece())
                else:
                    event = self._add(
                        self._buffer, self._start, self._position, self._key, self.ends
                    )
                    if event is None and self._left and self._queue is None:
                        self.drop()  # all of the input is taken, and the frame goes on
                        return None
            if event is not None:
                return event

    def needs_input(self) -> bool:
        """Whether `read` would give nothing before more is fed."""
        if self._position < self._end or self._queue is not None:
            return False
        if self._end:
            self.drop()  # an idle connection keeps no spent input
        return not self._inflating and self._failure is None

    def forget(self) -> None:
        """Drop the input that is left, and the message that is unfinished."""
        self.drop()
        self._payload = None
        self._frame = None
        for codec in (self._deflate, *(self._codecs or ())):
            if isinstance(codec, DeflateCodec):
                codec.drop()

    def _begin_message(self) -> None:
        """Be ready for the next message."""
        self._may_be_whole = True
        self._fragments = 0
        self._size = 0
        self._carry = b""
        self._payload = None
        # What an extension makes of a frame may be smaller than the frame.
        plain = self._codecs is None
        self.room = min(self.room_compressed, self._max_size) if plain else self.room_compressed

    def _begin_frame(self, first: int) -> None:
        opcode = first & 0x0F
        if opcode != _CONTINUATION:
            self._opcode = opcode
            self._compressed = bool(first & RSV1) and self._deflate is not None
            if self._compressed:
                self.room = self.room_compressed
        self._fragments += 1
        if self._fragments > self._max_fragments:
            raise TooManyFragments(
                f"a message of more than {self._max_fragments} fragments",
                section="RFC 6455 section 10.4",
            )

    def _add(
        self, buffer: bytes, start: int, stop: int, key: bytes, frame_ends: bool
    ) -> Message | None:
        """Take the next payload bytes of the message, where they stand in `buffer`, to be
        unmasked if there is a `key`. Gives an event when one is due."""
        self._size += stop - start
        if self._chunks:
            return self._hand_on(buffer, start, stop, key, frame_ends)
        ends = frame_ends and self.first >= FIN
        text = self._opcode == _TEXT
        payload = self._payload
        if payload is None:
            payload = self._payload = PayloadBuffer(text)
        ascii_only = payload.add(buffer, start, stop, key, self._left)
        if text and (self._carry or not ascii_only):
            self._decode_text(payload.last(), ends)
        if ends:
            self._begin_message()
            return whole_text(payload.take_text()) if text else whole_bytes(payload.take_bytes())
        if frame_ends and self._is_plain():
            self.room = min(self.room_compressed, self._max_size - self._size)
        return None

    def _hand_on(
        self, buffer: bytes, start: int, stop: int, key: bytes, frame_ends: bool
    ) -> Message | None:
        """Give what has come of a message as an event of its own."""
        ends = frame_ends and self.first >= FIN
        piece = buffer[start:stop]
        if key and piece:
            piece = mask(piece, key)
        data: Data = self._decode_text(piece, ends) if self._opcode == _TEXT else piece
        if ends:
            self._begin_message()
        elif frame_ends and self._is_plain():
            self.room = min(self.room_compressed, self._max_size - self._size)
        if not data and not frame_ends:
            return None
        if isinstance(data, str):
            return TextMessage(data, frame_ends, ends)
        return BytesMessage(data, frame_ends, ends)

    def _is_plain(self) -> bool:
        """Whether the payloads of this message are as they were sent."""
        return not self._compressed and self._codecs is None

    def _decode_text(self, piece: bytes, final: bool) -> str:
        carry = self._carry
        try:
            text, self._carry = decode_piece(carry + piece if carry else piece, final)
        except UnicodeDecodeError as error:
            behind = len(error.object) - first_bad_byte(error)
            raise _invalid_text(self.offset - behind if self._is_plain() else None) from None
        return text

    def _decode(self, piece: bytes) -> Message | None:
        """Gather a frame, then take it through the extensions."""
        if self._frame is None:
            self._frame = bytearray()
        self._frame += piece
        if not self.ends:
            return None
        payload = bytes(self._frame)
        self._frame = None
        first = self.first
        frame = Frame(
            Opcode(first & 0x0F),
            payload,
            first >= FIN,
            bool(first & RSV1),
            bool(first & RSV2),
            bool(first & RSV3),
        )
        room = self._max_size - self._size
        assert self._codecs is not None
        *outer, inner = self._codecs
        for codec in outer:
            frame = codec.decode(frame, self.room_compressed)  # not the message itself yet
        frame = inner.decode(frame, room)
        data = as_bytes(frame.payload, "what a codec gives")
        if len(data) > room:
            raise MessageTooBig.of_message(self._max_size)
        return self._add(data, 0, len(data), b"", True)

    def _inflate_message(self, first: int, payload: bytes) -> Message | None:
        """Decompress a message that is one frame, as far as one step goes; an error waits for
        `read`."""
        deflate = self._deflate
        assert deflate is not None
        try:
            data = deflate.decompress_message(payload)
        except RemoteProtocolError as error:
            self._failure = error
            return None
        return self.inflated_message(first, data)

    def inflated_message(self, first: int, data: bytes) -> Message | None:
        """Take what `DeflateCodec.decompress_message` gave; an error waits for `read`."""
        deflate = self._deflate
        assert deflate is not None
        try:
            if deflate.more:
                self.first = first
                self.ends = True
                self._begin_frame(first)
                return self._inflated(data)
            if len(data) > self._max_size:
                raise MessageTooBig.of_message(self._max_size)
            return whole_text(data.decode()) if first & 0x0F == _TEXT else whole_bytes(data)
        except UnicodeDecodeError:
            self._failure = _invalid_text(None)
        except RemoteProtocolError as error:
            self._failure = error
        return None

    def _inflate(self, piece: bytes) -> Message | None:
        """One step in the decompression of a message; `piece` is empty but for the first."""
        deflate = self._deflate
        assert deflate is not None
        if self._inflating:
            return self._inflated(deflate.decompress())
        return self._inflated(deflate.decompress(piece, self.ends))

    def _inflated(self, data: bytes) -> Message | None:
        """Take what a step of decompression gave."""
        deflate = self._deflate
        assert deflate is not None
        self._inflating = deflate.more
        if self._inflating:
            self._may_be_whole = False  # nothing may overtake what is left of this one
        frame_ends = self.ends and not self._inflating
        if frame_ends and self.first >= FIN:
            deflate.finish()
        if self._size + len(data) > self._max_size:
            raise MessageTooBig.of_message(self._max_size)
        return self._add(data, 0, len(data), b"", frame_ends)

    def _control(self, opcode: int, payload: bytes) -> Ping | Pong | CloseConnection:
        if opcode == Opcode.PING:
            return Ping(payload)
        if opcode == Opcode.PONG:
            return Pong(payload)
        start = self.offset - len(payload)
        if not payload:
            return CloseConnection(int(CloseCode.NO_STATUS_RCVD), "", CloseSource.PEER)
        if len(payload) == 1:
            raise FrameError(
                "a Close frame with one byte of payload",
                section="RFC 6455 section 5.5.1",
                offset=start,
            )
        code = int.from_bytes(payload[:2], "big")
        if code not in SENDABLE_CLOSE_CODES:
            raise FrameError(
                f"close code {code} must not be sent",
                section="RFC 6455 section 7.4",
                offset=start,
            )
        try:
            reason = payload[2:].decode()
        except UnicodeDecodeError as error:
            raise InvalidTextError(
                "a close reason that is not UTF-8",
                section="RFC 6455 section 5.5.1",
                offset=start + 2 + first_bad_byte(error),
            ) from None
        return CloseConnection(code, reason, CloseSource.PEER)


def _invalid_text(offset: int | None) -> InvalidTextError:
    return InvalidTextError("text that is not UTF-8", section="RFC 6455 section 8.1", offset=offset)


def _or_unlimited(limit: int | None, default: int = UNLIMITED) -> int:
    return default if limit is None else min(limit, UNLIMITED)
