"""Message content that broke other implementations: deflate bombs, bad deflate, bad text."""

from __future__ import annotations

import random
import time
import zlib

import pytest
from expect import assert_failed, both_deliveries, both_roles, measure, whole_and_bytewise
from wire import (
    BINARY,
    CONTINUATION,
    DEFLATE_FIELD,
    FIN,
    RSV1,
    TEXT,
    deflate,
    frame_to,
    header_to,
    masked,
    open_one,
    open_server,
    receive,
)

from wsproto_core import (
    BytesMessage,
    CompressedDataError,
    Event,
    InvalidTextError,
    Limits,
    MessageTooBig,
    PerMessageDeflate,
    Role,
    TextMessage,
)

# Compression


def zero_bomb() -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts = [compressor.compress(bytes(1 << 20)) for _ in range(100)]
    return b"".join([*parts, compressor.flush(zlib.Z_SYNC_FLUSH)])[:-4]


@pytest.fixture(scope="module", name="bomb")
def bomb_fixture() -> bytes:
    bomb = zero_bomb()
    assert 90_000 < len(bomb) < 110_000
    return bomb


@both_roles
@both_deliveries
@pytest.mark.parametrize("way", ["one frame", "pieces", "fragments"])
def test_deflated_zeros_stop_at_the_limit(role: Role, delivery: str, way: str, bomb: bytes) -> None:
    connection = open_one(role, DEFLATE_FIELD, delivery=delivery, extensions=[PerMessageDeflate()])
    if way == "fragments":
        parts = [bomb[at : at + 5000] for at in range(0, len(bomb), 5000)]
        data = frame_to(role, RSV1 | BINARY, parts[0])
        data += b"".join(frame_to(role, CONTINUATION, part) for part in parts[1:])
        data += frame_to(role, FIN)
    else:
        data = frame_to(role, FIN | RSV1 | BINARY, bomb)
    size = 0
    events: list[Event] = []

    def feed() -> None:
        nonlocal size
        pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)]
        for piece in pieces if way == "pieces" else [data]:
            for event in connection.receive_data(piece):
                if isinstance(event, BytesMessage):
                    size += len(event.data)
                else:
                    events.append(event)

    _, peak = measure(feed)

    assert_failed(connection, events, MessageTooBig, 1009)
    assert size == 0 if delivery == "message" else size <= 1 << 20
    room = (1 << 20) if delivery == "message" else 0
    # The message, once while it is joined; one step; the input, cut and unmasked.
    assert peak < 2 * room + len(data) * 4 + (256 << 10)


