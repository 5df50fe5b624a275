"""The examples of the documentation, over loopback. What goes through proxies is in
test_proxy_examples.py."""

from __future__ import annotations

import re
import runpy
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from scripts import EXAMPLES, ROOT, SECONDS, environment, run, serving

from wsproto_core import (
    BytesMessage,
    ClientConnection,
    CloseConnection,
    CloseSource,
    Connection,
    Event,
    Extension,
    LocalProtocolError,
    NegotiationError,
    PerMessageDeflate,
    Ping,
    Pong,
    Role,
    TextMessage,
)

SERVERS = [
    "echo_server.py",
    "selectors_server.py",
    "asyncio_server.py",
    "from_request.py",
    "chat_server.py",  # an echo server, to those who are alone
    "asgi_server.py",
    "wsgi_app.py",
]
PRINTS = ["basic_auth", "custom_extension", "origins"]


class Peer:
    """A client on a socket, for what the example client does not do."""

    def __init__(self, uri: str, **options: Any) -> None:
        self.ws = ClientConnection(uri, **options)
        self.sock = socket.create_connection((self.ws.uri.host, self.ws.uri.port), SECONDS)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *error: object) -> None:
        self.sock.close()

    def send(self, step: int | None = None) -> None:
        """Send what waits, `step` bytes at a time."""
        data = self.ws.data_to_send()
        for start in range(0, len(data), step or len(data)):
            self.sock.sendall(data[start : start + (step or len(data))])

    def receive(self) -> Iterator[Event]:
        """The next events: those of one read."""
        data = self.sock.recv(65536)
        return self.ws.receive_data(data) if data else self.ws.receive_eof()

    def open(self) -> None:
        self.send()
        while self.ws.response is None:
            assert len(list(self.receive())) <= 1

    def take(self, count: int) -> list[Event]:
        events: list[Event] = []
        while len(events) < count:
            events += self.receive()
        return events


@pytest.fixture(params=SERVERS)
def uri(request: pytest.FixtureRequest) -> Iterator[str]:
    with serving(EXAMPLES / request.param) as uri:
        yield uri


def test_the_client_talks_to_each_server(uri: str) -> None:
    output = run(EXAMPLES / "echo_client.py", uri)
    assert output.splitlines() == ["closed: 1000 ", "received: hello"]


def test_servers_take_input_cut_anywhere_and_answer_in_order(uri: str) -> None:
    with Peer(uri) as peer:
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.send(step=1)
        assert len(peer.take(1)) == 1
        peer.ws.send_text("na\u00efve")
        peer.ws.ping(b"p")
        peer.ws.send(BytesMessage(b"first, ", message_finished=False))
        peer.ws.send(BytesMessage(b"last"))
        peer.ws.close(1001, "leaving")
        peer.send(step=1)
        assert peer.take(4) == [
            TextMessage("na\u00efve"),
            Pong(b"p"),
            BytesMessage(b"first, last"),
            CloseConnection(1001, "leaving", CloseSource.PEER),
        ]
        assert not list(peer.receive())
        assert peer.ws.finished, "the server did not close"


def test_servers_echo_what_is_larger_than_one_read(uri: str) -> None:
    with Peer(uri) as peer:
        peer.open()
        peer.ws.send_bytes(bytes(300_000))
        peer.send()
        assert peer.take(1) == [BytesMessage(bytes(300_000))]


def test_servers_answer_what_came_ahead_of_a_half_close(uri: str) -> None:
    with Peer(uri) as peer:
        peer.open()
        peer.ws.send_text("the last one")
        peer.send()
        peer.sock.shutdown(socket.SHUT_WR)
        received = b""
        while data := peer.sock.recv(65536):
            received += data
        assert list(peer.ws.receive_data(received)) == [TextMessage("the last one")]


