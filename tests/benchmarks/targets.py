"""What is to be reached, as data: for each row of the table, in pure and in compiled mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from names import MEMCPY, NO_PROTOCOL, OURS

__all__ = ["MODES", "TARGETS", "Mode", "Target"]

Mode = Literal["pure", "compiled"]
MODES: tuple[Mode, ...] = ("pure", "compiled")


@dataclass(frozen=True)
class Target:
    """One bound on what a row measures."""

    kind: Literal["ratio", "rate", "amount", "overhead"]
    """ratio: the other's value divided by ours, at least. rate: GB/s, at least. amount: our
    value in the row's unit, at most. overhead: what ours takes more than the other, as a
    part of what the other takes, at most."""
    bound: float
    other: str = ""
    """The engine that ours is compared with."""

    def measured(self, values: Mapping[str, float], size: int) -> float:
        """What is to be held against the bound, given each engine's value, and the bytes
        of payload that one operation handles."""
        ours = values[OURS]
        if self.kind == "ratio":
            return values[self.other] / ours
        if self.kind == "rate":
            return size / ours
        if self.kind == "overhead":
            return ours / values[self.other] - 1
        return ours

    def met(self, measured: float) -> bool:
        if self.kind in ("ratio", "rate"):
            return measured >= self.bound
        return measured <= self.bound

    def show(self, number: float, unit: str) -> str:
        """`number`, the bound or what was measured, as people write it."""
        if self.kind == "ratio":
            return f"{number:.3g}x {self.other}"
        if self.kind == "rate":
            return f"{number:.3g} GB/s"
        if self.kind == "overhead":
            return f"{number:.0%} over {self.other}"
        return f"{number:.0f} {unit}"


def _ratios(**peers: float) -> tuple[Target, ...]:
    return tuple([Target("ratio", least, peer) for peer, least in peers.items()])


_Row = Mapping[Mode, tuple[Target, ...]]

_RECEIVE_SHORT_MASKED: _Row = {
    "pure": _ratios(websockets=2.3, wsproto=7.5),
    "compiled": _ratios(websockets=30, aiohttp=4.2),
}
_RECEIVE_SHORT_UNMASKED: _Row = {
    "pure": _ratios(websockets=4.5, wsproto=13),
    "compiled": _ratios(websockets=30, aiohttp=3.3),
}
_RECEIVE_16_KIB: _Row = {"pure": (), "compiled": _ratios(websockets=6, aiohttp=2.5)}
_RECEIVE_1_MIB: _Row = {"pure": (), "compiled": _ratios(websockets=4, aiohttp=3)}
_RECEIVE_PIECES: _Row = {"pure": _ratios(wsproto=3.7), "compiled": _ratios(wsproto=60)}
_SEND_SERVER: _Row = {"pure": _ratios(websockets=6), "compiled": _ratios(websockets=17)}
_SEND_CLIENT: _Row = {"pure": _ratios(websockets=2.2), "compiled": _ratios(websockets=22)}
_EVENT_SERVER: _Row = {"pure": _ratios(websockets=3), "compiled": _ratios(websockets=11)}
_EVENT_CLIENT: _Row = {"pure": _ratios(websockets=1.7), "compiled": _ratios(websockets=16)}
_MASK_RATE = (Target("rate", 0.8),)
_MASK_LONG: _Row = {"pure": _MASK_RATE, "compiled": (Target("ratio", 0.9, MEMCPY),)}
_BROADCAST: _Row = {"pure": _ratios(websockets=10), "compiled": _ratios(websockets=10)}
_HANDSHAKE = _ratios(websockets=2.5, wsproto=1.5)

TARGETS: Mapping[str, _Row] = {
    "receive 16 B masked": _RECEIVE_SHORT_MASKED,
    "receive 125 B masked": _RECEIVE_SHORT_MASKED,
    "receive 16 B unmasked": _RECEIVE_SHORT_UNMASKED,
    "receive 125 B unmasked": _RECEIVE_SHORT_UNMASKED,
    "receive 1 KiB masked": {
        "pure": _ratios(websockets=1.1),
        "compiled": _ratios(websockets=20, aiohttp=3),
    },
    "receive 1 KiB unmasked": {
        "pure": _ratios(websockets=3.5),
        "compiled": _ratios(websockets=18, aiohttp=3),
    },
    "receive 16 KiB masked": {**_RECEIVE_16_KIB, "pure": _ratios(wsproto=1.3)},
    "receive 16 KiB unmasked": {**_RECEIVE_16_KIB, "pure": _ratios(websockets=1.8)},
    "receive 1 MiB masked": {**_RECEIVE_1_MIB, "pure": _ratios(wsproto=1)},
    "receive 1 MiB unmasked": {**_RECEIVE_1_MIB, "pure": _ratios(websockets=1.25)},
    "receive 1 MiB masked, 1448 B pieces": _RECEIVE_PIECES,
    "receive 1 MiB unmasked, 1448 B pieces": _RECEIVE_PIECES,
    "send_text 16 B, server": _SEND_SERVER,
    "send_text 125 B, server": _SEND_SERVER,
    "send_text 16 B, client": _SEND_CLIENT,
    "send_text 125 B, client": _SEND_CLIENT,
    "send(TextMessage) 16 B, server": _EVENT_SERVER,
    "send(TextMessage) 125 B, server": _EVENT_SERVER,
    "send(TextMessage) 16 B, client": _EVENT_CLIENT,
    "send(TextMessage) 125 B, client": _EVENT_CLIENT,
    "mask 16 KiB": {"pure": _MASK_RATE, "compiled": ()},
    "mask 64 KiB": _MASK_LONG,
    "mask 1 MiB": _MASK_LONG,
    "receive 176 B JSON, deflate": {
        "pure": _ratios(websockets=1.8),
        "compiled": _ratios(websockets=4),
    },
    "broadcast 1 KiB to 10,000": _BROADCAST,
    "broadcast 1 KiB to 500, deflate": _BROADCAST,
    "handshake, deflate": {"pure": _HANDSHAKE, "compiled": _HANDSHAKE},
    "idle connection": {
        "pure": (Target("amount", 1000),),
        "compiled": (Target("amount", 600),),
    },
    "echo 32 B": {
        "pure": (Target("overhead", 0.40, NO_PROTOCOL),),
        "compiled": (Target("overhead", 0.12, NO_PROTOCOL),),
    },
}
