"""What we send, wsproto and websockets accept, and the other way round.

Both are driven without I/O, behind one small interface, in both roles. Bytes are carried
in pieces of several sizes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import pytest
import wsproto
import wsproto.events
import wsproto.extensions
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Opcode as WebsocketsOpcode
from websockets.http11 import Request as WebsocketsRequest
from websockets.http11 import Response as WebsocketsResponse
from websockets.server import ServerProtocol
from websockets.uri import parse_uri as parse_websockets_uri
from wire import ROLES, cut

from wsproto_core import (
    AcceptConnection,
    BytesMessage,
    ClientConnection,
    CloseConnection,
    CloseSource,
    Connection,
    ConnectionState,
    Event,
    Extension,
    PerMessageDeflate,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    Role,
    ServerConnection,
    TextMessage,
)

URI = "ws://example.com/chat?room=1"

Seen = tuple[str, Any]
"""What a peer saw: the kind, and the content."""


class Peer(ABC):
    """Another implementation, as the client or the server; it accepts what it is asked for."""

    subprotocol: str | None
    extension: str | None
    """What it sent in Sec-WebSocket-Extensions, or got."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.output = bytearray()
        self.subprotocol = None

    @abstractmethod
    def feed(self, data: bytes) -> None: ...
    @abstractmethod
    def text(self, data: str, fin: bool = True) -> None: ...
    @abstractmethod
    def binary(self, data: bytes, fin: bool = True) -> None: ...
    @abstractmethod
    def ping(self, payload: bytes) -> None: ...
    @abstractmethod
    def close(self, code: int, reason: str) -> None: ...


class WsprotoPeer(Peer):
    def __init__(self, role: Role, subprotocols: Sequence[str], deflate: dict[str, Any] | None):
        super().__init__()
        client = role is Role.CLIENT
        self._ws = wsproto.WSConnection(
            wsproto.ConnectionType.CLIENT if client else wsproto.ConnectionType.SERVER
        )
        self._subprotocols = list(subprotocols)
        self._extensions: list[Any] = (
            [] if deflate is None else [wsproto.extensions.PerMessageDeflate(**deflate)]
        )
        self._text: list[str] = []
        self._binary: list[bytes] = []
        self._fragmented = False
        if client:
            self._send(
                wsproto.events.Request(
                    host="example.com",
                    target="/chat?room=1",
                    extensions=self._extensions,
                    subprotocols=self._subprotocols,
                )
            )

    def _send(self, event: Any) -> None:
        self.output += self._ws.send(event)

    def feed(self, data: bytes) -> None:
        self._ws.receive_data(data)
        for event in self._ws.events():
            self._handle(event)

    def _handle(self, event: Any) -> None:
        match event:
            case wsproto.events.Request(target=target, subprotocols=offered):
                self.seen.append(("request", target))
                spoken = [name for name in self._subprotocols if name in offered]
                self.subprotocol = spoken[0] if spoken else None
                self._send(
                    wsproto.events.AcceptConnection(
                        subprotocol=self.subprotocol, extensions=self._extensions
                    )
                )
            case wsproto.events.AcceptConnection(subprotocol=subprotocol):
                self.seen.append(("accept", None))
                self.subprotocol = subprotocol
            case wsproto.events.RejectConnection(status_code=status):
                self.seen.append(("reject", status))
            case wsproto.events.RejectData(data=data):
                self.seen.append(("body", bytes(data)))
            case wsproto.events.TextMessage(data=data, message_finished=finished):
                self._text.append(data)
                if finished:
                    self.seen.append(("text", "".join(self._text)))
                    self._text.clear()
            case wsproto.events.BytesMessage(data=data, message_finished=finished):
                self._binary.append(bytes(data))
                if finished:
                    self.seen.append(("binary", b"".join(self._binary)))
                    self._binary.clear()
            case wsproto.events.Ping(payload=payload):
                self.seen.append(("ping", bytes(payload)))
                self._send(event.response())
            case wsproto.events.Pong(payload=payload):
                self.seen.append(("pong", bytes(payload)))
            case wsproto.events.CloseConnection(code=code, reason=reason):
                self.seen.append(("close", (int(code), reason or "")))
                if self._ws.state is wsproto.connection.ConnectionState.REMOTE_CLOSING:
                    self._send(event.response())

    def text(self, data: str, fin: bool = True) -> None:
        self._send(wsproto.events.TextMessage(data, message_finished=fin))

    def binary(self, data: bytes, fin: bool = True) -> None:
        self._send(wsproto.events.BytesMessage(data, message_finished=fin))

    def ping(self, payload: bytes) -> None:
        self._send(wsproto.events.Ping(payload))

    def close(self, code: int, reason: str) -> None:
        self._send(wsproto.events.CloseConnection(code, reason))


