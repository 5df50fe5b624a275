"""Clients that do not use wsproto: what they see of a server, as lines to compare."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings
from apps import WHO
from processes import START, end
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

TIMEOUT = 20
BROWSING = 60
"""Seconds in which a page has to be done."""
TEXTS = ["", "hello", "\u00e9\u20ac\U0001f600", "x" * 70_000]


def ask_who(port: int) -> str:
    """Which wsproto it is that serves at `port`, as soon as its workers do."""
    until = time.monotonic() + START
    while True:
        with suppress(ConnectionRefusedError):
            return _ask_who(port)
        assert time.monotonic() < until, "the server has no workers"
        time.sleep(0.05)


def _ask_who(port: int) -> str:
    with connect(f"ws://127.0.0.1:{port}/echo", open_timeout=TIMEOUT) as ws:
        ws.send(WHO)
        return str(ws.recv(TIMEOUT))


def talk(port: int) -> Iterator[object]:
    """An ordinary client: messages, pings, both ways to close, both ways to be refused."""
    uri = f"ws://127.0.0.1:{port}"
    for compression in ("deflate", None):
        options: dict[str, Any] = {"compression": compression, "max_size": None}
        with connect(f"{uri}/echo?a=b", subprotocols=["chat", "other"], **options) as ws:  # type: ignore[list-item]
            yield ws.subprotocol, [each.name for each in ws.protocol.extensions]
            yield from _exchange(ws)
            ws.close(3000, "bye")
            yield ws.close_code, ws.close_reason
        with connect(f"{uri}/echo", **options) as ws:
            ws.send("close 4001 enough")
            yield _end(ws)
        with connect(f"{uri}/echo", **options) as ws:
            ws.send("x" * 400_000)
            yield _end(ws)
    for path in ("/refuse", "/deny", "/fall-over"):
        yield path, _refusal(f"{uri}{path}")


def _refusal(uri: str) -> object:
    try:
        with connect(uri):
            return "let in"
    except InvalidStatus as error:
        response = error.response
        return response.status_code, response.headers.get("X-Tea"), response.body


def _exchange(ws: ClientConnection) -> Iterator[object]:
    for message in (*TEXTS, b"", bytes(range(256)) * 800):
        ws.send(message)
        yield ws.recv(TIMEOUT) == message
    ws.send(["in ", "three ", "pieces"])
    yield ws.recv(TIMEOUT)
    yield ws.ping(b"are you there?").wait(TIMEOUT)


def _end(ws: ClientConnection) -> object:
    try:
        return ws.recv(TIMEOUT)
    except ConnectionClosed:
        return ws.close_code, ws.close_reason


# Bytes as they are


def break_rules(port: int) -> Iterator[object]:
    """A client that is wrong: how it is answered."""
    for without in ("Sec-WebSocket-Key", "Sec-WebSocket-Version", "Connection", "none"):
        with _opened(port, without) as sock:
            yield without, _read_all(sock, b"\r\n").split(b" ")[1]
    for name, frames in _WRONG.items():
        with _opened(port) as sock:
            head = _read_all(sock, b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 "), head
            sock.sendall(frames)
            yield name, _read_all(sock)


def _frame(opcode: int, payload: bytes = b"", **bits: bool) -> bytes:
    return Frame(Opcode(opcode), payload, **bits).serialize(mask=True)


_WRONG = {
    "opcode 3": _frame(1, b"first") + b"\x83\x80abcd",
    "text that is none": _frame(1, b"first") + _frame(1, b"\xff"),
    "ping in a message": _frame(1, b"one ", fin=False)
    + _frame(9, b"?")
    + _frame(0, b"message")
    + _frame(8, b"\x03\xe8"),
    "empty close": _frame(8),
    "close of one byte": _frame(8, b"\x03"),
    "not masked": _frame(1, b"first") + b"\x81\x01x",
}


def _opened(port: int, without: str = "none") -> socket.socket:
    fields = {
        "Host": f"127.0.0.1:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        "Sec-WebSocket-Version": "13",
    }
    lines = [f"{name}: {value}" for name, value in fields.items() if name != without]
    sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    sock.sendall("\r\n".join(["GET /echo HTTP/1.1", *lines, "", ""]).encode())
    return sock


def _read_all(sock: socket.socket, until: bytes | None = None) -> bytes:
    """What comes until the transport ends, or until `until` has come."""
    data = b""
    while until is None or until not in data:
        try:
            piece = sock.recv(65536)
        except ConnectionResetError:
            break
        if not piece:
            break
        data += piece
    return data


# HTTP/2

_STREAMS = {
    "/echo": [
        _frame(1, b"hello"),
        _frame(2, bytes(300)),
        _frame(9, b"?"),
        _frame(1, b"one ", fin=False) + _frame(0, b"message"),
        _frame(8, b"\x0b\xb8bye"),
    ],
    "/echo?closed": [_frame(1, b"close 4001 enough")],
    "/echo?broken": [_frame(1, b"first"), b"\x83\x80abcd"],
    "/refuse": [],
}


def talk_http2(port: int) -> Iterator[object]:
    """A client that opens WebSockets as streams of HTTP/2 (RFC 8441)."""
    for path, frames in _STREAMS.items():
        yield path, *_Http2(port).open(path, frames)


class _Http2:
    """An HTTP/2 connection with one stream."""

    def __init__(self, port: int) -> None:
        self.authority = f"127.0.0.1:{port}"
        self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.status = ""
        self.data = b""
        self.ended = False

    def open(self, path: str, frames: list[bytes]) -> tuple[str, bytes]:
        """The status of the answer, and the bytes of the server's frames."""
        with self.sock:
            self.http.initiate_connection()
            offered = h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL
            self.read_until(lambda: self.http.remote_settings.get(offered) == 1)
            self.http.send_headers(
                1,
                [
                    (":method", "CONNECT"),
                    (":protocol", "websocket"),
                    (":scheme", "http"),
                    (":path", path),
                    (":authority", self.authority),
                    ("sec-websocket-version", "13"),
                ],
            )
            self.read_until(lambda: bool(self.status))
            for frame in frames:
                size = len(self.data)
                self.http.send_data(1, frame)
                self.read_until(lambda: self.ended or len(self.data) > size)  # noqa: B023
            self.read_until(lambda: self.ended)
        return self.status, self.data

    def read_until(self, done: Callable[[], bool]) -> None:
        while not done():
            self.sock.sendall(self.http.data_to_send())
            data = self.sock.recv(65536)
            for event in self.http.receive_data(data):
                self.take(event)
            # The end of the connection ends its stream, too.
            self.ended = self.ended or not data
            assert data or done(), "the server went away"

    def take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            self.status = dict(event.headers)[":status"]
        elif isinstance(event, h2.events.DataReceived):
            self.data += event.data
        elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
            self.ended = True


# A browser

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


def browse(port: int) -> Iterator[object]:
    """Chromium, with a page that talks to the server and tells it what it saw."""
    with chromium(f"http://127.0.0.1:{port}/") as process:
        until = time.monotonic() + BROWSING
        while not (seen := _seen(port)):
            assert process.poll() is None, "Chromium ended"
            assert time.monotonic() < until, "the page has nothing to tell"
            time.sleep(0.1)
    yield from seen


@contextmanager
def chromium(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A browser without window, and without a past."""
    found = [path for name in ("chromium", "google-chrome") if (path := shutil.which(name))]
    assert found, "there is no Chromium"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [found[0], *_FLAGS, f"--user-data-dir={Path(folder)}", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            end(process)


def _seen(port: int) -> list[Any]:
    """What pages have told the server."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/seen", timeout=TIMEOUT) as answer:
        return [each for each in json.load(answer) if isinstance(each, list)]


def server_view(port: int) -> Iterator[object]:
    """The codes with which connections ended, as the application had them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/seen", timeout=TIMEOUT) as answer:
        yield json.load(answer)