def test_servers_live_on_when_a_connection_breaks(uri: str) -> None:
    with Peer(uri) as other, Peer(uri) as peer:
        other.open()
        peer.open()
        peer.ws.ping(b"never answered")
        peer.send()
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.sock.close()  # with a reset
        other.ws.send_text("still there?")
        other.send()
        assert other.take(1) == [TextMessage("still there?")]


def test_servers_refuse_a_broken_request(uri: str) -> None:
    with Peer(uri) as peer:
        target = peer.ws.uri.target
        peer.sock.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        received = b""
        while data := peer.sock.recv(65536):
            received += data
        assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.parametrize("name", ["selectors_server.py", "asyncio_server.py", "asgi_server.py"])
def test_servers_on_one_thread_stop_reading_when_nobody_reads_their_answers(name: str) -> None:
    message = bytes(1 << 20)
    count = 0
    with serving(EXAMPLES / name) as uri, Peer(uri) as peer, Peer(uri) as other:
        peer.open()
        peer.sock.settimeout(0.5)
        rest = b""
        while not rest and count < 100:
            peer.ws.send_bytes(message)
            count += 1
            rest = send_until_stuck(peer)
        assert rest, "100 MiB were taken without an answer being read"

        other.open()
        other.ws.send_text("there?")
        other.send()
        assert other.take(1) == [TextMessage("there?")]

        peer.sock.settimeout(SECONDS)
        echoed = 0
        while rest:
            echoed += sum(event == BytesMessage(message) for event in peer.receive())
            peer.sock.setblocking(False)
            with suppress(BlockingIOError):
                rest = rest[peer.sock.send(rest) :]
            peer.sock.settimeout(SECONDS)
        while echoed < count:
            echoed += sum(event == BytesMessage(message) for event in peer.receive())
        assert echoed == count


def test_what_one_client_says_all_of_them_hear() -> None:
    with serving(EXAMPLES / "chat_server.py") as uri, Peer(uri) as one, Peer(uri) as other:
        for peer in (one, other):
            peer.open()
        one.ws.send_text("hello")
        one.send()
        for peer in (one, other):
            assert peer.take(1) == [TextMessage("hello")]
        one.ws.close()
        one.send()
        assert one.take(1) == [CloseConnection(1000, "", CloseSource.PEER)]
        other.ws.send_bytes(b"alone")
        other.send()
        assert other.take(1) == [BytesMessage(b"alone")]


def test_who_does_not_listen_is_dropped_and_the_others_go_on() -> None:
    message = bytes(1 << 20)
    count = 48  # more than the system's own buffers hold
    with serving(EXAMPLES / "chat_server.py") as uri, Peer(uri) as deaf, Peer(uri) as peer:
        deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        deaf.open()
        peer.open()
        for _ in range(count):
            peer.ws.send_bytes(message)
            peer.send()
            assert peer.take(1) == [BytesMessage(message)]
        heard: list[Event] = []
        with suppress(ConnectionResetError):
            while not deaf.ws.finished:
                heard += deaf.receive()
        assert heard.count(BytesMessage(message)) < count


def send_until_stuck(peer: Peer) -> bytes:
    """Send what waits; what is left when the other side takes no more."""
    data = peer.ws.data_to_send()
    try:
        while data:
            data = data[peer.sock.send(data) :]
    except TimeoutError:
        pass
    return data


def test_a_request_for_something_else_gets_a_page() -> None:
    with serving(EXAMPLES / "from_request.py") as uri, Peer(uri) as peer:
        peer.sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = b""
        while data := peer.sock.recv(65536):
            received += data
        assert received.startswith(b"HTTP/1.1 200 OK\r\n")
        assert received.endswith(b"The WebSocket is at /ws.\n")


@pytest.mark.parametrize("name", ["from_request.py", "asgi_server.py"])
def test_frames_right_behind_a_request_that_was_parsed_before_are_not_lost(name: str) -> None:
    with serving(EXAMPLES / name) as uri, Peer(uri) as peer:
        early = Connection(Role.CLIENT)
        early.send(Ping(b"early"))
        peer.sock.sendall(peer.ws.data_to_send() + early.data_to_send())
        assert peer.take(2)[1] == Pong(b"early")


