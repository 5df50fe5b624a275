"""One message to many connections: who gets it, what each client makes of it, and at what cost."""

from __future__ import annotations

import enum
import tracemalloc
import zlib
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from effort import examples
from expect import snapshot
from hypothesis import given
from hypothesis import strategies as st
from test_custom_extensions import Shift, shifted
from websockets.extensions.permessage_deflate import PerMessageDeflate as WebsocketsDeflate
from websockets.protocol import CLIENT, Protocol
from wire import (
    BINARY,
    DEFLATE_FIELD,
    FIN,
    MAKERS,
    RSV1,
    TEXT,
    open_one,
    open_server,
    read_frames,
    unmasked,
)

from wsproto_core import (
    Agreement,
    BytesMessage,
    Codec,
    Connection,
    ConnectionState,
    Event,
    Extension,
    ExtensionName,
    ExtensionParameter,
    Frame,
    LocalProtocolError,
    Message,
    PerMessageDeflate,
    Role,
    Skipped,
    TextMessage,
    broadcast,
)

LONG = "the same words again and again, " * 20


def server(*extensions: Extension) -> Connection:
    return Connection(Role.SERVER, extensions=extensions)


def client(*extensions: Extension) -> Connection:
    return Connection(Role.CLIENT, extensions=extensions)


def received(peer: Connection, *servers: Connection) -> list[Event]:
    return [event for each in servers for event in peer.receive_data(each.data_to_send())]


class CountingZlib:
    """A backend that counts what is compressed."""

    DEFLATED = zlib.DEFLATED
    Z_DEFAULT_COMPRESSION = zlib.Z_DEFAULT_COMPRESSION
    Z_SYNC_FLUSH = zlib.Z_SYNC_FLUSH
    error = zlib.error
    decompressobj = staticmethod(zlib.decompressobj)

    def __init__(self) -> None:
        self.compressed: list[bytes] = []
        self.settings: list[tuple[int, ...]] = []

    def compressobj(self, *settings: int) -> CountingCompressor:
        self.settings.append(settings)
        return CountingCompressor(zlib.compressobj(*settings), self.compressed)


class CountingCompressor:
    def __init__(self, compressor: Any, compressed: list[bytes]) -> None:
        self.flush = compressor.flush
        self._compress = compressor.compress
        self._compressed = compressed

    def compress(self, data: bytes) -> bytes:
        self._compressed.append(data)
        result: bytes = self._compress(data)
        return result


@dataclass(frozen=True)
class Numbered(Extension):
    """Numbers the frames, adds to each byte the number times a factor, and marks with RSV3."""

    name: ClassVar[ExtensionName] = ExtensionName("x-numbered")
    rsv: ClassVar[int] = 0x10
    factor: int = 1

    def offer(self) -> Sequence[tuple[ExtensionParameter, ...]]:
        raise AssertionError

    def accept(self, parameters: Sequence[ExtensionParameter]) -> Agreement | None:
        raise AssertionError

    def confirm(self, parameters: Sequence[ExtensionParameter]) -> Extension:
        raise AssertionError

    def codec(self, role: Role) -> Codec:
        return NumberedCodec(self.factor)


class NumberedCodec(Codec):
    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._number = 0

    @property
    def sharing(self) -> Hashable:
        return self._factor

    def restart(self) -> None:
        self._number = 0

    def encode(self, frame: Frame) -> Frame:
        self._number = self._number % 255 + 1
        payload = bytes([self._number]) + shifted(frame.payload, self._number * self._factor)
        return frame._replace(payload=payload, rsv3=True)

    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        number = frame.payload[0]
        payload = shifted(frame.payload[1:], -number * self._factor)
        return frame._replace(payload=payload, rsv3=False)


@dataclass(frozen=True)
class OtherNumbered(Numbered):
    """The same, but its codecs are of another class, and count from 100."""

    def codec(self, role: Role) -> Codec:
        return OtherNumberedCodec(self.factor)


class OtherNumberedCodec(NumberedCodec):
    def restart(self) -> None:
        self._number = 100


