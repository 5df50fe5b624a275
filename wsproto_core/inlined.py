"""What `Events` does, written out in one function for where Python runs it.

A call of a function takes longer there than most of what it would do for a short message. So
this reads whole texts in place, and short ones that are compressed. What it finds,
`read_message` would find; what it does not take, it leaves to that. Nothing here is of use
where the modules are compiled.
"""

# pyright: reportPrivateUsage=false
# All that it reads is private to others: that is what makes it fast.

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from . import masking
from .codes import FIN, MASKED, RSV1, UNLIMITED, Opcode
from .events import Event, TextMessage
from .exceptions import RemoteProtocolError

if TYPE_CHECKING:
    from .endpoint import Endpoint

__all__ = ["iterate"]

_WHOLE_TEXT: Final = FIN | Opcode.TEXT
_COMPRESSED_TEXT: Final = _WHOLE_TEXT | RSV1
_NO_BYTE: Final = -1
_NOWHERE: Final = UNLIMITED << 1  # behind all input

_SHORT: Final = {
    masked: tuple(
        [2 + key + (second ^ masked) if second ^ masked < 126 else 0 for second in range(256)]
    )
    for masked, key in ((0, 0), (MASKED, 4))
}
"""By the second byte of a frame, and by whether it has to be masked: the size of the frame.
0 where that byte does not tell, or is wrong."""


def iterate(endpoint: Endpoint) -> Iterator[Event]:  # noqa: C901 # it is all in one for a reason
    """The events of an endpoint that is reading frames, each read when it is asked for."""
    reader = endpoint._reader
    longest = min(reader._max_size, reader.room_compressed)
    may_be_whole = reader._whole[_WHOLE_TEXT] and longest > 125
    first = _WHOLE_TEXT if may_be_whole else _NO_BYTE
    deflate = reader._deflate if longest > 125 else None
    masked = reader._masked
    key = 4 if masked else 0
    short = _SHORT[masked]
    extended = masked | 126
    long = masking._LONG
    pads = masking._REPEATED
    from_bytes = int.from_bytes
    new = TextMessage.__new__
    while True:
        buffer = reader._buffer
        position = reader._position
        end = reader._end
        start = position + 2
        if start <= end and buffer[position] == first and reader._may_be_whole:
            size = short[buffer[position + 1]]
            if size:
                stop = position + size
            else:
                stop = _NOWHERE
                start = position + 4
                if buffer[position + 1] == extended and start <= end:
                    length = buffer[position + 2] << 8 | buffer[position + 3]
                    if 126 <= length <= longest:
                        stop = start + key + length
            if stop <= end:
                try:
                    if not masked:
                        text = buffer[start:stop].decode()
                    elif (size := stop - start) < long:  # as in `unmask`
                        both = from_bytes(buffer[start:stop], "little")
                        pad = (both & 0xFFFFFFFF) * pads[size + 3 >> 2]
                        text = (both ^ pad).to_bytes(size + 3, "little")[4:size].decode()
                    else:
                        text = masking.unmask(buffer, start, stop).decode()
                except UnicodeDecodeError:
                    pass  # `read` will tell where
                else:
                    reader._position = stop
                    message = new(TextMessage)  # `whole_text`, without a call
                    message._data = text
                    message._frame_finished = True
                    message._message_finished = True
                    message._compress = None
                    yield message
                    continue
        elif position < end and reader._may_be_whole:
            if (
                deflate is not None
                and start <= end
                and buffer[position] == _COMPRESSED_TEXT
                and (size := short[buffer[position + 1]])
                and (stop := position + size) <= end
            ):
                payload = buffer[start:stop]
                if masked:  # as in `unmask`
                    both = from_bytes(payload, "little")
                    pad = (both & 0xFFFFFFFF) * pads[size + 1 >> 2]
                    payload = (both ^ pad).to_bytes(size + 1, "little")[4 : size - 2]
                reader._position = stop
                whole = None
                try:
                    data = deflate.decompress_message(payload)
                except RemoteProtocolError as error:
                    reader._failure = error
                else:
                    if len(data) <= longest and not deflate.more:
                        try:
                            text = data.decode()
                        except UnicodeDecodeError:
                            pass
                        else:  # as above: to come together first costs short texts 4 per cent
                            message = new(TextMessage)
                            message._data = text
                            message._frame_finished = True
                            message._message_finished = True
                            message._compress = None
                            yield message
                            continue
                    whole = reader.inflated_message(_COMPRESSED_TEXT, data)
                reader.payload_offset = reader.offset - len(payload)
            else:
                whole = reader.read_message()
            if whole is not None:
                yield whole
                continue
        event = endpoint._next_event()
        if endpoint._reset:
            endpoint._output.drain_all()
        if event is None:
            return
        yield event
