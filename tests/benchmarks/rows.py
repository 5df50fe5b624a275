"""The rows of the table: what each one measures, and with which engines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import echo
import engines
from engines import floor
from memory import bytes_each
from names import AIOHTTP, FLOOR, MEMCPY
from running import MODE
from timing import Job, best_times
from traffic import KEY, REQUEST, compressed, cut, frame, json_messages

from wsproto_core import Connection, PerMessageDeflate, Role, TextMessage

_Maker = TypeVar("_Maker")

__all__ = ["ROWS", "Effort", "Row"]

PIECE = 64 << 10
"""Bytes that the transport hands over at a time, and payload that waits before it is sent."""

MESSAGE = "ns/message"

TCP_PIECE = 1448
"""The payload of a TCP segment on an Ethernet."""

SIZES = {"16 B": 16, "125 B": 125, "1 KiB": 1 << 10, "16 KiB": 16 << 10, "1 MiB": 1 << 20}
MASKED_SIZES = {"16 KiB": 16 << 10, "64 KiB": 64 << 10, "1 MiB": 1 << 20}


@dataclass(frozen=True)
class Effort:
    """How much is done for each number."""

    rounds: int = 8
    """Times that each engine's turn comes."""
    scale: float = 1.0
    """How much it does in its turn, as a part of what makes a good number."""

    def count(self, most: int, least: int = 2) -> int:
        return max(least, int(most * self.scale))


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    group: str
    unit: str
    measure: Callable[[Effort], dict[str, float]]
    """Gives a value in `unit` for each engine; the lower the better."""
    size: int = 0
    """Bytes of payload that one operation handles, where that says something."""


def _each(jobs: Mapping[str, Job], count: int, rounds: int) -> dict[str, float]:
    times = best_times(jobs, rounds)
    return {engine: taken / count for engine, taken in times.items()}


