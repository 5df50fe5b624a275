"""The supply of masking keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wsproto_core.masking_keys import MaskingKeys


def draw(supply: MaskingKeys) -> bytes:
    at = supply.draw()
    return supply.batch[at : at + 4]


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
    drawn = [draw(supply) for _ in range(1000)]
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


def test_a_reserved_key_is_the_one_that_is_drawn() -> None:
    source = Source()
    supply = MaskingKeys(source)
    for word in range(200):
        supply.reserve()
        supply.reserve()
        assert len(source.asked) == word // 64 + 1
        assert draw(supply) == word.to_bytes(4, "big")


class OwnBytes(bytes):
    """A subclass of the user's."""


@pytest.mark.parametrize("form", [bytearray, memoryview, OwnBytes])
def test_a_source_may_give_any_bytes_like_object(form: Callable[[bytes], Any]) -> None:
    supply = MaskingKeys(lambda size: form(bytes(range(size))))
    assert draw(supply) == bytes(range(4))
    assert type(supply.batch) is bytes


@pytest.mark.parametrize("given", ["x" * 256, [0] * 256, 256, None])
def test_a_source_of_anything_else_is_refused(given: Any) -> None:
    supply = MaskingKeys(lambda _: given)
    with pytest.raises(TypeError, match="what random_bytes gives must be bytes-like"):
        supply.draw()
