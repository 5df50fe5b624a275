"""The floor: the least that pure Python can do for a row, with next to nothing checked.

It finds payloads in what it is fed and hands over an event for each, one at a time, as an
engine must whose events take effect when they are taken. It is a generator, which has what it
needs in local variables, and makes no call that can be done without. Its events are
wsproto_core's own. It keeps no state but its place in the input, and no limit but on what it
inflates. Or it builds frames and queues them: then it makes sure that it is given text which can
be sent now, and no more. Where it does not reach a target, no engine in Python does that gives
such events and checks what it reads.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable, Iterator, Sequence

import h11

from wsproto_core import COMPILED, Event, Role, TextMessage
from wsproto_core.events import whole_text
from wsproto_core.frames import encode_header
from wsproto_core.handshake import parse_request
from wsproto_core.headers import Headers, accept_key
from wsproto_core.masking_keys import MaskingKeys

__all__ = ["broadcaster", "event_sender", "opener", "receiver", "sender"]

_from_bytes = int.from_bytes

_LONG = 600
"""Bytes of payload from which tables unmask faster than one exclusive or of long numbers."""

_REPEATED = [_from_bytes(b"\1\0\0\0" * words, "little") for words in range(_LONG // 4 + 2)]
_TABLES = [bytes(octet ^ key for octet in range(256)) for key in range(256)]
_TAIL = b"\0\0\xff\xff" + b"\0\0\0\xff\xff" * 39
"""The end of compressed data, and the empty blocks that it takes to find all that was cut short:
the codes of a block may come to 183 bytes."""

_ENDS = {
    key: tuple([2 + second % 128 + key if second % 128 < 126 else 0 for second in range(256)])
    for key in (0, 4)
}
"""By the second byte of a frame: how far behind its first it ends, 0 if longer lengths follow."""

_ROOM = 448
"""Bytes of a message, inflated: as many as Python has memory at hand for."""


def _unmask_short(buffer: bytes, start: int, stop: int) -> bytes:
    """The payload up to `stop`, with its key at `start`."""
    size = stop - start
    both = _from_bytes(buffer[start:stop], "little")
    pad = (both & 0xFFFFFFFF) * _REPEATED[size + 3 >> 2]
    return (both ^ pad).to_bytes(size + 3, "little")[4:size]


def _unmask_long(payload: bytes, key: bytes) -> bytes:
    octets = bytearray(payload)
    for lane in range(4):
        octets[lane::4] = octets[lane::4].translate(_TABLES[key[lane]])
    return bytes(octets)


class _Reader:
    """Text messages of one frame each."""

    __slots__ = ("buffer", "inflater", "key", "left", "masked", "parts", "position")

    def __init__(self, role: Role, deflate: bool) -> None:
        self.buffer = b""
        self.position = 0
        self.masked = 4 if role is Role.SERVER else 0
        self.inflater = zlib.decompressobj(-15) if deflate else None
        self.key = b""
        self.left = 0  # bytes of a payload that have not come
        self.parts: list[bytes] = []

    def receive_data(self, data: bytes) -> Iterator[TextMessage]:
        rest = self.buffer[self.position :]
        self.buffer = rest + data if rest else data
        self.position = 0
        return self._take()

    def _take(self) -> Iterator[TextMessage]:
        masked = self.masked
        ends = _ENDS[masked]
        inflater = self.inflater
        inflate = None if inflater is None else inflater.decompress
        new = TextMessage.__new__
        compiled = COMPILED
        if self.left and (event := self._go_on()):
            yield event
        while True:
            buffer = self.buffer
            position = self.position
            end = len(buffer)
            if end - position < 2:
                return
            start = position + 2
            stop = position + ends[buffer[position + 1]]
            if stop == position:
                octets = 2 if buffer[position + 1] & 127 == 126 else 8
                start += octets
                stop = start + _from_bytes(buffer[start - octets : start], "big") + masked
            if stop > end:
                if event := self._begin(start, stop - start - masked):
                    yield event
                return
            self.position = stop
            if not masked:
                text = buffer[start:stop].decode()
            elif (size := stop - start) < _LONG and inflate is None:
                both = _from_bytes(buffer[start:stop], "little")
                pad = (both & 0xFFFFFFFF) * _REPEATED[size + 3 >> 2]
                text = (both ^ pad).to_bytes(size + 3, "little")[4:size].decode()
            else:
                if size < _LONG:
                    payload = _unmask_short(buffer, start, stop)
                else:
                    payload = _unmask_long(buffer[start + 4 : stop], buffer[start : start + 4])
                if inflate is not None:
                    payload = inflate(payload, _ROOM)
                    if len(payload) == _ROOM or inflate(_TAIL, 1):
                        raise ValueError("a message that is too big, or was cut short")
                text = payload.decode()
            if compiled:  # its fields cannot be set from here
                yield whole_text(text)
                continue
            event = new(TextMessage)
            event._data = text
            event._frame_finished = True
            event._message_finished = True
            event._compress = None
            yield event

    def _begin(self, start: int, length: int) -> TextMessage | None:
        """The frame at the end of the input, if its header is whole."""
        if start + self.masked <= len(self.buffer):
            self.key = self.buffer[start : start + self.masked]
            self.position = start + self.masked
            self.left = length
            return self._go_on()
        return None

    def _go_on(self) -> TextMessage | None:
        piece = self.buffer[self.position : self.position + self.left]
        self.position += len(piece)
        self.left -= len(piece)
        key = self.key
        if key:
            if len(piece) < _LONG:
                piece = _unmask_short(key + piece, 0, 4 + len(piece))
            else:
                piece = _unmask_long(piece, key)
            turn = len(piece) & 3
            self.key = key[turn:] + key[:turn]
        self.parts.append(piece)
        if self.inflater is None and not piece.isascii():
            # Bad text has to fail at its first bad byte: the cheapest check that can pass.
            raise ValueError("a frame that comes in pieces must be ASCII")
        if self.left:
            return None
        payload = b"".join(self.parts)
        self.parts = []
        if self.inflater is not None:
            payload = self.inflater.decompress(payload) + self.inflater.decompress(_TAIL, 1)
        return whole_text(payload.decode())


class _Listener:
    """One of those that a broadcast goes to."""

    __slots__ = ("open", "waiting")

    def __init__(self) -> None:
        self.open = True
        self.waiting = b""

    def data_to_send(self) -> bytes:
        data = self.waiting
        self.waiting = b""
        return data


def broadcaster(count: int, deflate: bool) -> Callable[[str, Callable[[bytes], object]], None]:
    listeners = [_Listener() for _ in range(count)]

    def send(text: str, write: Callable[[bytes], object]) -> None:
        first, payload = 0x81, text.encode()
        if deflate:
            deflater = zlib.compressobj(wbits=-15)
            first, payload = 0xC1, deflater.compress(payload)
            payload += deflater.flush(zlib.Z_SYNC_FLUSH)[:-4]
        frame = encode_header(first, len(payload), 0) + payload
        for listener in listeners:
            if not listener.open or listener.waiting:
                raise ValueError("one message after the other, while it can be sent")
            listener.waiting = frame
        for listener in listeners:
            write(listener.data_to_send())

    return send


_ACCEPT = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n%b\r\n"
)
_SHORT = {
    masked: [encode_header(0x81, size, masked) for size in range(126)] for masked in (0, 0x80)
}


class _Writer:
    """Text messages of one frame each."""

    __slots__ = ("fragmented", "keys", "masked", "open", "queue", "short")

    def __init__(self, role: Role) -> None:
        self.open = True
        self.fragmented = False
        self.queue: list[bytes] = []
        self.keys = None if role is Role.SERVER else MaskingKeys(secrets.token_bytes)
        self.masked = 0 if self.keys is None else 0x80
        self.short = _SHORT[self.masked]

    def send(self, event: Event) -> None:
        if not isinstance(event, TextMessage):
            raise TypeError("text only")
        finished = event._message_finished  # pure only; a property takes longer
        self.send_text(event._data, message_finished=finished, compress=event._compress)

    def send_text(
        self, data: str, *, message_finished: bool = True, compress: bool | None = None
    ) -> None:
        if not self.open or not message_finished or self.fragmented or compress:
            raise ValueError("one message after the other, as it is, while it can be sent")
        if type(data) is not str:
            raise TypeError("text only")
        try:
            payload = data.encode()
        except UnicodeEncodeError:
            raise ValueError("no UTF-8") from None
        size = len(payload)
        header = self.short[size] if size < 126 else encode_header(0x81, size, self.masked)
        keys = self.keys
        if keys is None:
            self.queue.append(header + payload)
            return
        at = keys.draw()
        key = keys.batch[at : at + 4]
        if size < _LONG:
            pad = _from_bytes(key, "little") * _REPEATED[size + 3 >> 2]
            masked = (_from_bytes(payload, "little") ^ pad).to_bytes(size + 3, "little")
            self.queue.append(header + key + masked[:size])
        else:
            self.queue.append(header + key + _unmask_long(payload, key))

    def data_to_send(self) -> bytes:
        data = b"".join(self.queue)
        self.queue = []
        return data


def receiver(role: Role, deflate: bool) -> Callable[[Sequence[bytes]], tuple[int, str]]:
    reader = _Reader(role, deflate)

    def receive(pieces: Sequence[bytes]) -> tuple[int, str]:
        messages = 0
        last = ""
        for piece in pieces:
            for event in reader.receive_data(piece):
                if isinstance(event, TextMessage):
                    messages += 1
                    last = event.data
        return messages, last

    return receive


def sender(role: Role, deflate: bool) -> Callable[[Sequence[str]], bytes]:
    writer = _Writer(role)

    def send(texts: Sequence[str]) -> bytes:
        for text in texts:
            writer.send_text(text)
        return writer.data_to_send()

    return send


def event_sender(role: Role, deflate: bool) -> Callable[[Sequence[str]], bytes]:
    writer = _Writer(role)

    def send(texts: Sequence[str]) -> bytes:
        for text in texts:
            writer.send(TextMessage(text))
        return writer.data_to_send()

    return send


def opener(deflate: bool) -> Callable[[bytes], tuple[object, bytes]]:
    """Has h11 check the request's syntax, and wsproto_core what it says; answers its key."""
    extension = b"Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else b""

    def open_one(request: bytes) -> tuple[object, bytes]:
        first, *lines = request[:-4].split(b"\r\n")
        method, target, _ = first.split(b" ")
        fields: list[tuple[bytes, bytes]] = []
        for line in lines:
            name, _, value = line.partition(b":")
            fields.append((name, value.strip()))
        h11.Request(method=method, target=target, headers=fields)
        headers = Headers([(name.decode(), value.decode()) for name, value in fields])
        asked = parse_request(method.decode(), target.decode(), headers)
        accept = accept_key(asked.headers["Sec-WebSocket-Key"]).encode()
        return asked, _ACCEPT % (accept, extension)

    return open_one