class WebsocketsPeer(Peer):
    def __init__(self, role: Role, subprotocols: Sequence[str], deflate: dict[str, Any] | None):
        super().__init__()
        names: Any = list(subprotocols) or None
        self._ws: ClientProtocol | ServerProtocol
        if role is Role.CLIENT:
            factories = None if deflate is None else [ClientPerMessageDeflateFactory(**deflate)]
            self._ws = ClientProtocol(
                parse_websockets_uri(URI), subprotocols=names, extensions=factories
            )
            self._ws.send_request(self._ws.connect())
        else:
            offered = None if deflate is None else [ServerPerMessageDeflateFactory(**deflate)]
            self._ws = ServerProtocol(subprotocols=names, extensions=offered)
        self._kind = ""
        self._parts: list[bytes] = []
        self._fragmented = False
        self._collect()

    def _collect(self) -> None:
        for piece in self._ws.data_to_send():
            self.output += piece

    def feed(self, data: bytes) -> None:
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            self._handle(event)
        self._collect()

    def _handle(self, event: Any) -> None:
        if isinstance(event, WebsocketsRequest):
            self.seen.append(("request", event.path))
            assert isinstance(self._ws, ServerProtocol)
            self._ws.send_response(self._ws.accept(event))
            self.subprotocol = self._ws.subprotocol
            assert self._ws.handshake_exc is None
        elif isinstance(event, WebsocketsResponse):
            rejected = event.status_code != 101
            self.seen.append(("reject", event.status_code) if rejected else ("accept", None))
            if event.body:
                self.seen.append(("body", bytes(event.body)))
            self.subprotocol = self._ws.subprotocol
            assert rejected or self._ws.handshake_exc is None
        else:
            self._handle_frame(event)

    def _handle_frame(self, frame: Any) -> None:
        match frame.opcode:
            case WebsocketsOpcode.PING:
                self.seen.append(("ping", bytes(frame.data)))
            case WebsocketsOpcode.PONG:
                self.seen.append(("pong", bytes(frame.data)))
            case WebsocketsOpcode.CLOSE:
                received = self._ws.close_rcvd
                assert received is not None
                self.seen.append(("close", (received.code, received.reason)))
            case opcode:
                if opcode is not WebsocketsOpcode.CONT:
                    self._kind = "text" if opcode is WebsocketsOpcode.TEXT else "binary"
                self._parts.append(bytes(frame.data))
                if frame.fin:
                    data = b"".join(self._parts)
                    self.seen.append((self._kind, data.decode() if self._kind == "text" else data))
                    self._parts.clear()

    def _send(self, method: Any, data: bytes, fin: bool) -> None:
        if self._fragmented:
            self._ws.send_continuation(data, fin)
        else:
            method(data, fin)
        self._fragmented = not fin
        self._collect()

    def text(self, data: str, fin: bool = True) -> None:
        self._send(self._ws.send_text, data.encode(), fin)

    def binary(self, data: bytes, fin: bool = True) -> None:
        self._send(self._ws.send_binary, data, fin)

    def ping(self, payload: bytes) -> None:
        self._ws.send_ping(payload)
        self._collect()

    def close(self, code: int, reason: str) -> None:
        self._ws.send_close(code, reason)
        self._collect()


def new_peer(
    name: str, role: Role, subprotocols: Sequence[str], deflate: dict[str, Any] | None
) -> Peer:
    make = {"wsproto": WsprotoPeer, "websockets": WebsocketsPeer}[name]
    return make(role, subprotocols, deflate)


