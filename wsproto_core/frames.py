"""Frames (RFC 6455 section 5): their headers, decoded from a stream and encoded.

Knows what one frame may be and which frame may follow which. Does not know what a
message says, which extensions there are, or that a connection has states.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple, NoReturn

from .codes import (
    CONTROL,
    FIN,
    MASKED,
    MAX_CONTROL_PAYLOAD,
    RSV1,
    RSV2,
    RSV3,
    UNLIMITED,
    Opcode,
    Role,
)
from .exceptions import FrameError, LocalProtocolError, MessageTooBig
from .masking import mask

__all__ = ["Frame", "FrameDecoder", "encode_frame", "encode_header"]

NOTHING: Final = bytes(256)
"""Of no first byte may a whole message be expected."""

_RSV: Final = RSV1 | RSV2 | RSV3
_CONTINUATION: Final = int(Opcode.CONTINUATION)
_KNOWN: Final = bytes([opcode in tuple(Opcode) for opcode in range(16)])


class Frame(NamedTuple):
    """One whole frame, unmasked (RFC 6455 section 5.2)."""

    opcode: Opcode
    payload: bytes
    fin: bool = True
    rsv1: bool = False
    rsv2: bool = False
    rsv3: bool = False

    @property
    def first_byte(self) -> int:
        """FIN, the RSV bits and the opcode, as the first byte of the frame holds them."""
        return (
            (FIN if self.fin else 0)
            | (RSV1 if self.rsv1 else 0)
            | (RSV2 if self.rsv2 else 0)
            | (RSV3 if self.rsv3 else 0)
            | self.opcode
        )


def encode_header(first_byte: int, length: int, masked: int = 0) -> bytes:
    """The first 2 to 10 bytes of a frame, up to the masking key: `length` in its
    minimal form (RFC 6455 section 5.2); `masked` is 0x80 or 0."""
    if length < 126:
        return (first_byte << 8 | masked | length).to_bytes(2, "big")
    if length < 1 << 16:
        return (first_byte << 24 | (masked | 126) << 16 | length).to_bytes(4, "big")
    return ((first_byte << 8 | masked | 127) << 64 | length).to_bytes(10, "big")


def encode_frame(frame: Frame, masking_key: bytes | None = None) -> bytes:
    """The bytes of `frame`, masked if a 4-byte `masking_key` is given.

    Encodes what it is told, also what a peer must refuse: it is meant for tests and tools.

    Raises:
        LocalProtocolError: the key has not 4 bytes.
    """
    header = encode_header(frame.first_byte, len(frame.payload), MASKED if masking_key else 0)
    if masking_key is None:
        return header + frame.payload
    if len(masking_key) != 4:
        raise LocalProtocolError(f"a masking key has 4 bytes, not {len(masking_key)}")
    return header + masking_key + mask(frame.payload, masking_key)


def first_byte_violation(
    first: int, in_message: bool, rsv_first: int, rsv_next: int
) -> tuple[str, str] | None:
    """What is wrong with a frame's first byte, and the section that says so; None if nothing.

    `in_message`: a fragmented message is unfinished. `rsv_first` and `rsv_next`: the RSV
    bits allowed on a message's first frame and on its continuation frames.
    """
    opcode = first & 0x0F
    if not _KNOWN[opcode]:
        return f"opcode {opcode:#x} is reserved", "RFC 6455 section 5.2"
    control = opcode & CONTROL
    allowed = 0 if control else rsv_first if opcode != _CONTINUATION else rsv_next
    if first & _RSV & ~allowed:
        return "a reserved bit is set that no extension claims here", "RFC 6455 section 5.2"
    if control:
        if not first & FIN:
            return "a control frame is fragmented", "RFC 6455 section 5.5"
    elif opcode == _CONTINUATION:
        if not in_message:
            return "a continuation frame, but no message to continue", "RFC 6455 section 5.4"
    elif in_message:
        kind = Opcode(opcode).name
        return f"a new {kind} message inside an unfinished one", "RFC 6455 section 5.4"
    return None


class FrameDecoder:
    """Cuts the peer's byte stream into frames and hands on their payloads, unmasked.

    A payload comes in pieces as its bytes arrive, a control frame's always whole.
    After `next_piece` gave True, `piece` has it, `first` is the first byte of its frame,
    and `begins` and `ends` say whether it is the frame's first and last piece. `room`
    bounds the payload length that a data frame may declare, `room_compressed` that of one
    with RSV1.
    """

    __slots__ = (
        "_base",
        "_begins",
        "_buffer",
        "_end",
        "_in_frame",
        "_in_message",
        "_key",
        "_left",
        "_masked",
        "_may_be_whole",
        "_position",
        "_queue",
        "_rsv_first",
        "_rsv_next",
        "_start",
        "_turn",
        "_whole",
        "begins",
        "ends",
        "first",
        "payload_offset",
        "room",
        "room_compressed",
    )

    def __init__(self, role: Role, rsv_first: int, rsv_next: int, whole: bytes, base: int) -> None:
        """`role` is the reader's own. `rsv_first` and `rsv_next` are as in
        `first_byte_violation`. `whole` has a 1 for each first byte that `read_message`
        may take, between two messages. `base` is the offset of the first byte that will be fed."""
        self._masked = MASKED if role is Role.SERVER else 0
        self._rsv_first = rsv_first
        self._rsv_next = rsv_next
        self._whole = whole
        self._may_be_whole = True  # while no frame or message is unfinished
        self._base: int = base
        self._buffer: bytes = b""
        self._position: int = 0
        self._end: int = 0
        self._queue: deque[bytes] | None = None  # never empty
        self._in_message = False
        self._in_frame = False
        self._begins = False
        self._left: int = 0
        self._key: bytes = b""  # as it stands at the piece
        self._turn: int = 0  # by how much it turns for the next
        self._start: int = 0  # of the piece; it ends at _position
        self.first = 0
        self.payload_offset = base
        self.begins = False
        self.ends = False
        self.room = UNLIMITED
        self.room_compressed = UNLIMITED

    @property
    def offset(self) -> int:
        """How many bytes of the peer's stream have been read."""
        return self._base + self._position

    def feed(self, data: bytes) -> None:
        """Add what arrived. Nothing is parsed before it is asked for."""
        if self._position == self._end and self._queue is None:
            self._base += self._position
            self._buffer = data
            self._position = 0
            self._end = len(data)
        elif self._queue is None:
            self._queue = deque((data,))
        else:
            self._queue.append(data)

    def drop(self) -> None:
        """Forget what was fed and not read. `offset` stays."""
        self._base += self._position
        self._buffer = b""
        self._position = self._end = 0
        self._queue = None

    def next_piece(self) -> bool:
        """Go on to the next piece of payload; False until more has been fed.

        Raises:
            FrameError: the frame is not one that may come here.
            MessageTooBig: it declares a longer payload than there is room for.
        """
        if not self._in_frame and not self._read_header():
            return False
        left = self._left
        needed = left if self.first & CONTROL else 1 if left else 0
        if self._end - self._position < needed and not self._holds(needed):
            return False
        start = self._position
        size = min(left, self._end - start)
        self._start = start
        self._position = start + size
        self._left = left - size
        if self._turn:
            self._turn_key()
        self._turn = size & 3
        self.begins = self._begins
        self._begins = False
        self.ends = size == left
        if self.ends:
            self._in_frame = False
            if not self.first & CONTROL:
                self._in_message = self.first < FIN
            if not self._in_message:
                self._may_be_whole = True
        return True

    def _turn_key(self) -> None:
        """Make the key begin with the byte that is for the piece's first."""
        if self._masked:
            self._key = self._key[self._turn :] + self._key[: self._turn]

    def piece(self) -> bytes:
        """The piece, unmasked."""
        piece = self._buffer[self._start : self._position]
        return mask(piece, self._key) if self._masked and piece else piece

    def _read_header(self) -> bool:
        """Take the next header off the stream; False while it is incomplete.

        Each byte is judged as soon as it is there, whatever comes behind it.
        """
        if self._position == self._end and not self._holds(1):
            return False
        first = self._buffer[self._position]
        if not (self._may_be_whole and self._whole[first]):
            self._check_first_byte(first)
        if self._end - self._position < 2 and not self._holds(2):
            return False
        second = self._buffer[self._position + 1]
        short = second & 0x7F
        if second & MASKED != self._masked or (first & CONTROL and short > MAX_CONTROL_PAYLOAD):
            self._refuse_second_byte(second)
        extended = 0 if short < 126 else 2 if short == 126 else 8
        start = 2 + extended
        if self._end - self._position < start and not self._holds(start):
            return False
        position = self._position
        length = short
        if extended:
            octets = self._buffer[position + 2 : position + start]
            if octets[0] & 0x80 and extended == 8:
                raise FrameError(
                    "the most significant bit of a 64-bit payload length is set",
                    section="RFC 6455 section 5.2",
                    offset=self.offset + 2,
                )
            length = int.from_bytes(octets, "big")
            if length < (126 if extended == 2 else 1 << 16):
                raise FrameError(
                    f"a payload length of {length} in {extended} bytes is not minimal",
                    section="RFC 6455 section 5.2",
                    offset=self.offset + 2,
                )
        room = self.room_compressed if first & RSV1 else self.room
        if length > room and not first & CONTROL:
            raise MessageTooBig(
                f"a frame of {length} bytes where {room} are allowed",
                section="RFC 6455 section 10.4",
                offset=self.offset + 1,
            )
        if self._masked:
            start += 4
            if self._end - position < start and not self._holds(start):
                return False
            position = self._position
            self._key = self._buffer[position + start - 4 : position + start]
            self._turn = 0
        self._position = position + start
        self.payload_offset = self._base + self._position
        self._left = length
        self.first = first
        self._in_frame = True
        self._begins = True
        self._may_be_whole = False
        return True

    def _check_first_byte(self, first: int) -> None:
        violation = first_byte_violation(first, self._in_message, self._rsv_first, self._rsv_next)
        if violation is not None:
            raise FrameError(violation[0], section=violation[1], offset=self.offset)

    def _refuse_second_byte(self, second: int) -> NoReturn:
        if second & MASKED == self._masked:
            raise FrameError(
                f"a control frame of more than {MAX_CONTROL_PAYLOAD} bytes",
                section="RFC 6455 section 5.5",
                offset=self.offset + 1,
            )
        raise FrameError(
            "a client's frame is not masked" if self._masked else "a server's frame is masked",
            section="RFC 6455 section 5.1",
            offset=self.offset + 1,
        )

    def _holds(self, count: int) -> bool:
        """Whether `count` bytes lie ahead, once what was fed meanwhile is joined on."""
        while self._end - self._position < count:
            self._base += self._position
            rest = self._buffer[self._position :] if self._position < self._end else b""
            more = self._queue is not None
            if self._queue is not None:
                rest += self._queue.popleft()
                if not self._queue:
                    self._queue = None
            self._position = 0
            self._buffer = rest  # an idle connection keeps no spent input
            self._end = len(rest)
            if not more:
                return False
        return True
