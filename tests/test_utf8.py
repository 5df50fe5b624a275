"""UTF-8 as `bytes.decode` has it, refused at the first byte that cannot stand where it does.

What that byte is, is computed here without a decoder: a byte is bad when no text begins
with the bytes up to it. The encodings of all characters say which beginnings there are.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product

import pytest
from effort import EXHAUSTIVE, examples
from hypothesis import given
from hypothesis import strategies as st
from wire import (
    BINARY,
    CONTINUATION,
    FIN,
    PING,
    ROLES,
    TEXT,
    close_payload,
    frame_to,
    header_to,
    receive,
    unmasked,
)

from wsproto_core import (
    CloseConnection,
    CloseSource,
    Connection,
    Event,
    InvalidTextError,
    Role,
    TextMessage,
)
from wsproto_core.utf8 import decode_piece, first_bad_byte

CHARACTERS = [chr(number).encode() for number in (*range(0xD800), *range(0xE000, 0x110000))]
BEGINNINGS = {character[:size] for character in CHARACTERS for size in range(len(character))}
WHOLE = set(CHARACTERS)

# What may come first; one ASCII character is like another, but for the borders.
LEADS = range(256) if EXHAUSTIVE else (0x00, 0x41, *range(0x7F, 0x100))

# What may follow in the third place, and what lies just outside.
BORDERS = (0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xF0, 0xF4, 0xFF)


def first_bad(data: bytes, final: bool) -> int | None:
    """The index at which UTF-8 must be refused; None where it is valid (so far)."""
    begun = b""
    for index, octet in enumerate(data):
        begun += bytes([octet])
        if begun in WHOLE:
            begun = b""
        elif begun not in BEGINNINGS:
            return index
    return len(data) if final and begun else None


def test_the_reference_agrees_with_the_codec_on_what_is_valid() -> None:
    for data in map(bytes, product(range(256), repeat=2)):
        valid = data.decode(errors="ignore").encode() == data
        assert (first_bad(data, True) is None) is valid, data


def check_piece(data: bytes, final: bool) -> None:
    """Compare `decode_piece` with the reference."""
    bad = first_bad(data, final)
    found = None
    try:
        text, rest = decode_piece(data, final)
    except UnicodeDecodeError as error:
        found = first_bad_byte(error)
    else:
        assert text.encode() + rest == data
        assert rest in BEGINNINGS
        assert not (final and rest)
    assert found == bad, data


@pytest.mark.parametrize("final", [True, False])
def test_pieces_of_up_to_two_bytes(final: bool) -> None:
    for size in range(3):
        for data in map(bytes, product(range(256), repeat=size)):
            check_piece(data, final)


@pytest.mark.parametrize("final", [True, False])
def test_pieces_of_three_bytes(final: bool) -> None:
    # Every byte in the second place, and in the third each side of every border at least.
    third = range(256) if EXHAUSTIVE else BORDERS
    for data in map(bytes, product(LEADS, range(256), third)):
        check_piece(data, final)


@pytest.mark.parametrize("final", [True, False])
def test_pieces_of_four_bytes(final: bool) -> None:
    leads = (0x41, 0x7F, 0x80, 0xBF, 0xC1, 0xC2, 0xDF, *range(0xE0, 0x100))
    for data in map(bytes, product(leads, BORDERS, BORDERS, BORDERS)):
        check_piece(data, final)


@examples(300)
@given(data=st.binary(max_size=12), final=st.booleans())
def test_pieces_of_any_bytes(data: bytes, final: bool) -> None:
    check_piece(data, final)


def test_every_character_is_taken_in_all_its_pieces() -> None:
    for character in CHARACTERS[:: 1 if len(CHARACTERS) < 5000 else 37]:
        for at in range(len(character) + 1):
            text, rest = decode_piece(character[:at], False)
            more, nothing = decode_piece(rest + character[at:], True)
            assert (text + more).encode() == character
            assert nothing == b""


# Through a connection


def refusal(connection: Connection, events: list[Event]) -> int | None:
    """The offset at which the text was refused; None where it was not."""
    if connection.error is None:
        return None
    assert type(connection.error) is InvalidTextError
    assert events[-1] == CloseConnection(1007, "text that is not UTF-8", CloseSource.LOCAL)
    return connection.error.offset


def ways(role: Role, data: bytes) -> Iterator[tuple[bytes, list[int]]]:
    """Streams that carry `data` as one text, and where in them each byte of it lies.

    The last place is that of the byte behind the text.
    """
    whole = frame_to(role, FIN | TEXT, data)
    start = len(whole) - len(data)
    yield whole, list(range(start, len(whole) + 1))
    for at in range(len(data) + 1):
        one = frame_to(role, TEXT, data[:at])
        ping = frame_to(role, FIN | PING, b"\xff")
        two = frame_to(role, FIN | CONTINUATION, data[at:])
        stream = one + ping + two
        places = [*range(len(one) - at, len(one))]
        places += range(len(stream) - len(data) + at, len(stream) + 1)
        yield stream, places


def check_text(role: Role, delivery: str, data: bytes, size: int | None) -> None:
    """Send `data` as text in every way, fed in pieces of `size` bytes."""
    bad = first_bad(data, True)
    for stream, places in ways(role, data):
        connection = Connection(role, delivery=delivery)  # type: ignore[arg-type]
        events = receive(connection, stream, size)
        if bad is None:
            assert connection.error is None
            texts = [event.data for event in events if isinstance(event, TextMessage)]
            assert "".join(texts) == data.decode()
        else:
            assert refusal(connection, events) == places[bad], (data, stream)


SAMPLES = [
    b"",
    b"abc",
    "κόσμε".encode(),
    "\U0001f600\ud7ff\ue000\U0010ffff\x00\x7f\x80\u07ff\u0800".encode(),
    b"\xf4\x90\x80\x80",  # beyond U+10FFFF
    b"ok\xed\xa0\x80",  # a surrogate
    b"\xc0\xaf",  # "/" in more bytes than it needs
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xf8\x88\x80\x80\x80",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    b"abc\xce",
    b"abc\xf0\x9f\x98",
    b"\x80",
    b"\xbf\x80",
    b"\xfe",
    b"\xff",
    b"\xe2\x82a",
    b"\xf0\x9f\xf0\x9f\x98\x80",
]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("delivery", ["message", "chunk"])
@pytest.mark.parametrize("size", [None, 1, 3])
@pytest.mark.parametrize("data", SAMPLES, ids=ascii)
def test_text_cut_at_every_place(role: Role, delivery: str, size: int | None, data: bytes) -> None:
    check_text(role, delivery, data, size)


@examples(60)
@given(
    data=st.one_of(
        st.binary(max_size=8),
        st.text(max_size=6).map(str.encode),
        st.tuples(st.text(max_size=4), st.binary(max_size=3), st.text(max_size=3)).map(
            lambda parts: parts[0].encode() + parts[1] + parts[2].encode()
        ),
    ),
    role=st.sampled_from(ROLES),
    delivery=st.sampled_from(["message", "chunk"]),
    size=st.sampled_from([None, 1, 2, 5]),
)
def test_any_text_cut_at_every_place(
    data: bytes, role: Role, delivery: str, size: int | None
) -> None:
    check_text(role, delivery, data, size)


def texts_of_up_to_three_bytes() -> Iterator[bytes]:
    for size in range(2):
        yield from map(bytes, product(range(256), repeat=size))
    yield from map(bytes, product(LEADS, range(256) if EXHAUSTIVE else BORDERS))
    seconds = (0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0)
    yield from map(bytes, product(LEADS, seconds, (0x7F, 0x80, 0xBF, 0xC0)))


@pytest.mark.parametrize("delivery", ["message", "chunk"])
def test_short_texts_in_one_frame(delivery: str) -> None:
    for data in texts_of_up_to_three_bytes():
        connection = Connection(Role.CLIENT, delivery=delivery)  # type: ignore[arg-type]
        events = receive(connection, unmasked(FIN | TEXT, data))
        bad = first_bad(data, True)
        assert refusal(connection, events) == (None if bad is None else 2 + bad), data
        if bad is None:
            assert events == [TextMessage(data.decode())]


def test_short_texts_as_the_beginning_of_a_frame() -> None:
    for data in texts_of_up_to_three_bytes():
        connection = Connection(Role.CLIENT)
        events = receive(connection, header_to(Role.CLIENT, FIN | TEXT, 100) + data)
        bad = first_bad(data, False)
        assert refusal(connection, events) == (None if bad is None else 2 + bad), data
        assert bad is not None or events == []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("delivery", ["message", "chunk"])
@pytest.mark.parametrize("data", [each for each in SAMPLES if first_bad(each, False) is not None])
def test_the_failure_comes_with_the_bad_byte_and_not_before(
    role: Role, delivery: str, data: bytes
) -> None:
    bad = first_bad(data, False)
    assert bad is not None
    stream = frame_to(role, TEXT, data + b" and more of the fragment")
    behind = len(stream) - len(data) - 25 + bad + 1
    connection = Connection(role, delivery=delivery)  # type: ignore[arg-type]
    events = receive(connection, stream[: behind - 1], 1)
    assert connection.error is None
    assert not any(isinstance(event, CloseConnection) for event in events)
    (failure,) = connection.receive_data(stream[behind - 1 : behind])
    assert refusal(connection, [failure]) == behind - 1
    assert list(connection.receive_data(stream[behind:])) == []


def test_a_character_may_be_spread_over_many_frames() -> None:
    connection = Connection(Role.CLIENT)
    one, *middle, last = "\U0001f600".encode()
    stream = unmasked(TEXT, bytes([one])) + unmasked(CONTINUATION)
    for octet in middle:
        stream += unmasked(CONTINUATION, bytes([octet])) + unmasked(CONTINUATION)
    stream += unmasked(CONTINUATION, bytes([last])) + unmasked(FIN | CONTINUATION)
    assert receive(connection, stream) == [TextMessage("\U0001f600")]


def test_what_is_left_of_one_message_does_not_reach_the_next() -> None:
    connection = Connection(Role.CLIENT)
    whole = "é".encode()
    stream = unmasked(TEXT, whole[:1]) + unmasked(FIN | CONTINUATION, whole[1:])
    stream += unmasked(FIN | TEXT, b"plain") + unmasked(TEXT, b"a") + unmasked(FIN | CONTINUATION)
    assert receive(connection, stream) == [TextMessage("é"), TextMessage("plain"), TextMessage("a")]


def test_binary_messages_may_hold_anything() -> None:
    connection = Connection(Role.CLIENT)
    (event,) = receive(connection, unmasked(FIN | BINARY, bytes(range(256))))
    assert event.data == bytes(range(256))  # type: ignore[attr-defined]


@pytest.mark.parametrize("data", SAMPLES, ids=ascii)
def test_close_reasons_are_checked_too(data: bytes) -> None:
    connection = Connection(Role.CLIENT)
    (event,) = receive(connection, unmasked(FIN | 0x8, close_payload(1000, data)))
    assert isinstance(event, CloseConnection)
    bad = first_bad(data, True)
    if bad is None:
        assert event == CloseConnection(1000, data.decode(), CloseSource.PEER)
    else:
        assert (event.code, event.source) == (1007, CloseSource.LOCAL)
        assert connection.error is not None
        assert connection.error.offset == 4 + bad


@pytest.mark.parametrize("seed", range(4))
def test_long_text_cut_at_random(seed: int) -> None:
    chance = random.Random(seed)
    text = "".join(chance.choices("a\x7fé߿ࠀ€\U0001f600\U0010ffff", k=2000))
    data = text.encode()
    stream = b""
    at = 0
    while at < len(data):
        size = chance.randrange(40)
        first = TEXT if at == 0 and not stream else CONTINUATION
        stream += unmasked(first, data[at : at + size])
        at += size
    stream += unmasked(FIN | CONTINUATION)
    for size in (None, 1, 7):
        assert receive(Connection(Role.CLIENT), stream, size) == [TextMessage(text)]