@both_roles
@whole_and_bytewise
@pytest.mark.parametrize("limit", [1000, 16_384, 40_000])
def test_inflating_to_the_limit_and_past_it(role: Role, size: int | None, limit: int) -> None:
    for extra in (0, 1, 2):
        connection = open_one(
            role,
            DEFLATE_FIELD,
            extensions=[PerMessageDeflate()],
            limits=Limits(max_message_size=limit),
        )
        text = "é" * (limit // 2) + "x" * (limit % 2 + extra)
        data = frame_to(role, FIN | RSV1 | TEXT, deflate(text.encode()))
        events = receive(connection, data, size)
        if extra:
            assert_failed(connection, events, MessageTooBig, 1009)
        else:
            assert events == [TextMessage(text)]


@both_roles
@whole_and_bytewise
@pytest.mark.parametrize(
    "takeover", ["", "; client_no_context_takeover; server_no_context_takeover"]
)
def test_message_with_a_final_block_and_the_next_one_are_both_right(
    role: Role, size: int | None, takeover: str
) -> None:
    connection = open_one(role, DEFLATE_FIELD + takeover, extensions=[PerMessageDeflate()])
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    final = compressor.compress(b"ended") + compressor.flush(zlib.Z_FINISH) + b"\x00"
    data = frame_to(role, FIN | RSV1 | TEXT, final) + frame_to(
        role, FIN | RSV1 | TEXT, deflate(b"ordinary")
    )
    assert receive(connection, data, size) == [TextMessage("ended"), TextMessage("ordinary")]


@both_roles
@whole_and_bytewise
@both_deliveries
@pytest.mark.parametrize(
    "payload",
    [
        deflate(b"hello, hello, hello")[:-3],
        deflate(random.Random(2).randbytes(40_000))[:-7],
        b"\xff" * 10,
        b"\x06",
        b"\x03\x02\x00",
    ],
    ids=[
        "truncated",
        "truncated, long",
        "reserved block",
        "bad block",
        "distance before the start",
    ],
)
def test_bad_compressed_data_fails_with_1007(
    role: Role, size: int | None, delivery: str, payload: bytes
) -> None:
    connection = open_one(role, DEFLATE_FIELD, delivery=delivery, extensions=[PerMessageDeflate()])
    start = connection.bytes_parsed
    data = frame_to(role, FIN | RSV1 | BINARY, payload)
    events = receive(connection, data, size)
    failure = assert_failed(connection, events, CompressedDataError, 1007)
    assert failure.section == "RFC 7692 section 7.2.2"
    assert failure.offset == start + len(data) - len(payload)


@whole_and_bytewise
def test_distance_beyond_the_agreed_window_fails_with_1007(size: int | None) -> None:
    server = open_server(
        f"{DEFLATE_FIELD}; client_max_window_bits=8", extensions=[PerMessageDeflate()]
    )
    noise = random.Random(3).randbytes(20_000)
    # A first message fills the window; the second refers to what has left it.
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = compressor.compress(noise) + compressor.flush(zlib.Z_SYNC_FLUSH)
    second = compressor.compress(noise[:1000]) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert receive(server, masked(FIN | RSV1 | BINARY, first[:-4]), size) == [BytesMessage(noise)]
    events = receive(server, masked(FIN | RSV1 | BINARY, second[:-4]), size)
    assert_failed(server, events, CompressedDataError, 1007)


# Text


@both_roles
@both_deliveries
@pytest.mark.parametrize("cut_at", [None, 1], ids=["whole", "bytewise"])
@pytest.mark.parametrize(
    ("text", "bad_at"),
    [
        (b"\xf4\x90\x80\x80", 1),
        (b"abc\xf4\x90\x80\x80", 4),
        (b"\xc0\xaf", 0),
        (b"ab\xed\xa0\x80", 3),
        (b"\xff", 0),
        (b"ab\xe2\x28\xa1", 3),
    ],
)
def test_text_fails_at_its_first_bad_byte_in_an_unfinished_fragment(
    role: Role, delivery: str, cut_at: int | None, text: bytes, bad_at: int
) -> None:
    connection = open_one(role, delivery=delivery)
    start = connection.bytes_parsed
    header = header_to(role, TEXT, 1000)
    frame = frame_to(role, TEXT, text + bytes(1000 - len(text)))
    payload_at = len(frame) - 1000
    assert frame.startswith(header)
    # Nothing behind the bad byte has come.
    events = receive(connection, frame[: payload_at + bad_at + 1], cut_at)
    failure = assert_failed(connection, events, InvalidTextError, 1007)
    assert failure.offset == start + payload_at + bad_at
    assert failure.section == "RFC 6455 section 8.1"


# Time


def cpu_time_of_one_frame(payload_size: int) -> float:
    """The least of three measurements of a frame that arrives a byte at a time."""
    frame = masked(FIN | BINARY, bytes(payload_size))
    pieces = [frame[at : at + 1] for at in range(len(frame))]
    times = []
    for _ in range(3):
        server = open_server()
        before = time.process_time()
        events = [event for piece in pieces for event in server.receive_data(piece)]
        times.append(time.process_time() - before)
        assert events == [BytesMessage(bytes(payload_size))]
    return min(times)


def test_large_frame_a_byte_at_a_time_takes_linear_time() -> None:
    # Four times the bytes: four times as long if linear, sixteen if quadratic.
    ratio = cpu_time_of_one_frame(256 << 10) / cpu_time_of_one_frame(64 << 10)
    assert ratio < 8


@both_roles
def test_large_frame_a_byte_at_a_time_takes_bounded_memory(role: Role) -> None:
    connection = open_one(role)
    frame = frame_to(role, FIN | BINARY, bytes(100_000))
    sizes = []

    def feed() -> None:
        for at in range(len(frame)):
            for event in connection.receive_data(frame[at : at + 1]):
                assert isinstance(event, BytesMessage)
                sizes.append(len(event.data))

    _, peak = measure(feed)
    assert sizes == [100_000]
    assert peak < 400_000