class Talk:
    """One of our connections and a peer, with the bytes between them."""

    def __init__(
        self,
        name: str,
        role: Role,
        size: int | None,
        *,
        subprotocols: Sequence[str] = (),
        peer_subprotocols: Sequence[str] = (),
        deflate: PerMessageDeflate | None = None,
        peer_deflate: dict[str, Any] | None = None,
    ) -> None:
        extensions: list[Extension] = [] if deflate is None else [deflate]
        self.ours: Connection
        if role is Role.CLIENT:
            self.ours = ClientConnection(URI, subprotocols=subprotocols, extensions=extensions)
        else:
            self.ours = ServerConnection(subprotocols=subprotocols, extensions=extensions)
        self.peer = new_peer(name, role.peer, peer_subprotocols, peer_deflate)
        self.events: list[Event] = []
        self._size = size

    def run(self) -> None:
        """Carry bytes until none wait."""
        while self.ours.pending_bytes or self.peer.output:
            for piece in cut(self.ours.data_to_send(), self._size):
                if piece:
                    self.peer.feed(piece)
            data = bytes(self.peer.output)
            self.peer.output.clear()
            for piece in cut(data, self._size):
                for event in self.ours.receive_data(piece):
                    self.events.append(event)
                    if isinstance(event, Request):
                        self.ours.send(AcceptConnection())

    def open(self) -> None:
        """Carry out the handshake, and forget it."""
        self.run()
        assert self.ours.state is ConnectionState.OPEN
        kinds = {Role.CLIENT: AcceptConnection, Role.SERVER: Request}
        assert [type(event) for event in self.events] == [kinds[self.ours.role]]
        assert [kind for kind, _ in self.peer.seen] == [
            "request" if self.ours.role is Role.CLIENT else "accept"
        ]
        self.events.clear()
        self.peer.seen.clear()


each_peer = pytest.mark.parametrize("name", ["wsproto", "websockets"])
each_role = pytest.mark.parametrize("role", ROLES, ids=["we are client", "we are server"])
each_size = pytest.mark.parametrize("size", [None, 1, 7, 4096])

TEXTS = ["", "hello", "caf\xe9 \u20ac \U0001f600", "x" * 125, "y" * 126, "v" * 1000, "z" * 65_535]
BINARIES = [b"", b"\x00\xff", bytes(range(256)) * 256]


@each_peer
@each_role
@each_size
def test_handshake_and_target(name: str, role: Role, size: int | None) -> None:
    talk = Talk(name, role, size)
    talk.run()
    if role is Role.CLIENT:
        assert talk.peer.seen == [("request", "/chat?room=1")]
        (event,) = talk.events
        assert isinstance(event, AcceptConnection)
    else:
        (event,) = talk.events
        assert isinstance(event, Request)
        assert (event.host, event.target) == ("example.com", "/chat?room=1")
        assert talk.peer.seen == [("accept", None)]
    assert talk.ours.state is ConnectionState.OPEN


@each_peer
@each_role
@pytest.mark.parametrize(
    ("size", "longest"), [(None, 1 << 20), (4096, 1 << 20), (7, 10_000), (1, 1000)]
)
def test_messages_of_all_lengths(name: str, role: Role, size: int | None, longest: int) -> None:
    texts = [text for text in TEXTS if len(text) <= longest]
    binaries = [data for data in BINARIES if len(data) <= longest]
    talk = Talk(name, role, size)
    talk.open()
    for text in texts:
        talk.ours.send_text(text)
        talk.peer.text(text)
    for binary in binaries:
        talk.ours.send_bytes(binary)
        talk.peer.binary(binary)
    talk.run()
    expected = [("text", text) for text in texts] + [("binary", data) for data in binaries]
    assert talk.peer.seen == expected
    assert talk.events == [*map(TextMessage, texts), *map(BytesMessage, binaries)]


@each_peer
@each_role
@each_size
def test_fragments_with_pings_between_them(name: str, role: Role, size: int | None) -> None:
    talk = Talk(name, role, size)
    talk.open()
    talk.ours.send(TextMessage("one ", message_finished=False))
    talk.ours.ping(b"ours")
    talk.ours.send(TextMessage("", message_finished=False))
    talk.ours.send(TextMessage("two"))
    talk.ours.send(BytesMessage(b"\x00", message_finished=False))
    talk.ours.send(BytesMessage(b"\xff"))
    talk.peer.text("three ", False)
    talk.peer.ping(b"theirs")
    talk.peer.text("four")
    talk.peer.binary(b"\x01", False)
    talk.peer.binary(b"\x02")
    talk.run()
    seen = [each for each in talk.peer.seen if each != ("pong", b"theirs")]
    assert seen == [("ping", b"ours"), ("text", "one two"), ("binary", b"\x00\xff")]
    assert ("pong", b"theirs") in talk.peer.seen
    events = [event for event in talk.events if event != Pong(b"ours")]
    assert events == [Ping(b"theirs"), TextMessage("three four"), BytesMessage(b"\x01\x02")]
    assert Pong(b"ours") in talk.events


