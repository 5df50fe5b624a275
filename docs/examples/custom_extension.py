"""An extension of our own: a checksum at the end of each data frame.

    python custom_extension.py

It claims RSV2: a frame that has the bit set ends in the CRC-32 of the payload before
it. The parameter ``every`` says that all frames have one; without it, a side may send
short frames without a checksum.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from wsproto_core import (
    Agreement,
    ClientConnection,
    CloseCode,
    Codec,
    Extension,
    ExtensionName,
    ExtensionParameter,
    Frame,
    NegotiationError,
    RemoteProtocolError,
    Request,
    Role,
    ServerConnection,
)

RSV2 = 0x20
SHORT = 16  # bytes


class BadChecksum(RemoteProtocolError):
    """The connection fails with the close code of the error that `decode` raises."""

    close_code = CloseCode.INVALID_DATA


@dataclass(frozen=True)
class FrameChecksum(Extension):
    """The configuration: a value, which any number of connections can share."""

    name: ClassVar[ExtensionName] = ExtensionName("frame-checksum")
    rsv: ClassVar[int] = RSV2

    every: bool = False

    def offer(self) -> Sequence[tuple[ExtensionParameter, ...]]:
        # Client: one way of using it. Several would be alternatives, best first.
        return [(("every", None),)] if self.every else [()]

    def accept(self, parameters: Sequence[ExtensionParameter]) -> Agreement | None:
        # Server: unknown or repeated parameters decline the offer.
        if tuple(parameters) not in ((), (("every", None),)):
            return None
        agreed = replace(self, every=self.every or bool(parameters))
        return Agreement(agreed, (("every", None),) if agreed.every else ())

    def confirm(self, parameters: Sequence[ExtensionParameter]) -> FrameChecksum:
        # Client: a response that the offer does not allow fails the connection.
        if tuple(parameters) not in ((), (("every", None),)):
            raise NegotiationError(f"{self.name}: unknown parameters")
        if self.every and not parameters:
            raise NegotiationError(f"{self.name}: 'every' was not granted")
        return replace(self, every=bool(parameters))

    def codec(self, role: Role) -> ChecksumCodec:
        return ChecksumCodec(self.every)


class ChecksumCodec(Codec):
    """The work on one connection. State, such as a running checksum, would live here."""

    def __init__(self, every: bool) -> None:
        self.every = every

    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        # The result is never longer than the frame, so `max_size` needs no check here.
        if not frame.rsv2:
            if self.every:
                raise BadChecksum("a frame without checksum")
            return frame
        payload, checksum = frame.payload[:-4], frame.payload[-4:]
        if checksum != zlib.crc32(payload).to_bytes(4, "big"):
            raise BadChecksum("a frame with a wrong checksum")
        return frame._replace(payload=payload, rsv2=False)

    def encode(self, frame: Frame) -> Frame:
        if not self.every and len(frame.payload) < SHORT:
            return frame
        checksum = zlib.crc32(frame.payload).to_bytes(4, "big")
        return frame._replace(payload=frame.payload + checksum, rsv2=True)


def main() -> None:
    client = ClientConnection("ws://example.com/", extensions=[FrameChecksum(every=True)])
    server = ServerConnection(extensions=[FrameChecksum()])
    for event in server.receive_data(client.data_to_send()):
        if isinstance(event, Request):
            server.accept()
    for _ in client.receive_data(server.data_to_send()):
        print("agreed:", client.extensions)

    client.send_text("hello")
    frame = client.data_to_send()
    for event in server.receive_data(frame):
        print("server received:", event)

    client.send_text("hello")
    damaged = bytearray(client.data_to_send())
    damaged[-1] ^= 1
    for event in server.receive_data(damaged):
        print("server received:", event)


if __name__ == "__main__":
    main()
