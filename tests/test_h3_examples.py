"""The examples for HTTP/3: over loopback sockets, with TLS, on the aioquic library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aioquic.asyncio.server import QuicServer
from aioquic.h3.connection import H3_ALPN, ErrorCode
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import StopSendingReceived, StreamReset
from h2_peer import run_in_time
from h3_peer import H3Adapter, H3Peer, Server, connected
from scripts import EXAMPLES, run, serving
from wire import CLOSE, FIN, masked, unmasked

from wsproto_core import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    CloseSource,
    ConnectionState,
    Headers,
    PerMessageDeflate,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    ResetCode,
    TextMessage,
    Timeouts,
)

CA = trustme.CA()
LARGE = bytes(range(256)) * 4096  # 1 MiB
WINDOW = 65536  # of the client, at first: aioquic widens it
LOST = CloseConnection(1006, "", CloseSource.TRANSPORT)


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
    with serving(EXAMPLES / "h3_server.py", str(folder / "server.pem")) as uri:
        yield uri


def client_tls() -> QuicConfiguration:
    return QuicConfiguration(
        is_client=True,
        alpn_protocols=H3_ALPN,
        cadata=CA.cert_pem.bytes(),
        max_data=3 * WINDOW,
        max_stream_data=WINDOW,
    )


@asynccontextmanager
async def connected_to(
    server: type[H3Adapter], folder: Path, target: str = "/"
) -> AsyncIterator[H3Peer]:
    """A connection to a server of the test's own."""
    tls = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    tls.load_cert_chain(str(folder / "server.pem"), str(folder / "server.pem"))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: QuicServer(configuration=tls, create_protocol=server), ("127.0.0.1", 0)
    )
    try:
        port = transport.get_extra_info("sockname")[1]
        async with connected(f"wss://localhost:{port}{target}", client_tls()) as peer:
            yield peer
    finally:
        transport.close()


def test_the_client_talks_to_the_server(uri: str, folder: Path) -> None:
    output = run(EXAMPLES / "h3_client.py", uri, str(folder / "ca.pem"))
    assert sorted(output.splitlines()) == [
        "body: No WebSocket here.",
        "closed: 1000",
        "closed: 1000",
        "page: The WebSocket is at /ws.",
        "received: hello on stream 0",
        "received: hello on stream 4",
        "rejected: 404",
    ]


