"""How much CPU a server spends on a short message, over loopback, by engine.

Each server is a process of its own, so that the client's work does not count. On each of
many connections one message at a time goes there and back.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from echo_server import HOST, SERVERS
from names import NO_PROTOCOL
from traffic import REQUEST, frame

__all__ = ["cpu_times"]

PAYLOAD = b"a" * 32

SECONDS = 30
"""A server that does not answer for so long is broken."""


class Server(NamedTuple):
    """A server, and connections to it."""

    process: subprocess.Popen[bytes]
    sockets: Sequence[socket.socket]
    message: bytes
    """What is sent on each."""
    reply: bytes
    """What is to come back."""

    def cpu_time(self) -> int:
        """What the server has spent on a CPU so far, in nanoseconds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


def exchange(sockets: Sequence[socket.socket], message: bytes, reply: bytes) -> None:
    """Have one message go there and back on every connection."""
    for sock in sockets:
        sock.sendall(message)
    for sock in sockets:
        received = sock.recv(len(reply), socket.MSG_WAITALL)
        if received != reply:
            raise RuntimeError(f"a server answered {received!r}")


@contextmanager
def started(name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server, and do not wait for it."""
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("echo_server.py")), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the client, which then ends this
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def connected(name: str, process: subprocess.Popen[bytes], connections: int) -> Iterator[Server]:
    """Connect to a server once it has started; at the end, end it."""
    with ExitStack() as stack:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        sockets = [stack.enter_context(connect(port)) for _ in range(connections)]
        stack.callback(process.kill)  # before the connections end, which it would report
        if name == NO_PROTOCOL:
            yield Server(process, sockets, PAYLOAD, PAYLOAD)
        else:
            for sock in sockets:
                upgrade(sock)
            yield Server(process, sockets, frame(PAYLOAD, True), frame(PAYLOAD, False))


def connect(port: int) -> socket.socket:
    sock = socket.create_connection((HOST, port), SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def upgrade(sock: socket.socket) -> None:
    """Have a request accepted."""
    sock.sendall(REQUEST)
    response = b""
    while not response.endswith(b"\r\n\r\n"):
        data = sock.recv(4096)
        if not data:
            raise RuntimeError(f"a server answered {response!r} and no more")
        response += data


@contextmanager
def on_one_cpu(servers: Iterable[int]) -> Iterator[None]:
    """Have this process and `servers` run on one CPU, where the system allows it.

    Then the client sends on every connection before the server reads on any, and no
    time goes into waking another CPU: every server sees the same.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    for process in (0, *servers):
        os.sched_setaffinity(process, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def cpu_times(connections: int, exchanges: int, rounds: int) -> dict[str, float]:
    """The CPU time that each server takes for one message, in nanoseconds: the best of
    several rounds, in which they take turns."""
    best = dict.fromkeys(SERVERS, float("inf"))
    with ExitStack() as stack:
        processes = {name: stack.enter_context(started(name)) for name in SERVERS}
        servers = {
            name: stack.enter_context(connected(name, process, connections))
            for name, process in processes.items()
        }
        stack.enter_context(on_one_cpu([process.pid for process in processes.values()]))
        for server in servers.values():
            exchange(server.sockets, server.message, server.reply)
        for _ in range(rounds):
            for name, server in servers.items():
                before = server.cpu_time()
                for _ in range(exchanges):
                    exchange(server.sockets, server.message, server.reply)
                taken = server.cpu_time() - before
                best[name] = min(best[name], taken / (connections * exchanges))
    return best
