"""How is the body of a response read, and where does it end?"""

from __future__ import annotations

import pytest
from wire import cut, head

from wsproto_core.carrier import BodyPiece
from wsproto_core.config import Limits
from wsproto_core.headers import Headers
from wsproto_core.http1 import (
    ClientCarrier,
    RequestReader,
)

DEFAULT_LIMITS = Limits()


def read_all(carrier: ClientCarrier, data: bytes, size: int | None, eof: bool) -> BodyPiece:
    """Feed a body in pieces; what has come of it, put together."""
    parts: list[bytes] = []
    for piece in cut(data, size):
        carrier.feed(piece)
        found = carrier.read_body(False)
        parts.append(found.data)
        if found.finished:
            return BodyPiece(b"".join(parts), True, found.broken)
    found = carrier.read_body(eof)
    return BodyPiece(b"".join([*parts, found.data]), found.finished, found.broken)


def rejected(*fields: str, status: int = 403, limits: Limits = DEFAULT_LIMITS) -> ClientCarrier:
    carrier = ClientCarrier(limits)
    carrier.write_request("/", Headers({"Host": "a"}))
    carrier.feed(head(f"HTTP/1.1 {status} x", *fields))
    assert carrier.read() is not None
    return carrier


CHUNKED = b"3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nTrailer: t\r\n\r\n"
CHUNKED_BODY = b"abc0123456789abcdef"

BODIES: dict[str, tuple[tuple[str, ...], bytes, bool, BodyPiece]] = {
    "Content-Length": (("Content-Length: 5",), b"hello", False, BodyPiece(b"hello", True, False)),
    "and more behind it": (
        ("Content-Length: 5",),
        b"hello, more",
        False,
        BodyPiece(b"hello", True, False),
    ),
    "Content-Length, not yet whole": (
        ("Content-Length: 5",),
        b"hel",
        False,
        BodyPiece(b"hel", False, False),
    ),
    "Content-Length, cut short": (
        ("Content-Length: 5",),
        b"hel",
        True,
        BodyPiece(b"hel", True, True),
    ),
    "chunked": (
        ("Transfer-Encoding: chunked",),
        CHUNKED,
        False,
        BodyPiece(CHUNKED_BODY, True, False),
    ),
    "chunked, cut short": (
        ("Transfer-Encoding: chunked",),
        CHUNKED[:20],
        True,
        BodyPiece(b"abc0123", True, True),
    ),
    "chunked, broken": (
        ("Transfer-Encoding: chunked",),
        b"3\r\nabc\r\nzz\r\n",
        False,
        BodyPiece(b"abc", True, True),
    ),
    "up to the end": ((), b"hello", True, BodyPiece(b"hello", True, False)),
    "not at its end yet": ((), b"hello", False, BodyPiece(b"hello", False, False)),
    "nothing up to the end": ((), b"", True, BodyPiece(b"", True, False)),
}


@pytest.mark.parametrize("size", [None, 1, 3], ids=["whole", "bytewise", "by three"])
@pytest.mark.parametrize("case", BODIES.values(), ids=BODIES.keys())
def test_body_is_read_as_it_is_framed(
    case: tuple[tuple[str, ...], bytes, bool, BodyPiece], size: int | None
) -> None:
    fields, data, eof, expected = case
    carrier = rejected(*fields)
    assert carrier.has_body()
    assert read_all(carrier, data, size, eof) == expected


@pytest.mark.parametrize("size", [None, 1000, 1], ids=["whole", "1000", "bytewise"])
@pytest.mark.parametrize(
    "data",
    [
        b"5;x=" + b"a" * 20_000 + b"\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n" + (b"T: " + b"a" * 5000 + b"\r\n") * 4 + b"\r\n",
    ],
    ids=["chunk extension", "trailers"],
)
def test_long_chunk_heads_give_the_same_however_they_are_cut(data: bytes, size: int | None) -> None:
    found = read_all(rejected("Transfer-Encoding: chunked"), data, size, True)
    expected = read_all(rejected("Transfer-Encoding: chunked"), data, None, True)
    assert found == expected


def test_body_is_cut_where_its_framing_outweighs_it() -> None:
    # Room for 8 bytes of framing per byte of body, and 64 KiB: at the same byte whole or cut.
    data = b"1;" + b"x" * 65_600 + b"\r\na\r\n0\r\n\r\n"
    for size in (None, 1000):
        carrier = rejected("Transfer-Encoding: chunked", limits=Limits(max_reject_body=1))
        assert read_all(carrier, data, size, False) == BodyPiece(b"", True, True)
    carrier = rejected("Transfer-Encoding: chunked", limits=Limits(max_reject_body=100))
    assert read_all(carrier, data, None, False) == BodyPiece(b"a", True, False)


@pytest.mark.parametrize(
    "carrier",
    [rejected("Content-Length: 0"), rejected(status=204), rejected(status=304)],
    ids=["Content-Length: 0", "204", "304"],
)
def test_response_without_body_is_known_to_have_none(carrier: ClientCarrier) -> None:
    assert not carrier.has_body()


def test_dropped_input_is_forgotten() -> None:
    reader, carrier = RequestReader(DEFAULT_LIMITS), rejected()
    reader.feed(b"GET ")
    reader.drop()
    assert (reader.waiting, reader.take_rest()) == (0, b"")
    carrier.feed(b"body")
    carrier.drop()
    assert carrier.take_rest() == b""


@pytest.mark.parametrize(
    ("fields", "data"),
    [
        ((), b"hello"),
        (("Content-Length: 50",), b"hello"),
        (("Transfer-Encoding: chunked",), b"5\r\nhello\r\n"),
    ],
    ids=["up to the end", "Content-Length", "chunked"],
)
def test_body_that_a_reset_cuts_is_broken(fields: tuple[str, ...], data: bytes) -> None:
    # RFC 9112 section 8: only a clean end of the transport is the end of a body.
    for fed in (data, b""):
        carrier = rejected(*fields)
        carrier.feed(fed)
        expected = BodyPiece(b"hello" if fed else b"", True, True)
        assert carrier.read_body(True, True) == expected


def test_body_that_is_whole_stays_so_when_the_transport_breaks_behind_it() -> None:
    carrier = rejected("Content-Length: 5")
    carrier.feed(b"hello")
    assert carrier.read_body(True, True) == BodyPiece(b"hello", True, False)
