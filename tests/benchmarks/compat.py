"""Time wsproto and wsproto_core.compat side by side, by themselves and under uvicorn.

    python tests/benchmarks/compat.py [--json] [--rounds N] [--only TEXT]

Each row is one job done by both in turn, in one process, the best of several rounds
counting. The rows of uvicorn are processor time of the server for each message that it
echoes; they are left out where uvicorn is not installed, or the system is not Linux.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "ecosystem")]

from compat_api import OURS, THEIRS  # noqa: E402
from processes import server  # noqa: E402
from wire import FIN, RSV1, TEXT, deflate, frame_to, request, unmasked  # noqa: E402

import wsproto_core  # noqa: E402
from wsproto_core import Role  # noqa: E402

APIS = {"wsproto": THEIRS, "ours": OURS}
PIECE = 64 << 10
SIZES = {"16 B": 16, "125 B": 125, "1 KiB": 1 << 10, "16 KiB": 16 << 10, "1 MiB": 1 << 20}
DOCUMENT = json.dumps(
    {
        "id": 7321,
        "from": "alice",
        "room": "lobby",
        "sent": "2026-11-22T12:00:00Z",
        "text": "One of the many short messages that make up a conversation of people "
        "who know everyone",
    }
)

Job = Callable[[], None]
Jobs = tuple[dict[str, Job], int]
"""What each of the two does in one round, and how many messages that is."""


def best(jobs: dict[str, Job], rounds: int) -> dict[str, float]:
    """The least processor time that each job took, in nanoseconds."""
    taken = dict.fromkeys(jobs, float("inf"))
    for job in jobs.values():
        job()
    for _ in range(rounds):
        for name, job in jobs.items():
            gc.collect()
            started = time.process_time_ns()
            job()
            taken[name] = min(taken[name], time.process_time_ns() - started)
    return taken


def opened(api: Any, role: Role, deflated: bool = False) -> Any:
    extensions = [api.extensions.PerMessageDeflate()] if deflated else []
    for extension in extensions:
        extension.finalize("permessage-deflate")
    return api.Connection(api.ConnectionType[role.name], extensions)


def _receiver(api: Any, role: Role, pieces: list[bytes], deflated: bool) -> Job:
    ws = opened(api, role, deflated)
    kind = api.events.TextMessage

    def job() -> None:
        for piece in pieces:
            ws.receive_data(piece)
            for event in ws.events():
                assert isinstance(event, kind)

    return job


def receiving(role: Role, payload: bytes, first: int = FIN | TEXT) -> Jobs:
    count = max(2, (1 << 20) // (len(payload) + 200))
    stream = frame_to(role, first, payload) * count
    pieces = [stream[at : at + PIECE] for at in range(0, len(stream), PIECE)]
    return {
        name: _receiver(api, role, pieces, bool(first & RSV1)) for name, api in APIS.items()
    }, count


def _sender(api: Any, role: Role, text: str, count: int, deflated: bool) -> Job:
    ws = opened(api, role, deflated)
    kind = api.events.TextMessage

    def job() -> None:
        for _ in range(count):
            ws.send(kind(text))

    return job


def sending(role: Role, text: str, deflated: bool = False) -> Jobs:
    count = max(2, (1 << 20) // (len(text) + 200))
    return {name: _sender(api, role, text, count, deflated) for name, api in APIS.items()}, count


def _accepter(api: Any, count: int) -> Job:
    asked = request("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
    accept, extension = api.events.AcceptConnection, api.extensions.PerMessageDeflate

    def job() -> None:
        for _ in range(count):
            ws = api.WSConnection(api.ConnectionType.SERVER)
            ws.receive_data(asked)
            for _event in ws.events():
                ws.send(accept(extensions=[extension()]))

    return job


def accepting() -> Jobs:
    return {name: _accepter(api, 500) for name, api in APIS.items()}, 500


def rows() -> dict[str, Callable[[], Jobs]]:
    """Every row but those of uvicorn, by name."""
    table: dict[str, Callable[[], Jobs]] = {}
    for label, size in SIZES.items():
        for role, kind in ((Role.SERVER, "masked"), (Role.CLIENT, "unmasked")):
            table[f"receive {label} {kind}"] = partial(receiving, role, b"a" * size)
    for label, size in SIZES.items():
        for role in Role:
            table[f"send {label}, {role.value}"] = partial(sending, role, "a" * size)
    packed = deflate(DOCUMENT.encode())
    table["receive 176 B of JSON, deflate"] = partial(
        receiving, Role.SERVER, packed, FIN | RSV1 | TEXT
    )
    table["send 176 B of JSON, deflate"] = partial(sending, Role.SERVER, DOCUMENT, True)
    table["accept a handshake, deflate"] = accepting
    return table


# Under uvicorn

ECHOES = 10_000
SERVED = {
    "uvicorn, 32 B echo": (32, 1),
    "uvicorn, 32 B echo, 20 at a time": (32, 20),
    "uvicorn, 16 KiB echo": (16 << 10, 1),
}
STAT = Path("/proc/self/stat")
MEASURABLE = importlib.util.find_spec("uvicorn") is not None and STAT.exists()


def echoing(kind: str, size: int, together: int) -> float:
    """Nanoseconds of processor time that uvicorn takes for each message that it echoes."""
    options = ("--ws", "wsproto", "--loop", "asyncio", "--http", "h11")
    with (
        server(kind, "-m", "uvicorn", "apps:asgi", "--port", "0", *options) as running,
        socket.create_connection(("127.0.0.1", running.port), 30) as sock,
    ):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(request(line="GET /echo HTTP/1.1"))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += _receive(sock, 1)
        assert head.startswith(b"HTTP/1.1 101 "), head
        text = b"x" * size
        frames = frame_to(Role.SERVER, FIN | TEXT, text) * together
        echo = len(unmasked(FIN | TEXT, text)) * together
        turns = ECHOES // together
        started = 0.0
        for turn in range(-turns // 10, turns):
            if turn == 0:
                started = _processor_time(running.pid)
            sock.sendall(frames)
            _receive(sock, echo)
        return (_processor_time(running.pid) - started) / (turns * together)


def _receive(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(size - len(data))
        assert piece, "the server went away"
        data += piece
    return bytes(data)


def _processor_time(pid: int) -> float:
    """Nanoseconds that a process has used, in all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1e9 / os.sysconf("SC_CLK_TCK")


