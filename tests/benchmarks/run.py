"""Time the engine side by side with wsproto and websockets' sans-I/O layer.

    python tests/benchmarks/run.py [--json] [--rounds N] [--only TEXT]

Each row is a ratio of times taken in one process, the engines taking turns, the best
of several rounds counting: over 1, ours is faster. Absolute times are shown to make
sense of the ratios; they say nothing beyond this machine and minute.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import engines

from wsproto_core import Role

PIECE = 64 << 10
TARGETS = {
    # What the first release promises, by row: at least this ratio.
    "receive 16 B masked": {"wsproto": 7.0, "websockets": 2.2},
    "receive 1 MiB unmasked": {"wsproto": 1.0},
    "send_text 16 B, server": {"wsproto": 3.0},
    "send_text 125 B, server": {"wsproto": 3.0},
}

Job = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """What one job took, in nanoseconds a message, by engine."""

    name: str
    times: dict[str, float]

    def ratio(self, peer: str) -> float:
        return self.times[peer] / self.times["wsproto_core"]


def measure(name: str, jobs: Mapping[str, Job], messages: int, rounds: int) -> Row:
    """Run the jobs in turn; keep the best time of each."""
    best = dict.fromkeys(jobs, float("inf"))
    for job in jobs.values():
        job()
    for _ in range(rounds):
        for engine, job in jobs.items():
            gc.collect()
            start = time.perf_counter_ns()
            job()
            best[engine] = min(best[engine], time.perf_counter_ns() - start)
    return Row(name, {engine: taken / messages for engine, taken in best.items()})


def receiving(size: int, masked: bool, piece: int = PIECE) -> tuple[dict[str, Job], int]:
    count = max(2, min(20_000, (4 << 20) // (size + 200)))
    pieces = engines.stream(size, count, masked, piece)
    role = Role.SERVER if masked else Role.CLIENT
    receivers = {
        "wsproto_core": engines.receive(role),
        "wsproto": engines.receive_with_wsproto(role),
        "websockets": engines.receive_with_websockets(role),
    }
    for engine, receiver in receivers.items():
        found = receiver(pieces)
        if found != count:
            raise SystemExit(f"{engine} found {found} of {count} messages of {size} bytes")
    return {engine: _job(receiver, pieces) for engine, receiver in receivers.items()}, count


def sending(size: int, role: Role, through_event: bool) -> tuple[dict[str, Job], int]:
    count = max(2, min(10_000, (2 << 20) // (size + 100)))
    text = "a" * size
    senders = {
        "wsproto_core": (engines.send_event if through_event else engines.send_text)(role),
        "wsproto": engines.send_with_wsproto(role),
        "websockets": engines.send_with_websockets(role),
    }
    wanted = {len(sender(text, 2)) for sender in senders.values()}
    if len(wanted) != 1:
        raise SystemExit(f"the engines send different numbers of bytes: {wanted}")
    return {engine: _job(sender, text, count) for engine, sender in senders.items()}, count


def _job(function: Callable[..., object], *arguments: object) -> Job:
    return lambda: function(*arguments)


def rows() -> dict[str, Callable[[], tuple[dict[str, Job], int]]]:
    """Every row, by name."""
    table: dict[str, Callable[[], tuple[dict[str, Job], int]]] = {}
    for size, label in (
        (16, "16 B"),
        (125, "125 B"),
        (1 << 10, "1 KiB"),
        (16 << 10, "16 KiB"),
        (1 << 20, "1 MiB"),
    ):
        for masked in (True, False):
            kind = "masked" if masked else "unmasked"
            table[f"receive {label} {kind}"] = lambda s=size, m=masked: receiving(s, m)
    for masked in (True, False):
        kind = "masked" if masked else "unmasked"
        table[f"receive 1 MiB {kind} in 1448 B pieces"] = lambda m=masked: receiving(
            1 << 20, m, 1448
        )
    for role in Role:
        for size, label in ((16, "16 B"), (125, "125 B"), (1 << 10, "1 KiB"), (16 << 10, "16 KiB")):
            table[f"send_text {label}, {role.value}"] = lambda s=size, r=role: sending(s, r, False)
            table[f"send(TextMessage) {label}, {role.value}"] = lambda s=size, r=role: sending(
                s, r, True
            )
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=15, help="rounds of which the best counts")
    parser.add_argument("--only", default="", help="only the rows whose name has this text")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    results: list[Row] = []
    if not options.json:
        print(
            f"{platform.python_implementation()} {platform.python_version()}, "
            + ", ".join(f"{name} {number}" for name, number in engines.VERSIONS.items())
        )
        print(f"{'':40}{'/ wsproto':>12}{'/ websockets':>14}{'ns/message':>12}  promised")
    for name, prepare in rows().items():
        if options.only not in name:
            continue
        jobs, messages = prepare()
        row = measure(name, jobs, messages, options.rounds)
        results.append(row)
        if not options.json:
            promised = ", ".join(
                f"{peer} {least:g}{'' if row.ratio(peer) >= least else ' MISSED'}"
                for peer, least in TARGETS.get(name, {}).items()
            )
            print(
                f"{name:40}{row.ratio('wsproto'):12.2f}{row.ratio('websockets'):14.2f}"
                f"{row.times['wsproto_core']:12.0f}  {promised}",
                flush=True,
            )
    if options.json:
        print(
            json.dumps(
                {"versions": engines.VERSIONS, "rows": [asdict(row) for row in results]}, indent=1
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