@dataclass(frozen=True)
class Failing(Numbered):
    """Works on no text with an x in it."""

    shares: bool = True

    def codec(self, role: Role) -> Codec:
        return FailingCodec(self.factor) if self.shares else FailingAlone(self.factor)


class FailingCodec(NumberedCodec):
    def encode(self, frame: Frame) -> Frame:
        if shifted(frame.payload, 1).endswith(b"y"):
            raise ArithmeticError
        return super().encode(frame)


class FailingAlone(FailingCodec):
    @property
    def sharing(self) -> Hashable:
        return None


# What each client receives


@pytest.mark.parametrize("message", [TextMessage("na\u00efve"), BytesMessage(b"\x00\xff")])
def test_each_client_receives_the_message(message: TextMessage | BytesMessage) -> None:
    servers = [server() for _ in range(3)]
    assert broadcast(servers, message) == []
    for each in servers:
        assert received(client(), each) == [message]


@pytest.mark.parametrize(
    ("data", "opcode"),
    [
        ("text", TEXT),
        (b"text", BINARY),
        (bytearray(b"text"), BINARY),
        (memoryview(b"text"), BINARY),
        (BytesMessage(bytearray(b"text")), BINARY),  # type: ignore[arg-type]
    ],
)
def test_text_and_bytes_are_messages_by_themselves(data: Any, opcode: int) -> None:
    ws = server()
    assert broadcast([ws], data) == []
    assert ws.data_to_send() == unmasked(FIN | opcode, b"text")


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 100_000])
def test_frames_have_the_length_in_its_shortest_form(size: int) -> None:
    ws = server()
    broadcast([ws], "a" * size)
    assert ws.data_to_send() == unmasked(FIN | TEXT, b"a" * size)


def test_what_waits_already_goes_first() -> None:
    ws = server()
    ws.send_text("first")
    broadcast([ws], "second")
    ws.send_text("third")
    assert received(client(), ws) == [TextMessage(text) for text in ("first", "second", "third")]


def test_a_response_that_is_not_sent_yet_goes_first() -> None:
    ws = open_server()
    broadcast([ws], "behind it")
    assert ws.data_to_send() == unmasked(FIN | TEXT, b"behind it")


def test_a_connection_that_is_there_twice_gets_the_message_twice() -> None:
    for extension in ([], [PerMessageDeflate()], [Shift()]):
        ws = server(*extension)
        assert broadcast([ws, server(), ws], LONG) == []
        assert received(client(*extension), ws) == [TextMessage(LONG)] * 2


def test_no_connections_are_enough() -> None:
    assert broadcast([], "to nobody") == []
    assert broadcast(iter(()), b"") == []


DEFLATES = st.builds(
    PerMessageDeflate,
    server_no_context_takeover=st.booleans(),
    server_max_window_bits=st.integers(8, 15),
    threshold=st.sampled_from([0, 20, 64]),
    level=st.sampled_from([None, 1, 9]),
    mem_level=st.sampled_from([5, 8]),
)
CUSTOM = st.one_of(
    st.builds(Shift, st.integers(1, 2)),
    st.builds(Numbered, st.integers(1, 2)),
    st.builds(OtherNumbered, st.just(1)),
)
EXTENSIONS = st.one_of(
    st.just(()),
    st.tuples(DEFLATES),
    st.tuples(CUSTOM),
    st.tuples(DEFLATES, CUSTOM),
    st.tuples(CUSTOM, DEFLATES),
)
WORDS = st.lists(st.sampled_from(["wort ", "w\u00f6rter ", "\u2603", "\x00", "zeit "]), max_size=60)
COMPRESS = st.sampled_from([None, None, True, False])
WHO = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("broadcast text"), WORDS, COMPRESS),
    st.tuples(st.just("broadcast binary"), WORDS, COMPRESS),
    st.tuples(st.just("binary"), WHO, WORDS, COMPRESS, st.sampled_from([True, True, False])),
    st.tuples(st.just("ping"), WHO),
    st.tuples(st.just("carry"), WHO, st.integers(1, 200)),
    st.tuples(st.just("close"), st.just(0)),
)