def _messages(size: int, effort: Effort) -> int:
    """How many messages of `size` bytes there are in one turn."""
    return effort.count(min(3_000, (2 << 20) // (size + 200)))


def receive(size: int, role: Role, piece: int, effort: Effort) -> dict[str, float]:
    text = "a" * size
    count = _messages(size, effort)
    data = frame(text.encode(), role is Role.SERVER) * count
    return _receive(role, False, [text] * count, cut(data, piece), effort)


def _with_floor(makers: Mapping[str, _Maker], least: _Maker) -> Mapping[str, _Maker]:
    """The engines, and in pure mode the floor beside them."""
    return {**makers, FLOOR: least} if MODE == "pure" else makers


def receive_deflated(effort: Effort) -> dict[str, float]:
    texts = json_messages(effort.count(1_000))
    return _receive(Role.SERVER, True, texts, cut(compressed(texts), PIECE), effort)


def _receive(
    role: Role, deflate: bool, texts: Sequence[str], pieces: list[bytes], effort: Effort
) -> dict[str, float]:
    makers = _with_floor(engines.RECEIVERS, floor.receiver)
    receivers = {name: make(role, deflate) for name, make in makers.items()}
    for name, receiver in receivers.items():
        count, last = receiver(pieces)
        if (count, last) != (len(texts), texts[-1]):
            raise RuntimeError(f"{name} found other messages: {count} of {len(texts)}")
    jobs = {name: partial(receiver, pieces) for name, receiver in receivers.items()}
    return _each(jobs, len(texts), effort.rounds)


def send(
    size: int, role: Role, senders: Mapping[str, engines.SenderMaker], effort: Effort
) -> dict[str, float]:
    return _send(role, False, senders, ["a" * size] * _messages(size, effort), effort)


def send_deflated(effort: Effort) -> dict[str, float]:
    # aiohttp compresses at another level: that would be another job.
    senders = {name: make for name, make in engines.SENDERS.items() if name != AIOHTTP}
    return _send(Role.SERVER, True, senders, json_messages(effort.count(500)), effort)


def broadcast(connections: int, deflate: bool, effort: Effort) -> dict[str, float]:
    text = "".join(json_messages(6))[: 1 << 10]
    makers = _with_floor(engines.BROADCASTERS, floor.broadcaster)
    senders = {name: make(connections, deflate) for name, make in makers.items()}
    for name, sender in senders.items():
        sent: list[bytes] = []
        sender(text, sent.append)
        if len(sent) != connections or len(set(sent)) != 1 or (sent[0][0] != 0xC1) == deflate:
            raise RuntimeError(f"{name} sends {len(sent)} frames, such as {sent[0]!r:.100}")
    jobs = {name: partial(sender, text, len) for name, sender in senders.items()}
    return _each(jobs, connections, effort.rounds)


def _send(
    role: Role,
    deflate: bool,
    makers: Mapping[str, engines.SenderMaker],
    texts: Sequence[str],
    effort: Effort,
) -> dict[str, float]:
    senders = {name: make(role, deflate) for name, make in makers.items()}
    count = max(1, PIECE // len(texts[0]))
    batches = [texts[start : start + count] for start in range(0, len(texts), count)]
    for name, sender in senders.items():
        found = received(role.peer, deflate, [sender(batch) for batch in batches])
        if found != texts:
            raise RuntimeError(f"{name} sent other messages: {len(found)} for {len(texts)}")

    def send_all(sender: engines.Sender) -> None:
        for batch in batches:
            sender(batch)

    jobs = {name: partial(send_all, sender) for name, sender in senders.items()}
    return _each(jobs, len(texts), effort.rounds)


def received(role: Role, deflate: bool, pieces: Iterable[bytes]) -> list[str]:
    """The texts in what was sent to `role`, each of them in one frame."""
    extensions = [PerMessageDeflate()] if deflate else []
    connection = Connection(role, extensions=extensions, delivery="chunk")
    events = [event for piece in pieces for event in connection.receive_data(piece)]
    return [event.data for event in events if isinstance(event, TextMessage)]


def mask(size: int, effort: Effort) -> dict[str, float]:
    payload = bytes(range(256)) * (size // 256)
    longer = payload + b"\0"
    count = effort.count((4 << 20) // size)
    calls = range(count)
    jobs: dict[str, Job] = {}

    def repeat(function: Callable[[bytes, bytes], object]) -> None:
        for _ in calls:
            function(payload, KEY)

    def copy() -> None:
        for _ in calls:
            longer[:size]  # a new bytes object, and one memcpy into it

    for name, function in engines.MASKERS.items():
        jobs[name] = partial(repeat, function)
    jobs[MEMCPY] = copy
    return _each(jobs, count, effort.rounds)


def handshake(deflate: bool, effort: Effort) -> dict[str, float]:
    count = effort.count(100)
    # In both modes: h11 is compiled in neither.
    makers = {**engines.OPENERS, FLOOR: floor.opener}
    openers = {name: make(deflate) for name, make in makers.items()}
    for name, opener in openers.items():
        response = opener(REQUEST)[1]
        if not response.startswith(b"HTTP/1.1 101 ") or deflate != (b"deflate" in response):
            raise RuntimeError(f"{name} answered {response!r}")

    def repeat(opener: engines.Opener) -> object:
        # All stay open: as one closes, the next would find its memory, or would not. That
        # depends on cycles, which some engines have and the garbage collector has to find.
        return [opener(REQUEST) for _ in range(count)]

    jobs = {name: partial(repeat, opener) for name, opener in openers.items()}
    return _each(jobs, count, effort.rounds)


def idle(effort: Effort) -> dict[str, float]:
    def connect(opener: engines.Opener) -> object:
        connection, _ = opener(REQUEST)
        return connection

    return {
        name: bytes_each(
            partial(connect, make(False)), engines.KEPT_FOR_THE_CALLER[name], effort.count(500)
        )
        for name, make in engines.OPENERS.items()
    }


def echo_cpu(effort: Effort) -> dict[str, float]:
    connections = effort.count(64)
    return echo.cpu_times(connections, exchanges=effort.count(20), rounds=effort.rounds)


def _receive_rows() -> Iterator[Row]:
    for label, size in SIZES.items():
        for kind, role in (("masked", Role.SERVER), ("unmasked", Role.CLIENT)):
            measure = partial(receive, size, role, PIECE)
            yield Row(f"receive {label} {kind}", "Receiving", MESSAGE, measure)
    for kind, role in (("masked", Role.SERVER), ("unmasked", Role.CLIENT)):
        measure = partial(receive, SIZES["1 MiB"], role, TCP_PIECE)
        yield Row(f"receive 1 MiB {kind}, {TCP_PIECE} B pieces", "Receiving", MESSAGE, measure)


def _send_rows() -> Iterator[Row]:
    for call, senders in (
        ("send_text", _with_floor(engines.SENDERS, floor.sender)),
        ("send(TextMessage)", _with_floor(engines.EVENT_SENDERS, floor.event_sender)),
    ):
        for role in (Role.SERVER, Role.CLIENT):
            for label, size in SIZES.items():
                measure = partial(send, size, role, senders)
                yield Row(f"{call} {label}, {role.value}", "Sending", MESSAGE, measure)


def _rows() -> Iterator[Row]:
    yield from _receive_rows()
    yield from _send_rows()
    for label, size in MASKED_SIZES.items():
        yield Row(f"mask {label}", "Masking", "ns/payload", partial(mask, size), size)
    yield Row("receive 176 B JSON, deflate", "permessage-deflate", MESSAGE, receive_deflated)
    yield Row("send 176 B JSON, deflate", "permessage-deflate", MESSAGE, send_deflated)
    for name, connections, deflate in (
        ("broadcast 1 KiB to 10,000", 10_000, False),
        ("broadcast 1 KiB to 500, deflate", 500, True),
    ):
        yield Row(name, "Broadcast", "ns/connection", partial(broadcast, connections, deflate))
    for name, deflate in (("handshake", False), ("handshake, deflate", True)):
        yield Row(name, "Opening handshake", "ns/connection", partial(handshake, deflate))
    yield Row("idle connection", "Memory", "B/connection", idle)
    yield Row("echo 32 B", "CPU of an asyncio server", MESSAGE, echo_cpu)


ROWS = {row.name: row for row in _rows()}
