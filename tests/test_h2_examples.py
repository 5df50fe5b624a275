"""The examples for HTTP/2: over loopback sockets, with TLS and ALPN, on the h2 library."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2_peer import H2Adapter, Server, connected, run_in_time, server_at
from scripts import EXAMPLES, SECONDS, run, serving
from wire import CLOSE, FIN, masked, unmasked

from wsproto_core import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    CloseSource,
    ConnectionState,
    Headers,
    Message,
    PerMessageDeflate,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    ResetCode,
    TextMessage,
    Timeouts,
    parse_uri,
)

CA = trustme.CA()
LARGE = bytes(range(256)) * 4096  # 1 MiB, through windows of 64 KiB


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the certificates are, as files."""
    folder = tmp_path_factory.mktemp("certificates")
    CA.cert_pem.write_to_path(folder / "ca.pem")
    certificate = CA.issue_cert("localhost").private_key_and_cert_chain_pem
    certificate.write_to_path(folder / "server.pem")
    return folder


@pytest.fixture
def uri(folder: Path) -> Iterator[str]:
    with serving(EXAMPLES / "h2_server.py", str(folder / "server.pem")) as uri:
        yield uri


def client_tls() -> ssl.SSLContext:
    tls = ssl.create_default_context()
    CA.configure_trust(tls)
    tls.set_alpn_protocols(["h2"])
    return tls


def test_the_client_talks_to_the_server(uri: str, folder: Path) -> None:
    output = run(EXAMPLES / "h2_client.py", uri, str(folder / "ca.pem"))
    assert sorted(output.splitlines()) == [
        "body: No WebSocket here.",
        "closed: 1000",
        "closed: 1000",
        "page: The WebSocket is at /ws.",
        "received: hello on stream 1",
        "received: hello on stream 3",
        "rejected: 404",
    ]


