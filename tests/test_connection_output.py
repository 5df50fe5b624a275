"""How is the output drained, and which masking keys does it have?"""

from __future__ import annotations

from typing import Any

import pytest
from wire import (
    FIN,
    PING,
    ROLES,
    TEXT,
    asked,
    connection,
    fixed_random,
    frame_from,
    frame_to,
)

from wsproto_core import (
    Connection,
    Limits,
    LocalProtocolError,
    PerMessageDeflate,
    RejectConnection,
    RejectData,
    Role,
)

each_role = pytest.mark.parametrize("role", ROLES)


# Draining


@each_role
def test_output_can_be_drained_in_pieces_of_every_size(role: Role) -> None:
    def loaded() -> Connection:
        ws = connection(role)
        ws.send_text("some text")
        list(ws.receive_data(frame_to(role, FIN | PING, b"ping") * 3))
        ws.send_bytes(bytes(200))
        ws.close(1000, "done")
        return ws

    expected = loaded().data_to_send()
    for size in range(1, len(expected) + 2):
        ws = loaded()
        pieces = []
        while ws.pending_bytes:
            waiting = ws.pending_bytes
            pieces.append(ws.data_to_send(size))
            assert ws.pending_bytes == waiting - len(pieces[-1])
        assert b"".join(pieces) == expected
        assert {len(piece) for piece in pieces[:-1]} <= {size}
        assert ws.data_to_send(size) == b""
    ws = loaded()
    assert ws.data_to_send(0) == b""
    assert ws.pending_bytes == len(expected)


@each_role
def test_buffers_are_the_output_unjoined(role: Role) -> None:
    one, other = connection(role), connection(role)
    large = bytes(100_000)
    for ws in (one, other):
        ws.send_text("small")
        ws.send_bytes(large)
        ws.send_bytes(b"")
    assert one.pending_bytes == sum(map(len, other.buffers_to_send()))
    ws = connection(role)
    ws.send_text("small")
    ws.send_bytes(large)
    buffers = ws.buffers_to_send()
    assert b"".join(buffers) == one.data_to_send()[: sum(map(len, buffers))]
    assert all(buffers)
    assert (ws.buffers_to_send(), ws.pending_bytes) == ([], 0)
    if role is Role.SERVER:
        assert any(buffer is large for buffer in buffers)


def test_buffers_go_on_where_a_partial_drain_left_off() -> None:
    ws = connection(Role.SERVER)
    ws.send_text("abcdef")
    ws.send_text("ghi")
    assert ws.data_to_send(4) == b"\x81\x06ab"
    assert b"".join(ws.buffers_to_send()) == b"cdef" + b"\x81\x03ghi"


def test_no_buffer_is_empty_where_pongs_gave_way() -> None:
    ws = connection(Role.SERVER, limits=Limits(max_pending_pongs=1))
    list(ws.receive_data(frame_to(Role.SERVER, FIN | PING, b"p") * 3))
    assert ws.buffers_to_send() == [b"\x8a\x01p"]


def test_no_buffer_is_empty_where_a_body_has_an_empty_piece() -> None:
    server = asked()
    server.send(RejectConnection(404, [("Content-Length", "3")], has_body=True))
    for piece in (b"", b"abc", b""):
        server.send(RejectData(piece, body_finished=False))
    server.send(RejectData(b""))
    head, body = server.buffers_to_send()
    assert (head[-4:], body) == (b"\r\n\r\n", b"abc")


# Random bytes


def test_output_is_the_same_for_the_same_random_bytes() -> None:
    def run() -> bytes:
        ws = connection(Role.CLIENT, extensions=[PerMessageDeflate()])
        for number in range(100):
            ws.send_text(f"message {number} " * 10)
        return ws.data_to_send()

    assert run() == run()


def test_every_frame_has_a_masking_key_of_its_own() -> None:
    numbers = iter(range(1 << 30))

    def counting(size: int) -> bytes:
        return b"".join(next(numbers).to_bytes(4, "big") for _ in range(size // 4))

    ws = Connection(Role.CLIENT, random_bytes=counting)
    keys = []
    for number in range(200):
        if number % 3 == 0:
            ws.send_text("text")
        elif number % 3 == 1:
            ws.ping(b"ping")
        else:
            ws.send_bytes(bytes(20_000))
        output = ws.data_to_send()
        keys.append(output[4:8] if number % 3 == 2 else output[2:6])
    assert keys == [number.to_bytes(4, "big") for number in range(200)]


def test_masking_keys_are_random_unless_told_otherwise() -> None:
    keys = set()
    for _ in range(64):
        ws = Connection(Role.CLIENT)
        ws.ping()
        keys.add(ws.data_to_send()[2:6])
    assert len(keys) == 64


def test_a_server_draws_no_random_bytes() -> None:
    def never(size: int) -> bytes:
        raise AssertionError

    ws = Connection(Role.SERVER, random_bytes=never)
    ws.send_text("text")
    ws.close()
    assert ws.pending_bytes == 10


def test_a_refused_message_uses_up_no_key() -> None:
    ws = connection(Role.CLIENT)
    asked: list[int] = []

    def counting(size: int) -> bytes:
        asked.append(size)
        return fixed_random(size)

    ws = Connection(Role.CLIENT, random_bytes=counting)
    for call in (lambda: ws.send_text("\ud800"), lambda: ws.ping(bytes(126)), lambda: ws.close(1)):
        with pytest.raises(LocalProtocolError):
            call()
    assert asked == []


@each_role
@pytest.mark.parametrize("max_bytes", [12.0, 1.5, float("inf"), "1", b"1"])
def test_a_number_of_bytes_that_is_no_int_is_a_type_error(role: Role, max_bytes: Any) -> None:
    ws = connection(role)
    ws.send_text("hello")
    pending = ws.pending_bytes
    with pytest.raises(TypeError, match="max_bytes must be int or None"):
        ws.data_to_send(max_bytes)
    assert (ws.pending_bytes, type(ws.pending_bytes)) == (pending, int)
    assert ws.data_to_send() == frame_from(role, FIN | TEXT, b"hello")