def several(settings: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """What four connections agree on: one or two things each of which several have."""
    return st.tuples(settings, settings, st.permutations([0, 0, 0, 1])).map(
        lambda drawn: [drawn[which] for which in drawn[2]]
    )


class Side:
    """Several servers and what their clients have received."""

    def __init__(self, extensions: Sequence[tuple[Extension, ...]]) -> None:
        self.servers = [server(*each) for each in extensions]
        self.clients = [client(*each) for each in extensions]
        self.seen: list[list[Event]] = [[] for _ in extensions]
        self.unfinished = [False] * len(extensions)

    def act(self, action: str, who: int, *arguments: Any) -> None:
        ws = self.servers[who]
        if action == "carry":
            self.carry(who, ws.data_to_send(*arguments))
        elif ws.state is not ConnectionState.OPEN:
            pass
        elif action == "binary":
            words, compress, finished = arguments
            ws.send_bytes("".join(words).encode(), message_finished=finished, compress=compress)
            self.unfinished[who] = not finished
        elif action == "ping":
            ws.ping(b"ping")
        else:
            ws.close()

    def carry(self, who: int, data: bytes) -> None:
        self.seen[who] += self.clients[who].receive_data(data)

    def expected_to_be_skipped(self) -> list[tuple[Connection, Skipped]]:
        return [
            (ws, Skipped.MID_MESSAGE if ws.state is ConnectionState.OPEN else Skipped.NOT_OPEN)
            for ws, unfinished in zip(self.servers, self.unfinished, strict=True)
            if unfinished or ws.state is not ConnectionState.OPEN
        ]


@examples(150)
@given(several(EXTENSIONS), st.lists(STEPS, max_size=25))
def test_clients_receive_what_they_would_if_it_were_sent_to_each_in_turn(
    extensions: list[tuple[Extension, ...]], steps: list[tuple[Any, ...]]
) -> None:
    one, other = Side(extensions), Side(extensions)
    for action, *arguments in steps:
        if action.startswith("broadcast"):
            words, compress = arguments
            text = "".join(words)
            message = (
                TextMessage(text, compress=compress)
                if action.endswith("text")
                else BytesMessage(text.encode(), compress=compress)
            )
            assert broadcast(one.servers, message) == one.expected_to_be_skipped()
            skipped = {ws for ws, _ in other.expected_to_be_skipped()}
            for ws in other.servers:
                if ws not in skipped:
                    ws.send(message)
        else:
            who, *rest = arguments
            for side in (one, other):
                side.act(action, who % len(extensions), *rest)
    for side in (one, other):
        for who, ws in enumerate(side.servers):
            side.carry(who, ws.data_to_send())
    assert one.seen == other.seen


@examples(100)
@given(several(DEFLATES), st.lists(STEPS, max_size=25))
def test_websockets_decodes_what_is_broadcast_between_other_messages(
    deflates: list[PerMessageDeflate], steps: list[tuple[Any, ...]]
) -> None:
    servers = [server(deflate) for deflate in deflates]
    sent: list[list[bytes]] = [[] for _ in servers]
    for action, *arguments in steps:
        if action.startswith("broadcast"):
            data = "".join(arguments[0]).encode()
            broadcast(servers, BytesMessage(data, compress=arguments[1]))
            for each in sent:
                each.append(data)
        elif action == "binary":
            who = arguments[0] % len(servers)
            data = "".join(arguments[1]).encode()
            servers[who].send_bytes(data, compress=arguments[2])
            sent[who].append(data)
    for deflate, ws, expected in zip(deflates, servers, sent, strict=True):
        peer = Protocol(CLIENT)
        bits = deflate.server_max_window_bits
        assert bits is not None
        takeover = deflate.server_no_context_takeover
        peer.extensions = [WebsocketsDeflate(takeover, False, bits, 15)]
        peer.receive_data(ws.data_to_send())
        assert peer.parser_exc is None
        assert [bytes(frame.data) for frame in peer.events_received()] == expected  # type: ignore[union-attr]


# One object for all


@pytest.mark.parametrize("size", [1, 1000, 20_000, 1 << 20])
@pytest.mark.parametrize("extensions", [(), (PerMessageDeflate(),), (Numbered(),)])
def test_all_queue_the_same_object(size: int, extensions: tuple[Extension, ...]) -> None:
    servers = [server(*extensions) for _ in range(6)]
    servers[0].send_text("its own")
    servers[1].ping(b"its own")
    broadcast(servers, TextMessage("a" * size, compress=True))
    servers[2].send_text("its own")
    queued = [ws.buffers_to_send() for ws in servers[:3]]
    frame = servers[3].data_to_send()
    assert [len(buffers) for buffers in queued] == [2, 2, 2]
    assert queued[0][1] is queued[1][1] is queued[2][0] is frame
    assert servers[4].data_to_send() is frame
    assert servers[5].buffers_to_send()[0] is frame


def test_what_is_not_compressed_is_the_same_with_and_without_permessage_deflate() -> None:
    servers = [server(), server(PerMessageDeflate()), server(PerMessageDeflate(threshold=9))]
    broadcast(servers, "below 64 bytes")
    plain, below, above = [ws.data_to_send() for ws in servers]
    assert plain is below
    assert plain == unmasked(FIN | TEXT, b"below 64 bytes")
    assert above[0] == FIN | RSV1 | TEXT
    broadcast(servers, TextMessage(LONG, compress=False))
    assert len({id(ws.buffers_to_send()[0]) for ws in servers}) == 1


def test_a_message_is_encoded_once_for_all_with_equal_settings() -> None:
    backend = CountingZlib()
    servers = [
        server(
            PerMessageDeflate(
                zlib=backend,
                server_no_context_takeover=number % 2 == 0,
                client_max_window_bits=9 + number % 4,
                threshold=number,
            )
        )
        for number in range(50)
    ]
    broadcast(servers, LONG)
    assert backend.compressed == [LONG.encode()]
    broadcast(servers, LONG)
    assert backend.compressed == [LONG.encode()] * 2
    for ws in servers:
        assert received(client(*ws.extensions), ws) == [TextMessage(LONG)] * 2


def test_a_message_is_encoded_anew_for_other_settings() -> None:
    backend, rival = CountingZlib(), CountingZlib()
    settings: list[dict[str, Any]] = [
        {},
        {"server_max_window_bits": 15},  # as the first
        {"level": -1},  # as the first
        {"level": 1},
        {"mem_level": 9},
        {"server_max_window_bits": 9},
        {"server_max_window_bits": 10},
        {"zlib": rival},
    ]
    servers = [server(PerMessageDeflate(**{"zlib": backend, **each})) for each in settings]
    broadcast(servers, LONG)
    assert len(backend.compressed) == 5
    assert len(rival.compressed) == 1
    assert sorted(backend.settings[-5:]) == [
        (-1, zlib.DEFLATED, -15, 5),
        (-1, zlib.DEFLATED, -15, 9),
        (-1, zlib.DEFLATED, -10, 5),
        (-1, zlib.DEFLATED, -9, 5),
        (1, zlib.DEFLATED, -15, 5),
    ]
    for ws in servers:
        assert received(client(*ws.extensions), ws) == [TextMessage(LONG)]


def test_a_window_of_8_bits_has_the_frame_of_one_of_9() -> None:
    servers = [server(PerMessageDeflate(server_max_window_bits=bits)) for bits in (8, 9)]
    broadcast(servers, LONG)
    assert servers[0].data_to_send() is servers[1].data_to_send()


def test_codecs_of_one_class_share_where_they_say_that_they_encode_alike() -> None:
    extensions = [Numbered(1), Numbered(1), Numbered(2), OtherNumbered(1), Shift(), Shift()]
    servers = [server(each) for each in extensions]
    broadcast(servers, "text")
    frames = [ws.data_to_send() for ws in servers]
    assert frames[0] is frames[1]
    assert len({id(frame) for frame in frames}) == 5
    for extension, frame in zip(extensions, frames, strict=True):
        assert list(client(extension).receive_data(frame)) == [TextMessage("text")]


def test_one_codec_that_does_not_share_is_enough_for_a_frame_of_its_own() -> None:
    for extensions in [(PerMessageDeflate(), Shift()), (Shift(), Numbered())]:
        servers = [server(*extensions) for _ in range(2)]
        broadcast(servers, LONG)
        first, second = [ws.data_to_send() for ws in servers]
        assert first == second
        assert first is not second


@pytest.mark.parametrize("deflate", [False, True])
def test_memory_grows_by_one_message(deflate: bool) -> None:
    extensions = [PerMessageDeflate()] if deflate else []
    servers = [server(*extensions) for _ in range(10_000)]
    size = 1 << 20
    # Of data that deflate cannot shrink.
    text = zlib.compress(bytes(range(256)) * (1 << 14), 0)[:size].hex()[:size]
    message = TextMessage(text, compress=deflate)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        broadcast(servers, message)
        after, peak = tracemalloc.get_traced_memory()
        taken = [ws.data_to_send() for ws in servers]
        at_the_end, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    queues = 300 * len(servers)
    assert after - before < size + queues
    assert peak - before < 3 * size + 2 * queues  # its UTF-8, and the frame
    assert at_the_end - before < size + queues
    assert len({id(data) for data in taken}) == 1


# The compressor of each connection


def compressed_sizes(ws: Connection) -> list[int]:
    return [len(frame.payload) for frame in read_frames(ws.data_to_send()) if frame.first & RSV1]


def test_the_message_behind_a_compressed_broadcast_is_compressed_by_itself() -> None:
    backend = CountingZlib()
    deflate = PerMessageDeflate(zlib=backend)
    ws = server(deflate)
    for _ in range(2):
        ws.send_text(LONG)
    broadcast([ws], "something else, " * 20)
    for _ in range(2):
        ws.send_text(LONG)
    data = ws.data_to_send()
    sizes = [len(frame.payload) for frame in read_frames(data)]
    assert sizes[0] == sizes[3] > sizes[1] == sizes[4]
    assert len(list(client(deflate).receive_data(data))) == 5


@pytest.mark.parametrize("extension", [PerMessageDeflate(), Numbered()])
def test_each_codec_starts_afresh_not_only_the_one_that_encodes(extension: Extension) -> None:
    servers = [server(extension) for _ in range(3)]
    for own in ("a message of one's own, " * 9, "another one, " * 9):
        for ws in servers:
            ws.send_text(own)
        broadcast(servers, LONG)
    first, *others = [ws.data_to_send() for ws in servers]
    assert others == [first] * 2
    if isinstance(extension, PerMessageDeflate):
        frames = read_frames(first)
        assert frames[1] == frames[3]
        context = server(extension)
        context.send_text("another one, " * 9)
        assert context.data_to_send() == unmasked(frames[2].first, frames[2].payload)
    else:
        assert [frame.payload[0] for frame in read_frames(first)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "message",
    [
        "short",
        TextMessage(LONG, compress=False),
        BytesMessage(LONG.encode(), compress=False),
    ],
)
def test_a_broadcast_that_is_not_compressed_leaves_the_context(message: Any) -> None:
    ws = server(PerMessageDeflate())
    ws.send_text(LONG)
    broadcast([ws], message)
    ws.send_text(LONG)
    first, second = compressed_sizes(ws)
    assert second < first


@pytest.mark.parametrize("skipped_for", ["backlog", "fragment"])
def test_a_connection_that_is_skipped_keeps_its_context(skipped_for: str) -> None:
    ws = server(PerMessageDeflate())
    ws.send_text(LONG, message_finished=skipped_for == "backlog")
    [(skipped, _)] = broadcast([ws], LONG, max_backlog=0 if skipped_for == "backlog" else None)
    assert skipped is ws
    ws.send_text(LONG)
    [first, second] = [len(frame.payload) for frame in read_frames(ws.data_to_send())]
    assert second < first


# Who is skipped


@pytest.mark.parametrize("state", ConnectionState)
def test_only_open_connections_get_the_message(state: ConnectionState) -> None:
    ws = MAKERS[state](Role.SERVER)
    skipped = broadcast([ws], "text")
    if state is ConnectionState.OPEN:
        assert skipped == []
        assert ws.data_to_send() == unmasked(FIN | TEXT, b"text")
    else:
        assert skipped == [(ws, Skipped.NOT_OPEN)]
        assert ws.pending_bytes == 0
    assert ws.state is state


def test_a_connection_with_more_than_the_backlog_is_skipped() -> None:
    servers = [server() for _ in range(4)]
    for ws, size in zip(servers, [0, 8, 9, 200], strict=True):
        if size:
            ws.send_bytes(bytes(size - 2 if size < 126 else size - 4))
        assert ws.pending_bytes == size
    assert broadcast(servers, "text", max_backlog=8) == [
        (servers[2], Skipped.BACKLOG),
        (servers[3], Skipped.BACKLOG),
    ]
    assert [ws.pending_bytes for ws in servers] == [6, 14, 9, 200]
    assert broadcast(servers, "text", max_backlog=0) == [(ws, Skipped.BACKLOG) for ws in servers]
    assert broadcast(servers, "text", max_backlog=1 << 100) == broadcast(servers, "text") == []


def test_a_backlog_counts_bytes_that_were_broadcast() -> None:
    ws = server()
    broadcast([ws], bytes(100_000))
    assert ws.pending_bytes == 100_010
    assert broadcast([ws], "text", max_backlog=100_009) == [(ws, Skipped.BACKLOG)]
    ws.data_to_send(1)
    assert broadcast([ws], "text", max_backlog=100_009) == []


@pytest.mark.parametrize("extensions", [(), (PerMessageDeflate(),), (Shift(),), (Numbered(),)])
def test_an_unfinished_message_is_not_interrupted(extensions: tuple[Extension, ...]) -> None:
    ws, other = server(*extensions), server(*extensions)
    ws.send_bytes(b"first, ", message_finished=False)
    assert broadcast([ws, other], LONG) == [(ws, Skipped.MID_MESSAGE)]
    ws.send_bytes(b"last")
    assert broadcast([ws, other], LONG) == []
    assert received(client(*extensions), ws) == [BytesMessage(b"first, last"), TextMessage(LONG)]
    assert received(client(*extensions), other) == [TextMessage(LONG)] * 2


def test_the_reasons_are_plain_values() -> None:
    assert issubclass(Skipped, enum.Enum)
    assert [each.value for each in Skipped] == ["not open", "backlog", "mid-message"]


def test_those_that_are_skipped_are_in_the_order_of_the_connections() -> None:
    fragment, full, closed = server(), server(), MAKERS[ConnectionState.CLOSED](Role.SERVER)
    fragment.send_text("", message_finished=False)
    fragment.data_to_send()
    full.send_text("text")
    assert broadcast([full, server(), fragment, closed, server()], "", max_backlog=1) == [
        (full, Skipped.BACKLOG),
        (fragment, Skipped.MID_MESSAGE),
        (closed, Skipped.NOT_OPEN),
    ]


# What the caller does wrong


def untouched(*servers: Connection) -> None:
    """Nothing is queued, and the contexts of the compressors are those of before."""
    for ws in servers:
        assert ws.pending_bytes == 0
        if ws.extensions:
            ws.send_text(LONG)
            assert len(ws.data_to_send()) < 20


def primed() -> list[Connection]:
    """Servers with and without a context that can be told from none."""
    servers = [server(), server(PerMessageDeflate())]
    for ws in servers:
        ws.send_text(LONG)
        ws.data_to_send()
    return servers


@pytest.mark.parametrize("state", ConnectionState)
def test_a_client_among_the_connections_is_an_error(state: ConnectionState) -> None:
    servers = primed()
    with pytest.raises(LocalProtocolError, match="masks each frame with a key of its own"):
        broadcast([*servers, MAKERS[state](Role.CLIENT)], LONG)
    untouched(*servers)


@pytest.mark.parametrize("other", [None, "connection", 1, Role.SERVER, server])
def test_what_is_no_connection_is_a_type_error(other: Any) -> None:
    servers = primed()
    with pytest.raises(TypeError, match="a connection is wanted, not"):
        broadcast([*servers, other], LONG)
    untouched(*servers)
    with pytest.raises(TypeError):
        broadcast(server(), LONG)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "error", "match"),
    [
        (TextMessage("a", message_finished=False), LocalProtocolError, "only a whole message"),
        (BytesMessage(b"", message_finished=False), LocalProtocolError, "only a whole message"),
        ("a\ud800", LocalProtocolError, "lone surrogate at index 1"),
        (TextMessage("\udfff"), LocalProtocolError, "lone surrogate at index 0"),
        (TextMessage(b"bytes"), TypeError, "text must be str, not bytes"),  # type: ignore[arg-type]
        (BytesMessage("text"), TypeError, "must be bytes-like, not str"),  # type: ignore[arg-type]
        (Message("text"), TypeError, "TextMessage or BytesMessage"),
        (None, TypeError, "must be bytes-like, not NoneType"),
        (["text"], TypeError, "must be bytes-like, not list"),
    ],
)
def test_a_message_that_cannot_be_sent_is_an_error(
    message: Any, error: type[Exception], match: str
) -> None:
    servers = primed()
    with pytest.raises(error, match=match):
        broadcast(servers, message)
    untouched(*servers)