def results(only: str, rounds: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Nanoseconds a message, by name of the row and of the engine."""
    for name, prepare in rows().items():
        if only in name:
            jobs, messages = prepare()
            taken = best(jobs, rounds)
            yield name, {engine: time / messages for engine, time in taken.items()}
    for name, (size, together) in SERVED.items():
        if only in name and MEASURABLE:
            times = [{kind: echoing(kind, size, together) for kind in APIS} for _ in range(3)]
            yield name, {kind: min(each[kind] for each in times) for kind in APIS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=10, help="rounds of which the best counts")
    parser.add_argument("--only", default="", help="only the rows whose name has this text")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    versions = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "wsproto": THEIRS.__version__,
        "wsproto_core": wsproto_core.__version__,
        "compiled": getattr(wsproto_core, "COMPILED", False),
    }
    measured: dict[str, dict[str, float]] = {}
    if not options.json:
        print(", ".join(f"{name} {value}" for name, value in versions.items()))
        print(f"{'messages a second':40}{'wsproto':>12}{'compat':>12}{'ratio':>8}")
    for name, times in results(options.only, options.rounds):
        measured[name] = times
        if not options.json:
            theirs, ours = (1e9 / times[kind] for kind in APIS)
            print(f"{name:40}{theirs:12,.0f}{ours:12,.0f}{ours / theirs:8.2f}", flush=True)
    if options.json:
        print(json.dumps({"versions": versions, "nanoseconds": measured}, indent=1))


if __name__ == "__main__":
    main()
