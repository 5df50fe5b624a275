"""The API as its users write it, for the type checkers: mypy --strict and pyright.

Nothing here runs. `assert_type` states what a checker must infer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsproto_core import (
    AcceptConnection,
    Agreement,
    BytesMessage,
    ClientConnection,
    CloseConnection,
    CloseSource,
    Codec,
    Connection,
    Event,
    Extension,
    ExtensionName,
    ExtensionParameter,
    Frame,
    HandshakeError,
    HandshakeFailed,
    HeaderBlock,
    Headers,
    Limits,
    LocalProtocolError,
    Message,
    PerMessageDeflate,
    Ping,
    Pong,
    ProxyTunnel,
    RejectConnection,
    RejectData,
    RemoteProtocolError,
    Request,
    Role,
    ServerConnection,
    Skipped,
    Subprotocol,
    TextMessage,
    Timeouts,
    TunnelEstablished,
    WebSocketURI,
    broadcast,
    extended_connect_protocol,
    parse_uri,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import h11
    from typing_extensions import assert_type


def match_narrows(event: Event) -> str:
    match event:
        case Request(host, target, headers):
            assert_type(host, str)
            assert_type(target, str)
            assert_type(headers, Headers)
            assert_type(event.subprotocols, tuple[Subprotocol, ...])
            return event.path
        case AcceptConnection(subprotocol=subprotocol):
            assert_type(subprotocol, Subprotocol | None)
            assert_type(event.extensions, tuple[Extension, ...] | None)
            return subprotocol or ""
        case RejectConnection(status_code=status):
            assert_type(status, int)
            return event.headers.get("Location", "")
        case RejectData(data=body):
            assert_type(body, bytes)
            return body.decode()
        case HandshakeFailed(error=error):
            assert_type(error, HandshakeError)
            return f"{int(error.status)} {error}"
        case TextMessage(data=text):
            assert_type(text, str)
            return text
        case BytesMessage(data=data):
            assert_type(data, bytes)
            return data.hex()
        case Ping(payload) | Pong(payload):
            assert_type(payload, bytes)
            return payload.hex()
        case CloseConnection(code, reason, source):
            assert_type(code, int | None)
            assert_type(reason, str)
            assert_type(source, CloseSource | None)
            return reason
        case _:
            return ""


def isinstance_narrows(event: Event) -> None:
    if isinstance(event, Message):
        assert_type(event.data, str | bytes)
    if isinstance(event, TextMessage):
        assert_type(event.data, str)
    if isinstance(event, Ping):
        assert_type(event.response(), Pong)
    if isinstance(event, Pong):
        assert_type(event.latency, float | None)
        assert_type(event.keepalive, bool)


def server(data: bytes) -> bytes:
    def choose(request: Request) -> str | None:
        return request.subprotocols[0] if request.subprotocols else None

    ws = ServerConnection(
        subprotocols=["chat"],
        select_subprotocol=choose,
        extensions=[PerMessageDeflate(server_max_window_bits=12)],
        origins=["https://example.com"],
        extra_headers={"X-Frame-Options": "DENY"},
        limits=Limits(max_message_size=None),
        delivery="chunk",
        timeouts=Timeouts(ping=30, pong=None),
    )
    events = ws.receive_data(data)
    assert_type(events, Iterator[Event])
    for event in events:
        if isinstance(event, Request):
            ws.send(AcceptConnection("chat", headers=[(b"Server", b"example")]))
    assert_type(ws.request, Request | None)
    assert_type(ws.close_code, int | None)
    assert_type(ws.error, RemoteProtocolError | None)
    assert_type(ws.data_to_send(), bytes)
    assert_type(ws.buffers_to_send(), list[bytes])
    return ws.data_to_send(max_bytes=1024)


def parsed_request(
    scope_headers: list[tuple[bytes, bytes]], parsed: h11.Request
) -> ServerConnection:
    ServerConnection.from_request({"host": "example.com"}, "/", method="GET")
    ServerConnection.from_request({b"host": b"example.com"}, b"/", method=b"GET")
    ServerConnection.from_request(parsed.headers, parsed.target, method=parsed.method)
    return ServerConnection.from_request(scope_headers, "/chat", subprotocols=["chat"])


def tunnel(uri: WebSocketURI) -> bytes:
    tunnel = ProxyTunnel("http://proxy.example:3128", uri, extra_headers={"X-A": "b"})
    assert_type(tunnel.address, tuple[str, int])
    assert_type(tunnel.response, TunnelEstablished | RejectConnection | None)
    assert_type(tunnel.error, HandshakeError | None)
    for event in tunnel.receive_data(tunnel.data_to_send()):
        match event:
            case TunnelEstablished(headers):
                assert_type(headers, Headers)
            case RejectConnection(status_code, headers):
                assert_type(status_code, int)
            case _:
                pass
    return tunnel.trailing_data


def stream_of_http2(block: list[tuple[bytes, bytes]]) -> HeaderBlock | None:
    assert_type(extended_connect_protocol(block), str | None)
    ws = ServerConnection.from_extended_connect(block, end_stream=False, subprotocols=["chat"])
    assert_type(ws, ServerConnection)
    assert_type(ws.headers_to_send(), HeaderBlock | None)
    client = ClientConnection("wss://example.com/", extended_connect=True)
    assert_type(client.receive_headers(block, end_stream=True), Iterator[Event])
    return client.headers_to_send()


def client() -> bytes:
    uri = parse_uri("wss://example.com/chat")
    assert_type(uri, WebSocketURI)
    ws = ClientConnection(uri, origin="https://example.com", extra_headers=Headers({"X-A": "b"}))
    try:
        ws.send_text("too early", compress=False)
    except LocalProtocolError as error:
        assert_type(error.close_code, int | None)
    return ws.data_to_send()


def to_all(room: dict[ServerConnection, int]) -> None:
    for ws, reason in broadcast(room, TextMessage("hello"), max_backlog=1 << 20):
        assert_type(ws, ServerConnection)
        assert_type(reason, Skipped)
    assert_type(broadcast([Connection(Role.SERVER)], b"")[0][0], Connection)
    broadcast([], memoryview(b"bytes"))


def already_open() -> None:
    ws = Connection(Role.CLIENT, extensions=[PerMessageDeflate()], now=0, liveness="any_data")
    ws.send(TextMessage("a", message_finished=False))
    ws.send_bytes(memoryview(b"b"))
    ws.ping(bytearray(b"c"))
    ws.close(None, now=1.5)
    assert_type(ws.next_deadline(), float | None)
    assert_type(ws.handle_timeout(2), Iterator[Event])
    assert_type(ws.latency, float | None)


@dataclass(frozen=True)
class Rot1(Extension):
    name = ExtensionName("x-rot1")
    rsv = 0x20

    def offer(self) -> Sequence[tuple[ExtensionParameter, ...]]:
        return [()]

    def accept(self, parameters: Sequence[ExtensionParameter]) -> Agreement | None:
        return None if parameters else Agreement(self, ())

    def confirm(self, parameters: Sequence[ExtensionParameter]) -> Extension:
        return self

    def codec(self, role: Role) -> Codec:
        return Rot1Codec()


class Rot1Codec(Codec):
    def decode(self, frame: Frame, max_size: int | None) -> Frame:
        return frame._replace(payload=bytes((b - 1) % 256 for b in frame.payload), rsv2=False)

    def encode(self, frame: Frame) -> Frame:
        return frame._replace(payload=bytes((b + 1) % 256 for b in frame.payload), rsv2=True)