@pytest.mark.parametrize(
    ("backlog", "error"), [(-1, ValueError), (1.0, TypeError), ("1", TypeError), (b"", TypeError)]
)
def test_a_backlog_that_is_no_number_of_bytes_is_an_error(
    backlog: Any, error: type[Exception]
) -> None:
    servers = primed()
    with pytest.raises(error, match="max_backlog must"):
        broadcast(servers, LONG, max_backlog=backlog)
    untouched(*servers)


def test_an_iterable_that_fails_leaves_all_as_it_was() -> None:
    servers = primed()

    def failing() -> Iterator[Connection]:
        yield from servers
        raise KeyError

    with pytest.raises(KeyError):
        broadcast(failing(), LONG)
    untouched(*servers)


def test_what_an_iterable_does_counts() -> None:
    one, other = server(), server()

    def closing() -> Iterator[Connection]:
        yield one
        one.close()
        yield other

    assert broadcast(closing(), "text") == [(one, Skipped.NOT_OPEN)]
    assert other.pending_bytes == 6


@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_a_codec_that_fails_has_nothing_queued(shares: bool, first: bool) -> None:
    failing = Failing(shares=shares)
    extensions = [(), (PerMessageDeflate(),), (Numbered(),), (PerMessageDeflate(), failing)]
    if first:
        extensions.reverse()
    servers = [server(*each) for each in extensions]
    with pytest.raises(ArithmeticError):
        broadcast(servers, TextMessage("x", compress=False))
    assert [ws.pending_bytes for ws in servers] == [0] * 4


def test_a_compressor_ahead_of_a_codec_that_fails_refers_to_nothing_unsent() -> None:
    @dataclass(frozen=True)
    class Never(Numbered):
        def codec(self, role: Role) -> Codec:
            return NeverTwice()

    class NeverTwice(NumberedCodec):
        failed = False

        def __init__(self) -> None:
            super().__init__(1)

        def encode(self, frame: Frame) -> Frame:
            if not NeverTwice.failed:
                NeverTwice.failed = True
                raise ArithmeticError
            return super().encode(frame)

    extensions = (PerMessageDeflate(), Never())
    ws = server(*extensions)
    with pytest.raises(ArithmeticError):
        broadcast([ws], LONG)
    ws.send_text(LONG)
    assert received(client(*extensions), ws) == [TextMessage(LONG)]


def test_a_broadcast_changes_nothing_but_the_output() -> None:
    for fields in ((), (DEFLATE_FIELD,)):
        options = {"extensions": [PerMessageDeflate()]} if fields else {}
        ws, other = (
            open_one(Role.SERVER, *fields, **options),
            open_one(Role.SERVER, *fields, **options),
        )
        broadcast([ws], LONG)
        ws.data_to_send()
        assert snapshot(ws) == snapshot(other)
