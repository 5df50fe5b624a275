"""The extension interface: what it demands of a subclass, and RSV bits that collide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, ClassVar

import pytest

from wsproto_core import Agreement, Codec, Extension, ExtensionName, Frame, Opcode, Role
from wsproto_core.extensions.base import as_extensions, shared_rsv_bits
from wsproto_core.types import ExtensionParameter


class Reverse(Codec):
    """Turns each payload around."""

    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        return frame._replace(payload=frame.payload[::-1])

    def encode(self, frame: Frame) -> Frame:
        return frame._replace(payload=frame.payload[::-1])


@dataclass(frozen=True)
class Claims(Extension):
    """An extension with a name and the bits that it is told to claim."""

    name: ClassVar[ExtensionName] = ExtensionName("x-claims")
    rsv: int = 0  # type: ignore[misc]

    def offer(self) -> Sequence[tuple[ExtensionParameter, ...]]:
        return ((("bits", str(self.rsv)),),)

    def accept(self, parameters: Sequence[ExtensionParameter]) -> Agreement | None:
        return Agreement(self, tuple(parameters))

    def confirm(self, parameters: Sequence[ExtensionParameter]) -> Extension:
        return self

    def codec(self, role: Role) -> Codec:
        return Reverse()


def test_an_extension_must_have_every_method() -> None:
    class Half(Extension):
        name = ExtensionName("x-half")

    with pytest.raises(TypeError, match="abstract"):
        Half()  # type: ignore[abstract]
    assert Extension.__abstractmethods__ == {"offer", "accept", "confirm", "codec"}


def test_a_codec_must_have_both_directions() -> None:
    class OneWay(Codec):
        def encode(self, frame: Frame) -> Frame:
            return frame

    with pytest.raises(TypeError, match="abstract"):
        OneWay()  # type: ignore[abstract]
    assert Codec.__abstractmethods__ == {"decode", "encode"}


def test_an_extension_claims_no_bits_unless_it_says_so() -> None:
    assert Extension.rsv == 0


@pytest.mark.parametrize("bits", list(combinations_with_replacement(range(0, 0x80, 0x10), 3)))
def test_bits_are_shared_when_two_claim_them(bits: tuple[int, int, int]) -> None:
    one, two, three = bits
    shared = (one & two) | (one & three) | (two & three)
    assert shared_rsv_bits([Claims(each) for each in bits]) == shared


def test_no_bits_are_shared_by_none_or_one() -> None:
    assert shared_rsv_bits([]) == 0
    assert shared_rsv_bits([Claims(0x70)]) == 0


def test_shared_bits_are_found_in_an_iterator_too() -> None:
    assert shared_rsv_bits(Claims(0x20) for _ in range(2)) == 0x20


def test_an_agreement_is_a_pair() -> None:
    extension, parameters = Claims(0x40).accept([("a", None)]) or (None, None)
    assert extension == Claims(0x40)
    assert parameters == (("a", None),)


def test_a_codec_sees_frames_as_values() -> None:
    codec = Claims().codec(Role.SERVER)
    frame = Frame(Opcode.TEXT, b"abc")
    assert codec.encode(frame) == Frame(Opcode.TEXT, b"cba")
    assert codec.decode(codec.encode(frame), None) == frame


def test_extensions_may_come_from_an_iterator() -> None:
    found = (Claims(0x20), Claims(0x40))
    assert as_extensions(iter(found)) == found
    assert as_extensions(list(found)) == found
    assert as_extensions([]) == ()


@pytest.mark.parametrize("bad", [None, "permessage-deflate", Claims, object(), Reverse()])
def test_what_is_no_extension_is_a_type_error(bad: Any) -> None:
    with pytest.raises(TypeError, match="an extension is wanted, not "):
        as_extensions([Claims(), bad])


@pytest.mark.parametrize("bits", [0x80, 0x01, 0x48, 0xF0, 0x170, -1])
def test_bits_beside_the_rsv_bits_cannot_be_claimed(bits: int) -> None:
    with pytest.raises(ValueError, match="x-claims claims bits that are not RSV bits"):
        as_extensions([Claims(0x40), Claims(bits)])


@pytest.mark.parametrize("bits", range(0, 0x80, 0x10))
def test_every_rsv_bit_can_be_claimed(bits: int) -> None:
    assert as_extensions([Claims(bits)]) == (Claims(bits),)