@each_peer
@each_role
@pytest.mark.parametrize("payload", [b"", b"p", b"p" * 125])
def test_pings_of_all_lengths(name: str, role: Role, payload: bytes) -> None:
    talk = Talk(name, role, None)
    talk.open()
    talk.ours.ping(payload)
    talk.run()
    assert talk.events == [Pong(payload)]
    talk.peer.ping(payload)
    talk.run()
    assert talk.events == [Pong(payload), Ping(payload)]
    assert talk.peer.seen == [("ping", payload), ("pong", payload)]


CLOSES = [
    (1000, ""),
    (1000, "bye"),
    (1001, "caf\xe9"),
    (1003, "r" * 123),
    (1011, "\u20ac" * 41),
    (3000, ""),
    (4999, "own"),
]


@each_peer
@each_role
@each_size
@pytest.mark.parametrize(("code", "reason"), CLOSES)
def test_our_close(name: str, role: Role, size: int | None, code: int, reason: str) -> None:
    talk = Talk(name, role, size)
    talk.open()
    talk.ours.close(code, reason)
    talk.run()
    assert talk.peer.seen == [("close", (code, reason))]
    assert talk.events == [CloseConnection(code, reason, CloseSource.PEER)]
    assert talk.ours.state is ConnectionState.CLOSED
    assert talk.ours.finished is (role is Role.SERVER)


@each_peer
@each_role
@each_size
@pytest.mark.parametrize(("code", "reason"), CLOSES)
def test_their_close(name: str, role: Role, size: int | None, code: int, reason: str) -> None:
    talk = Talk(name, role, size)
    talk.open()
    talk.peer.close(code, reason)
    talk.run()
    assert talk.events == [CloseConnection(code, reason, CloseSource.PEER)]
    assert talk.peer.seen == [("close", (code, reason))]
    assert talk.ours.state is ConnectionState.CLOSED


@each_peer
@each_role
def test_empty_close(name: str, role: Role) -> None:
    talk = Talk(name, role, None)
    talk.open()
    talk.ours.close(None)
    talk.run()
    assert talk.peer.seen == [("close", (1005, ""))]
    (event,) = talk.events
    assert isinstance(event, CloseConnection)
    assert event.code == 1005
    assert talk.ours.state is ConnectionState.CLOSED


@each_peer
@each_role
@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [
        (["a"], ["a"], "a"),
        (["a", "b"], ["b"], "b"),
        (["b"], ["a", "b"], "b"),
        ([], [], None),
    ],
)
def test_subprotocol(
    name: str, role: Role, ours: list[str], theirs: list[str], agreed: str | None
) -> None:
    talk = Talk(name, role, None, subprotocols=ours, peer_subprotocols=theirs)
    talk.open()
    assert talk.ours.subprotocol == agreed
    assert talk.peer.subprotocol == agreed


DEFLATES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "defaults": ({}, {}),
    "server_no_context_takeover": ({"server_no_context_takeover": True}, {}),
    "client_no_context_takeover": ({"client_no_context_takeover": True}, {}),
    "no context takeover, theirs": (
        {},
        {"server_no_context_takeover": True, "client_no_context_takeover": True},
    ),
    "server window 9": ({"server_max_window_bits": 9}, {}),
    "client window 9": ({}, {"client_max_window_bits": 9}),
    "windows 10 and 12": (
        {"server_max_window_bits": 10, "client_max_window_bits": 12},
        {"server_max_window_bits": 10, "client_max_window_bits": 12},
    ),
    "all at once": (
        {"server_no_context_takeover": True, "server_max_window_bits": 11, "threshold": 0},
        {"client_no_context_takeover": True, "client_max_window_bits": 11},
    ),
}
COMPRESSIBLE = [
    "",
    "short",
    "the same words again and again, " * 40,
    "the same words again and again, " * 40,
    "".join(chr(32 + at * at % 90) for at in range(6000)),
    "\u20ac" * 6_000,
]