def test_large_messages_go_through_small_windows(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            streams = [peer.open() for _ in range(3)]
            for _, ws in streams:
                await peer.until(lambda ws=ws: ws.state is ConnectionState.OPEN)
                ws.send_bytes(LARGE)
                ws.send_text("x" * (1 << 20))
                ws.ping(b"behind")
                peer.transmit()
                assert ws.pending_bytes > 1 << 20, "aioquic took it all"
            page = peer.ask()
            await peer.until(
                lambda: any(each.stream_ended for each in peer.seen(page, DataReceived))
            )
            assert any(ws.pending_bytes for _, ws in streams), "the page came last of all"
            for stream_id, ws in streams:
                await peer.until(lambda at=stream_id: len(peer.events[at]) == 4)
                ws.close(4000, "enough")
                peer.transmit()
            ids = [stream_id for stream_id, _ in streams]
            await peer.until_ended(*ids)
            for stream_id in ids:
                _, first, second, pong, end = peer.events[stream_id]
                assert first == BytesMessage(LARGE)
                assert second == TextMessage("x" * (1 << 20))
                assert isinstance(pong, Pong)
                assert pong.payload == b"behind"
                assert end == CloseConnection(4000, "enough", CloseSource.PEER)

    run_in_time(test())


def resets(peer: H3Peer, stream_id: int) -> list[tuple[type, int]]:
    """The resets of this stream that the server sent."""
    kinds = (StreamReset, StopSendingReceived)
    return [(type(each), each.error_code) for kind in kinds for each in peer.seen(stream_id, kind)]


def test_the_end_is_in_order_and_nobody_resets(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            stream_id, ws = peer.open()
            await peer.until(lambda: peer.events[stream_id])
            ws.close()
            peer.transmit()
            assert (ws.send_eof, ws.finished) == (False, False)
            await peer.until_ended(stream_id)
            assert (ws.send_eof, ws.finished) == (True, True)
            assert peer.seen(stream_id, DataReceived)[-1].stream_ended
            assert resets(peer, stream_id) == []

    run_in_time(test())


def test_options_hold_on_a_stream(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            stream_id, ws = peer.open(extensions=[PerMessageDeflate()], subprotocols=["a"])
            await peer.until(lambda: peer.events[stream_id])
            assert isinstance(ws.response, AcceptConnection)
            assert ws.subprotocol is None
            assert [each.name for each in ws.extensions] == ["permessage-deflate"]
            (response,) = peer.seen(stream_id, HeadersReceived)
            assert list(Headers(response.headers)) == [
                (":status", "200"),
                ("sec-websocket-extensions", "permessage-deflate"),
            ]
            ws.send_text("x" * 5000)
            assert ws.pending_bytes < 100
            peer.transmit()
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
            assert resets(peer, stream_id) == []

    run_in_time(test())


@pytest.mark.parametrize(
    ("pseudo", "status"),
    [
        ({"method": "CONNECT", "protocol": "connect-udp"}, "501"),
        ({"method": "CONNECT", "protocol": "websocket"}, "400"),
        ({"path": "/nowhere"}, "404"),
    ],
)
def test_other_requests_are_answered(uri: str, pseudo: dict[str, str], status: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            stream_id = peer.ask(end_stream="method" not in pseudo, **pseudo)
            await peer.until(
                lambda: (
                    peer.h3_events[stream_id][-1:] and peer.h3_events[stream_id][-1].stream_ended
                )
            )
            (response,) = peer.seen(stream_id, HeadersReceived)
            assert Headers(response.headers)[":status"] == status

    run_in_time(test())


@pytest.mark.parametrize("half", ["reset_stream", "stop_stream"])
def test_a_reset_in_a_message_ends_that_stream_only(uri: str, half: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            other_id, other = peer.open()
            stream_id, ws = peer.open()
            await peer.until(lambda: peer.events[stream_id])
            ws.send_bytes(LARGE)
            peer.transmit()
            assert ws.pending_bytes
            getattr(peer.quic, half)(stream_id, ResetCode.H3_REQUEST_CANCELLED)
            del peer.streams[stream_id]
            other.send_text("still there?")
            peer.transmit()
            await peer.until(lambda: TextMessage("still there?") in peer.events[other_id])
            cancelled = int(ResetCode.H3_REQUEST_CANCELLED)
            await peer.until(lambda: peer.seen(stream_id, StreamReset))
            if half == "stop_stream":
                await peer.until(lambda: peer.seen(stream_id, StopSendingReceived))
                assert (StopSendingReceived, cancelled) in resets(peer, stream_id)
            else:
                assert resets(peer, stream_id) == [(StreamReset, cancelled)]
            assert list(ws.receive_reset()) == [LOST]

    run_in_time(test())


def test_who_sends_on_and_never_reads_is_cut_off(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("h3_adapter.UNREAD", 1 << 20)

    async def test() -> None:
        async with connected_to(Server, folder, "/ws") as peer:
            other_id, other = peer.open()
            stream_id, ws = peer.open()
            await peer.until(lambda: peer.events[stream_id] and peer.events[other_id])
            # As a library does that leaves it to its user when to widen the window.
            peer.quic._write_stream_limits = lambda **_: None  # type: ignore[method-assign]
            for _ in range(3):
                ws.send_bytes(LARGE)
            peer.transmit()
            await peer.until_ended(stream_id)
            assert peer.events[stream_id][1:] == [LOST]
            assert resets(peer, stream_id)[0] == (StreamReset, ErrorCode.H3_EXCESSIVE_LOAD)
            other.send_text("still there?")
            peer.transmit()
            await peer.until(lambda: TextMessage("still there?") in peer.events[other_id])

    run_in_time(test())


def test_an_end_without_close_is_answered_with_an_end(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            stream_id, _ = peer.open()
            await peer.until(lambda: peer.events[stream_id])
            peer.h3.send_data(stream_id, b"", end_stream=True)
            peer.streams[stream_id].we_ended = True
            peer.transmit()
            await peer.until_ended(stream_id)
            assert peer.events[stream_id][1:] == [LOST]
            assert resets(peer, stream_id) == []

    run_in_time(test())


def test_the_end_of_the_connection_is_the_end_of_its_streams(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            ids = [peer.open()[0] for _ in range(2)]
            await peer.until(lambda: all(peer.events[stream_id] for stream_id in ids))
            peer.close()
            await peer.wait_closed()
            assert [peer.events[stream_id][1:] for stream_id in ids] == [[LOST], [LOST]]
            assert not peer.streams

    run_in_time(test())


def test_who_breaks_http3_is_told_so_and_shown_the_door(uri: str) -> None:
    async def test() -> None:
        async with connected(uri, client_tls()) as peer:
            peer.quic.send_stream_data(peer.quic.get_next_available_stream_id(), b"\0\x02hi")
            peer.transmit()
            await peer.wait_closed()
            assert peer.lost is not None
            assert peer.lost.error_code == ErrorCode.H3_FRAME_UNEXPECTED

    run_in_time(test())


class Resetting(H3Adapter):
    """A server that gives up in the middle of its first message."""

    def on_other(self, event: Any) -> None:
        self.h3.send_headers(event.stream_id, [(b":status", b"200")])
        self.h3.send_data(event.stream_id, b"\x82\x05he", end_stream=False)
        super().transmit()  # what waits when a stream is reset is not sent any more
        self.quic.reset_stream(event.stream_id, ResetCode.H3_REQUEST_CANCELLED)


def test_a_message_that_the_server_does_not_finish_is_not_delivered(folder: Path) -> None:
    async def test() -> None:
        async with connected_to(Resetting, folder) as peer:
            stream_id, _ = peer.open()
            await peer.until_ended(stream_id)
            accepted, lost = peer.events[stream_id]
            assert isinstance(accepted, AcceptConnection)
            assert lost == LOST

    run_in_time(test())


class Refusing(H3Adapter):
    """A server whose answer is the end of the stream too."""

    def on_other(self, event: Any) -> None:
        self.h3.send_headers(event.stream_id, [(b":status", b"403")], end_stream=True)


def test_a_rejection_that_ends_the_stream_has_no_body(folder: Path) -> None:
    async def test() -> None:
        async with connected_to(Refusing, folder) as peer:
            stream_id, _ = peer.open()
            await peer.until_ended(stream_id)
            assert peer.events[stream_id] == [RejectConnection(403)]

    run_in_time(test())


class Curious(Server):
    timeouts = Timeouts(ping=0.01)


@pytest.mark.parametrize(
    ("server", "options", "received"),
    [(Curious, {}, Ping), (Server, {"timeouts": Timeouts(ping=0.01)}, Pong)],
    ids=["the server asks", "the client asks"],
)
def test_an_idle_connection_is_kept_alive(
    folder: Path, server: type[H3Adapter], options: dict[str, Any], received: type
) -> None:
    async def test() -> None:
        async with connected_to(server, folder, "/ws") as peer:
            stream_id, ws = peer.open(**options)
            await peer.until(lambda: peer.kept_alive[stream_id, received] == 5)
            assert ws.state is ConnectionState.OPEN

    run_in_time(test())


class Impatient(Server):
    timeouts = Timeouts(eof=0.01)


def test_a_stream_that_the_peer_does_not_end_is_reset(folder: Path) -> None:
    async def test() -> None:
        async with connected_to(Impatient, folder, "/ws") as peer:
            stream_id = peer.ask(
                ("sec-websocket-version", "13"),
                end_stream=False,
                method="CONNECT",
                protocol="websocket",
                path="/ws",
            )
            peer.h3.send_data(stream_id, masked(FIN | CLOSE), end_stream=False)
            peer.transmit()
            await peer.until(lambda: peer.seen(stream_id, StopSendingReceived))
            close, end = peer.seen(stream_id, DataReceived)
            assert (close.data, close.stream_ended) == (unmasked(FIN | CLOSE), False)
            assert (end.data, end.stream_ended) == (b"", True)
            (stopped,) = peer.seen(stream_id, StopSendingReceived)
            assert stopped.error_code == ResetCode.H3_REQUEST_CANCELLED

    run_in_time(test())
