"""What wsproto_core's time and memory are measured against, to see whether they stay in proportion.

Each line of an experiment gives, for a number of units, what they take all together.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from traffic import continuation, cut, frame

from wsproto_core import Connection, Limits, Message, Role

__all__ = ["EXPERIMENTS", "Experiment", "Measure"]

Measure = Callable[[int, float], float]
"""Given a number of units and seconds to spend, what that many units take."""

LIMITS = Limits(max_message_size=128 << 20)
PIECE = 64 << 10
FRAGMENT = 64
TEXT = "a" * 16


@dataclass(frozen=True)
class Experiment:
    """One thing that can be few or many."""

    name: str
    title: str
    unit: str
    """What is counted, in the singular."""
    measured_in: str
    """ns or B."""
    lines: Mapping[str, Measure]
    counts: Sequence[int]
    quick_counts: Sequence[int]
    reference: str = ""
    """The line that the others are measured against, if there is one."""


def best_time(job: Callable[[], object], seconds: float) -> float:
    """The shortest time that `job` took, in nanoseconds: as often as fits into `seconds`,
    but twice at least."""
    best = float("inf")
    rounds = 0
    end = time.perf_counter() + seconds
    while rounds < 2 or time.perf_counter() < end:
        start = time.perf_counter_ns()
        job()
        best = min(best, time.perf_counter_ns() - start)
        rounds += 1
    return best


def receive(connection: Connection, pieces: Sequence[bytes]) -> int:
    """How many messages are in `pieces`."""
    return sum(
        isinstance(event, Message) for piece in pieces for event in connection.receive_data(piece)
    )


def receive_each(role: Role, data: bytes, piece: int, seconds: float) -> float:
    """The time to receive one message, given its bytes on the wire."""
    connection = Connection(role, limits=LIMITS)
    count = max(1, min(1000, PIECE // len(data)))
    # Pieces with the same bytes are one object: what memory is read has its own experiment.
    same: dict[bytes, bytes] = {}
    pieces = [same.setdefault(each, each) for each in cut(data * count, piece)]
    if receive(connection, pieces) != count:
        raise RuntimeError(f"other than {count} messages of {len(data)} bytes")
    return best_time(lambda: receive(connection, pieces), seconds) / count


def receive_size(role: Role) -> Measure:
    def measure(size: int, seconds: float) -> float:
        return receive_each(role, frame(b"a" * size, role is Role.SERVER), PIECE, seconds)

    return measure


def send_size(role: Role) -> Measure:
    def measure(size: int, seconds: float) -> float:
        connection = Connection(role)
        text = "a" * size
        count = max(1, min(1000, PIECE // size))

        def send() -> bytes:
            for _ in range(count):
                connection.send_text(text)
            return connection.data_to_send()

        return best_time(send, seconds) / count

    return measure


def copy(size: int, seconds: float) -> float:
    """The time to copy bytes, for comparison."""
    longer = bytes(size + 1)
    count = max(1, min(1000, PIECE // size))

    def run() -> None:
        for _ in range(count):
            longer[:size]

    return best_time(run, seconds) / count


def receive_fragments(role: Role) -> Measure:
    def measure(count: int, seconds: float) -> float:
        masked = role is Role.SERVER
        payload = b"a" * FRAGMENT
        data = frame(payload, masked, fin=count == 1)
        if count > 1:
            data += continuation(payload, masked, fin=False) * (count - 2)
            data += continuation(payload, masked, fin=True)
        return receive_each(role, data, PIECE, seconds)

    return measure


def receive_pieces(role: Role) -> Measure:
    data = frame(b"a" * ((1 << 20) - 14), role is Role.SERVER)  # 1 MiB with its header

    def measure(count: int, seconds: float) -> float:
        return receive_each(role, data, -(-len(data) // count), seconds)

    return measure


def drain(max_bytes: int | None) -> Measure:
    def measure(count: int, seconds: float) -> float:
        connection = Connection(Role.SERVER)

        def run() -> None:
            for _ in range(count):
                connection.send_text(TEXT)
            while connection.data_to_send(max_bytes):
                pass

        return best_time(run, seconds)

    return measure


def take_late(now: float | None) -> Measure:
    """Input of which nothing is looked at before all of it is there."""
    data = frame(TEXT.encode(), True)

    def measure(count: int, seconds: float) -> float:
        connection = Connection(Role.SERVER, now=now)

        def run() -> None:
            for _ in range(count):
                connection.receive_data(data, now)
                connection.next_deadline()
            if sum(1 for _ in connection.events()) != count:
                raise RuntimeError(f"other than {count} messages")

        return best_time(run, seconds)

    return measure


def idle_memory(kind: str) -> Measure:
    """The resident memory of open connections, in a process of their own."""

    def measure(count: int, seconds: float) -> float:
        script = Path(__file__).with_name("idle_connections.py")
        result = subprocess.run(
            [sys.executable, str(script), kind, str(count)],
            check=True,
            capture_output=True,
            encoding="ascii",
        )
        return float(result.stdout)

    return measure


def _powers(base: int, last: int) -> list[int]:
    """1 and the powers of `base` up to `last`, and `last`."""
    found = [1]
    while found[-1] * base < last:
        found.append(found[-1] * base)
    return [*found, last]


EXPERIMENTS = (
    Experiment(
        "message-size",
        "Size of a message, in 64 KiB pieces",
        "byte",
        "ns",
        {
            "receive, masked": receive_size(Role.SERVER),
            "receive, unmasked": receive_size(Role.CLIENT),
            "send, masked": send_size(Role.CLIENT),
            "send, unmasked": send_size(Role.SERVER),
            "copied and no more": copy,
        },
        _powers(4, 64 << 20),
        _powers(4, 16 << 20),
        reference="copied and no more",
    ),
    Experiment(
        "fragments",
        f"Fragments of a message, {FRAGMENT} bytes each",
        "fragment",
        "ns",
        {"masked": receive_fragments(Role.SERVER), "unmasked": receive_fragments(Role.CLIENT)},
        _powers(4, 16 << 10),
        _powers(4, 16 << 10),
    ),
    Experiment(
        "pieces",
        "Pieces in which 1 MiB arrives",
        "piece",
        "ns",
        {"masked": receive_pieces(Role.SERVER), "unmasked": receive_pieces(Role.CLIENT)},
        _powers(4, 1 << 20),
        _powers(4, 1 << 18),
    ),
    Experiment(
        "output-queue",
        f"Messages of {len(TEXT)} bytes queued, then taken out",
        "message",
        "ns",
        {"all at once": drain(None), "1448 bytes at a time": drain(1448)},
        _powers(4, 1 << 16),
        _powers(4, 1 << 16),
    ),
    Experiment(
        "input-queue",
        f"Messages of {len(TEXT)} bytes received, then taken",
        "message",
        "ns",
        {"without the time": take_late(None), "with the time": take_late(0)},
        _powers(4, 1 << 16),
        _powers(4, 1 << 16),
    ),
    Experiment(
        "connections",
        "Idle connections, server role",
        "connection",
        "B",
        {
            "after the handshake, request and response kept": idle_memory("handshake"),
            "made open": idle_memory("open"),
        },
        _powers(10, 100_000),
        _powers(10, 10_000),
    ),
)
