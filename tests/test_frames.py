"""Frame headers against a table written from RFC 6455 section 5, and the frames we encode.

Everything that can be refused is refused through a connection, as a user sees it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Literal, NamedTuple

import pytest
from effort import EXHAUSTIVE, examples
from hypothesis import given
from hypothesis import strategies as st
from wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    MASKING_KEY,
    PING,
    PONG,
    ROLES,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    frame_from,
    frame_to,
    header_to,
    masked,
    receive,
    unmasked,
)

from wsproto_core import (
    BytesMessage,
    CloseConnection,
    CloseSource,
    Connection,
    ConnectionState,
    Event,
    Frame,
    FrameError,
    Limits,
    LocalProtocolError,
    MessageTooBig,
    Opcode,
    PerMessageDeflate,
    Ping,
    Pong,
    RemoteProtocolError,
    Role,
    TextMessage,
    encode_frame,
)
from wsproto_core.frames import encode_header

UNLIMITED = Limits(max_message_size=None)
DEFLATE = [PerMessageDeflate()]
each_role = pytest.mark.parametrize("role", ROLES)
both_deliveries = pytest.mark.parametrize("delivery", ["message", "chunk"])


class Verdict(NamedTuple):
    """What two bytes at the start of a frame must bring about."""

    event: Event | None
    error: type[RemoteProtocolError] | None = None
    offset: int = 0


NOTHING_YET = Verdict(None)


def verdict(role: Role, rsv1: bool, in_message: bool, first: int, second: int) -> Verdict:
    """The table. `in_message`: an empty TEXT frame without FIN came before."""
    fin, opcode = first & 0x80, first & 0x0F
    wrong_first = Verdict(None, FrameError, 0)
    wrong_second = Verdict(None, FrameError, 1)
    # "If an unknown opcode is received, the receiving endpoint MUST Fail"
    if opcode not in (0x0, 0x1, 0x2, 0x8, 0x9, 0xA):
        return wrong_first
    # "MUST be 0 unless an extension is negotiated that defines meanings"; RFC 7692 section
    # 6.1: RSV1 stands on the first frame of a message, and never on a control frame.
    if first & 0x30 or (first & 0x40 and not (rsv1 and opcode in (0x1, 0x2))):
        return wrong_first
    # section 5.5: "All control frames MUST have a payload length of 125 bytes or less and
    # MUST NOT be fragmented"
    if opcode >= 0x8 and not fin:
        return wrong_first
    # section 5.4: a message is one frame, or TEXT or BINARY and then continuations
    if opcode == 0x0 and not in_message:
        return wrong_first
    if opcode in (0x1, 0x2) and in_message:
        return wrong_first
    # section 5.1: "a client MUST mask all frames", "a server MUST NOT mask any frames"
    if bool(second & 0x80) is not (role is Role.SERVER):
        return wrong_second
    if opcode >= 0x8 and second & 0x7F > 125:
        return wrong_second
    if second != 0:
        return NOTHING_YET  # length, key or payload are still to come
    return whole_frame(first)


def whole_frame(first: int) -> Verdict:
    """The same for a whole frame, empty, that may come here."""
    if first & 0x40 and first & 0x80:
        # RFC 7692 section 7.2.3.6: even an empty message has one byte of payload
        return Verdict(CloseConnection(1007, "", CloseSource.LOCAL), RemoteProtocolError, 2)
    return {
        0x80: Verdict(TextMessage("")),
        0x81: Verdict(TextMessage("")),
        0x82: Verdict(BytesMessage(b"")),
        0x88: Verdict(CloseConnection(1005, "", CloseSource.PEER)),
        0x89: Verdict(Ping()),
        0x8A: Verdict(Pong()),
    }.get(first, NOTHING_YET)


def outcome(role: Role, rsv1: bool, in_message: bool, header: bytes) -> Verdict:
    """What a connection makes of them; the code and text of a failure are checked here."""
    connection = Connection(role, extensions=DEFLATE if rsv1 else ())
    opening = 0
    if in_message:
        frame = frame_to(role, TEXT)
        opening = len(frame)
        assert list(connection.receive_data(frame)) == []
    events = list(connection.receive_data(header))
    if connection.error is None:
        assert len(events) <= 1
        return Verdict(events[0] if events else None)
    (event,) = events
    assert connection.state is ConnectionState.CLOSED
    assert connection.error.offset is not None
    offset = connection.error.offset - opening
    assert isinstance(event, CloseConnection)
    assert (event.code, event.source) == (connection.error.close_code, CloseSource.LOCAL)
    assert event.reason == str(connection.error) != ""
    assert connection.error.section.startswith("RFC ")
    if event.code == 1007:
        failure = CloseConnection(1007, "", CloseSource.LOCAL)
        return Verdict(failure, RemoteProtocolError, offset)
    assert event.code == 1002
    return Verdict(None, type(connection.error), offset)


LENGTHS = range(128) if EXHAUSTIVE else (0, 1, 2, 3, 124, 125, 126, 127)
SECOND_BYTES = [masked | length for masked in (0, 0x80) for length in LENGTHS]


@each_role
@pytest.mark.parametrize("rsv1", [False, True])
@pytest.mark.parametrize("in_message", [False, True])
def test_every_two_byte_header(role: Role, rsv1: bool, in_message: bool) -> None:
    for header in map(bytes, product(range(256), SECOND_BYTES)):
        expected = verdict(role, rsv1, in_message, *header)
        assert outcome(role, rsv1, in_message, header) == expected, header.hex()


@each_role
@pytest.mark.parametrize("in_message", [False, True])
def test_a_bad_first_byte_is_refused_before_the_second_has_come(
    role: Role, in_message: bool
) -> None:
    for first in range(256):
        found = outcome(role, True, in_message, bytes([first]))
        expected = verdict(role, True, in_message, first, 0x80 if role is Role.SERVER else 0)
        assert (found.error is not None) is (expected.error is FrameError), first


@each_role
def test_a_small_limit_is_applied_to_every_short_length(role: Role) -> None:
    limits = Limits(max_message_size=10)
    for opcode in (TEXT, BINARY, PING, PONG):
        for length in range(126):
            connection = Connection(role, limits=limits)
            events = receive(connection, header_to(role, FIN | opcode, length))
            if length > 10 and opcode < CLOSE:
                assert type(connection.error) is MessageTooBig
                assert connection.error.offset == 1
                assert events[0].code == 1009  # type: ignore[attr-defined]
            else:
                assert connection.error is None


# Lengths

MINIMAL = [
    # length, form, whether it is the shortest form
    *[(length, 2, length >= 126) for length in range(256)],
    (65535, 2, True),
    *[(length, 8, False) for length in (0, 1, 125, 126, 127, 128, 65534, 65535)],
    *[(length, 8, True) for length in (65536, 65537, 1 << 31, 1 << 32, (1 << 63) - 1)],
]


@each_role
@pytest.mark.parametrize("size", [None, 1])
@both_deliveries
def test_lengths_must_be_in_their_shortest_form(
    role: Role, size: int | None, delivery: Literal["message", "chunk"]
) -> None:
    for length, form, shortest in MINIMAL:
        connection = Connection(role, limits=UNLIMITED, delivery=delivery)
        events = receive(connection, header_to(role, FIN | BINARY, length, form), size)
        if shortest:
            assert events == [], length
            assert connection.error is None
        else:
            assert [event.code for event in events] == [1002], length  # type: ignore[attr-defined]
            assert type(connection.error) is FrameError
            assert connection.error.offset == 2
            assert "minimal" in str(connection.error)


@each_role
@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize("length", [1 << 63, (1 << 63) + 1, (1 << 64) - 1])
@pytest.mark.parametrize("limits", [Limits(), UNLIMITED])
def test_the_highest_bit_of_a_length_must_be_zero(
    role: Role, size: int | None, length: int, limits: Limits
) -> None:
    connection = Connection(role, limits=limits)
    (event,) = receive(connection, header_to(role, FIN | BINARY, length), size)
    assert isinstance(event, CloseConnection)
    assert event.code == 1002
    assert connection.error == FrameError(
        "the most significant bit of a 64-bit payload length is set",
        section="RFC 6455 section 5.2",
        offset=2,
    )


@each_role
@pytest.mark.parametrize("first", [FIN | BINARY, TEXT, FIN | CONTINUATION])
@pytest.mark.parametrize("size", [None, 1])
def test_the_longest_length_is_over_the_limit_at_the_header(
    role: Role, first: int, size: int | None
) -> None:
    connection = Connection(role)
    before = b"" if first & 0x0F else frame_to(role, TEXT, b"beginning")
    stream = before + header_to(role, first, (1 << 63) - 1)
    (event,) = receive(connection, stream, size)
    assert isinstance(event, CloseConnection)
    assert event.code == 1009
    assert type(connection.error) is MessageTooBig
    assert connection.error.offset == len(before) + 1


@each_role
@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 128, 65534, 65535, 65536, 65537, 200_000])
@pytest.mark.parametrize("size", [None, 4096, 65536])
@both_deliveries
def test_payloads_of_every_form_of_length(
    role: Role, length: int, size: int | None, delivery: Literal["message", "chunk"]
) -> None:
    payload = bytes(range(251)) * (length // 251) + bytes(length % 251)
    connection = Connection(role, delivery=delivery)
    events = receive(connection, frame_to(role, FIN | BINARY, payload), size)
    data = [event.data for event in events if isinstance(event, BytesMessage)]
    assert len(data) == len(events) >= 1
    assert b"".join(data) == payload
    assert connection.bytes_parsed == len(frame_to(role, FIN | BINARY, payload))


# Limits of one frame


@each_role
@both_deliveries
@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize(
    ("limits", "most"),
    [
        (Limits(max_frame_size=200), 200),
        (Limits(max_frame_size=200, max_message_size=None), 200),
        (Limits(max_message_size=200), 200),
        (Limits(max_message_size=200, max_frame_size=150), 150),
        (Limits(max_message_size=200, max_frame_size=300), 200),
        (Limits(max_message_size=0), 0),
        (Limits(max_frame_size=0), 0),
    ],
)
@pytest.mark.parametrize("kind", [TEXT, BINARY])
def test_a_frame_of_exactly_the_limit_and_one_byte_more(
    role: Role,
    delivery: Literal["message", "chunk"],
    size: int | None,
    limits: Limits,
    most: int,
    kind: int,
) -> None:
    fits = Connection(role, limits=limits, delivery=delivery)
    events = receive(fits, frame_to(role, FIN | kind, bytes(most)), size)
    assert fits.error is None
    assert sum(len(event.data) for event in events) == most  # type: ignore[attr-defined]

    for behind in (b"", bytes(most + 1)):
        over = Connection(role, limits=limits, delivery=delivery)
        (event,) = receive(over, header_to(role, FIN | kind, most + 1) + behind, size)
        assert isinstance(event, CloseConnection)
        assert (event.code, event.source) == (1009, CloseSource.LOCAL)
        assert type(over.error) is MessageTooBig


@each_role
def test_the_first_half_of_a_long_length_is_no_length(role: Role) -> None:
    connection = Connection(role)
    (event,) = receive(connection, header_to(role, FIN | TEXT, 126 << 48) + bytes(200))
    assert isinstance(event, CloseConnection)
    assert event.code == 1009


@each_role
def test_control_frames_are_not_subject_to_a_smaller_limit(role: Role) -> None:
    connection = Connection(role, limits=Limits(max_message_size=0, max_frame_size=0))
    assert receive(connection, frame_to(role, FIN | PING, bytes(125))) == [Ping(bytes(125))]


def test_a_compressed_frame_gets_the_little_more_that_deflate_needs() -> None:
    limits = Limits(max_message_size=64_000)
    room = 64_000 + 64_000 // 64 + 1024
    for length, error in ((room, None), (room + 1, MessageTooBig)):
        connection = Connection(Role.CLIENT, extensions=DEFLATE, limits=limits)
        receive(connection, header_to(Role.CLIENT, FIN | RSV1 | TEXT, length))
        assert (None if connection.error is None else type(connection.error)) is error


# Pieces of frames


@each_role
@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_control_frame_comes_whole_however_it_is_cut(role: Role, opcode: int) -> None:
    payload = (1000).to_bytes(2, "big") + b"x" * 123
    stream = frame_to(role, FIN | opcode, payload)
    connection = Connection(role)
    assert receive(connection, stream[:-1], 1) == []
    (event,) = connection.receive_data(stream[-1:])
    close = CloseConnection(1000, "x" * 123, CloseSource.PEER)
    assert event == {PING: Ping(payload), PONG: Pong(payload), CLOSE: close}[opcode]


def test_every_split_of_a_masked_payload_is_unmasked_alike() -> None:
    payload = bytes(range(40))
    stream = masked(FIN | BINARY, payload)
    for at in range(len(stream)):
        for behind in (at, at + 1, at + 2, at + 3):
            connection = Connection(Role.SERVER)
            pieces = (stream[:at], stream[at:behind], stream[behind:])
            events = [event for piece in pieces for event in connection.receive_data(piece)]
            assert events == [BytesMessage(payload)], (at, behind)


def test_frames_have_their_own_masking_keys() -> None:
    keys = [b"\x00\x00\x00\x00", b"\xff\x00\xff\x00", b"abcd"]
    stream = b"".join(masked(FIN | TEXT, b"same text", key=key) for key in keys)
    assert receive(Connection(Role.SERVER), stream) == [TextMessage("same text")] * 3
    assert receive(Connection(Role.SERVER), stream, 1) == [TextMessage("same text")] * 3


@each_role
def test_bytes_parsed_ends_with_the_frame_of_the_event(role: Role) -> None:
    frames = [
        frame_to(role, FIN | TEXT, b"one"),
        frame_to(role, FIN | PING, b"two"),
        frame_to(role, TEXT, b"th") + frame_to(role, FIN | CONTINUATION, b"ree"),
        frame_to(role, FIN | BINARY, bytes(70_000)),
    ]
    ends = [sum(map(len, frames[: count + 1])) for count in range(len(frames))]
    for size in (None, 1, 1000):
        connection = Connection(role)
        seen = [
            connection.bytes_parsed
            for piece in cut_evenly(b"".join(frames), size)
            for _ in connection.receive_data(piece)
        ]
        assert seen == ends


def cut_evenly(data: bytes, size: int | None) -> Iterator[bytes]:
    step = size or len(data)
    return (data[at : at + step] for at in range(0, len(data), step))


# Encoding


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 1 << 32, (1 << 63) - 1])
@pytest.mark.parametrize("role", ROLES)
def test_headers_are_encoded_minimally(length: int, role: Role) -> None:
    mask_bit = 0x80 if role is Role.SERVER else 0
    for first in (FIN | TEXT, BINARY, FIN | RSV1 | RSV2 | RSV3 | CONTINUATION):
        assert encode_header(first, length, mask_bit) == header_to(role, first, length)


def test_a_first_byte_holds_fin_the_rsv_bits_and_the_opcode() -> None:
    for first in range(256):
        if first & 0x0F in (0, 1, 2, 8, 9, 10):
            bits = [bool(first & bit) for bit in (FIN, RSV1, RSV2, RSV3)]
            frame = Frame(Opcode(first & 0x0F), b"", *bits)
            assert frame.first_byte == first
            assert encode_frame(frame) == bytes([first, 0])


frames = st.builds(
    Frame,
    opcode=st.sampled_from(list(Opcode)),
    payload=st.one_of(st.binary(max_size=300), st.sampled_from([bytes(n) for n in (65535, 65536)])),
    fin=st.booleans(),
    rsv1=st.booleans(),
    rsv2=st.booleans(),
    rsv3=st.booleans(),
)


@examples(100)
@given(frame=frames, key=st.none() | st.binary(min_size=4, max_size=4))
def test_encoded_frames_are_those_built_by_hand(frame: Frame, key: bytes | None) -> None:
    first = frame.first_byte
    if key is None:
        assert encode_frame(frame) == unmasked(first, frame.payload)
    else:
        assert encode_frame(frame, key) == masked(first, frame.payload, key=key)


@examples(50)
@given(
    payloads=st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING, PONG]), st.text(max_size=60))),
    role=st.sampled_from(ROLES),
)
def test_what_is_encoded_is_decoded_by_the_other_side(payloads: Any, role: Role) -> None:
    kinds: dict[int, Any] = {TEXT: TextMessage, BINARY: BytesMessage, PING: Ping, PONG: Pong}
    stream = b""
    expected = []
    for opcode, text in payloads:
        data = text.encode()[:125] if opcode >= CLOSE else text.encode()
        key = MASKING_KEY if role is Role.CLIENT else None
        stream += encode_frame(Frame(Opcode(opcode), data), key)
        expected.append(kinds[opcode](text if opcode == TEXT else data))
    assert stream == b"".join(
        frame_from(role, FIN | opcode, payload_of(event))
        for (opcode, _), event in zip(payloads, expected, strict=True)
    )
    assert receive(Connection(role.peer), stream) == expected


def payload_of(event: Any) -> bytes:
    data = event.payload if isinstance(event, (Ping, Pong)) else event.data
    return data.encode() if isinstance(data, str) else data


@pytest.mark.parametrize("size", [0, 1, 3, 5, 8])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(LocalProtocolError, match=f"a masking key has 4 bytes, not {size}"):
        encode_frame(Frame(Opcode.TEXT, b"abc"), bytes(size))
