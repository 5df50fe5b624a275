"""Proxies on loopback sockets, as small as they can be: HTTP CONNECT and SOCKS5.

Each takes one connection, and remembers in `asked` what it was told.
"""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Thread

from scripts import SECONDS


class Proxy(ABC):
    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(SECONDS)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        sock, _ = self.listener.accept()
        sock.settimeout(SECONDS)
        with sock:
            target = self.negotiate(sock)
            if target is not None:
                with target:
                    exchange(sock, target)

    @abstractmethod
    def negotiate(self, sock: socket.socket) -> socket.socket | None:
        """Do what the client asks for; a connection to its target, unless it is refused."""


@contextmanager
def running(proxy: Proxy) -> Iterator[Proxy]:
    """Run a proxy; what goes wrong in it is raised here."""
    with proxy.listener, ThreadPoolExecutor(1) as executor:
        done = executor.submit(proxy.run)
        yield proxy
        done.result(SECONDS)


def exchange(one: socket.socket, other: socket.socket) -> None:
    """Hand on bytes both ways until both ends are done."""
    back = Thread(target=hand_on, args=(other, one))
    back.start()
    hand_on(one, other)
    back.join()


def hand_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        assert piece, "the client has hung up"
        data += piece
    return data


class HTTPProxy(Proxy):
    """Answers CONNECT, with `answer` where that is given."""

    def __init__(self, credentials: str | None = None, answer: bytes | None = None) -> None:
        super().__init__()
        self.credentials = credentials
        self.answer = answer

    def negotiate(self, sock: socket.socket) -> socket.socket | None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += read(sock, 1)
        self.asked = head.split(b"\r\n")[:-2]
        if self.answer is not None and b" 200 " not in self.answer:
            sock.sendall(self.answer)
            return None
        if self.credentials is not None:
            expected = b"Basic " + b64encode(self.credentials.encode())
            if b"Proxy-Authorization: " + expected not in self.asked:
                challenge = b'Proxy-Authenticate: Basic realm="loopback"'
                lines = [b"HTTP/1.1 407 No", challenge, b"Content-Length: 3", b"", b"no\n"]
                sock.sendall(b"\r\n".join(lines))
                return None
        method, authority, version = self.asked[0].split(b" ")
        assert (method, version) == (b"CONNECT", b"HTTP/1.1")
        assert b"Host: " + authority in self.asked
        host, _, port = authority.decode().rpartition(":")
        target = socket.create_connection((host.strip("[]"), int(port)), SECONDS)
        if self.answer is not None:
            sock.sendall(self.answer)
        else:
            for octet in b"HTTP/1.1 200 Connection established\r\n\r\n":
                sock.sendall(bytes([octet]))
        return target


class SOCKS5Proxy(Proxy):
    """RFC 1928, with the user name and password of RFC 1929 where they are given."""

    def __init__(
        self,
        credentials: tuple[bytes, bytes] | None = None,
        code: int = 0,
        bound: bytes = b"\x01\x7f\0\0\x01",
    ) -> None:
        super().__init__()
        self.credentials = credentials
        self.code = code
        self.bound = bound

    def negotiate(self, sock: socket.socket) -> socket.socket | None:
        assert read(sock, 1) == b"\x05"
        methods = read(sock, read(sock, 1)[0])
        method = 0 if self.credentials is None else 2
        if method not in methods:
            sock.sendall(b"\x05\xff")
            return None
        sock.sendall(bytes([5, method]))
        if self.credentials is not None:
            assert read(sock, 1) == b"\x01"
            username = read(sock, read(sock, 1)[0])
            password = read(sock, read(sock, 1)[0])
            right = (username, password) == self.credentials
            sock.sendall(bytes([1, not right]))
            if not right:
                return None
        assert read(sock, 3) == b"\x05\x01\x00"  # CONNECT
        kind = read(sock, 1)[0]
        if kind == 3:
            host = read(sock, read(sock, 1)[0]).decode()
        else:
            family, size = {1: (socket.AF_INET, 4), 4: (socket.AF_INET6, 16)}[kind]
            host = socket.inet_ntop(family, read(sock, size))
        port = int.from_bytes(read(sock, 2), "big")
        self.asked = [f"{kind} {host} {port}".encode()]
        target = None if self.code else socket.create_connection((host, port), SECONDS)
        for octet in bytes([5, self.code, 0]) + self.bound + b"\0\0":
            sock.sendall(bytes([octet]))
        return target
