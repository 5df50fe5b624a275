"""The codec of permessage-deflate: compression, and what a peer can send.

The standard zlib is the oracle: raw streams made and read without the module under test.
"""

from __future__ import annotations

import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from itertools import islice, pairwise, product
from typing import Any

import pytest
from effort import EXHAUSTIVE
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import isal_zlib
from zlib_ng import zlib_ng

from wsproto_core.codes import Opcode, Role
from wsproto_core.exceptions import (
    CompressedDataError,
    FrameError,
    MessageTooBig,
)
from wsproto_core.extensions.deflate_codec import DeflateCodec, ZlibModule
from wsproto_core.extensions.permessage_deflate import PerMessageDeflate
from wsproto_core.frames import Frame

TAIL = b"\x00\x00\xff\xff"
BACKENDS: list[ZlibModule] = [zlib, zlib_ng, isal_zlib]
OFFER_ALL = (("client_max_window_bits", None),)

each_backend = pytest.mark.parametrize("backend", BACKENDS, ids=["zlib", "zlib_ng", "isal"])
backends = st.sampled_from(BACKENDS)
both_roles = pytest.mark.parametrize("role", list(Role))

RANDOM = random.Random(7692)
JSON = b'{"id": 17, "type": "tick", "symbol": "EURUSD", "bid": 1.0832, "ask": 1.0834}'
MESSAGES = [b"", b"x", JSON, JSON, RANDOM.randbytes(2000), b"ab" * 40_000, JSON * 9, b""]


def codec(role: Role = Role.SERVER, **options: Any) -> DeflateCodec:
    return PerMessageDeflate(**options).codec(role)


def own(role: Role, name: str) -> str:
    """The parameter `name` of what `role` sends."""
    return f"{role.value}_{name}"


def deflate(data: bytes, bits: int = 15, level: int = 6) -> bytes:
    """A whole message, by the standard zlib."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -bits)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def final(data: bytes) -> bytes:
    """A DEFLATE stream that ends: its last block has BFINAL."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush(zlib.Z_FINISH)


def inflate_exactly(payload: bytes, inflater: Any) -> bytes:
    """Inflate byte by byte, so that zlib checks every distance against the window."""
    out = b""
    for byte in payload + TAIL:
        step = inflater.decompress(bytes([byte]), 1)
        while step or inflater.unconsumed_tail:
            out += step
            step = inflater.decompress(inflater.unconsumed_tail, 1)
    return out


def stream(receiver: DeflateCodec, pieces: list[bytes], fin: bool = True) -> bytes:
    """Inflate a frame that arrives in pieces, the way the engine does."""
    out = b""
    for number, piece in enumerate(pieces):
        step = receiver.decompress(piece, number == len(pieces) - 1)
        while True:
            assert len(step) <= 16 << 10
            out += step
            if not receiver.more:
                break
            step = receiver.decompress()
    if fin:
        receiver.finish()
    return out


def at_once(receiver: DeflateCodec, payload: bytes) -> bytes:
    """Inflate a message that arrives whole, the way the engine does."""
    out = receiver.decompress_message(payload)
    if receiver.more:
        while receiver.more:
            out += receiver.decompress()
        receiver.finish()
    return out


def receiver_with_context(backend: ZlibModule) -> DeflateCodec:
    receiver = codec(zlib=backend)
    assert at_once(receiver, deflate(JSON)) == JSON
    return receiver


def cut(data: bytes, places: list[int]) -> list[bytes]:
    borders = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(borders)]


def outcome(inflate: Callable[[], bytes]) -> object:
    try:
        return inflate()
    except CompressedDataError as error:
        return str(error)


# Sending and receiving


@each_backend
@both_roles
@pytest.mark.parametrize("fresh", [False, True], ids=["takeover", "no_takeover"])
@pytest.mark.parametrize("bits", range(8, 16))
def test_what_is_sent_decodes_in_the_agreed_window(
    backend: ZlibModule, role: Role, fresh: bool, bits: int
) -> None:
    options = {own(role, "max_window_bits"): bits, own(role, "no_context_takeover"): fresh}
    sender = codec(role, zlib=backend, **options)
    receiver = codec(role.peer, zlib=backend, **options)
    inflater = zlib.decompressobj(-bits)
    for data in MESSAGES:
        payload = sender.compress(data, True)
        assert receiver.inflate_message(payload, len(data)) == data
        if len(data) < 10_000:
            inflater = zlib.decompressobj(-bits) if fresh else inflater
            assert inflate_exactly(payload, inflater) == data
        elif not fresh:
            assert inflater.decompress(payload + TAIL) == data