def test_large_messages_go_through_small_windows(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            streams = [peer.open() for _ in range(3)]
            for stream_id, ws in streams:
                await peer.until(lambda ws=ws: ws.state is ConnectionState.OPEN)
                ws.send_bytes(LARGE)
                ws.send_text("x" * (1 << 20))
                ws.ping(b"behind")
                peer.pump(stream_id)
                assert ws.pending_bytes > 1 << 20, "the window was not small"
            page = peer.ask()
            await peer.until(lambda: peer.seen(page, StreamEnded))
            assert any(ws.pending_bytes for _, ws in streams), "the page came last of all"
            for stream_id, ws in streams:
                await peer.until(lambda at=stream_id: len(peer.events[at]) == 4)
                ws.close(4000, "enough")
                peer.pump(stream_id)
            ids = [stream_id for stream_id, _ in streams]
            await peer.until_ended(*ids)
            for stream_id in ids:
                _, first, second, pong, end = peer.events[stream_id]
                assert first == BytesMessage(LARGE)
                assert second == TextMessage("x" * (1 << 20))
                assert isinstance(pong, Pong)
                assert pong.payload == b"behind"
                assert end == CloseConnection(4000, "enough", CloseSource.PEER)
                assert max(len(each.data) for each in peer.seen(stream_id, DataReceived)) <= 16384

    run_in_time(test())


def test_the_end_is_in_order_and_nobody_resets(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            stream_id, ws = peer.open()
            await peer.until(lambda: peer.events[stream_id])
            ws.close()
            peer.pump(stream_id)
            assert (ws.send_eof, ws.finished) == (False, False)
            await peer.until_ended(stream_id)
            assert (ws.send_eof, ws.finished) == (True, True)
            assert peer.seen(stream_id, StreamEnded)
            assert not peer.seen(stream_id, StreamReset)

    run_in_time(test())


def test_options_hold_on_a_stream(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            stream_id, ws = peer.open(extensions=[PerMessageDeflate()], subprotocols=["a"])
            await peer.until(lambda: peer.events[stream_id])
            assert isinstance(ws.response, AcceptConnection)
            assert ws.subprotocol is None
            assert [each.name for each in ws.extensions] == ["permessage-deflate"]
            (response,) = peer.seen(stream_id, ResponseReceived)
            assert list(Headers(response.headers)) == [
                (":status", "200"),
                ("sec-websocket-extensions", "permessage-deflate"),
            ]
            ws.send_text("x" * 5000)
            assert ws.pending_bytes < 100
            peer.pump(stream_id)
            await peer.until(lambda: peer.events[stream_id][1:] == [TextMessage("x" * 5000)])
            (data,) = peer.seen(stream_id, DataReceived)
            assert len(data.data) < 100

    run_in_time(test())


def test_a_rejection_has_its_body(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            stream_id, ws = peer.open("/nowhere")
            await peer.until_ended(stream_id)
            assert peer.events[stream_id] == [
                RejectConnection(404, {"Content-Length": "19"}, True),
                RejectData(b"No WebSocket here.\n"),
            ]
            assert ws.finished
            assert not peer.seen(stream_id, StreamReset)

    run_in_time(test())


@pytest.mark.parametrize(
    ("pseudo", "status"),
    [({"protocol": "connect-udp"}, "501"), ({"protocol": "websocket"}, "400")],
)
def test_other_requests_are_answered(uri: str, pseudo: dict[str, str], status: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            stream_id = peer.ask(end_stream=False, method="CONNECT", **pseudo)
            await peer.until(lambda: peer.seen(stream_id, StreamEnded))
            (response,) = peer.seen(stream_id, ResponseReceived)
            assert Headers(response.headers)[":status"] == status

    run_in_time(test())


def test_a_reset_in_a_message_ends_that_stream_only(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            other_id, other = peer.open()
            stream_id, ws = peer.open()
            await peer.until(lambda: peer.events[stream_id])
            ws.send_bytes(LARGE)
            peer.pump(stream_id)
            assert ws.pending_bytes
            peer.h2.reset_stream(stream_id, ResetCode.CANCEL)
            del peer.streams[stream_id]
            other.send_text("still there?")
            peer.pump(other_id)
            await peer.until(lambda: TextMessage("still there?") in peer.events[other_id])
            assert list(ws.receive_reset()) == [CloseConnection(1006, "", CloseSource.TRANSPORT)]

    run_in_time(test())


def test_a_stream_that_is_not_read_is_not_in_the_way_of_others(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            slow_id, slow = peer.open()
            other_id, other = peer.open()
            await peer.until(lambda: peer.events[slow_id] and peer.events[other_id])
            for _ in range(4):
                slow.send_bytes(LARGE)
            peer.pump(slow_id)
            peer.held.add(slow_id)
            other.send_bytes(LARGE)
            peer.pump(other_id)
            await peer.until(lambda: len(peer.events[other_id]) == 2)
            assert peer.events[slow_id][1:] == []
            # What the server has read of it and not sent back is bounded.
            assert slow.pending_bytes > 2 << 20
            peer.held.clear()
            peer.pump(slow_id)
            await peer.until(lambda: len(peer.events[slow_id]) == 5)
            assert peer.events[slow_id][1:] == [BytesMessage(LARGE)] * 4

    run_in_time(test())


def test_an_end_without_close_is_answered_with_an_end(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            stream_id, _ = peer.open()
            await peer.until(lambda: peer.events[stream_id])
            peer.h2.end_stream(stream_id)
            peer.streams[stream_id].we_ended = True
            peer.write()
            await peer.until_ended(stream_id)
            (_, lost) = peer.events[stream_id]
            assert lost == CloseConnection(1006, "", CloseSource.TRANSPORT)

    run_in_time(test())


def test_the_end_of_the_connection_is_the_end_of_its_streams(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            ids = [peer.open()[0] for _ in range(2)]
            await peer.until(lambda: all(peer.events[stream_id] for stream_id in ids))
            peer.transport.abort()
            while not peer.lost:
                await asyncio.sleep(0)
            for stream_id in ids:
                assert peer.events[stream_id][1:] == [
                    CloseConnection(1006, "", CloseSource.TRANSPORT)
                ]
            assert not peer.streams

    run_in_time(test())


def test_who_breaks_http2_is_told_so_and_shown_the_door(uri: str) -> None:
    parsed = parse_uri(uri)
    with (
        socket.create_connection((parsed.host, parsed.port), SECONDS) as sock,
        client_tls().wrap_socket(sock, server_hostname="localhost") as tls,
    ):
        assert tls.selected_alpn_protocol() == "h2"
        client = H2Connection()
        client.initiate_connection()
        tls.sendall(client.data_to_send() + b"\0\0\x05\x06\0\0\0\0\0hello")  # a ping of 5 bytes
        events: list[Any] = []
        while data := tls.recv(65536):
            events += client.receive_data(data)
    assert isinstance(events[-1], ConnectionTerminated)


class Resetting(H2Adapter):
    """A server that gives up in the middle of its first message."""

    def __init__(self) -> None:
        super().__init__(client_side=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.h2.update_settings({8: 1})
        self.write()

    def on_other(self, event: Any) -> None:
        if hasattr(event, "headers"):
            ok = [(":status", "200")]
            self.h2.send_headers(event.stream_id, ok)
            self.h2.send_data(event.stream_id, b"\x82\x05he")
            self.h2.reset_stream(event.stream_id, ResetCode.CANCEL)


def server_tls(folder: Path) -> ssl.SSLContext:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "server.pem")
    tls.set_alpn_protocols(["h2"])
    return tls


def test_a_message_that_the_server_does_not_finish_is_not_delivered(folder: Path) -> None:
    async def test() -> None:
        async with (
            server_at(Resetting, server_tls(folder)) as uri,
            connected(uri, client_tls()) as peer,
        ):
            stream_id, _ = peer.open()
            await peer.until_ended(stream_id)
            accepted, lost = peer.events[stream_id]
            assert isinstance(accepted, AcceptConnection)
            assert lost == CloseConnection(1006, "", CloseSource.TRANSPORT)
            assert not any(isinstance(each, Message) for each in peer.events[stream_id])

    run_in_time(test())


class Curious(Server):
    timeouts = Timeouts(ping=0.01)


@pytest.mark.parametrize(
    ("server", "options", "received"),
    [(Curious, {}, Ping), (Server, {"timeouts": Timeouts(ping=0.01)}, Pong)],
    ids=["the server asks", "the client asks"],
)
def test_an_idle_connection_is_kept_alive(
    folder: Path, server: type[H2Adapter], options: dict[str, Any], received: type
) -> None:
    async def test() -> None:
        async with (
            server_at(server, server_tls(folder)) as uri,
            connected(uri, client_tls()) as peer,
        ):
            stream_id, ws = peer.open(**options)
            await peer.until(lambda: peer.kept_alive[stream_id, received] == 5)
            assert ws.state is ConnectionState.OPEN

    run_in_time(test())


class Impatient(Server):
    timeouts = Timeouts(eof=0.01)


def test_a_stream_that_the_peer_does_not_end_is_reset(folder: Path) -> None:
    async def test() -> None:
        async with (
            server_at(Impatient, server_tls(folder)) as uri,
            connected(uri, client_tls()) as peer,
        ):
            version = ("sec-websocket-version", "13")
            stream_id = peer.ask(
                version, end_stream=False, method="CONNECT", protocol="websocket", path="/ws"
            )
            peer.h2.send_data(stream_id, masked(FIN | CLOSE))
            peer.write()
            await peer.until(lambda: peer.seen(stream_id, StreamReset))
            response, close, end, ended, reset = peer.h2_events[stream_id]
            assert isinstance(response, ResponseReceived)
            assert (close.data, close.stream_ended) == (unmasked(FIN | CLOSE), None)
            assert (end.data, end.stream_ended) == (b"", ended)
            assert reset.error_code == ResetCode.CANCEL

    run_in_time(test())
