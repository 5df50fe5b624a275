"""Masking against a byte by byte reference, in both bodies of the module."""

from __future__ import annotations

import random
from typing import Any

import pytest
from effort import examples
from hypothesis import given
from hypothesis import strategies as st

from wsproto_core import mask
from wsproto_core.masking import (
    PayloadBuffer,
    append_frame,
    ascii_size,
    copy_bytes,
    copy_text,
    keyed,
    unmask,
    unmask_text,
)

KEY = b"\x37\xfa\x21\x3d"
keys = st.binary(min_size=4, max_size=4)


def reference(payload: bytes, key: bytes) -> bytes:
    """RFC 6455 section 5.3, to the letter: octet i with key octet i MOD 4."""
    return bytes([octet ^ key[i % 4] for i, octet in enumerate(payload)])


def test_the_example_of_the_rfc() -> None:
    # RFC 6455 section 5.7: a single-frame masked text message
    assert mask(b"Hello", KEY) == b"\x7f\x9f\x4d\x51\x58"


def test_every_length_up_to_1300() -> None:
    payload = random.Random(1).randbytes(1300)
    for size in range(1301):
        assert mask(payload[:size], KEY) == reference(payload[:size], KEY), size


@pytest.mark.parametrize("size", [4095, 4096, 65_535, 65_537, 1 << 18])
def test_large_payloads(size: int) -> None:
    payload = random.Random(size).randbytes(size)
    assert mask(payload, KEY) == reference(payload, KEY)


