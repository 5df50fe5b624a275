"""Masking against a byte by byte reference, and the supply of keys."""

from __future__ import annotations

import random

import pytest
from effort import examples
from hypothesis import given
from hypothesis import strategies as st

from wsproto_core import mask
from wsproto_core.masking_keys import MaskingKeys

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


class Source:
    """Counts up, and remembers how much was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.next = 0

    def __call__(self, size: int) -> bytes:
        self.asked.append(size)
        words = range(self.next, self.next + size // 4)
        self.next += size // 4
        return b"".join(word.to_bytes(4, "big") for word in words)


def test_each_key_is_new_and_used_once() -> None:
    source = Source()
    supply = MaskingKeys(source)
    drawn = [supply.draw() for _ in range(1000)]
    assert drawn == [word.to_bytes(4, "big") for word in range(1000)]


def test_keys_are_drawn_in_batches_and_only_when_needed() -> None:
    source = Source()
    supply = MaskingKeys(source)
    assert source.asked == []
    for _ in range(65):
        supply.draw()
    assert source.asked == [256, 256]


@pytest.mark.parametrize("size", [0, 3, 255, 257])
def test_a_source_of_too_few_or_too_many_bytes_is_refused(size: int) -> None:
    supply = MaskingKeys(lambda _: bytes(size))
    with pytest.raises(ValueError, match=f"random_bytes gave {size} bytes instead of 256"):
        supply.draw()


@pytest.mark.parametrize("payload", [b"", b"a" * 10, b"a" * 700])
@pytest.mark.parametrize("key", [b"", b"12", b"123", b"12345", b"12345678"])
def test_a_key_of_another_length_is_refused(payload: bytes, key: bytes) -> None:
    with pytest.raises(ValueError, match=f"a masking key has 4 bytes, not {len(key)}"):
        mask(payload, key)


def test_a_reserved_key_is_the_one_that_is_drawn() -> None:
    source = Source()
    supply = MaskingKeys(source)
    for word in range(200):
        supply.reserve()
        supply.reserve()
        assert len(source.asked) == word // 64 + 1
        assert supply.draw() == word.to_bytes(4, "big")