@each_backend
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_an_eight_bit_window_is_never_left(backend: ZlibModule, level: int) -> None:
    words = [RANDOM.randbytes(60) for _ in range(7)]
    data = b"".join(RANDOM.choice(words) for _ in range(100))
    sender = codec(server_max_window_bits=8, zlib=backend, level=level, mem_level=9)
    inflater = zlib.decompressobj(-8)
    for _ in range(2):
        assert inflate_exactly(sender.compress(data, True), inflater) == data


@each_backend
@both_roles
@pytest.mark.parametrize("fresh", [False, True], ids=["takeover", "no_takeover"])
@pytest.mark.parametrize("bits", range(8, 16))
def test_what_zlib_compresses_is_received(
    backend: ZlibModule, role: Role, fresh: bool, bits: int
) -> None:
    peer = role.peer
    receiver = codec(
        role,
        zlib=backend,
        **{own(peer, "max_window_bits"): bits, own(peer, "no_context_takeover"): fresh},
    )
    compressor = zlib.compressobj(9, zlib.DEFLATED, -max(bits, 9))
    for data in MESSAGES:
        payload = (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
        assert receiver.inflate_message(payload, None) == data
        if fresh:
            compressor = zlib.compressobj(9, zlib.DEFLATED, -max(bits, 9))


@each_backend
def test_context_takeover_pays_and_its_absence_forgets(backend: ZlibModule) -> None:
    keeping = codec(zlib=backend)
    assert len(keeping.compress(JSON, True)) > 2 * len(keeping.compress(JSON, True))
    forgetting = codec(server_no_context_takeover=True, zlib=backend)
    assert forgetting.compress(JSON, True) == forgetting.compress(JSON, True)
    receiver = codec(Role.CLIENT, server_no_context_takeover=True, zlib=backend)
    keeping = codec(zlib=zlib)
    assert receiver.inflate_message(keeping.compress(JSON, True), None) == JSON
    with pytest.raises(CompressedDataError):
        receiver.inflate_message(keeping.compress(JSON, True), None)


@each_backend
def test_empty_messages_have_a_payload_of_one_empty_block(backend: ZlibModule) -> None:
    sender, receiver = codec(zlib=backend), codec(Role.CLIENT, zlib=backend)
    for _ in range(3):
        payload = sender.compress(b"", True)
        assert payload in (b"\x00", b"\x02\x00")  # an empty stored block, or one before it
        assert receiver.inflate_message(payload, 0) == b""
        assert receiver.inflate_message(b"\x00", 0) == b""


@given(backends, st.integers(8, 15), st.lists(st.binary(max_size=300), min_size=1), st.data())
@settings(max_examples=60)
def test_fragments_and_pieces_are_as_the_whole(
    backend: ZlibModule, bits: int, fragments: list[bytes], data: st.DataObject
) -> None:
    options: dict[str, Any] = {"server_max_window_bits": bits, "zlib": backend}
    sender, receiver = codec(**options), codec(Role.CLIENT, **options)
    for _ in range(2):
        received = b""
        for number, fragment in enumerate(fragments):
            fin = number == len(fragments) - 1
            payload = sender.compress(fragment, fin)
            places = data.draw(st.lists(st.integers(0, 1 << 16), max_size=5))
            received += stream(receiver, cut(payload, places), fin)
        assert received == b"".join(fragments)


def test_one_configuration_serves_connections_independently() -> None:
    extension = PerMessageDeflate()
    one, two = extension.codec(Role.SERVER), extension.codec(Role.SERVER)
    assert one.compress(JSON, True) == two.compress(JSON, True)
    assert one.compress(b"other", True) != two.compress(JSON, True)


# Whole frames


def test_encode_sets_rsv1_on_the_first_frame_of_a_compressed_message() -> None:
    sender, receiver = codec(), codec(Role.CLIENT)
    frames = [
        Frame(Opcode.TEXT, JSON, fin=False),
        Frame(Opcode.CONTINUATION, b"", fin=False),
        Frame(Opcode.CONTINUATION, b"end", fin=True),
        Frame(Opcode.BINARY, JSON),
    ]
    sent = [sender.encode(frame) for frame in frames]
    assert [frame.rsv1 for frame in sent] == [True, False, False, True]
    assert [receiver.decode(frame, None) for frame in sent] == frames


def test_messages_arrive_compressed_or_not() -> None:
    sender, receiver = codec(threshold=10), codec(Role.CLIENT)
    assert sender.threshold == 10
    short = Frame(Opcode.TEXT, b"123456789")
    assert receiver.decode(short, None) is short
    assert receiver.decode(sender.encode(short), None) == short


def test_uncompressed_fragments_pass_as_they_are() -> None:
    receiver = codec()
    for frame in (Frame(Opcode.TEXT, b"a", fin=False), Frame(Opcode.CONTINUATION, b"b")):
        assert receiver.decode(frame, None) is frame


@pytest.mark.parametrize("compressed", [False, True])
def test_rsv1_on_a_continuation_frame_is_an_error(compressed: bool) -> None:
    receiver = codec()
    receiver.decode(Frame(Opcode.TEXT, b"\x00", fin=False, rsv1=compressed), None)
    with pytest.raises(FrameError, match="RSV1"):
        receiver.decode(Frame(Opcode.CONTINUATION, b"", rsv1=True), None)


@pytest.mark.parametrize("fin", [False, True])
def test_decode_stops_at_the_frames_limit(fin: bool) -> None:
    frame = Frame(Opcode.TEXT, deflate(JSON), fin=fin, rsv1=True)
    assert codec().decode(frame, len(JSON)).payload == JSON
    with pytest.raises(MessageTooBig):
        codec().decode(frame, len(JSON) - 1)


# What a peer can send


@each_backend
@pytest.mark.parametrize("size", [0, 1, 447, 448, 449, 5000, 16_383, 16_384, 16_385, 100_000])
def test_the_limit_is_exact(backend: ZlibModule, size: int) -> None:
    for data in (bytes(size), RANDOM.randbytes(size)):
        payload = deflate(data)
        assert codec(zlib=backend).inflate_message(payload, size) == data
        for limit in {max(size - 1, 0), max(size - 2, 0)} - {size}:
            with pytest.raises(MessageTooBig) as caught:
                codec(zlib=backend).inflate_message(payload, limit)
            assert caught.value.close_code == 1009


@each_backend
def test_a_bomb_stops_one_step_past_the_limit(backend: ZlibModule) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(100))
    bomb += compressor.flush(zlib.Z_SYNC_FLUSH)[:-4]
    assert len(bomb) < 103_000
    receiver = codec(zlib=backend)
    receiver.inflate_message(b"\x00", 0)
    # Seen are Python's objects: the output, the input and its copy. The inflater's own
    # window of 32 KiB (isal: some 100 KiB) is not: its size does not depend on the peer.
    tracemalloc.start()
    try:
        with pytest.raises(MessageTooBig):
            receiver.inflate_message(bomb, 1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < (1 << 20) + len(bomb) + (64 << 10)


@each_backend
def test_a_stream_that_ends_leaves_the_next_message_intact(backend: ZlibModule) -> None:
    for fresh in (False, True):
        receiver = codec(client_no_context_takeover=fresh, zlib=backend)
        sender = codec(Role.CLIENT, client_no_context_takeover=fresh)
        assert receiver.inflate_message(final(JSON) + b"\x00", None) == JSON
        for data in (b"ordinary " * 20, JSON, JSON):
            assert receiver.inflate_message(sender.compress(data, True), None) == data
    several = final(b"one ") + final(b"") + final(b"2" * 40_000) + deflate(b" three")
    receiver = codec(zlib=backend)
    for _ in range(2):
        assert receiver.inflate_message(several, None) == b"one " + b"2" * 40_000 + b" three"


@each_backend
def test_bfinal_on_the_last_empty_block_is_legal(backend: ZlibModule) -> None:
    receiver = codec(zlib=backend)
    assert receiver.inflate_message(b"\x01", None) == b""
    assert receiver.inflate_message(deflate(JSON)[:-1] + b"\x01", None) == JSON
    assert receiver.inflate_message(deflate(JSON), None) == JSON


@each_backend
def test_what_bfinal_ends_cannot_be_referred_to(backend: ZlibModule) -> None:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    first = (compressor.compress(JSON) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
    second = (compressor.compress(JSON) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
    receiver = codec(zlib=backend)
    assert receiver.inflate_message(first, None) == JSON
    assert receiver.inflate_message(final(b"") + b"\x00", None) == b""
    with pytest.raises(CompressedDataError):
        receiver.inflate_message(second, None)


@each_backend
@pytest.mark.parametrize("size", [447, 448, 449, 16_383, 16_384, 16_385, 33_000])
def test_what_a_few_bytes_grow_to_is_received_whole(backend: ZlibModule, size: int) -> None:
    data = b"abc" * (size // 3) + b"z" * (size % 3)
    receiver = codec(zlib=backend)
    for payload in (deflate(data), final(data) + b"\x00", deflate(data), deflate(data)):
        assert len(payload) <= 64 or size > 448 * 2
        pieces = cut(payload, list(range(len(payload))))
        assert receiver.inflate_message(payload, None) == data
        assert stream(receiver, pieces) == data
        with pytest.raises(CompressedDataError):
            codec(zlib=backend).inflate_message(payload[:-1], None)


class RecordingBackend:
    """The standard zlib, keeping the input of each call of an inflater."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(zlib, name)

    def decompressobj(self, wbits: int) -> Any:
        return RecordingInflater(self.calls, zlib.decompressobj(wbits))


class RecordingInflater:
    def __init__(self, calls: list[bytes], inflater: Any) -> None:
        self.calls = calls
        self.inflater = inflater

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inflater, name)

    def decompress(self, data: bytes, max_length: int) -> Any:
        self.calls.append(data)
        return self.inflater.decompress(data, max_length)


@pytest.mark.parametrize(
    "unit",
    [final(b""), deflate(bytes(1 << 16), level=9) + TAIL],
    ids=["streams that end", "output that fills steps"],
)
def test_work_is_linear_in_what_is_received(unit: bytes) -> None:
    fed: list[int] = []
    for size in (20_000, 40_000):
        backend: Any = RecordingBackend()
        codec(zlib=backend).inflate_message(unit * (size // len(unit)) + b"\x00", None)
        fed.append(sum(map(len, backend.calls)))
    assert fed[1] < 2.1 * fed[0]


@pytest.mark.parametrize(
    "payload",
    [
        deflate(bytes(9 << 20)),
        deflate(RANDOM.randbytes(9000)),
        deflate(RANDOM.randbytes(1500) * 2),
        final(JSON) * 90 + b"\x00",
    ],
    ids=["dense", "thin", "one block", "streams that end"],
)
@pytest.mark.parametrize("size", [1000, 4096, 4097, 5000, 8192])
def test_zlib_calls_do_not_depend_on_how_frames_are_cut(payload: bytes, size: int) -> None:
    backends: list[Any] = [RecordingBackend() for _ in range(3)]
    whole, frame, pieces = (codec(zlib=backend) for backend in backends)
    for _ in range(2):
        cuts = [payload[start : start + size] for start in range(0, len(payload), size)]
        assert stream(pieces, cuts) == at_once(frame, payload)
        assert whole.inflate_message(payload, None) == at_once(codec(), payload)
        assert backends[0].calls == backends[1].calls == backends[2].calls


COMPRESSIBLE = bytes(RANDOM.choices(range(256), [1.03**n for n in range(256)], k=900))


@each_backend
@pytest.mark.parametrize(
    "payload",
    [
        deflate(JSON),
        deflate(COMPRESSIBLE),
        deflate(COMPRESSIBLE, level=0),
        deflate(RANDOM.randbytes(300)),
        final(COMPRESSIBLE) + b"\x00",
        final(JSON) + b"\x00",
    ],
    ids=["fixed", "dynamic", "stored", "random", "final dynamic", "final fixed"],
)
def test_every_truncation_is_noticed(backend: ZlibModule, payload: bytes) -> None:
    assert codec(zlib=backend).inflate_message(payload, None)
    for end in range(len(payload)):
        if payload[:end] == b"\x00":
            continue  # an empty message, complete as it is
        with pytest.raises(CompressedDataError):
            stream(codec(zlib=backend), [payload[:end]])
        with pytest.raises(CompressedDataError):
            at_once(receiver_with_context(backend), payload[:end])
        with pytest.raises(CompressedDataError) as caught:
            codec(zlib=backend).inflate_message(payload[:end], None)
        assert caught.value.close_code == 1007
        assert caught.value.section == "RFC 7692 section 7.2.2"


def in_order(value: int, width: int) -> str:
    """The bits of a field as RFC 1951 has them: the lowest comes first."""
    return f"{value:0{width}b}"[::-1]


def pack(bits: str) -> bytes:
    """Bytes of bits in the order of RFC 1951; there must be eight for each byte."""
    return int(bits[::-1], 2).to_bytes(len(bits) // 8, "little")


LONGEST = "001" + in_order(29, 5) + in_order(29, 5) + in_order(15, 4)
"""The beginning of a block with 286 + 30 code lengths, by 19 code length codes."""
FOLLOWING = "".join([in_order(byte, 8) for byte in TAIL + b"\x00" + TAIL])
"""What is put behind a message begins with these bits."""
FILLERS = ["010" + 7 * "0", "010" + in_order(0b000010011, 9) + 7 * "0"]
"""A block with nothing in it, and one with a byte, which takes an odd number of bits."""


def complete_codes(space: int, room: int, shortest: int = 1) -> Iterator[list[int]]:
    """The lengths, 7 bits at most, of up to `room` code words that fill a `space`: so many of
    the 128 words of 7 bits begin with one of them."""
    if not space:
        yield []
    elif shortest <= 7:
        size = 128 >> shortest
        for count in range(min(space // size, room) + 1):
            for rest in complete_codes(space - count * size, room - count, shortest + 1):
                yield [shortest] * count + rest


def long_headers(kept: int) -> Iterator[bytes]:
    """Payloads cut inside of the longest header, behind `kept` of the 57 bits that say its
    code length codes: for each code that there can be, and each length that the words for
    runs (16 to 18) can have in it."""
    whole, some = divmod(kept, 3)
    for part in map("".join, product("01", repeat=some)):
        bits = part + FOLLOWING
        rest = [int(bits[at : at + 3][::-1], 2) for at in range(0, 3 * (19 - whole), 3)]
        space = 128 - sum([128 >> length for length in rest if length])
        codes = complete_codes(space, whole)
        for lengths in islice(codes, 0, None, 1 if EXHAUSTIVE else 50):
            for runs in product(sorted({0, *lengths}), repeat=min(3, whole)):
                others = list(lengths)
                for length in filter(None, runs):
                    if length not in others:
                        break
                    others.remove(length)
                else:
                    zeros = whole - len(runs) - len(others)
                    if zeros >= 0:
                        said = [*runs, *others, *[0] * zeros]
                        header = LONGEST + "".join([in_order(each, 3) for each in said]) + part
                        yield behind_fillers(header)


def behind_fillers(header: str) -> bytes:
    if len(header) % 2:
        header = FILLERS[1] + header
    while len(header) % 8:
        header = FILLERS[0] + header
    return pack(header)


def notices(backend: ZlibModule, payload: bytes) -> bool:
    try:
        codec(zlib=backend).inflate_message(payload, None)
    except CompressedDataError:
        return True
    return False


@each_backend
def test_a_message_truncated_in_the_longest_header_is_noticed(backend: ZlibModule) -> None:
    # What follows a payload has few ones: the lengths take in most of it where zeros have the
    # longest words that they can have, of four bits, and ones those of seven.
    worst = [4, 4, 5, *[4] * 13, 6, 7, 7]
    assert notices(backend, behind_fillers(LONGEST + "".join([in_order(n, 3) for n in worst])))
    # The header that lasts longest is cut where its lengths begin. All others take a while.
    for kept in range(58) if backend is zlib else [57]:
        assert all(notices(backend, payload) for payload in long_headers(kept))


@each_backend
def test_a_message_that_kept_its_tail_is_refused(backend: ZlibModule) -> None:
    with pytest.raises(CompressedDataError):
        codec(zlib=backend).inflate_message(deflate(JSON) + TAIL, None)


@each_backend
@pytest.mark.parametrize("size", [3, 5000, 100_000])
def test_garbage_is_refused(backend: ZlibModule, size: int) -> None:
    with pytest.raises(CompressedDataError):
        codec(zlib=backend).inflate_message(b"\xff" * size, None)


@each_backend
def test_a_distance_before_the_first_byte_is_refused(backend: ZlibModule) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=JSON)
    payload = (compressor.compress(JSON) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
    with pytest.raises(CompressedDataError):
        codec(zlib=backend).inflate_message(payload, None)


@pytest.mark.parametrize(("backend", "checks"), [(zlib, True), (zlib_ng, True), (isal_zlib, False)])
def test_a_distance_beyond_the_agreed_window(backend: ZlibModule, checks: bool) -> None:
    data = RANDOM.randbytes(2000)
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
    second = (compressor.compress(data[:60]) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
    receiver = codec(client_max_window_bits=9, zlib=backend)
    assert receiver.inflate_message(first, None) == data
    if checks:
        with pytest.raises(CompressedDataError):
            receiver.inflate_message(second, None)
    else:  # isal always keeps 32 KiB
        assert receiver.inflate_message(second, None) == data[:60]


repetitive = st.lists(st.sampled_from([JSON, COMPRESSIBLE, b"a", bytes(9000)]), max_size=30).map(
    b"".join
)
small = st.binary(max_size=100) | st.integers(0, 500).map(bytes)
places = st.lists(st.integers(0, 1 << 20), max_size=8)


@given(backends, st.integers(8, 15), repetitive, st.lists(st.integers(0, 1 << 20)), places)
@settings(max_examples=150)
def test_cuts_never_matter_whatever_the_bytes(
    backend: ZlibModule, bits: int, data: bytes, flips: list[int], places: list[int]
) -> None:
    # Compressed with 15 bits, so that small windows are left, too.
    payload = bytearray(deflate(data))
    for flip in flips:
        payload[(flip >> 3) % len(payload)] ^= 1 << (flip & 7)
    whole, cuts = (codec(client_max_window_bits=bits, zlib=backend) for _ in range(2))
    expected = outcome(lambda: whole.inflate_message(bytes(payload), None))
    assert outcome(lambda: stream(cuts, cut(bytes(payload), places))) == expected


@given(backends, st.binary(max_size=70) | st.builds(deflate, small | repetitive), places, places)
@settings(max_examples=300)
def test_a_message_at_once_is_what_it_is_in_parts(
    backend: ZlibModule, start: bytes, flips: list[int], places: list[int]
) -> None:
    payload = bytearray(start or b"\x00")
    for flip in flips:
        payload[(flip >> 3) % len(payload)] ^= 1 << (flip & 7)
    one, other = receiver_with_context(backend), receiver_with_context(backend)
    for message in (bytes(payload), deflate(JSON)):
        expected = outcome(lambda: at_once(one, message))  # noqa: B023 # called in the round
        assert outcome(lambda: stream(other, cut(message, places))) == expected  # noqa: B023
        if isinstance(expected, str):
            break


@given(backends, st.binary(max_size=400), st.integers(0, 600) | st.none())
@settings(max_examples=300)
def test_any_bytes_give_a_message_or_one_of_two_errors(
    backend: ZlibModule, payload: bytes, max_size: int | None
) -> None:
    close_code = None
    size = 0
    try:
        size = len(codec(zlib=backend).inflate_message(payload, max_size))
    except (CompressedDataError, MessageTooBig) as error:
        close_code = error.close_code
    assert close_code in (None, 1007, 1009)
    assert max_size is None or size <= max_size