@pytest.mark.parametrize("name", PRINTS)
def test_examples_print_what_the_documentation_shows(name: str) -> None:
    assert run(EXAMPLES / f"{name}.py") == (EXAMPLES / f"{name}.txt").read_text("utf-8")


def test_the_server_of_the_readme_works_when_pasted(tmp_path: Path) -> None:
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.S | re.M
    )
    pasted = tmp_path / "pasted.py"
    pasted.write_text(blocks[0], "utf-8")
    with serving(pasted) as uri:
        assert "received: hello" in run(EXAMPLES / "echo_client.py", uri)


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "rejected: 403"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "MalformedHandshake"),
        (b"", "ConnectionLost"),
    ],
)
def test_the_client_reports_what_is_no_acceptance(response: bytes, outcome: str) -> None:
    with socket.create_server(("localhost", 0)) as listener:
        listener.settimeout(SECONDS)
        thread = Thread(target=answer, args=(listener, response))
        thread.start()
        result = subprocess.run(
            [
                sys.executable,
                str(EXAMPLES / "echo_client.py"),
                f"ws://localhost:{listener.getsockname()[1]}/",
            ],
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
        )
        thread.join()
    assert outcome in result.stdout + result.stderr


def answer(listener: socket.socket, data: bytes) -> None:
    sock, _ = listener.accept()
    with sock:
        sock.recv(65536)
        sock.sendall(data)


def test_the_cost_of_events_is_measured() -> None:
    measure = runpy.run_path(str(EXAMPLES / "event_cost.py"))["measure"]
    assert measure(TextMessage, number=10) > 0


# The extension of custom_extension.py, beyond what its own demonstration shows


@pytest.fixture(scope="module")
def checksum() -> type[Extension]:
    extension: type[Extension] = runpy.run_path(str(EXAMPLES / "custom_extension.py"))[
        "FrameChecksum"
    ]
    return extension


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("deflate", [False, True])
def test_the_example_extension_carries_fragments_with_and_without_deflate(
    checksum: Any, every: bool, deflate: bool
) -> None:
    extensions = [checksum(every=every), *[PerMessageDeflate()] * deflate]
    client = Connection(Role.CLIENT, extensions=extensions)
    server = Connection(Role.SERVER, extensions=extensions)
    client.send(BytesMessage(b"short", message_finished=False))
    client.send(BytesMessage(b"long" * 100))
    client.send_text("na\u00efve")
    expected = [BytesMessage(b"short" + b"long" * 100), TextMessage("na\u00efve")]
    assert list(server.receive_data(client.data_to_send())) == expected


def test_the_example_extension_negotiates(checksum: Any) -> None:
    every = (("every", None),)
    assert checksum().offer() == [()]
    assert checksum(every=True).offer() == [every]
    assert checksum().accept(every) == (checksum(every=True), every)
    assert checksum(every=True).accept(()) == (checksum(every=True), every)
    assert checksum().accept((("unknown", None),)) is None
    assert checksum().confirm(every) == checksum(every=True)
    for extension, parameters in [(checksum(every=True), ()), (checksum(), (("unknown", "1"),))]:
        with pytest.raises(NegotiationError):
            extension.confirm(parameters)


def test_the_example_extension_insists_on_a_checksum_where_every_frame_has_one(
    checksum: Any,
) -> None:
    client = Connection(Role.CLIENT, extensions=[checksum()])
    server = Connection(Role.SERVER, extensions=[checksum(every=True)])
    client.send_text("short")
    [event] = server.receive_data(client.data_to_send())
    assert event == CloseConnection(1007, "a frame without checksum", CloseSource.LOCAL)


def test_two_extensions_cannot_claim_the_bit_of_the_example_extension(checksum: Any) -> None:
    with pytest.raises(LocalProtocolError, match="RSV"):
        Connection(Role.CLIENT, extensions=[checksum(), checksum()])
