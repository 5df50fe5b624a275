"""Messages (RFC 6455 section 5.6), cut into frames and queued.

Knows text, fragments, masking and extensions. Does not know the state of the connection.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable
from typing import Final

from .codes import FIN, MASKED, Opcode
from .exceptions import LocalProtocolError
from .extensions.base import Codec
from .extensions.deflate_codec import DeflateCodec
from .frames import Frame, encode_header
from .masking import COMPILED, ascii_size, keyed
from .masking_keys import MaskingKeys
from .output import OutputQueue
from .types import as_bytes

__all__ = ["MessageWriter", "no_utf8"]

_SHORT: Final = 126
"""Payloads of fewer bytes have a header of two (RFC 6455 section 5.2)."""

_TEXT: Final = int(Opcode.TEXT)

_SEPARATE: Final = 16 << 10
"""Payload size in bytes from which joining it to its header costs more than it saves."""


def _short_headers(opcode: Opcode, masked: int) -> tuple[bytes, ...]:
    return tuple([encode_header(FIN | opcode, length, masked) for length in range(_SHORT)])


_PLAIN_TEXT: Final = _short_headers(Opcode.TEXT, 0)
_PLAIN_BINARY: Final = _short_headers(Opcode.BINARY, 0)
_MASKED_TEXT: Final = _short_headers(Opcode.TEXT, MASKED)
_MASKED_BINARY: Final = _short_headers(Opcode.BINARY, MASKED)
"""The headers of short, whole, uncompressed messages, by the length of the payload."""


class MessageWriter(OutputQueue):
    """Turns messages and control frames into bytes, and queues them."""

    __slots__ = ("_binary", "_codecs", "_keys", "_opcode", "_passing", "_text")

    def __init__(self, max_pongs: int) -> None:
        OutputQueue.__init__(self, max_pongs)
        self._keys: MaskingKeys | None = None
        self._codecs: tuple[Codec, ...] = ()
        self._passing: tuple[Codec, ...] = ()  # what the message at hand goes through
        self._opcode = 0  # of the message that is unfinished
        # The headers of the messages that go out just so; none while others are called for.
        self._text: tuple[bytes, ...] = ()
        self._binary: tuple[bytes, ...] = ()

    def open(self, codecs: tuple[Codec, ...], keys: MaskingKeys | None) -> None:
        """Make ready for frames, masked if there are `keys`: those of a client (RFC 6455
        section 5.1)."""
        self._codecs = codecs
        self._keys = keys
        self._choose_headers()

    def _choose_headers(self) -> None:
        if self._codecs or self._opcode:
            self._text = self._binary = ()
        elif self._keys is None:
            self._text, self._binary = _PLAIN_TEXT, _PLAIN_BINARY
        else:
            self._text, self._binary = _MASKED_TEXT, _MASKED_BINARY

    def write_text(self, text: str, fin: bool, compress: bool | None) -> None:
        """Queue a text message, or one frame of it.

        Raises:
            LocalProtocolError: the text has no UTF-8 form, or a binary message is
                unfinished.
            TypeError: `text` is not a `str`.
        """
        if COMPILED and fin and self._text:
            size = ascii_size(text)
            if 0 <= size < _SEPARATE:  # such text is its own UTF-8
                header = self._text[size] if size < _SHORT else self._header(FIN | _TEXT, size)
                self.append_joined(header, self._keys, text)
                return
        if type(text) is not str and not isinstance(text, str):
            raise TypeError(f"text must be str, not {type(text).__name__}")
        try:
            # Whatever a subclass makes of it; to look the method up there would take longer.
            payload = text.encode() if type(text) is str else str.encode(text)
        except UnicodeEncodeError as error:
            raise no_utf8(error) from None
        headers = self._text
        size = len(payload)
        if not fin or size >= len(headers):
            self._write_frame_of(Opcode.TEXT, payload, fin, compress)
        elif COMPILED or self._chunks is None:
            self._append_frame(headers[size], payload)
        elif self._keys is None:  # `_append_frame`, without the time that a call takes
            self._chunks.append(headers[size] + payload)
        else:
            at = self._keys.draw()
            self._chunks.append(headers[size] + keyed(self._keys.batch, at, payload))

    def write_bytes(self, payload: bytes, fin: bool, compress: bool | None) -> None:
        """Queue a binary message, or one frame of it.

        Raises:
            LocalProtocolError: a text message is unfinished.
        """
        if len(payload) < len(self._binary) and fin:
            self._append_frame(self._binary[len(payload)], payload)
        else:
            self._write_frame_of(Opcode.BINARY, payload, fin, compress)

    def write_control(self, opcode: Opcode, payload: bytes) -> None:
        """Queue a Ping, Pong or Close of at most 125 bytes."""
        self._write_frame(FIN | opcode, payload)

    def write_automatic_pong(self, payload: bytes) -> None:
        """Queue the answer to a ping, which gives way when too many wait."""
        header = self._header(FIN | Opcode.PONG, len(payload))
        if self._keys is None:
            self.append_pong(header + payload)
        else:
            at = self._keys.draw()
            self.append_pong(header + keyed(self._keys.batch, at, payload))

    def _write_frame_of(
        self, opcode: Opcode, payload: bytes, fin: bool, compress: bool | None
    ) -> None:
        """Queue a frame of a message, the only one or not."""
        if self._opcode not in (0, opcode):
            raise LocalProtocolError(
                f"a fragmented {Opcode(self._opcode).name} message is unfinished: "
                "finish it before you begin another kind"
            )
        first = Opcode.CONTINUATION if self._opcode else opcode
        if self._codecs:
            self._write_encoded(first, payload, fin, compress)
        else:
            self._write_frame(first | FIN if fin else first, payload)
        unfinished = 0 if fin else opcode
        if unfinished != self._opcode:
            self._opcode = unfinished
            self._choose_headers()

    def _write_encoded(
        self, opcode: Opcode, payload: bytes, fin: bool, compress: bool | None
    ) -> None:
        if self._keys is not None:
            self._keys.reserve()  # nothing may fail once a compressor has gone on
        if opcode is not Opcode.CONTINUATION:
            self._passing = self._codecs_for(len(payload) if fin else sys.maxsize, compress)
        frame = Frame(opcode, payload, bool(fin))
        for codec in self._passing:
            frame = codec.encode(frame)
        self._write_frame(frame.first_byte, as_bytes(frame.payload, "what a codec gives"))

    def _codecs_for(self, size: int, compress: bool | None) -> tuple[Codec, ...]:
        """What a message of `size` bytes goes through."""
        for deflate in self._codecs:
            if not isinstance(deflate, DeflateCodec):
                continue
            if not (size >= deflate.threshold if compress is None else compress):
                return tuple([codec for codec in self._codecs if codec is not deflate])
        return self._codecs

    # A message that is sent on many connections

    def sharing(self, size: int, compress: bool | None) -> Hashable:
        """What tells how a whole message of `size` bytes is encoded: for writers that give
        the same, `encode_shared` does too. None: for no other writer."""
        keys: list[tuple[type[Codec], Hashable]] = []
        for codec in self._codecs_for(size, compress):
            key = codec.sharing
            if key is None:
                return None
            keys.append((type(codec), key))
        return tuple(keys)

    def encode_shared(self, opcode: Opcode, payload: bytes, compress: bool | None) -> bytes:
        """The frame of a whole message, unmasked, as it is if no other went before."""
        self.restart(len(payload), compress)
        frame = Frame(opcode, payload)
        try:
            for codec in self._codecs_for(len(payload), compress):
                frame = codec.encode(frame)
        finally:  # what is not sent, nothing may refer to
            self.restart(len(payload), compress)
        payload = as_bytes(frame.payload, "what a codec gives")
        return encode_header(frame.first_byte, len(payload)) + payload

    def restart(self, size: int, compress: bool | None) -> None:
        """Have the codecs that a message of `size` bytes goes through forget all before it."""
        for codec in self._codecs_for(size, compress):
            codec.restart()

    def write_whole(self, opcode: Opcode, payload: bytes, compress: bool | None) -> None:
        """Queue a whole message that is encoded for this writer alone."""
        self._write_frame_of(opcode, payload, True, compress)

    def _write_frame(self, first: int, payload: bytes) -> None:
        header = self._header(first, len(payload))
        if len(payload) < _SEPARATE:
            self._append_frame(header, payload)
        elif self._keys is None:
            self.append(header)
            self.append(payload)
        else:
            at = self._keys.draw()
            self.append(header)
            self.append(keyed(self._keys.batch, at, payload))

    def _header(self, first: int, length: int) -> bytes:
        return encode_header(first, length, 0 if self._keys is None else MASKED)

    def _append_frame(self, header: bytes, payload: bytes) -> None:
        if COMPILED:
            self.append_joined(header, self._keys, payload)
            return
        if self._keys is None:
            frame = header + payload
        else:
            at = self._keys.draw()
            frame = header + keyed(self._keys.batch, at, payload)
        if self._chunks is not None:  # `append`, without the time that a call takes
            self._chunks.append(frame)
        elif self._only:
            self._chunks = [self._only, frame]
            self._only = b""
        else:
            self._only = frame


def no_utf8(error: UnicodeEncodeError) -> LocalProtocolError:
    """The error for text that cannot be sent."""
    return LocalProtocolError(
        f"text with a lone surrogate at index {error.start} has no UTF-8 form"
    )