@each_peer
@each_role
@pytest.mark.parametrize("size", [None, 5, 1000])
@pytest.mark.parametrize("parameters", DEFLATES.values(), ids=DEFLATES.keys())
def test_compressed_messages(
    name: str, role: Role, size: int | None, parameters: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    ours, theirs = parameters
    talk = Talk(name, role, size, deflate=PerMessageDeflate(**ours), peer_deflate=theirs)
    talk.open()
    assert [extension.name for extension in talk.ours.extensions] == ["permessage-deflate"]
    for text in COMPRESSIBLE:
        talk.ours.send_text(text, compress=True)
        talk.ours.send_text(text, compress=False)
        talk.ours.send_text(text)
        talk.peer.text(text)
        talk.peer.binary(text.encode())
    middle = len(COMPRESSIBLE[2]) // 2
    talk.ours.send(TextMessage(COMPRESSIBLE[2][:middle], message_finished=False))
    if name == "websockets":  # wsproto takes the rest of the message for uncompressed then
        talk.ours.ping(b"between")
    talk.ours.send(TextMessage(COMPRESSIBLE[2][middle:]))
    talk.ours.ping(b"behind")
    talk.peer.text(COMPRESSIBLE[2][:middle], False)
    talk.peer.text(COMPRESSIBLE[2][middle:])
    talk.run()
    assert talk.peer.seen == [
        *[("text", text) for text in COMPRESSIBLE for _ in range(3)],
        *[("ping", b"between")] * (name == "websockets"),
        ("text", COMPRESSIBLE[2]),
        ("ping", b"behind"),
    ]
    expected: list[Event] = []
    for text in COMPRESSIBLE:
        expected += [TextMessage(text), BytesMessage(text.encode())]
    expected.append(TextMessage(COMPRESSIBLE[2]))
    assert [event for event in talk.events if not isinstance(event, Pong)] == expected
    assert Pong(b"behind") in talk.events


@each_peer
@each_role
def test_compression_that_one_side_does_not_want_is_left_out(name: str, role: Role) -> None:
    for ours, theirs in ((PerMessageDeflate(), None), (None, {})):
        talk = Talk(name, role, None, deflate=ours, peer_deflate=theirs)
        talk.open()
        assert talk.ours.extensions == ()
        talk.ours.send_text(COMPRESSIBLE[2])
        talk.peer.text(COMPRESSIBLE[2])
        talk.run()
        assert talk.events == [TextMessage(COMPRESSIBLE[2])]
        assert talk.peer.seen == [("text", COMPRESSIBLE[2])]


@each_peer
@each_size
def test_rejection_by_us_is_understood(name: str, size: int | None) -> None:
    peer = new_peer(name, Role.CLIENT, (), None)
    server = ServerConnection()
    for piece in cut(bytes(peer.output), size):
        for event in server.receive_data(piece):
            assert isinstance(event, Request)
    server.reject(403, {"X-Why": "no"}, b"not for you")
    for piece in cut(server.data_to_send(), size):
        peer.feed(piece)
    assert peer.seen[0] == ("reject", 403)
    assert b"".join(data for kind, data in peer.seen if kind == "body") == b"not for you"


@each_size
def test_rejections_by_them_are_understood(size: int | None) -> None:
    ours = ClientConnection(URI)
    theirs = ServerProtocol()
    theirs.receive_data(ours.data_to_send())
    (request,) = theirs.events_received()
    assert isinstance(request, WebsocketsRequest)
    theirs.send_response(theirs.reject(404, "nothing here\n"))
    events: list[Event] = []
    for piece in cut(b"".join(theirs.data_to_send()), size):
        events += ours.receive_data(piece)
    assert isinstance(events[0], RejectConnection)
    assert events[0].status_code == 404
    assert events[1:] == [RejectData(b"nothing here\n")]

    ours = ClientConnection(URI)
    other = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    other.receive_data(ours.data_to_send())
    assert len(list(other.events())) == 1
    data = other.send(wsproto.events.RejectConnection(status_code=503, has_body=True))
    data += other.send(wsproto.events.RejectData(b"busy"))
    events = [event for piece in cut(data, size) for event in ours.receive_data(piece)]
    events += ours.receive_eof()
    assert isinstance(events[0], RejectConnection)
    assert events[0].status_code == 503
    assert events[1:] == [RejectData(b"busy")]
