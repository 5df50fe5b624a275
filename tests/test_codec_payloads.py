"""What a codec of the user's own may give as a payload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from expect import both_roles
from test_custom_extensions import Shift
from wire import FIN, TEXT, frame_to

from wsproto_core import (
    BytesMessage,
    Codec,
    Connection,
    Extension,
    Frame,
    PerMessageDeflate,
    Role,
    TextMessage,
)


class As(Shift):
    """Its codec gives payloads in another form, or what is no payload at all."""

    rsv: ClassVar[int] = 0
    form: ClassVar[Callable[[bytes], Any]]

    def codec(self, role: Role) -> Codec:
        return AsCodec(type(self).form)


class AsCodec(Codec):
    def __init__(self, form: Callable[[bytes], Any]) -> None:
        self.form = form

    def encode(self, frame: Frame) -> Frame:
        return frame._replace(payload=self.form(frame.payload))

    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        return frame._replace(payload=self.form(frame.payload))


def codec_with(form: Callable[[bytes], Any]) -> As:
    kind: type[As] = type("Form", (As,), {"form": staticmethod(form)})
    return kind()


def own_bytes(payload: bytes) -> bytes:
    kind: type[bytes] = type("OwnBytes", (bytes,), {})
    return kind(payload)


@both_roles
@pytest.mark.parametrize("form", [bytearray, memoryview, own_bytes])
@pytest.mark.parametrize("deflated", [False, True])
def test_a_codec_may_give_any_bytes_like_payload(
    role: Role, form: Callable[[bytes], Any], deflated: bool
) -> None:
    extensions: list[Extension] = [codec_with(form)]
    if deflated:
        extensions += [PerMessageDeflate(threshold=0), codec_with(form)]
    one, other = (
        Connection(each, extensions=extensions, random_bytes=bytes) for each in (role, role.peer)
    )
    one.send_text("hello")
    one.send_bytes(b"a part", message_finished=False)
    one.send_bytes(b" and the rest")
    assert list(other.receive_data(one.data_to_send())) == [
        TextMessage("hello"),
        BytesMessage(b"a part and the rest"),
    ]


@both_roles
@pytest.mark.parametrize("form", [str, len, list, lambda payload: None])
@pytest.mark.parametrize("deflated", [False, True])
def test_a_codec_that_gives_no_bytes_is_a_type_error(
    role: Role, form: Callable[[bytes], Any], deflated: bool
) -> None:
    extensions: list[Extension] = [codec_with(form)]
    if deflated:
        extensions.append(PerMessageDeflate(threshold=0))
    ws = Connection(role, extensions=extensions, random_bytes=bytes)
    with pytest.raises(TypeError, match="what a codec gives must be bytes-like"):
        ws.send_text("hello")
    assert ws.pending_bytes == 0
    with pytest.raises(TypeError, match="what a codec gives must be bytes-like"):
        list(ws.receive_data(frame_to(role, FIN | TEXT, b"hello")))