def test_every_byte_with_every_key_byte_in_every_lane() -> None:
    every = bytes(octet for octet in range(256) for _ in range(4))
    for octet in range(256):
        key = bytes([octet, octet ^ 0x5A, 255 - octet, octet // 2])
        assert mask(every, key) == reference(every, key)  # over 600 bytes: strided
        assert mask(every[:400], key) == reference(every[:400], key)  # under: by integers


@examples(100)
@given(payload=st.binary(max_size=1500), key=keys)
def test_masking_is_its_own_inverse(payload: bytes, key: bytes) -> None:
    masked = mask(payload, key)
    assert masked == reference(payload, key)
    assert mask(masked, key) == payload


@pytest.mark.parametrize("size", [0, 5, 599, 600, 601, 2000])
def test_the_result_is_bytes_and_the_argument_stays(size: int) -> None:
    payload = b"\xaa" * size
    masked = mask(payload, KEY)
    assert type(masked) is bytes
    assert payload == b"\xaa" * size
    assert masked != payload or not size


def test_a_key_of_zeros_changes_nothing() -> None:
    assert mask(b"x" * 700, bytes(4)) == b"x" * 700
    assert mask(b"x" * 7, bytes(4)) == b"x" * 7


@pytest.mark.parametrize("payload", [b"", b"a" * 10, b"a" * 700])
@pytest.mark.parametrize("key", [b"", b"12", b"123", b"12345", b"12345678"])
def test_a_key_of_another_length_is_refused(payload: bytes, key: bytes) -> None:
    with pytest.raises(ValueError, match=f"a masking key has 4 bytes, not {len(key)}"):
        mask(payload, key)


@pytest.mark.parametrize("arguments", [("text", KEY), (b"payload", "text"), (None, KEY)])
def test_what_is_not_bytes_is_a_type_error(arguments: tuple[Any, Any]) -> None:
    with pytest.raises(TypeError, match="must be bytes-like, not"):
        mask(*arguments)


def test_any_bytes_like_object_will_do() -> None:
    masked = mask(b"payload", KEY)
    assert mask(bytearray(b"payload"), memoryview(KEY)) == masked
    assert mask(memoryview(b"p_a_y_l_o_a_d")[::2], bytearray(KEY)) == masked


# The sizes around which the bodies change their ways: short and long, words, vectors.
SIZES = [*range(140), 255, 256, 257, 511, 595, 596, 599, 600, 601, 604, 1023, 1448, 5000]
each_start = pytest.mark.parametrize("start", [0, 1, 7, 100])


@each_start
def test_a_payload_is_taken_from_the_middle_of_a_buffer(start: int) -> None:
    random_bytes = random.Random(start).randbytes
    for size in SIZES:
        payload = random_bytes(size)
        buffer = random_bytes(start) + KEY + mask(payload, KEY) + random_bytes(9)
        stop = start + 4 + size
        assert unmask(buffer, start, stop) == payload
        assert copy_bytes(buffer, start, stop) == buffer[start:stop]
        assert keyed(buffer, start, payload) == KEY + mask(payload, KEY)


@each_start
@pytest.mark.parametrize("alphabet", ["a", "a\x7f", "aé", "é中😀"])
def test_text_is_taken_from_the_middle_of_a_buffer(start: int, alphabet: str) -> None:
    choose = random.Random(start)
    for size in SIZES:
        text = "".join(choose.choices(alphabet, k=size))
        data = text.encode()
        buffer = b"\xff" * start + KEY + mask(data, KEY) + b"\xff"
        assert unmask_text(buffer, start, start + 4 + len(data)) == text
        buffer = b"\xff" * start + data + b"\xff"
        assert copy_text(buffer, start, start + len(data)) == text


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"])
def test_text_that_is_not_utf_8_is_none(bad: bytes) -> None:
    for size in range(140):
        for at in range(size):
            data = b"a" * at + bad + b"b" * (size - at - 1)
            masked = KEY + mask(data, KEY)
            assert unmask_text(masked, 0, len(masked)) is None
            assert copy_text(data, 0, len(data)) is None


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("key", [b"", KEY])
@pytest.mark.parametrize("pieces", [0, 1, 2, 3, 40, 3000])
def test_a_payload_in_pieces_is_put_together(text: bool, key: bytes, pieces: int) -> None:
    choose = random.Random(pieces)
    for alphabet in (b"ab", b"\xc3\xa9"):
        buffer = PayloadBuffer(text)
        expected = b""
        for number in range(pieces):
            piece = alphabet * choose.choice([0, 1, 3, 70, 700] if pieces < 100 else [0, 1, 2])
            data = mask(piece, key) if key else piece
            ascii_only = buffer.add(b"?" + data + b"?", 1, 1 + len(data), key, pieces - number)
            assert ascii_only == piece.isascii()
            assert buffer.last() == piece
            expected += piece
        if text:
            assert buffer.take_text() == expected.decode()
        else:
            assert buffer.take_bytes() == expected


def test_pieces_are_text_only_when_all_are_there() -> None:
    buffer = PayloadBuffer(True)
    assert buffer.add(b"abc", 0, 3, b"", 1 << 40)
    assert not buffer.add("é".encode(), 0, 1, b"", 1 << 40)
    assert not buffer.add("é".encode(), 1, 2, b"", 0)
    assert buffer.add(b"d", 0, 1, b"", 0)
    assert buffer.take_text() == "abcéd"


@pytest.mark.parametrize("payload", [b"", b"abc", b"\xff" * 300, "", "abc", "a" * 300])
@pytest.mark.parametrize("keys", [b"", KEY, b"...." + KEY + b"...."])
def test_frames_are_put_side_by_side(payload: bytes | str, keys: bytes) -> None:
    target = bytearray(b"before")
    octets = payload.encode() if isinstance(payload, str) else payload
    at = keys.find(KEY)
    body = KEY + mask(octets, KEY) if keys else octets
    assert append_frame(target, b"hh", keys, max(at, 0), payload) == 2 + len(body)
    assert target == b"before" + b"hh" + body


@pytest.mark.parametrize("text", ["", "a", "\x7f" * 300])
def test_the_size_of_ascii_text_is_that_of_its_utf_8(text: str) -> None:
    assert ascii_size(text) == len(text.encode())


@pytest.mark.parametrize("other", ["é", "a" * 300 + "\x80", "\ud800", b"a", None, 1])
def test_nothing_else_has_a_size_of_ascii(other: object) -> None:
    assert ascii_size(other) == -1
