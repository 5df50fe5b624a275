"""UTF-8 that arrives in pieces (RFC 6455 section 8.1), rejected at the first bad byte."""

from __future__ import annotations

from codecs import utf_8_decode

__all__ = ["decode_piece", "first_bad_byte"]


def decode_piece(piece: bytes, final: bool) -> tuple[str, bytes]:
    """Decode as much of `piece` as ends between two characters.

    Returns the text, and the bytes of a character that is not complete yet: put them in
    front of the next piece. They are empty when `final`.

    Raises:
        UnicodeDecodeError: a byte cannot stand where it does, or `final` and the last
            character is incomplete.
    """
    text, consumed = utf_8_decode(piece, "strict", final)
    rest = piece[consumed:]
    if rest[:1] == b"\xed" and rest[1:2] > b"\x9f":
        # A surrogate (RFC 3629 section 3). The codec would wait for its third byte.
        raise UnicodeDecodeError(
            "utf-8", piece, consumed, consumed + 1, "invalid continuation byte"
        )
    return text, rest


def first_bad_byte(error: UnicodeDecodeError) -> int:
    """The index of the byte at which decoding had to fail.

    The codec reports where the broken character begins; the byte that broke it may be
    up to three further on. It is one past the end when the last character is cut short.
    """
    return error.start if error.reason == "invalid start byte" else error.end
